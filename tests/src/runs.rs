//! Runs as the API shows them.

use serde_json::Value;

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// The job it began with.
    pub job: String,
    /// `succeeded` or `failed`.
    pub status: String,
    /// Its steps, oldest first.
    pub steps: Vec<Step>,
    /// Its final state, `null` without one.
    pub state: Value,
}

/// A step that has ended.
#[derive(Debug)]
pub struct Step {
    /// The job.
    pub job: String,
    /// `succeeded` or `failed`.
    pub status: String,
    /// 0 success, 1 the job failed, 3 the sandbox stopped it, 10 it could not be loaded.
    pub exit_code: i64,
    /// The error, `null` without one.
    pub error: Value,
    /// What it logged, a line each.
    pub log: Vec<String>,
    /// The state it ended with, `null` without one.
    pub output: Value,
}

impl Run {
    /// The only step.
    #[track_caller]
    pub fn step(&self) -> &Step {
        assert_eq!(self.steps.len(), 1, "{self:#?}");
        &self.steps[0]
    }

    /// The step of a job.
    #[track_caller]
    pub fn step_of(&self, job: &str) -> &Step {
        self.steps
            .iter()
            .find(|step| step.job == job)
            .unwrap_or_else(|| panic!("{job} did not run: {self:#?}"))
    }
}

impl Step {
    /// The sentence of the error.
    pub fn message(&self) -> &str {
        self.error["message"].as_str().unwrap_or_default()
    }

    /// Checks that it succeeded.
    #[track_caller]
    pub fn expect_success(&self) {
        assert_eq!(self.status, "succeeded", "{self:#?}");
    }

    /// Checks that it failed with this code and these words.
    #[track_caller]
    pub fn expect_failure(&self, exit_code: i64, words: &str) {
        assert_eq!(self.exit_code, exit_code, "{self:#?}");
        assert!(
            self.message().contains(words),
            "`{words}` is not in: {}",
            self.message()
        );
    }
}

/// From `/api/v1/runs/<id>`; `dataclip` gets what is behind an id.
pub(crate) fn run(detail: &Value, dataclip: impl Fn(i64) -> Value) -> Run {
    let step = |step: &Value| Step {
        job: text(&step["job"]),
        status: text(&step["status"]),
        exit_code: step["exit_code"].as_i64().unwrap_or(-1),
        error: step["error"].clone(),
        log: step["log"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| text(&line["message"]))
            .collect(),
        output: step["output"].as_i64().map_or(Value::Null, &dataclip),
    };
    let steps = detail["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(step)
        .collect();
    Run {
        job: text(&detail["job"]),
        status: text(&detail["status"]),
        steps,
        state: detail["output"].as_i64().map_or(Value::Null, &dataclip),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
