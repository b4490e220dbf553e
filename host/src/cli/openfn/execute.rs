//! `openfn execute`, which is also what `openfn PATH` means.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fonio_project::{Problem, Workflow, origins_of_credential};
use fonio_sandbox::Listener;
use serde_json::{Value, json};

use super::adaptors::Asked;
use super::cache::Cache;
use super::input::{Input, job_at};
use super::log::{Component, Log};
use super::options::{Common, Execute};
use super::{credentials, duration, state, steps};
use crate::cli::run::walk::{Finished, Walk, Watch};
use crate::cli::run::{advice, allow, origins};
use crate::cli::{Failure, sandbox};
use crate::flow::{Ended, Given, Severity, classify};
use crate::live::Live;
use crate::runner::sentence;

/// OpenFn's own: a run may take five minutes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Whether the run ended, with or without errors.
pub(super) async fn run(execute: Execute, log: &Log) -> Result<bool, Failure> {
    let started = Instant::now();
    tell_of_ignored(&execute.common, log);
    let asked = Asked::parse(&execute.adaptors.named)?;
    let mut input = Input::find(&execute, &asked).await?;
    if asked.is_empty() && job_at(Path::new(&execute.path)).is_some() {
        log.warn(
            Component::Cli,
            "no adaptor was named with -a: the job has the common operations alone",
        );
    }
    if job_at(Path::new(&execute.path)).is_none() {
        for name in asked.names_alone() {
            let said = format!("-a {name} is passed over: the steps of a workflow name their own");
            log.info(Component::Cli, &said);
        }
    }
    prepare(&execute, &mut input)?;
    let range = steps::range(workflow(&input.project.workflows)?, &execute)?;
    let cache = Cache::beside(&input.folder, &workflow(&input.project.workflows)?.name);
    let state = state::first(
        &execute,
        &range,
        workflow(&input.project.workflows)?,
        &cache,
        log,
    )?;
    let allowed = origins(&execute.allow)?;
    let given = state.get("configuration").and_then(Value::as_object);
    let given = given.map(|body| Given {
        body,
        origins: &allowed,
    });
    if let Some(given) = given {
        allow(&mut input.project, &origins_of_credential(given.body));
    }
    let output = execute.output_path.clone();
    let output = output.unwrap_or_else(|| input.folder.join("output.json"));

    let folders = format!(
        "The output goes to {}; adaptors are those of {}",
        output.display(),
        input.adaptors.display()
    );
    log.debug(Component::Cli, &folders);
    let sandbox = sandbox::start().await?;
    let adaptors = asked
        .load(&input.adaptors, &sandbox, &mut input.problems)
        .await?;
    let live = Live::load_with(input.project, input.problems, adaptors, &sandbox, None).await;
    tell_of_problems(&live.problems, log)?;
    log.success(Component::Cli, "Compiled all expressions");
    let walk = Walk {
        sandbox: &sandbox,
        live: &live,
        workflow: workflow(&live.project.workflows)?,
        range,
        given,
    };
    let cache = execute.cache_steps.then_some(&cache);
    let mut watch = Told {
        live: &live,
        log,
        cache,
    };
    let finished = walk.run(&state, &mut watch).await;
    finish(finished, &execute, output, started, log)
}

fn workflow(workflows: &[Workflow]) -> Result<&Workflow, Failure> {
    workflows
        .first()
        .ok_or_else(|| Failure::usage("there is no workflow to run"))
}

fn tell_of_ignored(common: &Common, log: &Log) {
    let given = common.ignored.given();
    if !given.is_empty() {
        let said = format!(
            "{} has nothing to do here and is passed over",
            given.join(", ")
        );
        log.info(Component::Cli, &said);
    }
    let missed = common.ignored.missed();
    if !missed.is_empty() {
        let said = format!(
            "{} is not supported, and changes nothing",
            missed.join(", ")
        );
        log.warn(Component::Cli, &said);
    }
}

