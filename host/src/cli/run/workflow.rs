//! A whole workflow, from its start to its leaves, with nothing stored between the steps.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Instant;

use fonio_project::{Loaded, Origin, Problem, Project};
use serde_json::{Map, Value, json};

use super::{Run, read};
use crate::cli::{Exit, Failure, paint, sandbox};
use crate::flow::{self, Ended, Follows, Step, id_of};
use crate::host::{load_project, load_project_file};
use crate::live::Live;
use crate::runner::sentence;
use crate::state::Input;

/// A workflow to run, of a project that may hold others.
pub(super) struct OneWorkflow {
    project: Project,
    problems: Vec<Problem>,
    id: String,
}

/// A workflow that has ended.
struct Finished {
    /// By the ids of the leaves.
    states: Map<String, Value>,
    exit: Exit,
}

impl Run {
    /// The workflow that is meant, if one is: by file, or by name in a project in which no job has that name.
    pub(super) async fn workflow(
        &self,
        allowed: &[Origin],
    ) -> Result<Option<OneWorkflow>, Failure> {
        let file = Path::new(&self.job);
        let is_plan = file
            .extension()
            .is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|plan| ending == *plan));
        let loaded = match &self.project {
            Some(dir) => load_project(dir).await,
            None if is_plan && file.is_file() => load_project_file(file).await,
            None => return Ok(None),
        };
        let named = self.project.is_some().then_some(self.job.as_str());
        let Some((problems, mut project)) = understood(loaded, &self.job)? else {
            return Ok(None);
        };
        let own = project.settings.adaptors.values_mut();
        for list in own.filter_map(|own| own.allow.as_mut()) {
            list.extend_from_slice(allowed);
        }
        project.settings.allow.extend_from_slice(allowed);
        let id = match named {
            Some(name) if project.find_job(name).is_ok() => return Ok(None),
            Some(name) => match project.workflow(name) {
                Some(workflow) => workflow.id.clone(),
                None => return Ok(None),
            },
            None => only_workflow(&project)?,
        };
        Ok(Some(OneWorkflow {
            project,
            problems,
            id,
        }))
    }
}

/// Nothing when the project cannot be loaded at all: then whoever asks next says why.
fn understood(loaded: Loaded, what: &str) -> Result<Option<(Vec<Problem>, Project)>, Failure> {
    if loaded.has_errors() {
        for problem in &loaded.problems {
            paint::problem(problem);
        }
        return Err(Failure(
            Exit::NotLoaded,
            format!("{what} could not be loaded"),
        ));
    }
    Ok(loaded.project.map(|project| (loaded.problems, project)))
}

fn only_workflow(project: &Project) -> Result<String, Failure> {
    match project.workflows.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(Failure::usage("there is no workflow in this file")),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|workflow| workflow.id.as_str())
                .collect();
            Err(Failure::usage(format!(
                "there are several workflows in this file; name one with --project DIR: {}",
                ids.join(", ")
            )))
        }
    }
}

impl OneWorkflow {
    pub(super) async fn run(self, run: Run, state: Value) -> Result<Exit, Failure> {
        let sandbox = sandbox::start().await?;
        let live = Live::load(self.project, self.problems, &sandbox, None).await;
        for problem in &live.problems {
            paint::problem(problem);
        }
        if live.problems.iter().any(Problem::is_error) {
            return Err(Failure(
                Exit::NotLoaded,
                format!("{} could not be loaded", self.id),
            ));
        }
        let given = run.given_credential(&state)?;
        let finished = walk(&sandbox, &live, &self.id, &state, given.as_ref()).await;
        let mut states = finished.states;
        let state = match states.len() {
            1 => states
                .values_mut()
                .next()
                .map(Value::take)
                .unwrap_or_default(),
            _ => Value::Object(states),
        };
        run.give(&format!("{state:#}"))?;
        Ok(finished.exit)
    }
}

impl Run {
    /// The credential file wins over what the state brings; both are under what the jobs have themselves.
    fn given_credential(&self, state: &Value) -> Result<Option<Value>, Failure> {
        let Some(path) = &self.credential else {
            return Ok(state
                .get("configuration")
                .filter(|given| given.is_object())
                .cloned());
        };
        serde_json::from_str(&read(path)?)
            .map(Some)
            .map_err(|error| {
                Failure::usage(format!(
                    "the credential in {} is not JSON: {error}",
                    path.display()
                ))
            })
    }
}

/// Breadth first and one after another, as `serve` runs them.
async fn walk(
    sandbox: &fonio_sandbox::Sandbox,
    live: &Live,
    id: &str,
    state: &Value,
    given: Option<&Value>,
) -> Finished {
    let mut finished = Finished {
        states: Map::new(),
        exit: Exit::Success,
    };
    let Some(workflow) = live.project.workflow(id) else {
        return finished;
    };
    let started = Instant::now();
    let mut waiting: VecDeque<(String, String)> = workflow
        .first_jobs()
        .iter()
        .map(|job| (job.key.clone(), state.to_string()))
        .collect();
    let mut reached = BTreeMap::new();
    while let Some((key, input)) = waiting.pop_front() {
        let time_left = workflow
            .options
            .timeout
            .map(|timeout| timeout.saturating_sub(started.elapsed()));
        let step = Step {
            key: &key,
            input: Input::State(&input),
            given,
            time_left,
        };
        paint::event("step", id_of(id, &key));
        let ended = flow::run(sandbox, live, step).await;
        tell(live, &key, &ended);
        let output = ended.output.unwrap_or_default();
        match ended.follows {
            Follows::Jobs(keys) => {
                waiting.extend(keys.into_iter().map(|key| (key, output.clone())))
            }
            Follows::Leaf(name) => {
                let times: &mut u32 = reached.entry(name.clone()).or_default();
                let name = if *times == 0 {
                    name
                } else {
                    format!("{name}-{times}")
                };
                *times += 1;
                finished
                    .states
                    .insert(name, serde_json::from_str(&output).unwrap_or(json!(output)));
                if let Some(failure) = &ended.failure {
                    finished.exit = Exit::of_step(failure);
                }
            }
            Follows::End => {
                finished.exit = ended.failure.as_ref().map_or(Exit::Failed, Exit::of_step);
                return finished;
            }
        }
    }
    finished
}

fn tell(live: &Live, key: &str, ended: &Ended) {
    for line in &ended.log {
        paint::log_line(line.level, &line.message);
    }
    if let Some(failure) = &ended.failure {
        paint::error(&sentence(live, key, failure));
    }
}
