//! A walk through a workflow, from its start to its leaves, with nothing stored between the steps.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fonio_project::Workflow;
use fonio_sandbox::{FailureKind, Listener, Requests, Sandbox, StepFailure};
use fonio_store::{STEPS_PER_RUN_MAX, StoreError, leaf_names};
use serde_json::Value;

use crate::cli::paint;
use crate::fields::Fields;
use crate::flow::{self, Ended, Follows, Given, Step, id_of, started_by};
use crate::live::Live;
use crate::state::Input;

/// What a walk needs.
pub(crate) struct Walk<'w> {
    pub sandbox: &'w Sandbox,
    pub live: &'w Live,
    pub workflow: &'w Workflow,
    pub range: Range,
    /// A credential that came with the first state: under what the jobs have themselves.
    pub given: Option<Given<'w>>,
}

/// The part of a workflow to walk, by the ids of its steps. By default all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Range {
    /// A job or a trigger; else what the workflow says.
    pub start: Option<String>,
    /// The job after which nothing follows.
    pub end: Option<String>,
}

/// Who sees the steps go by.
pub(crate) trait Watch {
    /// Who reads the lines of the jobs while they run.
    fn listener(&self) -> Arc<dyn Listener>;
    /// A step begins.
    fn starts(&mut self, id: &str);
    /// It has ended.
    fn ended(&mut self, key: &str, id: &str, ended: &Ended, took: Duration);
}

/// A walk that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The ids of the leaves, and the states they left, as JSON.
    leaves: Vec<(String, String)>,
    /// Of the last leaf that failed.
    pub failed: Option<StepFailure>,
    /// Why the walk ended before its leaves: a job crashed, a limit stopped it, a condition broke.
    pub stopped: Option<StepFailure>,
}

impl Finished {
    /// The final state as JSON: of the only leaf, or an object of them by their names.
    pub fn state(&self) -> String {
        if let [(_, only)] = self.leaves.as_slice() {
            return pretty(only);
        }
        let ids: Vec<String> = self.leaves.iter().map(|(id, _)| id.clone()).collect();
        let mut state = Fields::default();
        for (name, (_, output)) in leaf_names(&ids).iter().zip(&self.leaves) {
            state.set(name, output);
        }
        pretty(&state.to_string())
    }

    /// How many steps failed, as the leaves' `errors` name them.
    pub fn errors(&self) -> usize {
        let errors = self
            .leaves
            .iter()
            .filter_map(|(_, state)| Fields::of(state)?.get("errors").and_then(Fields::of));
        let ids: BTreeSet<String> = errors
            .flat_map(|errors| errors.names().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        ids.len()
    }
}

/// One that is nested too deeply to be read again is given as it is.
fn pretty(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .map_or_else(|_| json.to_owned(), |value| format!("{value:#}"))
}

impl Walk<'_> {
    /// Breadth first and one after another, as `serve` runs them.
    pub async fn run(&self, state: &Value, watch: &mut dyn Watch) -> Finished {
        let mut finished = Finished {
            leaves: Vec::new(),
            failed: None,
            stopped: None,
        };
        let started = Instant::now();
        let first = self.first().into_iter();
        let mut waiting: VecDeque<(String, String)> =
            first.map(|key| (key, state.to_string())).collect();
        let mut steps = 0;
        while let Some((key, input)) = waiting.pop_front() {
            steps += 1;
            if steps > STEPS_PER_RUN_MAX {
                let max = STEPS_PER_RUN_MAX;
                let said = StoreError::RunTooLong { max }.to_string();
                paint::error(&said);
                finished.stopped = Some(StepFailure::new(FailureKind::Limit, "LimitError", said));
                return finished;
            }
            let ended = self.step(&key, &input, started.elapsed(), watch).await;
            let output = ended.output.unwrap_or_default();
            match self.follows(&key, ended.follows) {
                Follows::Jobs(keys) => {
                    waiting.extend(keys.into_iter().map(|key| (key, output.clone())));
                }
                Follows::Leaf(id) => {
                    finished.leaves.push((id, output));
                    finished.failed = ended.failure.or(finished.failed);
                }
                Follows::End => {
                    finished.stopped = ended.failure;
                    return finished;
                }
            }
        }
        finished
    }

    /// The keys of the jobs to start with; or of the trigger itself, when its edges have conditions to judge.
    fn first(&self) -> Vec<String> {
        let start = self.range.start.as_ref().or(self.workflow.start.as_ref());
        let Some(start) = start else {
            return Vec::new();
        };
        if self.workflow.trigger(start).is_some() {
            return started_by(self.workflow, start);
        }
        let job = self.workflow.job(start);
        job.map(|job| job.key.clone()).into_iter().collect()
    }

    async fn step(
        &self,
        key: &str,
        input: &str,
        elapsed: Duration,
        watch: &mut dyn Watch,
    ) -> Ended {
        let timeout = self.workflow.options.timeout;
        let step = Step {
            key,
            input: Input::State(input),
            given: self.given,
            chain: &[],
            time_left: timeout.map(|timeout| timeout.saturating_sub(elapsed)),
            ledger: None,
            requests: Requests::default(),
            listener: Some(watch.listener()),
        };
        let Some(job) = self.live.project.job(key) else {
            return flow::run(self.sandbox, self.live, step).await;
        };
        watch.starts(&job.id);
        let started = Instant::now();
        let ended = flow::run(self.sandbox, self.live, step).await;
        watch.ended(key, &job.id, &ended, started.elapsed());
        ended
    }

    fn follows(&self, key: &str, follows: Follows) -> Follows {
        let id = id_of(&self.workflow.id, key);
        match follows {
            Follows::Jobs(_) if self.range.end.as_deref() == Some(id) => {
                Follows::Leaf(id.to_owned())
            }
            follows => follows,
        }
    }
}
