//! The checked model of a project: what the host runs.
//!
//! A project is workflows. In each, triggers and jobs are joined by edges: a trigger that fires follows its edges to
//! jobs, and a job that ended follows its own to the next. The project files of all generations are read into this.

mod paths;
mod queries;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::adaptor::AdaptorName;
use crate::credential::Credential;
use crate::dotenv::Environment;
use crate::event::EventPattern;
use crate::expression::Expression;
use crate::problem::Problem;
use crate::schedule::Schedule;
use crate::settings::Settings;

pub use queries::{NoSuchJob, Start};

/// What [`load`](crate::load) made of a directory.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The project. Nothing when its project file or its fonio.toml cannot be understood at all; with errors among the
    /// problems it holds what is right, and must not be served.
    pub project: Option<Project>,
    /// Jobs that are not in the project because something is wrong with them, or with fonio.toml; without errors, none.
    /// Their expressions can be looked at all the same.
    pub unfinished: Vec<Unfinished>,
    /// All problems at once, by file and line.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether anything is so wrong that the project must not be served.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// What is known of a job that cannot be in the project.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// As of a [`Job`].
    pub key: String,
    /// The JavaScript.
    pub expression: Expression,
    /// Of its workflow.
    pub globals: Option<Expression>,
    /// Whose operations it calls; nothing where that is what is wrong.
    pub adaptor: Option<AdaptorName>,
}

/// The generations of project files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// A JavaScript object literal or JSON of jobs and triggers.
    V1,
    /// `project.yaml` of the microservice: jobs and triggers.
    V2,
    /// The spec of workflows with maps of jobs, triggers and edges.
    V3,
    /// `schema_version: '4.0'`: workflows as lists of steps. Also the workflow files of the command line.
    V4,
}

/// A project. Without errors among the problems it came with, every name in it leads to what it names.
#[derive(Clone, Debug)]
pub struct Project {
    /// `[project] id`; else the project file's own id or name; else the directory's name.
    pub id: String,
    /// What people call it, if the file says.
    pub name: Option<String>,
    /// What the file says about it.
    pub description: Option<String>,
    /// Of the project file.
    pub generation: Generation,
    /// The directory.
    pub dir: PathBuf,
    /// The project file, relative to the directory.
    pub file: PathBuf,
    /// In the order of the file; of v1 and v2, in the order of their first jobs.
    pub workflows: Vec<Workflow>,
    /// Collections by name.
    pub collections: Vec<String>,
    /// By name.
    pub credentials: BTreeMap<String, Credential>,
    /// By the full name of an adaptor: the variables that it sees, by name.
    pub variables: BTreeMap<String, Vec<(String, String)>>,
    /// fonio.toml.
    pub settings: Settings,
    /// `.env` and the process's environment.
    pub environment: Environment,
    /// SHA-256 in hex over everything the project was read from, secrets included: for telling whether something
    /// changed, not for showing, because a short secret could be guessed from it.
    pub fingerprint: String,
    /// What credentials are read from: files, and folders of them; relative to the directory, or anywhere.
    pub credential_files: BTreeSet<PathBuf>,
    /// Keys of the file that nothing here runs by, and an export writes again: `channels`, `openfn`, `sandbox`…
    pub kept: Map<String, Value>,
}

/// Triggers, jobs and the edges between them. A message or a tick runs one workflow at a time.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Unique in the project. Of v1 and v2, the name of the trigger that all its jobs go back to.
    pub id: String,
    /// What people call it; its id if the file gives no other name.
    pub name: String,
    /// In the order of the file. Of v1 and v2, one.
    pub triggers: Vec<Trigger>,
    /// In the order of the file.
    pub jobs: Vec<Job>,
    /// In the order of the file. They form no cycle.
    pub edges: Vec<Edge>,
    /// The trigger or job that it starts with where nothing else says; as written, or else its first trigger. Without
    /// triggers, v4's first step, and v3's first job that no edge leads to.
    pub start: Option<String>,
    /// Limits of its own.
    pub options: WorkflowOptions,
    /// A module whose exports its jobs can call (v4's `globals`).
    pub globals: Option<Expression>,
    /// What becomes of a run in which a job crashed or was stopped.
    pub after_crash: AfterCrash,
    /// The file it stands in, relative to the project directory.
    pub file: PathBuf,
    /// Where it stands in that file.
    pub line: u32,
    /// Keys of the file that nothing here runs by: `openfn`, `history`…
    pub kept: Map<String, Value>,
}

