//! `openfn test`: a job of its own goes the whole way, so that a person sees that all is well.

use std::path::Path;

use fonio_project::Settings;
use serde_json::{Value, json};

use super::adaptors::Asked;
use super::execute::Told;
use super::input::only_job;
use super::log::{Component, Log};
use crate::cli::run::walk::{Range, Walk};
use crate::cli::{Failure, sandbox};
use crate::live::Live;

const JOB: &str = "fn(state => ({ data: state.data * 2 }));\n";

/// Whether 21 was doubled.
pub(super) async fn run(log: &Log) -> Result<bool, Failure> {
    log.always(
        Component::Cli,
        &format!("Running a job with 21: {}", JOB.trim_end()),
    );
    let asked = Asked::parse(&[])?;
    let project = only_job(
        Path::new("test.js"),
        JOB.to_owned(),
        &asked,
        Settings::default(),
    )?;
    let sandbox = sandbox::start().await?;
    let live = Live::load(project, Vec::new(), &sandbox, None).await;
    let Some(workflow) = live.project.workflows.first() else {
        return Ok(false);
    };
    let walk = Walk {
        sandbox: &sandbox,
        live: &live,
        workflow,
        range: Range::default(),
        given: None,
    };
    let mut told = Told {
        live: &live,
        log,
        cache: None,
    };
    let finished = walk.run(&json!({ "data": 21 }), &mut told).await;
    let state: Value = serde_json::from_str(&finished.state()).unwrap_or_default();
    log.success(Component::Cli, &format!("Result: {}", state["data"]));
    Ok(state["data"] == 42)
}
