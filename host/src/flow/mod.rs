//! One step of a workflow, and what follows it: the same for `serve`, which stores everything between steps, and for
//! `run`, which does not.

mod conditions;
pub mod retry;
mod severity;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fonio_project::{
    AfterCrash, Condition, Edge, Job, Origin, Trigger, Workflow, origins_of_credential,
};
use fonio_sandbox::{
    FailureKind, Listener, LogLine, PublishedEvent, Requests, Sandbox, StepFailure, StepRequest,
    Usage,
};
use fonio_store::{FirstStep, NewRun, Turn};
use serde_json::{Map, Value};

use crate::collections::granted;
use crate::events;
use crate::ledger::{self, Ledger};
use crate::live::Live;
use crate::sealed::{self, Held};
use crate::state;

pub use conditions::Conditions;
pub use severity::{Severity, classify, in_state};

/// How a step ended, and what follows.
#[derive(Debug)]
pub struct Ended {
    /// Why it failed, if it did; or why it could not be told what follows.
    pub failure: Option<StepFailure>,
    /// Why its job had failed already, if `failure` is that of a condition behind it.
    pub job_failure: Option<StepFailure>,
    /// The state it leaves, as JSON.
    pub output: Option<String>,
    /// What it published; nothing if it failed.
    pub events: Vec<PublishedEvent>,
    /// What its job wrote.
    pub log: Vec<LogLine>,
    /// What it used; nothing if no guest ran.
    pub usage: Option<Usage>,
    /// What follows.
    pub follows: Follows,
}

/// What follows a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Follows {
    /// The jobs of these keys.
    Jobs(Vec<String>),
    /// Nothing; its state is part of the run's final state, under this name.
    Leaf(String),
    /// Nothing, nor any other step of the run.
    End,
}

/// A step to run.
#[derive(Debug)]
pub struct Step<'s> {
    /// The key of its job.
    pub key: &'s str,
    /// The state it starts from, before the job's own state and credential are added.
    pub input: state::Input<'s>,
    /// A credential that came with the input, for what the job has no credential of its own for.
    pub given: Option<Given<'s>>,
    /// The names of the events that led to the run, the oldest first.
    pub chain: &'s [String],
    /// What is left of the run's time, if its workflow has a timeout.
    pub time_left: Option<Duration>,
    /// Who writes down that it is shown a secret.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// What is added to the requests of its job, and kept of them.
    pub requests: Requests,
    /// Who reads what its job writes, while it does.
    pub listener: Option<Arc<dyn Listener>>,
}

/// A credential that a person gave for one run.
#[derive(Clone, Copy, Debug)]
pub struct Given<'s> {
    /// `state.configuration` as they wrote it.
    pub body: &'s Map<String, Value>,
    /// What it belongs to, besides the systems that it names: what they allowed for this run.
    pub origins: &'s [Origin],
}

/// The key of what stands for a trigger some of whose edges have conditions in JavaScript: a step that runs no job, and
/// finds out which edges to follow. Conditions are code, and no code runs before a message is acknowledged.
pub fn key_of_trigger(workflow: &str, trigger: &str) -> String {
    format!("trigger:{workflow}/{trigger}")
}

/// What people call the job of this key: its id.
pub fn id_of<'k>(workflow: &str, key: &'k str) -> &'k str {
    key.strip_prefix(workflow)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(key)
}

/// The run that a trigger begins.
pub fn new_run(workflow: &Workflow, trigger: &Trigger) -> NewRun {
    let first = started_by(workflow, &trigger.id).into_iter();
    NewRun {
        workflow: workflow.id.clone(),
        trigger: trigger.id.clone(),
        first: first.map(|job| FirstStep { job, input: None }).collect(),
        turn: Turn::default(),
    }
}

/// The keys that a trigger starts: those of its jobs, or its own.
pub fn started_by(workflow: &Workflow, trigger: &str) -> Vec<String> {
    let edges = workflow.edges_from_trigger(trigger);
    if edges
        .iter()
        .any(|(edge, _)| matches!(edge.condition, Condition::JavaScript(_)))
    {
        return vec![key_of_trigger(&workflow.id, trigger)];
    }
    edges.iter().map(|(_, job)| job.key.clone()).collect()
}

