//! The state that a run starts with.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use fonio_project::Workflow;
use serde_json::{Value, json};

use super::cache::Cache;
use super::log::{Component, Log};
use super::options::Execute;
use super::steps;
use crate::cli::Failure;
use crate::cli::run::walk::Range;

/// What was given, or what the step before `--start` left last time, or nothing.
pub(super) fn first(
    execute: &Execute,
    range: &Range,
    workflow: &Workflow,
    cache: &Cache,
    log: &Log,
) -> Result<Value, Failure> {
    let nothing = || json!({ "data": {} });
    if let Some(text) = &execute.state_stdin {
        return parse_state(text).map_err(|why| Failure::usage(format!("the state in -S {why}")));
    }
    if let Some(path) = &execute.state_path {
        return state_in(path, log).map(|state| state.unwrap_or_else(nothing));
    }
    let Some(start) = &range.start else {
        log.info(
            Component::Cli,
            "no state was given: it starts with { data: {} }",
        );
        return Ok(nothing());
    };
    let before = steps::before(workflow, start);
    if before.is_empty() {
        return Ok(nothing());
    }
    match before
        .iter()
        .find_map(|step| Some((step, cache.read(step)?)))
    {
        Some((step, state)) => {
            log.success(
                Component::Cli,
                &format!("Loaded the state that {step} left last time"),
            );
            Ok(state)
        }
        None => {
            let said = format!(
                "no state was given, and none is kept of {}: it starts with {{ data: {{}} }}. Run it all with --cache-steps first",
                before.join(" or ")
            );
            log.warn(Component::Cli, &said);
            Ok(nothing())
        }
    }
}

/// A file that is not there yet is no mistake: a script that feeds the output of one run to the next begins so.
fn state_in(path: &Path, log: &Log) -> Result<Option<Value>, Failure> {
    let wrong = |why| Failure::usage(format!("the state in {} {why}", path.display()));
    match fs::read_to_string(path) {
        Ok(text) => parse_state(&text).map(Some).map_err(wrong),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let said = format!(
                "there is no state in {}: it starts with {{ data: {{}} }}",
                path.display()
            );
            log.warn(Component::Cli, &said);
            Ok(None)
        }
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

fn parse_state(text: &str) -> Result<Value, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("is not a JSON object".to_owned())
    }
}
