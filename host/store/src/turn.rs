//! When a run has its turn among others: what holds for its workflow, and what came with it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::stored_as_integer;
use crate::sql::{FromColumn, Row, SqlError, Value};

/// Which of the steps that wait are claimed first: those of a higher priority, and within one the oldest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// The ordinary case.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// All of them, the highest first.
    pub(crate) const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];
}

// Part of the file format: a number never changes its meaning, and they sort as priorities do.
stored_as_integer!(Priority { High = 0, Normal = 1, Low = 2 });

/// What holds for the runs of a workflow that begin from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRule {
    /// The most open runs at once; one more waits for the end of one. Default: no such limit.
    pub concurrency: Option<u32>,
    /// Whether runs bring a key ([`Turn::ordering_key`]). Default: they do not.
    pub ordered: bool,
    /// Of their steps.
    pub priority: Priority,
    /// How long a run waits before its first step, in milliseconds, unless it says itself. Default 0.
    pub delay_ms: i64,
    /// How long a run may stay open once it could begin, in milliseconds. Default: as long as it takes.
    pub deadline_ms: Option<i64>,
}

impl RunRule {
    pub(crate) fn has_lanes(&self) -> bool {
        self.concurrency.is_some() || self.ordered
    }
}

/// The rules of workflows, by their names; a workflow without one has the default.
pub type RunRules = BTreeMap<String, RunRule>;

/// What a new run brings for its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// Runs of a workflow with the same key go one after another, in the order in which they began.
    pub ordering_key: Option<String>,
    /// The first step waits until then (milliseconds since 1970), in place of what the workflow's rule says.
    pub not_before_ms: Option<i64>,
}

/// What a run whose first step is held waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// The end of another run of its workflow.
    Concurrency,
    /// The end of an earlier run with the same key.
    OrderingKey,
}
