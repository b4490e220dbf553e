//! The values that go into the store and come out of it. Times are milliseconds since 1970 (UTC).

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::key::MessageKey;
use crate::publish::NewEvent;
use crate::sql::{FromColumn, Row, SqlError, Value};
use crate::turn::{HeldBy, Turn};

/// What arrived, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Where it arrived, `inbox` for instance.
    pub source: String,
    /// The content type it was sent with.
    pub content_type: String,
    /// The body as JSON: the input of the first steps.
    pub body: Vec<u8>,
    /// The body as it was sent, when that was not JSON.
    pub raw: Option<Vec<u8>>,
    /// How it was sent, as JSON, where the first steps see that too: method, path, headers, query.
    pub request: Option<Vec<u8>>,
    /// By what it is known again, if it is.
    pub key: Option<MessageKey>,
}

/// How long a key is remembered unless a project says otherwise: a day, in milliseconds. A sender that could not send for longer has another chance of
/// being taken for new; one that sends for ever does not fill the disk.
pub const KEY_KEPT_MS: i64 = 24 * 3600 * 1000;

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its number.
    pub id: MessageId,
    /// When it was accepted.
    pub received_ms: i64,
    /// What was accepted.
    pub message: NewMessage,
}

/// A message in a list: all but its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageSummary {
    /// Its number.
    pub id: MessageId,
    /// When it was accepted.
    pub received_ms: i64,
    /// Where it arrived.
    pub source: String,
    /// The content type it was sent with.
    pub content_type: String,
    /// The size of its body as JSON.
    pub bytes: u64,
    /// The runs that it started, oldest first; empty if it matched no trigger.
    pub runs: Vec<RunId>,
}

/// Which messages to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// At most so many; more than [`MESSAGES_MAX`] is taken as that.
    pub limit: usize,
    /// Only messages older than this one.
    pub before: Option<MessageId>,
    /// Only those that arrived there: `inbox`, or a webhook.
    pub source: Option<String>,
    /// Accepted at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Accepted before this time.
    pub until_ms: Option<i64>,
}

/// The most messages in one answer of [`Store::messages`](crate::Store::messages).
pub const MESSAGES_MAX: usize = 1_000;

/// A run to begin: a trigger that fired, and where its workflow starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The workflow.
    pub workflow: String,
    /// The trigger that fired.
    pub trigger: String,
    /// The steps that it starts with, in their order. Without any the run has succeeded at once.
    pub first: Vec<FirstStep>,
    /// When it has its turn.
    pub turn: Turn,
}

/// A step that a run starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstStep {
    /// The job.
    pub job: String,
    /// The state it starts from; without one, the message, if one started the run.
    pub input: Option<DataclipId>,
}

/// The answer to an accept: durable when the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The stored message.
    pub message: MessageId,
    /// One run per [`NewRun`], in their order; of a message that is a repetition, those of the first.
    pub runs: Vec<RunId>,
    /// A message of this key had arrived before, and nothing was stored.
    pub repeated: bool,
}

/// What a step starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepInput {
    /// The message that started the run.
    Message {
        /// Its body, as JSON.
        body: Vec<u8>,
        /// How it was sent, as JSON.
        request: Option<Vec<u8>>,
    },
    /// The event that started the run.
    Event {
        /// Its data, as JSON.
        payload: Vec<u8>,
        /// What else is known of it, as JSON.
        about: Vec<u8>,
    },
    /// A stored state: from the step before, or given to [`Store::start`](crate::Store::start).
    Dataclip(Vec<u8>),
    /// Neither: a first cron run, or a step whose predecessor produced no state.
    Nothing,
    /// It is no longer where it was stored, and why: the step can only fail.
    Lost(String),
}

/// A step that the caller now owns, until it settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedStep {
    /// The step.
    pub step: StepId,
    /// The run it belongs to.
    pub run: RunId,
    /// The job to run.
    pub job: String,
    /// 1 the first time; higher when a host was lost while it had the step (or within 20 ms of starting it, the same).
    pub attempt: u32,
    /// What it starts from.
    pub input: StepInput,
    /// The workflow of the run.
    pub workflow: String,
    /// The trigger that started the run.
    pub trigger: String,
    /// When the run was begun: with it, the numbers of the run and the step are of no other, whatever backup is restored.
    pub run_created_ms: i64,
    /// How long the steps of the run that have ended took together, in milliseconds. Not what passed while the host was
    /// down, or while they waited.
    pub run_used_ms: i64,
    /// How long after the claim the deadline of the run comes, in milliseconds; below zero if it has passed.
    pub deadline_in_ms: Option<i64>,
    /// The names of the events that led to the run, the oldest first.
    pub chain: Vec<String>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// The job did what it should.
    Succeeded,
    /// The job failed, or the sandbox stopped it.
    Failed,
}

