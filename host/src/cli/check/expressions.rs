//! Expressions of jobs that cannot run as things are: what is wrong with those is told in the same go.

use std::sync::Arc;

use fonio_project::{Problem, Severity, Unfinished};
use fonio_sandbox::Sandbox;

use crate::adaptors::Adaptors;
use crate::authored::Authored;
use crate::live::Live;

/// Of jobs that are not in the project: compiled where their adaptor is known and here, otherwise their syntax.
pub(super) async fn of(
    unfinished: &[Unfinished],
    adaptors: &Adaptors,
    sandbox: &Sandbox,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for job in unfinished {
        let authored = Authored::unfinished(job);
        let known = job.adaptor.as_ref().map(|name| adaptors.find(name));
        let Some(Ok(found)) = known else {
            problems.extend(syntax(&job.key, authored, sandbox).await);
            continue;
        };
        let adaptor = found.map(|found| Arc::clone(&found.adaptor));
        let source = authored.source();
        let (found, severity) = match sandbox.load_job(&job.key, &source, adaptor).await {
            Ok(compiled) => (compiled.warnings, Severity::Warning),
            Err(found) => (found, Severity::Error),
        };
        let found = found.iter();
        problems.extend(found.map(|found| authored.problem(&job.key, found, severity)));
    }
    problems
}

/// Of jobs of the project whose adaptor is not here.
pub(super) async fn without_adaptor(live: &Live, sandbox: &Sandbox) -> Vec<Problem> {
    let mut problems = Vec::new();
    for job in live.project.jobs() {
        if live.adaptors().find(&job.adaptor).is_err() {
            let authored = Authored::new(job, live.project.workflow_of(job));
            problems.extend(syntax(&job.key, authored, sandbox).await);
        }
    }
    problems
}

async fn syntax(key: &str, authored: Authored<'_>, sandbox: &Sandbox) -> Vec<Problem> {
    let found = sandbox.check_syntax(&authored.source()).await;
    let found = found.iter();
    found
        .map(|found| authored.problem(key, found, Severity::Error))
        .collect()
}
