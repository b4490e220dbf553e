//! The checked model of a project: what the host runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::adaptor::AdaptorName;
use crate::credential::Credential;
use crate::criteria;
use crate::dotenv::Environment;
use crate::expression::Expression;
use crate::grants::Grants;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::schedule::Schedule;
use crate::settings::Settings;

/// What [`load`](crate::load) made of a directory.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The project. Nothing when its project file or its fonio.toml cannot be understood at all; with errors among the
    /// problems it holds what is right, and must not be served.
    pub project: Option<Project>,
    /// All problems at once, by file and line.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether anything is so wrong that the project must not be served.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// A project. Without errors among the problems it came with, every name in it leads to what it names.
#[derive(Clone, Debug)]
pub struct Project {
    /// `[project] id`; else the project file's own id or name; else the directory's name.
    pub id: String,
    /// The directory.
    pub dir: PathBuf,
    /// In the order of the file.
    pub jobs: Vec<Job>,
    /// In the order of the file.
    pub triggers: Vec<Trigger>,
    /// By name.
    pub credentials: BTreeMap<String, Credential>,
    /// fonio.toml.
    pub settings: Settings,
    /// `.env` and the process's environment.
    pub environment: Environment,
    /// SHA-256 in hex over everything the project was read from, secrets included: for telling whether something
    /// changed, not for showing, because a short secret could be guessed from it.
    pub fingerprint: String,
}

/// An expression, an adaptor, a credential, and when it runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// Unique in the project.
    pub name: String,
    /// The JavaScript.
    pub expression: Expression,
    /// Whose operations it calls.
    pub adaptor: AdaptorName,
    /// The name of its trigger.
    pub trigger: String,
    /// The name of its credential.
    pub credential: Option<String>,
    /// Where it stands in the project file.
    pub line: u32,
}

/// When jobs run.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Unique in the project.
    pub name: String,
    /// When.
    pub kind: TriggerKind,
    /// Where it stands in the project file.
    pub line: u32,
}

/// The four kinds of triggers.
#[derive(Clone, Debug)]
pub enum TriggerKind {
    /// A message that matches.
    Message {
        /// What every matching message has at its top level; empty matches all.
        criteria: Map<String, Value>,
    },
    /// The clock.
    Cron {
        /// When it ticks.
        schedule: Schedule,
    },
    /// After another job succeeded.
    Success {
        /// Its name.
        job: String,
    },
    /// After another job failed.
    Failure {
        /// Its name.
        job: String,
    },
}

impl Project {
    /// The job of this name.
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// The top-level keys that the criteria of any trigger compare: all of a message that matching needs to see.
    pub fn criteria_keys(&self) -> BTreeSet<&str> {
        let criteria = self
            .triggers
            .iter()
            .filter_map(|trigger| match &trigger.kind {
                TriggerKind::Message { criteria } => Some(criteria),
                TriggerKind::Cron { .. }
                | TriggerKind::Success { .. }
                | TriggerKind::Failure { .. } => None,
            });
        criteria
            .flat_map(|criteria| criteria.keys().map(String::as_str))
            .collect()
    }

    /// The jobs that a message with this body starts, in the order of the file. Every matching trigger fires.
    pub fn jobs_matching(&self, body: &Value) -> Vec<&Job> {
        self.jobs_whose(|kind| matches!(kind, TriggerKind::Message { criteria } if criteria::matches(criteria, body)))
    }

    /// The jobs that the clock starts.
    pub fn cron_jobs(&self) -> Vec<(&Job, &Schedule)> {
        let scheduled = |job| match self.trigger_of(job)? {
            TriggerKind::Cron { schedule } => Some((job, schedule)),
            _ => None,
        };
        self.jobs.iter().filter_map(scheduled).collect()
    }

    /// The jobs that start when `job` has succeeded or failed.
    pub fn jobs_after(&self, job: &str, succeeded: bool) -> Vec<&Job> {
        self.jobs_whose(|kind| match kind {
            TriggerKind::Success { job: upstream } => succeeded && upstream == job,
            TriggerKind::Failure { job: upstream } => !succeeded && upstream == job,
            TriggerKind::Message { .. } | TriggerKind::Cron { .. } => false,
        })
    }

    /// The credential that `job` names.
    pub fn credential_for(&self, job: &Job) -> Option<&Credential> {
        self.credentials.get(job.credential.as_deref()?)
    }

    /// What `job` may reach: the list of its adaptor if there is one, else the project's, and its credential's origins.
    pub fn grants_for(&self, job: &Job) -> Grants {
        let credential = self
            .credential_for(job)
            .map(|credential| credential.origins.clone())
            .unwrap_or_default();
        self.settings.grants(&job.adaptor.name, credential)
    }

    /// What one step of `job` may use. The same for all jobs of a project so far.
    pub fn limits_for(&self, _job: &Job) -> Limits {
        self.settings.limits
    }

    fn trigger_of(&self, job: &Job) -> Option<&TriggerKind> {
        self.triggers
            .iter()
            .find(|trigger| trigger.name == job.trigger)
            .map(|trigger| &trigger.kind)
    }

    fn jobs_whose(&self, fires: impl Fn(&TriggerKind) -> bool) -> Vec<&Job> {
        self.jobs
            .iter()
            .filter(|job| self.trigger_of(job).is_some_and(&fires))
            .collect()
    }
}