/// Everything a finished step leaves behind. [`Store::settle`](crate::Store::settle) writes all of it or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// How it ended.
    pub status: StepStatus,
    /// 0 success, 1 the job failed, 3 the sandbox stopped it, 10 it could not be loaded.
    pub exit_code: i32,
    /// The error as JSON.
    pub error: Option<String>,
    /// The state it leaves, as JSON: what the jobs that follow start from.
    pub output: Option<Vec<u8>>,
    /// What the job wrote, in order.
    pub log: Vec<LogLine>,
    /// What it publishes, in order.
    pub events: Vec<NewEvent>,
    /// What follows.
    pub next: Next,
    /// When the job began.
    pub started_ms: i64,
    /// When the job ended.
    pub finished_ms: i64,
}

/// The most steps of one run. A workflow of 40 diamonds in a row has 2^40 paths.
pub const STEPS_PER_RUN_MAX: u64 = 10_000;

/// The largest final state that is put together from several leaves. One leaf's is limited as a step's output is.
pub const FINAL_STATE_MAX_BYTES: u64 = 64 << 20;

/// The names of leaves in a final state, from the ids of the leaves in the order in which they were reached: one that is
/// reached again is `b-1`, `b-2`, unless another leaf has that id.
pub fn leaf_names(ids: &[String]) -> Vec<String> {
    let mut taken: BTreeSet<String> = ids.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    ids.iter()
        .map(|id| {
            if seen.insert(id.as_str()) {
                return id.clone();
            }
            let mut again = 1_u64;
            while !taken.insert(format!("{id}-{again}")) {
                again += 1;
            }
            format!("{id}-{again}")
        })
        .collect()
}

/// What follows a settled step in its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// These jobs, behind those that wait already: at least one.
    Jobs(Vec<String>),
    /// Nothing: it is a leaf, and its state belongs to the run's final state under this name.
    Leaf(String),
    /// The run ends here and has failed, whatever still waits in it.
    End,
    /// The same step once more, from what it started from, not before this time. Its output is not kept.
    Again {
        /// Milliseconds since 1970.
        at_ms: i64,
    },
}

/// The answer to a settlement: durable when the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The run of the step.
    pub run: RunId,
    /// The run's status after this step.
    pub run_status: RunStatus,
    /// The step of the run that is queued now.
    pub next: Option<StepId>,
    /// Where the final state is stored.
    pub output: Option<DataclipId>,
}

/// One line of a step's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// When it was written.
    pub at_ms: i64,
    /// The text, without a line break at its end.
    pub message: String,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever writes the job.
    Debug,
    /// The ordinary case.
    Info,
    /// Worth a look.
    Warn,
    /// Something went wrong.
    Error,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// No step was claimed yet.
    Queued,
    /// A step was claimed, and some step is still open.
    Running,
    /// No step is open, and every leaf succeeded. A failure that a following job dealt with is not a leaf.
    Succeeded,
    /// No step is open, and a leaf failed.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunStatus {
    /// Whether no step of it is open.
    pub fn has_ended(self) -> bool {
        match self {
            RunStatus::Queued | RunStatus::Running => false,
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// The first of its run, which waits for the end of other runs.
    Held,
    /// Waiting to be claimed.
    Queued,
    /// Claimed.
    Running,
    /// Waiting for a time: the first of a run that was put off, or tried and to be tried again.
    Waiting,
    /// Settled well.
    Succeeded,
    /// Settled badly.
    Failed,
}

/// The most runs in one answer of [`Store::search`](crate::Store::search).
pub const RUNS_MAX: usize = 1_000;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its number.
    pub id: RunId,
    /// The message it serves, if one did start it.
    pub message: Option<MessageId>,
    /// The workflow it is a run of.
    pub workflow: String,
    /// The trigger that started it.
    pub trigger: String,
    /// The job it began with; empty if its trigger led to none.
    pub job: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was queued.
    pub created_ms: i64,
    /// When its last step ended.
    pub finished_ms: Option<i64>,
    /// Its final state: that of its leaf; of several, an object of each under its name.
    pub output: Option<DataclipId>,
    /// The run that failed and that it does again.
    pub retry_of: Option<RunId>,
    /// The run that does it again.
    pub retried_by: Option<RunId>,
    /// Before which it does not begin, if it was put off.
    pub due_ms: Option<i64>,
    /// When it is ended if it has not ended by itself.
    pub deadline_ms: Option<i64>,
    /// What it waits for, while it does.
    pub held: Option<HeldBy>,
}