/// What the command line gives: credentials, grants, time, and how to log.
fn prepare(execute: &Execute, input: &mut Input) -> Result<(), Failure> {
    let Input {
        project, problems, ..
    } = input;
    if let Some(path) = &execute.credentials {
        credentials::apply(path, project, problems)?;
    }
    allow(project, &origins(&execute.allow)?);
    for workflow in &mut project.workflows {
        let asked = execute.timeout.map(Duration::from_millis);
        let timeout = asked.or(workflow.options.timeout).unwrap_or(TIMEOUT);
        workflow.options.timeout = Some(timeout);
        execute.common.sanitize.apply(workflow);
    }
    Ok(())
}

/// Warnings are told; with an error nothing runs.
pub(super) fn tell_of_problems(problems: &[Problem], log: &Log) -> Result<(), Failure> {
    for problem in problems {
        let text = problem.to_string();
        // The line's sign says already what it is.
        let said = text
            .split_once(": ")
            .map_or(text.as_str(), |(_, said)| said);
        // The compiler of jobs knows the program by its own name only.
        let said = &said.replace("`fonio run -a`", "`openfn JOB -a`");
        if problem.is_error() {
            log.error(Component::Compiler, said);
        } else {
            log.warn(Component::Compiler, said);
        }
    }
    match problems.iter().any(Problem::is_error) {
        true => Err(Failure::failed("Failed to compile job")),
        false => Ok(()),
    }
}

fn finish(
    finished: Finished,
    execute: &Execute,
    output: PathBuf,
    started: Instant,
    log: &Log,
) -> Result<bool, Failure> {
    let cli = Component::Cli;
    if finished.stopped.is_some() {
        let took = duration::words(started.elapsed());
        log.always(cli, &format!("Workflow failed in {took}."));
        return Ok(false);
    }
    let errors = finished.errors();
    let state = finished.state();
    if execute.output_stdout {
        log.success(cli, "Result:");
        log.result(&state);
    } else {
        log.success(cli, &format!("Writing output to {}", output.display()));
        write(&output, &state)?;
    }
    let took = duration::words(started.elapsed());
    if errors > 0 {
        log.warn(cli, &format!("Errors reported in {errors} jobs"));
        log.success(cli, &format!("Finished in {took} with errors"));
    } else {
        log.success(cli, &format!("Finished in {took} ✨"));
    }
    Ok(true)
}

/// Writes a file, with the folders it is in.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}

/// Tells of the steps, and keeps what they leave.
pub(super) struct Told<'t> {
    pub live: &'t Live,
    pub log: &'t Log,
    pub cache: Option<&'t Cache>,
}

impl Watch for Told<'_> {
    fn listener(&self) -> Arc<dyn Listener> {
        Arc::new(*self.log)
    }

    fn starts(&mut self, id: &str) {
        self.log
            .always(Component::Runtime, &format!("Starting step {id}"));
    }

    fn ended(&mut self, key: &str, id: &str, ended: &Ended, took: Duration) {
        let took = duration::words(took);
        match &ended.failure {
            None => self.log.success(
                Component::Runtime,
                &format!("Completed step {id} in {took}"),
            ),
            Some(failure) => {
                let said = sentence(self.live, key, failure) + &advice(failure);
                self.log.error(Component::Runtime, &said);
                let fate = match classify(failure).1 {
                    Severity::Fail => format!(
                        "failed ({took}): see state.errors[{}] in the output",
                        json!(id)
                    ),
                    Severity::Crash => format!("crashed ({took}), and the run ends"),
                    Severity::Kill => format!("was stopped ({took}), and the run ends"),
                };
                self.log
                    .error(Component::Runtime, &format!("Step {id} {fate}"));
            }
        }
        self.keep(id, ended);
    }
}

impl Told<'_> {
    fn keep(&self, id: &str, ended: &Ended) {
        let (Some(cache), Some(output)) = (self.cache, &ended.output) else {
            return;
        };
        let path = cache.path(id);
        match cache.write(id, output) {
            Ok(()) => {
                let said = format!("Kept the output of {id} in {}", path.display());
                self.log.info(Component::Cli, &said);
            }
            Err(error) => {
                let said = format!("{} cannot be written: {error}", path.display());
                self.log.warn(Component::Cli, &said);
            }
        }
    }
}
