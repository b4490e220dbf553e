//! v3: workflows as maps of jobs, triggers and edges.

use std::rc::Rc;

use serde_json::Map;

use super::common::keyword;
use super::plan::key_of_file;
use super::trigger::Parts;
use crate::credential::hyphenated;
use crate::draft::{
    Draft, DraftCondition, DraftEdge, DraftJob, DraftSource, DraftTrigger, DraftWorkflow, Field,
    SourceFile, Without, keep,
};
use crate::model::Generation;
use crate::reading::Reading;
use crate::suggest::did_you_mean;
use crate::tree::{Data, Key, Node};

const TOP_KEYS: &[&str] = &[
    "name",
    "description",
    "collections",
    "credentials",
    "channels",
    "workflows",
];
const WORKFLOW_KEYS: &[&str] = &["name", "jobs", "triggers", "edges"];
const JOB_KEYS: &[&str] = &["name", "adaptor", "credential", "body", "enabled"];
const TRIGGER_KEYS: &[&str] = &[
    "type",
    "enabled",
    "webhook_reply",
    "cron_expression",
    "cron_cursor_job",
];
const EDGE_KEYS: &[&str] = &[
    "source_trigger",
    "source_job",
    "target_job",
    "condition_type",
    "condition_expression",
    "condition_label",
    "enabled",
];
const CONDITIONS: &[&str] = &[
    "always",
    "on_job_success",
    "on_job_failure",
    "js_expression",
    "never",
];