/// A run with its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunDetail {
    /// The run itself.
    #[serde(flatten)]
    pub run: RunSummary,
    /// Its steps, oldest first, at most [`RUN_STEPS_MAX`].
    pub steps: Vec<StepDetail>,
    /// Steps or log lines were left out because the answer would have been too large.
    pub truncated: bool,
}

/// The most steps of a run in one answer.
pub const RUN_STEPS_MAX: usize = 1_000;

/// The most bytes of stored logs in one answer: 8 MiB, eight steps at the default log limit of 1 MiB.
pub const RUN_LOG_MAX_BYTES: usize = 8 << 20;

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepDetail {
    /// Its number.
    pub id: StepId,
    /// The job.
    pub job: String,
    /// Where it stands.
    pub status: StepState,
    /// How often it was begun.
    pub attempt: u32,
    /// As in [`Settlement::exit_code`], once settled.
    pub exit_code: Option<i32>,
    /// The error as JSON; in JSON, itself.
    #[serde(serialize_with = "as_json")]
    pub error: Option<String>,
    /// The state it started from; absent when that was the message, or nothing.
    pub input: Option<DataclipId>,
    /// The state it left.
    pub output: Option<DataclipId>,
    /// When the job began.
    pub started_ms: Option<i64>,
    /// When the job ended.
    pub finished_ms: Option<i64>,
    /// When it is begun or tried again, at the latest, of one that waits for that.
    pub due_ms: Option<i64>,
    /// The system that it waits for, if that is out.
    pub parked_on: Option<String>,
    /// What the job wrote.
    pub log: Vec<LogLine>,
    /// The attempts before, oldest first.
    pub earlier: Vec<AttemptDetail>,
}

/// An attempt at a step that failed, and after which it was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptDetail {
    /// 1 for the first.
    pub attempt: u32,
    /// As in [`Settlement::exit_code`].
    pub exit_code: i32,
    /// The error as JSON; in JSON, itself.
    #[serde(serialize_with = "as_json")]
    pub error: Option<String>,
    /// When the job began.
    pub started_ms: i64,
    /// When the job ended.
    pub finished_ms: i64,
    /// What the job wrote.
    pub log: Vec<LogLine>,
}

/// A finished run, as its sender sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunOutcome {
    /// The run.
    pub run: RunId,
    /// The workflow it is a run of.
    pub workflow: String,
    /// `Succeeded`, `Failed` or `Cancelled`.
    pub status: RunStatus,
    /// Its final state, as in [`RunSummary::output`].
    pub output: Option<DataclipId>,
    /// Its steps in the order in which they were queued, at most [`RUN_STEPS_MAX`].
    pub steps: Vec<StepOutcome>,
}

/// A step of a finished run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepOutcome {
    /// The job.
    pub job: String,
    /// How it ended.
    pub status: StepStatus,
    /// As in [`Settlement::exit_code`].
    pub exit_code: i32,
    /// What the job wrote.
    pub log: Vec<LogLine>,
}

/// How much the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Messages ever accepted.
    pub messages: u64,
    /// Runs ever started.
    pub runs: u64,
    /// Runs with an open step.
    pub runs_open: u64,
    /// Runs that succeeded.
    pub runs_succeeded: u64,
    /// Runs that failed.
    pub runs_failed: u64,
    /// Runs that somebody ended.
    pub runs_cancelled: u64,
    /// Steps waiting to be claimed, and those that are held.
    pub steps_queued: u64,
    /// First steps of runs that wait for the end of others.
    pub steps_held: u64,
    /// Steps claimed and not yet settled.
    pub steps_running: u64,
    /// Steps waiting for a time at which they are begun or tried again.
    pub steps_waiting: u64,
}

/// What is JSON already becomes part of the document, not a text in it.
fn as_json<S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let value: Option<serde_json::Value> = text
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(S::Error::custom)?;
    value.serialize(to)
}

/// Now, in milliseconds since 1970; a clock before that counts as 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

macro_rules! stored_as_integer {
    ($name:ident { $($variant:ident = $value:literal),+ }) => {
        impl From<$name> for Value<'_> {
            fn from(word: $name) -> Self {
                Value::Int(match word { $($name::$variant => $value),+ })
            }
        }

        impl FromColumn for $name {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                match row.get::<i64>(column)? {
                    $($value => Ok($name::$variant),)+
                    other => Err(SqlError::Unreadable { column, found: other.to_string() }),
                }
            }
        }
    };
}

pub(crate) use stored_as_integer;

// Part of the file format: a number never changes its meaning.
stored_as_integer!(RunStatus { Queued = 0, Running = 1, Succeeded = 2, Failed = 3, Cancelled = 4 });
stored_as_integer!(StepStatus { Succeeded = 2, Failed = 3 });
