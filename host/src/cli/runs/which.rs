//! Which runs, as it is typed.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::cli::when;

/// What narrows down which runs are meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Which {
    /// Of this workflow, by its id.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only runs in which a step of this job has ended; with failed runs, has failed.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// In which a step's error has this in it; capital and small letters are the same.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Begun since then: how long ago (90m, 2d), a day (2026-11-21) or a time (2026-11-21T10:30).
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Begun before then.
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    until: Option<i64>,
}

/// Where runs stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    /// Queued or running.
    Open,
    /// Failed, and nobody has done it again or discarded it.
    Dead,
}

impl Status {
    /// In the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Open => "open",
            Status::Dead => "dead",
        }
    }

    /// Whether a run that the API shows as `word` stands so.
    pub(crate) fn includes(self, word: &str) -> bool {
        match self {
            Status::Open => matches!(word, "queued" | "running"),
            Status::Dead => word == "failed",
            status => status.word() == word,
        }
    }
}

impl Which {
    /// Whether it means all.
    pub(crate) fn is_all(&self) -> bool {
        self.body().is_empty()
    }

    /// As the API takes it in a body.
    pub(crate) fn body(&self) -> Map<String, Value> {
        let texts = [
            ("workflow", &self.workflow),
            ("job", &self.job),
            ("error", &self.error),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, Value::from(text.as_deref()?))));
        let times = [("since_ms", self.since), ("until_ms", self.until)];
        let times = times
            .into_iter()
            .filter_map(|(name, time)| Some((name, Value::from(time?))));
        texts
            .chain(times)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The list of them, with more that is asked for.
    pub(crate) fn path(&self, more: &[(&str, String)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.body() {
            let text = value.as_str().map(str::to_owned);
            query.append_pair(&name, &text.unwrap_or_else(|| value.to_string()));
        }
        query.extend_pairs(more);
        format!("/runs?{}", query.finish())
    }
}
