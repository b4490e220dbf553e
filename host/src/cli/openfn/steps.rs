//! The steps that `--only`, `--start` and `--end` name.

use std::collections::BTreeSet;

use fonio_project::{Source, Workflow};

use super::options::Execute;
use crate::cli::Failure;
use crate::cli::run::walk::Range;

/// The part of the workflow that is to run.
pub(super) fn range(workflow: &Workflow, execute: &Execute) -> Result<Range, Failure> {
    if let Some(only) = &execute.only {
        let step = named(workflow, only)?;
        return Ok(Range {
            start: Some(step.clone()),
            end: Some(step),
        });
    }
    let find = |step: &Option<String>| step.as_ref().map(|step| named(workflow, step)).transpose();
    Ok(Range {
        start: find(&execute.start)?,
        end: find(&execute.end)?,
    })
}

/// The jobs from which an edge leads to this one.
pub(super) fn before<'w>(workflow: &'w Workflow, step: &str) -> Vec<&'w str> {
    let edges = workflow.edges.iter().filter(|edge| edge.to == step);
    let from = edges.filter_map(|edge| match &edge.from {
        Source::Job(id) => Some(id.as_str()),
        Source::Trigger(_) => None,
    });
    from.collect()
}

/// By its id, or by a part of an id or a name that fits one step only.
fn named(workflow: &Workflow, text: &str) -> Result<String, Failure> {
    let jobs = workflow
        .jobs
        .iter()
        .map(|job| (job.id.as_str(), job.name.as_str()));
    let triggers = workflow
        .triggers
        .iter()
        .map(|trigger| (trigger.id.as_str(), ""));
    let steps: Vec<(&str, &str)> = triggers.chain(jobs).collect();
    if steps.iter().any(|(id, _)| *id == text) {
        return Ok(text.to_owned());
    }
    let fits = |(id, name): &&(&str, &str)| id.contains(text) || name.contains(text);
    let found: BTreeSet<&str> = steps.iter().filter(fits).map(|(id, _)| *id).collect();
    let list = |ids: Vec<&str>| ids.join(", ");
    match found.len() {
        1 => Ok(found.into_iter().collect()),
        0 => Err(Failure::usage(format!(
            "there is no step {text} in the workflow {}; its steps are {}",
            workflow.id,
            list(steps.iter().map(|(id, _)| *id).collect())
        ))),
        _ => Err(Failure::usage(format!(
            "{text} could be any of the steps {}",
            list(found.into_iter().collect())
        ))),
    }
}