impl Reading<'_> {
    pub(super) fn spec(&mut self, root: &Node, source: &Rc<SourceFile>) -> Option<Draft> {
        let mut draft = Draft::new(Generation::V3, &source.path);
        for (key, value) in self.map(root, "the project file")? {
            match key.text.as_str() {
                "id" => draft.id = self.optional_text(value, "`id`"),
                "name" => draft.name = self.optional_text(value, "`name`"),
                "description" => draft.description = self.optional_text(value, "`description`"),
                "collections" => draft.collections = self.collections(value),
                "credentials" => draft.declared = self.declared(value),
                "workflows" => {
                    let entries = self.map(value, "`workflows`").unwrap_or_default();
                    draft.workflows = entries
                        .iter()
                        .filter_map(|(key, value)| self.spec_workflow(key, value, source))
                        .collect();
                }
                "channels" | "openfn" => draft.keep(key, value),
                _ => self.ignored(key, "a project file", TOP_KEYS),
            }
        }
        Some(draft)
    }

    /// A file that is one workflow. It has no list of credentials: its jobs name them, as `owner|name`.
    pub(super) fn spec_alone(&mut self, root: &Node, source: &Rc<SourceFile>) -> Option<Draft> {
        let mut draft = Draft::new(Generation::V3, &source.path);
        let mut workflow = self.spec_workflow(&key_of_file(source), root, source)?;
        let named = workflow.name.as_deref().map(hyphenated);
        if let Some(name) = named.filter(|name| !name.is_empty()) {
            workflow.id.text = name;
        }
        let jobs = root.get("jobs").map(Node::values).unwrap_or_default();
        let credentials = jobs.iter().filter_map(|job| job.get("credential"));
        let declared =
            credentials.filter_map(|node| Some(self.declared_as(&node.as_text()?, node)));
        draft.declare(declared.collect());
        draft.id = Some(workflow.id.text.clone());
        draft.name = workflow.name.clone();
        draft.workflows.push(workflow);
        Some(draft)
    }

    fn spec_workflow(
        &mut self,
        id: &Key,
        node: &Node,
        source: &Rc<SourceFile>,
    ) -> Option<DraftWorkflow> {
        let mut workflow = DraftWorkflow::new(source, id.clone());
        for (key, value) in self.map(node, &format!("the workflow `{}`", id.text))? {
            match key.text.as_str() {
                "name" => workflow.name = self.optional_text(value, "`name`"),
                "jobs" => {
                    let entries = self.map(value, "`jobs`").unwrap_or_default();
                    workflow.jobs = entries
                        .iter()
                        .filter_map(|(key, value)| self.spec_job(key, value))
                        .collect();
                }
                "triggers" => {
                    let entries = self.map(value, "`triggers`").unwrap_or_default();
                    workflow.triggers = entries
                        .iter()
                        .filter_map(|(key, value)| self.spec_trigger(key, value))
                        .collect();
                }
                "edges" => {
                    let entries = self.map(value, "`edges`").unwrap_or_default();
                    workflow.edges = entries
                        .iter()
                        .filter_map(|(key, value)| self.spec_edge(key, value))
                        .collect();
                }
                "fonio" => self.own_block(value, &mut workflow),
                "id" | "openfn" | "history" => workflow.keep(key, value),
                _ => self.ignored(key, "a workflow", WORKFLOW_KEYS),
            }
        }
        Some(workflow)
    }

    fn spec_job(&mut self, id: &Key, node: &Node) -> Option<DraftJob> {
        let what = format!("the job `{}`", id.text);
        let mut job = DraftJob::new(id.clone(), Without::Mistake);
        for (key, value) in self.map(node, &what)? {
            let field = format!("`{}` of {what}", key.text);
            match key.text.as_str() {
                "name" => job.name = self.optional_text(value, &field),
                "adaptor" => job.adaptor = self.field(value, &field),
                "credential" => job.credential = self.field(value, &field),
                "body" => job.expression = self.body(value, &field),
                "enabled" => job.enabled = self.bool(value, &field).unwrap_or(true),
                "id" | "openfn" => job.keep(key, value),
                _ => self.ignored(key, "a job", JOB_KEYS),
            }
        }
        Some(job)
    }

    /// The code itself, `{path}` of its file, or `{content}`.
    fn body(&mut self, node: &Node, what: &str) -> Field {
        let Data::Map(entries) = &node.data else {
            return self.field(node, what);
        };
        let (mut path, mut content) = (Field::Absent, Field::Absent);
        for (key, value) in entries {
            match key.text.as_str() {
                "path" => {
                    path = match self.field(value, "`path` of a body") {
                        Field::Text { text, at, .. } => Field::Path { text, at },
                        other => other,
                    }
                }
                "content" => content = self.field(value, "`content` of a body"),
                _ => self.ignored(key, "a body", &["path", "content"]),
            }
        }
        match path {
            Field::Absent => content,
            path => path,
        }
    }

    fn spec_trigger(&mut self, id: &Key, node: &Node) -> Option<DraftTrigger> {
        let mut parts = Parts::default();
        for (key, value) in self.map(node, &format!("the trigger `{}`", id.text))? {
            if !self.trigger_part(&mut parts, key, value) {
                self.ignored(key, "a trigger", TRIGGER_KEYS);
            }
        }
        Some(self.whole_trigger(id, parts))
    }

    fn spec_edge(&mut self, id: &Key, node: &Node) -> Option<DraftEdge> {
        let what = format!("the edge `{}`", id.text);
        let entries = self.map(node, &what)?;
        let (mut trigger, mut job, mut target) = (None, None, None);
        let (mut kind, mut script, mut label, mut enabled) = (None, None, None, true);
        let mut kept = Map::new();
        for (key, value) in entries {
            match key.text.as_str() {
                "source_trigger" => trigger = self.reference(value, &what),
                "source_job" => job = self.reference(value, &what),
                "target_job" => target = self.reference(value, &what),
                "condition_type" | "condition" => kind = Some(value),
                "condition_expression" => script = Some(value).filter(|node| !node.is_null()),
                "condition_label" | "label" => {
                    label = self.optional_text(value, "`condition_label`")
                }
                "enabled" => enabled = self.bool(value, "`enabled`").unwrap_or(true),
                "id" | "openfn" => keep(&mut kept, key, value),
                _ => self.ignored(key, "an edge", EDGE_KEYS),
            }
        }
        let from = match (trigger, job) {
            (Some(trigger), None) => DraftSource::Trigger(trigger),
            (None, Some(job)) => DraftSource::Job(job),
            (None, None) => {
                self.error(id.at, format!("{what} comes from nowhere"))
                    .help("add `source_trigger: …` or `source_job: …`");
                return None;
            }
            (Some(_), Some(job)) => {
                self.error(
                    job.at,
                    format!("{what} comes from a trigger and from a job"),
                )
                .help("make an edge of each");
                return None;
            }
        };
        let Some(to) = target else {
            self.error(id.at, format!("{what} leads nowhere"))
                .help("add `target_job: …`");
            return None;
        };
        let condition = self.spec_condition(id, &from, kind, script);
        Some(DraftEdge {
            at: id.at,
            from,
            to,
            condition,
            label,
            enabled,
            kept,
        })
    }

    fn spec_condition(
        &mut self,
        id: &Key,
        from: &DraftSource,
        kind: Option<&Node>,
        script: Option<&Node>,
    ) -> Option<DraftCondition> {
        let what = format!("the edge `{}`", id.text);
        let kind = kind.filter(|node| !node.is_null());
        let Some(node) = kind else {
            if let Some(script) = script {
                return self.script(script, &what);
            }
            let (taken, word) = match from {
                DraftSource::Trigger(_) => (DraftCondition::Always, "always"),
                DraftSource::Job(_) => (DraftCondition::OnSuccess, "on_job_success"),
            };
            self.warning(
                id.at,
                format!("{what} has no condition, and is taken as `{word}`"),
            )
            .help(format!(
                "OpenFn refuses such an edge; add `condition_type: {word}`"
            ));
            return Some(taken);
        };
        let text = self.text(node, &format!("the condition of {what}"))?;
        if text == "js_expression" {
            let Some(script) = script else {
                self.error(
                    node.at,
                    format!("{what} has no expression for its condition"),
                )
                .help("add `condition_expression: '…'`");
                return None;
            };
            return self.script(script, &what);
        }
        if let Some(script) = script {
            self.warning(script.at, format!("`condition_expression` means nothing beside `condition_type: {text}`, and is ignored"));
        }
        let found = keyword(&text);
        if found.is_none() {
            let help = did_you_mean(&text, "the conditions are", CONDITIONS.iter().copied());
            self.error(node.at, format!("there is no condition `{text}`"))
                .help = help;
        }
        found
    }

    fn script(&mut self, node: &Node, what: &str) -> Option<DraftCondition> {
        let text = self.text(node, &format!("the condition of {what}"))?;
        Some(DraftCondition::JavaScript {
            text,
            written_at: node.written_at,
        })
    }
}
