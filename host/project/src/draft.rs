//! What the readers of all formats make of a project file: workflows whose names are not yet looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::credential::Body;
use crate::model::{AfterCrash, Generation, TriggerKind, WorkflowOptions};
use crate::report::Place;
use crate::tree::{Key, Node};

/// A file that parts of a project were read from.
#[derive(Debug, Default)]
pub(crate) struct SourceFile {
    /// Relative to the project directory.
    pub path: PathBuf,
    /// In which expressions have their places.
    pub text: String,
}

/// A project file.
pub(crate) struct Draft {
    pub generation: Generation,
    pub file: PathBuf,
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub workflows: Vec<DraftWorkflow>,
    /// Credentials with their content.
    pub bodies: BTreeMap<String, Body>,
    /// Those of them that have no name of their own, because a job writes them out: what they hold is what is meant.
    pub written_out: BTreeSet<String>,
    /// Credentials by name alone.
    pub declared: Vec<Declared>,
    pub collections: Vec<String>,
    pub kept: Map<String, Value>,
}

/// A credential that the project file names, and whose content is elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// What the host knows it by.
    pub key: String,
    pub name: String,
    pub owner: Option<String>,
    pub kept: Map<String, Value>,
    /// Where it is named.
    pub file: PathBuf,
    pub at: Place,
}

impl Declared {
    /// Its ids in OpenFn, by which some files name it.
    pub fn openfn_ids(&self) -> impl Iterator<Item = &str> {
        let ids = ["id", "uuid"].into_iter();
        ids.filter_map(|key| self.kept.get(key)?.as_str())
    }
}

pub(crate) struct DraftWorkflow {
    pub source: Rc<SourceFile>,
    pub id: Key,
    pub name: Option<String>,
    pub start: Option<Key>,
    pub triggers: Vec<DraftTrigger>,
    pub jobs: Vec<DraftJob>,
    pub edges: Vec<DraftEdge>,
    pub options: WorkflowOptions,
    pub globals: Field,
    pub after_crash: AfterCrash,
    pub kept: Map<String, Value>,
}

pub(crate) struct DraftJob {
    pub id: Key,
    pub name: Option<String>,
    pub enabled: bool,
    pub expression: Field,
    /// What an absent expression means.
    pub without_expression: Without,
    pub adaptor: Field,
    /// Whether a job without one has the common operations only.
    pub adaptor_optional: bool,
    /// A path is a file of JSON.
    pub credential: Field,
    pub state: Option<Map<String, Value>>,
    /// The file of JSON that holds the state, where it is not written out.
    pub state_file: Option<Key>,
    pub kept: Map<String, Value>,
}

/// What it means that a job has no expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    /// It is in `jobs/NAME.js`.
    FileOfName,
    /// It passes its state on.
    Nothing,
    /// It was forgotten.
    Mistake,
}

pub(crate) struct DraftTrigger {
    pub id: Key,
    pub enabled: bool,
    /// Nothing if it was wrong, which has been reported.
    pub kind: Option<TriggerKind>,
    /// The job whose state a tick starts with, where it is named.
    pub cursor_job: Option<Key>,
    pub kept: Map<String, Value>,
}

pub(crate) struct DraftEdge {
    pub at: Place,
    pub from: DraftSource,
    pub to: Key,
    /// Nothing if it was wrong, which has been reported.
    pub condition: Option<DraftCondition>,
    pub label: Option<String>,
    pub enabled: bool,
    pub kept: Map<String, Value>,
}

/// Where an edge comes from.
#[derive(Clone, Debug)]
pub(crate) enum DraftSource {
    Trigger(Key),
    Job(Key),
}

#[derive(Clone, Debug)]
pub(crate) enum DraftCondition {
    Always,
    OnSuccess,
    OnFailure,
    Never,
    JavaScript { text: String, written_at: Place },
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
    /// Named by `path:`, so it is a file whatever it looks like.
    Path { text: String, at: Place },
}

impl Draft {
    pub fn new(generation: Generation, file: &Path) -> Draft {
        Draft {
            generation,
            file: file.to_owned(),
            id: None,
            name: None,
            description: None,
            workflows: Vec::new(),
            bodies: BTreeMap::new(),
            written_out: BTreeSet::new(),
            declared: Vec::new(),
            collections: Vec::new(),
            kept: Map::new(),
        }
    }

    pub fn keep(&mut self, key: &Key, node: &Node) {
        keep(&mut self.kept, key, node);
    }
}

impl DraftWorkflow {
    pub fn new(source: &Rc<SourceFile>, id: Key) -> DraftWorkflow {
        DraftWorkflow {
            source: Rc::clone(source),
            id,
            name: None,
            start: None,
            triggers: Vec::new(),
            jobs: Vec::new(),
            edges: Vec::new(),
            options: WorkflowOptions::default(),
            globals: Field::Absent,
            after_crash: AfterCrash::Stop,
            kept: Map::new(),
        }
    }

    pub fn keep(&mut self, key: &Key, node: &Node) {
        keep(&mut self.kept, key, node);
    }
}

impl DraftJob {
    pub fn new(id: Key, without_expression: Without) -> DraftJob {
        DraftJob {
            id,
            name: None,
            enabled: true,
            expression: Field::Absent,
            without_expression,
            adaptor: Field::Absent,
            adaptor_optional: false,
            credential: Field::Absent,
            state: None,
            state_file: None,
            kept: Map::new(),
        }
    }

    pub fn keep(&mut self, key: &Key, node: &Node) {
        keep(&mut self.kept, key, node);
    }
}

impl DraftEdge {
    pub fn new(from: &DraftSource, to: &Key, condition: DraftCondition) -> DraftEdge {
        DraftEdge {
            at: to.at,
            from: from.clone(),
            to: to.clone(),
            condition: Some(condition),
            label: None,
            enabled: true,
            kept: Map::new(),
        }
    }
}

/// Keeps what nothing here runs by, for an export.
pub(crate) fn keep(kept: &mut Map<String, Value>, key: &Key, node: &Node) {
    if !node.is_null() {
        kept.insert(key.text.clone(), node.to_json());
    }
}