/// Whether the project has a job of this key, or a trigger that a key stands for.
pub fn is_there(live: &Live, key: &str) -> bool {
    let mut triggers = live.project.triggers();
    live.project.job(key).is_some()
        || triggers.any(|(workflow, trigger)| key_of_trigger(&workflow.id, &trigger.id) == key)
}

/// Runs a step, and finds out what follows.
pub async fn run(sandbox: &Sandbox, live: &Live, step: Step<'_>) -> Ended {
    if let Some(job) = live.project.job(step.key)
        && let Some(workflow) = live.project.workflow_of(job)
    {
        return run_job(sandbox, live, workflow, job, step).await;
    }
    let conditional = live
        .project
        .triggers()
        .find(|(workflow, trigger)| key_of_trigger(&workflow.id, &trigger.id) == step.key);
    match conditional {
        Some((workflow, trigger)) => {
            let output = state::received(&step.input).to_string();
            let edges = workflow.edges_from_trigger(&trigger.id);
            let here = Here {
                sandbox,
                live,
                workflow,
                id: &trigger.id,
            };
            here.followed_by(None, output, edges, Vec::new(), None)
                .await
        }
        None => gone(step.key),
    }
}

fn gone(key: &str) -> Ended {
    not_begun(format!("the job {key} is no longer in the project"))
}

/// What a step would start from is no longer where it was stored.
pub fn lost(why: &str) -> Ended {
    not_begun(format!("what it starts from is lost: {why}"))
}

fn not_begun(said: String) -> Ended {
    Ended {
        failure: Some(StepFailure::new(FailureKind::Load, "LoadError", said)),
        job_failure: None,
        output: None,
        events: Vec::new(),
        log: Vec::new(),
        usage: None,
        follows: Follows::End,
    }
}

async fn run_job(
    sandbox: &Sandbox,
    live: &Live,
    workflow: &Workflow,
    job: &Job,
    step: Step<'_>,
) -> Ended {
    let Executed {
        result,
        events,
        log,
        usage,
    } = execute(sandbox, live, workflow, job, &step).await;
    let here = Here {
        sandbox,
        live,
        workflow,
        id: &job.id,
    };
    let edges = workflow.edges_from_job(&job.id);
    match result {
        Ok(output) => {
            let ended = here.followed_by(None, output, edges, log, usage).await;
            match ended.failure {
                None => Ended { events, ..ended },
                // A condition behind it that breaks fails the step.
                Some(_) => ended,
            }
        }
        Err(failure) => {
            let (_, severity) = classify(&failure);
            if severity != Severity::Fail && workflow.after_crash == AfterCrash::Stop {
                let failure = Some(failure);
                return Ended {
                    failure,
                    job_failure: None,
                    output: None,
                    events: Vec::new(),
                    log,
                    usage,
                    follows: Follows::End,
                };
            }
            let output = state::after_failure(job, workflow, &failure, &step.input);
            here.followed_by(Some(failure), output, edges, log, usage)
                .await
        }
    }
}

/// What became of a job.
struct Executed {
    result: Result<String, StepFailure>,
    events: Vec<PublishedEvent>,
    log: Vec<LogLine>,
    usage: Option<Usage>,
}

async fn execute(
    sandbox: &Sandbox,
    live: &Live,
    workflow: &Workflow,
    job: &Job,
    step: &Step<'_>,
) -> Executed {
    let failed = |failure| Executed {
        result: Err(failure),
        events: Vec::new(),
        log: Vec::new(),
        usage: None,
    };
    let Some(loaded) = live.job(&job.key) else {
        return failed(StepFailure::new(
            FailureKind::Load,
            "LoadError",
            "it was not loaded",
        ));
    };
    let (code, egress) = match loaded.ready() {
        Ok(ready) => ready,
        Err(failure) => return failed(failure),
    };
    let mut limits = loaded.limits;
    let hurried = step.time_left.is_some_and(|left| left < limits.wall_time);
    if let Some(left) = step.time_left.filter(|_| hurried) {
        if left.is_zero() {
            return failed(out_of_time(workflow));
        }
        limits.wall_time = left;
    }
    let own = loaded.credential.as_deref();
    let given = step.given.as_ref().map(|given| credential(given, own));
    let held = given.as_ref().or(own);
    let (seals, configuration) = match sealed::mint(held).await {
        Ok(minted) => minted,
        Err(failure) => return failed(failure),
    };
    let revealed = held.and_then(Held::revealed);
    if let Err(failure) = ledger::write(step.ledger.as_ref(), revealed).await {
        return failed(failure);
    }
    let state = state::assemble(&step.input, job, workflow, configuration.as_ref());
    let outcome = sandbox
        .run(StepRequest {
            job: code,
            state,
            egress,
            seals,
            collections: Some(granted(
                &live.collections,
                live.project.collections_for(job),
            )),
            events: Some(events::may_publish(&live.project, job, step.chain)),
            variables: live.project.variables_for(job).to_vec(),
            limits,
            requests: step.requests.clone(),
            listener: step.listener.clone(),
        })
        .await;
    let result = outcome.result.map_err(|failure| {
        if hurried && failure.code.as_deref() == Some("wall_time") {
            out_of_time(workflow)
        } else {
            failure
        }
    });
    Executed {
        result,
        events: outcome.events,
        log: outcome.log,
        usage: Some(outcome.usage),
    }
}

