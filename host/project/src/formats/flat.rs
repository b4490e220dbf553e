//! v1 and v2: jobs and triggers in two maps, each job with one trigger.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::MINIMAL;
use crate::credential::Body;
use crate::draft::Field;
use crate::model::Generation;
use crate::reading::Reading;
use crate::report::Place;
use crate::tree::{Data, Key, Node};

const TOP_KEYS: &[&str] = &[
    "id",
    "name",
    "jobs",
    "triggers",
    "credentials",
    "collections",
];
const JOB_KEYS: &[&str] = &["expression", "adaptor", "trigger", "credential"];
const TRIGGER_KINDS: &[&str] = &["criteria", "cron", "event", "success", "failure"];

/// The parts of a file of jobs and triggers.
#[derive(Default)]
pub(super) struct Flat {
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub jobs: Vec<FlatJob>,
    pub triggers: Vec<FlatTrigger>,
    pub credentials: BTreeMap<String, Body>,
    pub collections: Vec<String>,
    pub kept: Map<String, Value>,
}

pub(super) struct FlatJob {
    pub name: Key,
    pub expression: Field,
    pub adaptor: Field,
    /// Only v1's jobs may be without one.
    pub adaptor_optional: bool,
    pub trigger: Field,
    pub credential: Field,
}

pub(super) struct FlatTrigger {
    pub name: Key,
    /// The one kind that it has; nothing if that was wrong, which has been reported.
    pub kind: Option<(TriggerKey, Node)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TriggerKey {
    Criteria,
    Cron,
    Event,
    Success,
    Failure,
}

impl Reading<'_> {
    pub(super) fn flat_file(&mut self, root: &Node, generation: Generation) -> Option<Flat> {
        let entries = self.map(root, "the project file")?;
        let mut project = Flat::default();
        for (key, value) in entries {
            match key.text.as_str() {
                "id" => project.id = self.text(value, "`id`"),
                "name" => project.name = self.text(value, "`name`"),
                "description" => project.description = self.text(value, "`description`"),
                "jobs" => project.jobs = self.jobs(value, generation),
                "triggers" => project.triggers = self.triggers(value),
                "credentials" => {
                    project.credentials = self.credential_bodies(value, "`credentials`")
                }
                // OpenFn/microservice had none; the jobs of such a project may all the same.
                "collections" => project.collections = self.collections(value),
                "async" | "staticData" if generation == Generation::V1 => {
                    self.of_v1(key, value);
                    project.kept.insert(key.text.clone(), value.to_json());
                }
                _ => self.ignored(key, "a project file", TOP_KEYS),
            }
        }
        if project.jobs.is_empty() && !entries.iter().any(|(key, _)| key.text == "jobs") {
            self.error(Place::FILE, "the project has no `jobs`")
                .help(MINIMAL);
        }
        Some(project)
    }

    /// What only v1 has.
    fn of_v1(&mut self, key: &Key, value: &Node) {
        match (key.text.as_str(), &value.data) {
            ("async", Data::Bool(true) | Data::Null) => {}
            ("async", _) => self
                .warning(key.at, "`async` has no effect here")
                .help("ENDPOINT_STYLE=sync in .env makes the inbox wait for the jobs"),
            _ => self
                .warning(key.at, "`staticData` has no effect here")
                .help("write it into the jobs that use it"),
        }
    }

    fn jobs(&mut self, node: &Node, generation: Generation) -> Vec<FlatJob> {
        let entries = self.map(node, "`jobs`").unwrap_or_default();
        entries
            .iter()
            .filter_map(|(name, value)| self.job(name, value, generation))
            .collect()
    }

    fn job(&mut self, name: &Key, node: &Node, generation: Generation) -> Option<FlatJob> {
        let what = format!("the job `{}`", name.text);
        if name.text.trim().is_empty() {
            self.error(name.at, "a job has an empty name");
            return None;
        }
        let mut job = FlatJob {
            name: name.clone(),
            expression: Field::Absent,
            adaptor: Field::Absent,
            adaptor_optional: generation == Generation::V1,
            trigger: Field::Absent,
            credential: Field::Absent,
        };
        for (key, value) in self.map(node, &what)? {
            let field = match key.text.as_str() {
                "expression" => &mut job.expression,
                "adaptor" => &mut job.adaptor,
                "trigger" => &mut job.trigger,
                "credential" => &mut job.credential,
                _ => {
                    self.ignored(key, "a job", JOB_KEYS);
                    continue;
                }
            };
            *field = self.field(value, &format!("`{}` of {what}", key.text));
        }
        Some(job)
    }

    fn triggers(&mut self, node: &Node) -> Vec<FlatTrigger> {
        let entries = self.map(node, "`triggers`").unwrap_or_default();
        entries
            .iter()
            .map(|(name, value)| FlatTrigger {
                name: name.clone(),
                kind: self.trigger_kind(name, value),
            })
            .collect()
    }

    fn trigger_kind(&mut self, name: &Key, node: &Node) -> Option<(TriggerKey, Node)> {
        let what = format!("the trigger `{}`", name.text);
        let mut kinds = Vec::new();
        for (key, value) in self.map(node, &what)? {
            match trigger_key(&key.text) {
                Some(kind) => kinds.push((kind, key, value)),
                None => self.ignored(key, "a trigger", TRIGGER_KINDS),
            }
        }
        match kinds.as_slice() {
            [(kind, _, value)] => Some((*kind, (*value).clone())),
            [] => {
                self.error(name.at, format!("{what} does not say when"))
                    .help("give it one of criteria: '{…}', cron: '* * * * *', event: NAME, success: JOB and failure: JOB");
                None
            }
            [_, (_, second, _), ..] => {
                let names: Vec<&str> = kinds.iter().map(|(_, key, _)| key.text.as_str()).collect();
                self.error(
                    second.at,
                    format!("{what} is of several kinds: {}", names.join(", ")),
                )
                .help("a trigger is of one kind; make a trigger and a job of each");
                None
            }
        }
    }
}

fn trigger_key(text: &str) -> Option<TriggerKey> {
    match text {
        "criteria" => Some(TriggerKey::Criteria),
        "cron" => Some(TriggerKey::Cron),
        "event" => Some(TriggerKey::Event),
        "success" => Some(TriggerKey::Success),
        "failure" => Some(TriggerKey::Failure),
        _ => None,
    }
}
