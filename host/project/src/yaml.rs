//! `project.yaml` to raw parts: keys known, kinds of values checked, names not yet looked up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::credential::Body;
use crate::inputs::{Inputs, Read};
use crate::reading::Reading;
use crate::report::{Place, Secrecy};
use crate::tree::{Data, Key, Node, parse_yaml, to_object};

/// The project file's name.
pub const PROJECT_FILE: &str = "project.yaml";

const TOP_KEYS: &[&str] = &["id", "name", "jobs", "triggers", "credentials"];
const JOB_KEYS: &[&str] = &["expression", "adaptor", "trigger", "credential"];
const TRIGGER_KINDS: &[&str] = &["criteria", "cron", "success", "failure"];
/// Keys by which later generations of the format are known.
const LATER_KEYS: &[&str] = &["schema_version", "workflows"];

const MINIMAL: &str = "\
a project starts with a file project.yaml such as:
jobs:
  double:
    adaptor: common
    trigger: inbox
    expression: |
      fn(state => ({ ...state, data: { number: state.data.number * 2 } }));
triggers:
  inbox:
    criteria: '{}'";

/// The parts of a project file.
#[derive(Default)]
pub(crate) struct RawProject {
    /// The text they were read from, in which expressions have their places.
    pub text: String,
    /// `id`, or else `name`.
    pub id: Option<String>,
    pub jobs: Vec<RawJob>,
    pub triggers: Vec<RawTrigger>,
    pub credentials: BTreeMap<String, Body>,
}

pub(crate) struct RawJob {
    pub name: Key,
    pub expression: Field,
    pub adaptor: Field,
    pub trigger: Field,
    pub credential: Field,
}

pub(crate) struct RawTrigger {
    pub name: Key,
    /// The one kind that it has; nothing if that was wrong, which has been reported.
    pub kind: Option<(TriggerKey, Node)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TriggerKey {
    Criteria,
    Cron,
    Success,
    Failure,
}

/// A value that should be a text.
#[derive(Clone, Debug, Default)]
pub(crate) enum Field {
    /// Not there, or nothing.
    #[default]
    Absent,
    /// Of another kind; already reported.
    Wrong,
    /// As it should be.
    Text {
        text: String,
        at: Place,
        written_at: Place,
    },
}

/// Reads the project file. Nothing if it cannot be understood as one.
pub(crate) fn read(inputs: &mut Inputs<'_>) -> Option<RawProject> {
    let file = Path::new(PROJECT_FILE);
    let text = match inputs.read(file, Secrecy::Credentials) {
        Read::Text(text) => text,
        Read::Refused => return None,
        Read::Missing => {
            report_missing(inputs, file);
            return None;
        }
    };
    match parse_yaml(&text) {
        Ok(root) => {
            let mut project = Reading {
                report: &mut inputs.report,
                file,
            }
            .project_file(&root)?;
            project.text = text;
            Some(project)
        }
        Err(error) => {
            inputs.report.error(file, error.at, error.message).help = error.help;
            None
        }
    }
}

fn report_missing(inputs: &mut Inputs<'_>, file: &Path) {
    let there = |name: &str| inputs.dir.join(name).exists();
    let (message, help) = if !inputs.dir.is_dir() {
        (
            format!("there is no folder {}", inputs.dir.display()),
            "name the folder that holds the project".to_owned(),
        )
    } else if there("project.yml") {
        (
            "there is no project.yaml".to_owned(),
            "rename project.yml to project.yaml".to_owned(),
        )
    } else if there("openfn.yaml") {
        let message = "this is a workspace of a later generation of OpenFn, which this version does not read yet";
        (message.to_owned(), MINIMAL.to_owned())
    } else {
        ("there is no project.yaml".to_owned(), MINIMAL.to_owned())
    };
    inputs.report.error(file, Place::FILE, message).help(help);
}

impl Reading<'_> {
    fn project_file(&mut self, root: &Node) -> Option<RawProject> {
        let entries = self.map(root, "the project file")?;
        if let Some((key, _)) = entries
            .iter()
            .find(|(key, _)| LATER_KEYS.contains(&key.text.as_str()))
        {
            self.error(key.at, format!("`{}` is of a later generation of project files, which this version does not read yet", key.text))
                .help(MINIMAL);
            return None;
        }
        let mut project = RawProject::default();
        let mut name = None;
        for (key, value) in entries {
            match key.text.as_str() {
                "id" => project.id = self.text(value, "`id`"),
                "name" => name = self.text(value, "`name`"),
                "jobs" => project.jobs = self.jobs(value),
                "triggers" => project.triggers = self.triggers(value),
                "credentials" => project.credentials = self.inline_credentials(value),
                _ => self.ignored(key, "a project file", TOP_KEYS),
            }
        }
        if project.jobs.is_empty() && !entries.iter().any(|(key, _)| key.text == "jobs") {
            self.error(Place::FILE, "the project has no `jobs`")
                .help(MINIMAL);
        }
        project.id = project.id.or(name);
        Some(project)
    }

    fn jobs(&mut self, node: &Node) -> Vec<RawJob> {
        let entries = self.map(node, "`jobs`").unwrap_or_default();
        entries
            .iter()
            .filter_map(|(name, value)| self.job(name, value))
            .collect()
    }

    fn job(&mut self, name: &Key, node: &Node) -> Option<RawJob> {
        let what = format!("the job `{}`", name.text);
        if name.text.trim().is_empty() {
            self.error(name.at, "a job has an empty name");
            return None;
        }
        let mut job = RawJob {
            name: name.clone(),
            expression: Field::Absent,
            adaptor: Field::Absent,
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

    fn field(&mut self, node: &Node, what: &str) -> Field {
        if node.is_null() {
            return Field::Absent;
        }
        match self.text(node, what) {
            Some(text) => Field::Text {
                text,
                at: node.at,
                written_at: node.written_at,
            },
            None => Field::Wrong,
        }
    }

    fn triggers(&mut self, node: &Node) -> Vec<RawTrigger> {
        let entries = self.map(node, "`triggers`").unwrap_or_default();
        entries
            .iter()
            .map(|(name, value)| RawTrigger {
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
                    .help("give it one of criteria: '{…}', cron: '* * * * *', success: JOB and failure: JOB");
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

    fn inline_credentials(&mut self, node: &Node) -> BTreeMap<String, Body> {
        let mut credentials = BTreeMap::new();
        for (key, value) in self.map(node, "`credentials`").unwrap_or_default() {
            let body = match &value.data {
                Data::Map(entries) => to_object(entries),
                Data::Null => Default::default(),
                _ => {
                    let _: Option<()> = self.wrong_kind(
                        value,
                        &format!("the credential `{}`", key.text),
                        "a map of its fields",
                    );
                    continue;
                }
            };
            credentials.insert(
                key.text.clone(),
                Body {
                    body,
                    file: PathBuf::from(PROJECT_FILE),
                    at: key.at,
                },
            );
        }
        credentials
    }
}

fn trigger_key(text: &str) -> Option<TriggerKey> {
    match text {
        "criteria" => Some(TriggerKey::Criteria),
        "cron" => Some(TriggerKey::Cron),
        "success" => Some(TriggerKey::Success),
        "failure" => Some(TriggerKey::Failure),
        _ => None,
    }
}
