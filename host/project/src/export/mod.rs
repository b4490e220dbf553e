//! From the model back to project files, for OpenFn or for another folder of Fonio's.
//!
//! What a format has no place for is either an error, when a project would run differently without it, or a note. What
//! only Fonio knows of (criteria, what follows a crash) goes into blocks `fonio`, which OpenFn passes over and
//! [`load`](crate::load) reads again. Secrets are never written.

mod flat;
mod portable;
mod spec;
mod workspace;
mod yaml;

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::amount::milliseconds;
use crate::formats::PROJECT_FILE;
use crate::model::{
    AfterCrash, Condition, Generation, Project, Reply, Source, Trigger, TriggerKind, Workflow,
};

/// OpenFn's own ids of a credential.
const KEPT_OF_CREDENTIAL: &[&str] = &["id", "uuid", "openfn"];

/// The files of an exported project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Each with its path within the new project directory and its text.
    pub files: Vec<(PathBuf, String)>,
    /// What is not as it was, though nothing that a run goes by is lost; what is left to do.
    pub notes: Vec<String>,
}

/// Why a project cannot be written in a format: everything that the format has no place for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this project cannot be written as {format}:{}", .reasons.iter().map(|reason| format!("\n  - {reason}")).collect::<String>())]
pub struct ExportError {
    /// The format, in words.
    pub format: &'static str,
    /// One sentence each.
    pub reasons: Vec<String>,
}

/// Writes `project` as one file of `generation`, in place of the file it was read from; v4 as a single `project.yaml`.
/// Expressions are written into it, character for character.
///
/// # Errors
/// When the format cannot say what the project does; v1 is not written at all.
pub fn export(project: &Project, generation: Generation) -> Result<Exported, ExportError> {
    let mut writing = Writing::default();
    let (format, root) = match generation {
        Generation::V1 => {
            return Err(ExportError {
                format: "v1",
                reasons: vec!["v1 was a proposal that nothing reads; v2 has all of it".to_owned()],
            });
        }
        Generation::V2 => ("v2", flat::root(project, &mut writing)),
        Generation::V3 => ("v3", spec::root(project, &mut writing)),
        Generation::V4 => ("v4", portable::root(project, &mut writing)),
    };
    let file = (PathBuf::from(PROJECT_FILE), yaml::write(&root));
    writing.finish(format, vec![file])
}

/// Writes `project` as a checked-out workspace of v4: `openfn.yaml`, a folder with YAML and JavaScript for each
/// workflow, and under `.projects` what belongs to none of them.
///
/// # Errors
/// When v4 cannot say what the project does.
pub fn export_workspace(project: &Project) -> Result<Exported, ExportError> {
    let mut writing = Writing::default();
    let files = workspace::files(project, &mut writing);
    writing.finish("v4", files)
}

/// What is said about an export while it is made.
#[derive(Default)]
struct Writing {
    notes: Vec<String>,
    reasons: Vec<String>,
}