/// The job's own credential, over what was given.
fn credential(given: &Given<'_>, own: Option<&Held>) -> Held {
    match own {
        Some(own) => {
            let mut origins = origins_of_credential(given.body);
            origins.extend_from_slice(given.origins);
            own.over(given.body, origins)
        }
        None => {
            let given = sealed::given(
                "configuration",
                given.body.clone(),
                given.origins,
                None,
                None,
            );
            Held::of(&given, None, None)
        }
    }
}

fn out_of_time(workflow: &Workflow) -> StepFailure {
    let timeout = workflow.options.timeout.unwrap_or_default();
    let said = format!(
        "the run took longer than the {} that the workflow {} has (`options: {{ timeout: … }}`)",
        fonio_project::format_duration(timeout),
        workflow.id
    );
    let mut failure = StepFailure::new(FailureKind::Limit, "LimitError", said);
    failure.code = Some("timeout".to_owned());
    failure
}

/// A step that has ended, where it stands.
struct Here<'h> {
    sandbox: &'h Sandbox,
    live: &'h Live,
    workflow: &'h Workflow,
    id: &'h str,
}

impl Here<'_> {
    async fn followed_by(
        &self,
        failure: Option<StepFailure>,
        output: String,
        edges: Vec<(&Edge, &Job)>,
        log: Vec<LogLine>,
        usage: Option<Usage>,
    ) -> Ended {
        let errored = failure.is_some() || self.carries_error(&output);
        let mut keys = Vec::new();
        for (edge, job) in edges {
            match self.follows(&edge.condition, errored, &output).await {
                Ok(true) => keys.push(job.key.clone()),
                Ok(false) => {}
                Err(wrong) => {
                    return Ended {
                        failure: Some(wrong),
                        job_failure: failure,
                        output: None,
                        events: Vec::new(),
                        log,
                        usage,
                        follows: Follows::End,
                    };
                }
            }
        }
        let follows = if keys.is_empty() {
            Follows::Leaf(self.id.to_owned())
        } else {
            Follows::Jobs(keys)
        };
        Ended {
            failure,
            job_failure: None,
            output: Some(output),
            events: Vec::new(),
            log,
            usage,
            follows,
        }
    }

    async fn follows(
        &self,
        condition: &Condition,
        errored: bool,
        output: &str,
    ) -> Result<bool, StepFailure> {
        match condition {
            Condition::Always => Ok(true),
            Condition::OnSuccess => Ok(!errored),
            Condition::OnFailure => Ok(errored),
            Condition::Never => Ok(false),
            Condition::JavaScript(expression) => {
                let limits = self.live.project.settings.limits;
                let conditions = &self.live.conditions;
                conditions
                    .holds(self.sandbox, expression, limits, output, self.id)
                    .await
            }
        }
    }

    /// OpenFn's edges go by `state.errors`, which a job that ended well can write too. The microservice's go by how the
    /// job ended.
    fn carries_error(&self, output: &str) -> bool {
        #[derive(serde::Deserialize)]
        struct Carried {
            errors: Option<BTreeMap<String, Value>>,
        }
        self.workflow.after_crash == AfterCrash::Stop
            && output.contains("\"errors\"")
            && serde_json::from_str::<Carried>(output)
                .ok()
                .and_then(|carried| carried.errors)
                .is_some_and(|errors| errors.get(self.id).is_some_and(|error| !is_falsy(error)))
    }
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => false,
    }
}