/// A workflow's own limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowOptions {
    /// Time of a whole run, from its first step to its last. Default: none but each step's.
    pub timeout: Option<Duration>,
    /// Memory of each step, in bytes. Default: `memory` under `[limits]`.
    pub memory_bytes: Option<u64>,
}

/// What becomes of a run in which a job crashed (a syntax error, a name that is not there) or was stopped (a limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    /// It is a failure like another: edges for failures are followed. The microservice of v1 and v2 went by exit codes.
    Continue,
    /// The run ends, as OpenFn's runtime ends it.
    Stop,
}

/// An expression, an adaptor and a credential.
#[derive(Clone, Debug)]
pub struct Job {
    /// Unique in the project, and stable over reloads: the bare name in v1 and v2, `workflow/job` in v3 and v4.
    pub key: String,
    /// Unique in its workflow.
    pub id: String,
    /// What people call it; its id if the file gives no other name.
    pub name: String,
    /// The id of its workflow.
    pub workflow: String,
    /// Whether edges lead to it. Only v3 can say no.
    pub enabled: bool,
    /// The JavaScript.
    pub expression: Expression,
    /// Whose operations it calls.
    pub adaptor: AdaptorName,
    /// The name of its credential.
    pub credential: Option<String>,
    /// What its input is merged over (v4's `state`).
    pub state: Option<Map<String, Value>>,
    /// The file it stands in, relative to the project directory.
    pub file: PathBuf,
    /// Where it stands in that file.
    pub line: u32,
    /// Keys of the file that nothing here runs by.
    pub kept: Map<String, Value>,
}

/// When a workflow starts.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Unique in its workflow.
    pub id: String,
    /// The id of its workflow.
    pub workflow: String,
    /// Whether it fires.
    pub enabled: bool,
    /// When it fires.
    pub kind: TriggerKind,
    /// Where it stands in the workflow's file.
    pub line: u32,
    /// Keys of the file that nothing here runs by, such as `openfn` with its `uuid`.
    pub kept: Map<String, Value>,
}

/// The kinds of triggers.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerKind {
    /// A message in the inbox that matches.
    Message {
        /// What every matching message has at its top level; empty matches all.
        criteria: Map<String, Value>,
    },
    /// The clock.
    Cron {
        /// When it ticks.
        schedule: Schedule,
        /// The id of the job of its workflow whose last state a tick starts with; without it, the last run's final state.
        cursor_job: Option<String>,
    },
    /// A request to its own address.
    Webhook(Webhook),
    /// An event that a workflow of the project publishes.
    Event {
        /// Of which name.
        pattern: EventPattern,
    },
    /// Messages of a Kafka cluster. OpenFn has removed them; kept for export, never fires.
    Kafka {
        /// As the file has it.
        configuration: Map<String, Value>,
    },
}

/// How a webhook answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// When it answers.
    pub reply: Reply,
    /// The status of the answer after a run that succeeded. Default: the host's.
    pub success_code: Option<u16>,
    /// The status of the answer after a run that failed. Default: the host's.
    pub error_code: Option<u16>,
}

/// When a webhook answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// `before_start`: once the message is stored.
    #[default]
    BeforeStart,
    /// `after_completion`: once the run has ended, with its state.
    AfterCompletion,
}

/// From a trigger or a job to a job.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Where it comes from.
    pub from: Source,
    /// The id of the job it leads to.
    pub to: String,
    /// When it is followed.
    pub condition: Condition,
    /// What people call it.
    pub label: Option<String>,
    /// Whether it is followed at all.
    pub enabled: bool,
    /// Where it stands in the workflow's file.
    pub line: u32,
    /// Keys of the file that nothing here runs by.
    pub kept: Map<String, Value>,
}

/// Where an edge comes from, by its id in the workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A trigger.
    Trigger(String),
    /// A job.
    Job(String),
}

/// When an edge is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever became of the job before.
    Always,
    /// After the job before succeeded.
    OnSuccess,
    /// After the job before failed.
    OnFailure,
    /// Not at all, as OpenFn treats an edge that is written without a condition.
    Never,
    /// When this JavaScript is true of `state`.
    JavaScript(Expression),
}