impl Writing {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn cannot(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    fn finish(
        self,
        format: &'static str,
        files: Vec<(PathBuf, String)>,
    ) -> Result<Exported, ExportError> {
        if self.reasons.is_empty() {
            let notes = self.notes;
            return Ok(Exported { files, notes });
        }
        let reasons = self.reasons;
        Err(ExportError { format, reasons })
    }

    /// Of what was kept of the project's own keys, all but those that `format` has.
    fn note_left_out(&mut self, format: &str, project: &Project, has: &[&str]) {
        for key in project.kept.keys() {
            if !has.contains(&key.as_str()) {
                self.note(format!("{format} has no `{key}`, which is left out"));
            }
        }
    }
}

/// A map being written. What is nothing is left out.
#[derive(Default)]
struct Entries(Map<String, Value>);

impl Entries {
    fn put(&mut self, key: &str, value: impl Into<Value>) -> &mut Entries {
        let value = value.into();
        let nothing = match &value {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if !nothing {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// A list that is written also when it is empty.
    fn put_list(&mut self, key: &str, list: Vec<Value>) -> &mut Entries {
        self.0.insert(key.to_owned(), Value::Array(list));
        self
    }

    /// Of what was kept, these.
    fn put_kept(&mut self, kept: &Map<String, Value>, keys: &[&str]) -> &mut Entries {
        for key in keys {
            self.put(key, kept.get(*key).cloned());
        }
        self
    }

    fn value(self) -> Value {
        Value::Object(self.0)
    }
}

/// `timeout` and `run_memory_limit_mb`.
fn options(workflow: &Workflow) -> Value {
    let mut options = Entries::default();
    let megabytes = workflow.options.memory_bytes.map(|bytes| bytes >> 20);
    options
        .put("timeout", workflow.options.timeout.map(milliseconds))
        .put("run_memory_limit_mb", megabytes);
    options.value()
}

/// Whether the workflow would start there if nothing said so.
fn starts_by_default(workflow: &Workflow) -> bool {
    let first_trigger = workflow.triggers.first().map(|trigger| &trigger.id);
    let reached = |id: &String| workflow.edges.iter().any(|edge| edge.to == *id);
    let first_job = || {
        workflow
            .jobs
            .iter()
            .map(|job| &job.id)
            .find(|id| !reached(id))
    };
    workflow.start.as_ref() == first_trigger.or_else(first_job)
}

fn after_crash(workflow: &Workflow, writing: &mut Writing) -> Option<&'static str> {
    match workflow.after_crash {
        AfterCrash::Stop => None,
        AfterCrash::Continue => {
            writing.note("OpenFn ends a run in which a job crashed; here the edges for failures are followed, as the block `fonio` says");
            Some("continue")
        }
    }
}

/// The keys of a trigger that v3 and v4 share. `cursor` is their name for the cursor's job.
fn trigger(trigger: &Trigger, cursor: &str, writing: &mut Writing) -> Entries {
    let mut entries = Entries::default();
    let mut own = Value::Null;
    let kind = match &trigger.kind {
        TriggerKind::Message { .. } | TriggerKind::Webhook(_) => "webhook",
        TriggerKind::Cron { .. } => "cron",
        TriggerKind::Event { .. } => "event",
        TriggerKind::Kafka { .. } => "kafka",
    };
    entries.put("type", kind).put("enabled", trigger.enabled);
    match &trigger.kind {
        TriggerKind::Message { criteria } => {
            writing.note(format!(
                "OpenFn has no triggers of messages: `{}` is a webhook there that takes every request; here its criteria still count, as the block `fonio` says",
                trigger.id
            ));
            // A map with nothing in it says something: every message matches.
            let mut block = Map::new();
            block.insert("criteria".to_owned(), Value::Object(criteria.clone()));
            own = Value::Object(block);
        }
        TriggerKind::Webhook(webhook) => {
            let mut codes = Entries::default();
            codes
                .put("success_code", webhook.success_code)
                .put("error_code", webhook.error_code);
            let reply = match webhook.reply {
                Reply::BeforeStart => "before_start",
                Reply::AfterCompletion => "after_completion",
            };
            entries
                .put("webhook_reply", reply)
                .put("webhook_response_config", codes.value());
        }
        TriggerKind::Cron {
            schedule,
            cursor_job,
        } => {
            entries
                .put("cron_expression", schedule.text())
                .put(cursor, cursor_job.clone());
        }
        TriggerKind::Event { pattern } => {
            writing.note(format!(
                "OpenFn has no triggers of events, and takes no file with one: `{}`",
                trigger.id
            ));
            entries.put("event", pattern.to_string());
        }
        TriggerKind::Kafka { configuration } => {
            entries.put("kafka_configuration", configuration.clone());
        }
    }
    entries.put("fonio", own);
    entries
}

/// The word for a condition, or its JavaScript.
fn condition(condition: &Condition) -> (&'static str, Option<&str>) {
    match condition {
        Condition::Always => ("always", None),
        Condition::OnSuccess => ("on_job_success", None),
        Condition::OnFailure => ("on_job_failure", None),
        Condition::Never => ("never", None),
        Condition::JavaScript(expression) => ("js_expression", Some(&expression.source)),
    }
}

impl Source {
    fn id(&self) -> &str {
        match self {
            Source::Trigger(id) | Source::Job(id) => id,
        }
    }
}

/// A name, where it says more than the id.
fn name_beside(id: &str, name: &str) -> Option<String> {
    (id != name).then(|| name.to_owned())
}
