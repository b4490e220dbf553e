//! v4's workflows: one list of steps, each a trigger (it has a `type`) or a job, joined by `next`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::common::{keyword, slugify};
use super::trigger::Parts;
use crate::credential::Body;
use crate::draft::{
    Declared, DraftCondition, DraftEdge, DraftJob, DraftSource, DraftTrigger, DraftWorkflow, Field,
    SourceFile, Without, keep,
};
use crate::reading::Reading;
use crate::tree::{Data, Key, Node, to_object};

const WORKFLOW_KEYS: &[&str] = &["id", "name", "start", "options", "globals", "steps"];
const JOB_KEYS: &[&str] = &[
    "id",
    "name",
    "adaptor",
    "expression",
    "configuration",
    "state",
    "next",
];
const TRIGGER_KEYS: &[&str] = &[
    "id",
    "type",
    "enabled",
    "next",
    "webhook_reply",
    "webhook_response_config",
    "cron_expression",
    "cron_cursor_job_id",
];
const EDGE_KEYS: &[&str] = &["condition", "label", "disabled"];

/// What jobs name and the workflow does not hold.
#[derive(Default)]
pub(super) struct Outside {
    /// Credentials that are written out in a job.
    pub bodies: BTreeMap<String, Body>,
    /// Credentials that jobs name, for files that have no list of them.
    pub named: Vec<Declared>,
}

/// A file of steps being read.
pub(super) struct Steps<'s, 'r> {
    pub reading: &'s mut Reading<'r>,
    pub source: Rc<SourceFile>,
    pub outside: &'s mut Outside,
}

impl Steps<'_, '_> {
    /// `fallback` is the id where neither the workflow nor its name gives one.
    pub fn workflow(&mut self, node: &Node, fallback: &Key) -> Option<DraftWorkflow> {
        let entries = self.reading.map(node, "a workflow")?;
        let mut workflow = DraftWorkflow::new(&self.source, fallback.clone());
        let mut id = None;
        for (key, value) in entries {
            match key.text.as_str() {
                "id" => id = self.reading.reference(value, "`id` of a workflow"),
                "name" => workflow.name = self.reading.optional_text(value, "`name` of a workflow"),
                "start" => workflow.start = self.reading.reference(value, "`start`"),
                "options" => self.reading.options(value, &mut workflow),
                "globals" => workflow.globals = self.reading.field(value, "`globals`"),
                "steps" | "jobs" => {}
                "fonio" => self.reading.own_block(value, &mut workflow),
                "openfn" | "history" => workflow.keep(key, value),
                _ => self.reading.ignored(key, "a workflow", WORKFLOW_KEYS),
            }
        }
        let named = workflow
            .name
            .as_deref()
            .map(slugify)
            .filter(|slug| !slug.is_empty());
        workflow.id = id
            .or_else(|| {
                Some(Key {
                    text: named?,
                    at: node.at,
                })
            })
            .unwrap_or_else(|| fallback.clone());
        match node.get("steps").or_else(|| node.get("jobs")) {
            Some(steps) => self.steps(steps, &mut workflow),
            None => self
                .reading
                .error(workflow.id.at, format!("the workflow `{}` has no `steps`", workflow.id.text))
                .help("its triggers and jobs are one list: `steps: [{id: …, type: webhook, next: …}, {id: …, adaptor: …, expression: …}]`"),
        }
        Some(workflow)
    }

    fn steps(&mut self, node: &Node, workflow: &mut DraftWorkflow) {
        let Some(steps) = self.reading.list(node, "`steps`") else {
            return;
        };
        for (index, step) in steps.iter().enumerate() {
            let Some(entries) = self.reading.map(step, "a step") else {
                continue;
            };
            let id = self.step_id(step, index);
            if step.get("type").is_some() {
                let trigger = self.trigger(&id, entries, &mut workflow.edges);
                workflow.triggers.push(trigger);
            } else {
                let job = self.job(&workflow.id.text, &id, entries, &mut workflow.edges);
                workflow.jobs.push(job);
            }
        }
        if workflow.triggers.is_empty() && workflow.start.is_none() {
            workflow.start = workflow.jobs.first().map(|job| job.id.clone());
        }
        let triggers: Vec<&str> = workflow
            .triggers
            .iter()
            .map(|trigger| trigger.id.text.as_str())
            .collect();
        for job in workflow
            .jobs
            .iter()
            .filter(|job| triggers.contains(&job.id.text.as_str()))
        {
            self.reading
                .error(
                    job.id.at,
                    format!("the step `{}` is there twice", job.id.text),
                )
                .help("give one of the two another id");
        }
    }

    /// Its id, or what OpenFn makes of its name, or its type, or its place in the list.
    fn step_id(&mut self, step: &Node, index: usize) -> Key {
        let text_at = |name| {
            let node: &Node = step.get(name)?;
            Some((node.as_text().filter(|text| !text.is_empty())?, node.at))
        };
        let made = || {
            let (name, at) = text_at("name")?;
            Some((slugify(&name), at)).filter(|(id, _)| !id.is_empty())
        };
        let found = text_at("id").or_else(made).or_else(|| text_at("type"));
        let (text, at) = found.unwrap_or_else(|| (format!("step-{}", index + 1), step.at));
        Key { text, at }
    }

    fn trigger(
        &mut self,
        id: &Key,
        entries: &[(Key, Node)],
        edges: &mut Vec<DraftEdge>,
    ) -> DraftTrigger {
        let mut parts = Parts::default();
        let from = DraftSource::Trigger(id.clone());
        for (key, value) in entries {
            match key.text.as_str() {
                "id" => {}
                "name" => keep(&mut parts.kept, key, value),
                "next" => self.next(&from, value, edges),
                _ if self.reading.trigger_part(&mut parts, key, value) => {}
                _ => self.reading.ignored(key, "a trigger", TRIGGER_KEYS),
            }
        }
        self.reading.whole_trigger(id, parts)
    }

    fn job(
        &mut self,
        workflow: &str,
        id: &Key,
        entries: &[(Key, Node)],
        edges: &mut Vec<DraftEdge>,
    ) -> DraftJob {
        let what = format!("the step `{}`", id.text);
        let mut job = DraftJob::new(id.clone(), Without::Nothing);
        job.adaptor_optional = true;
        let from = DraftSource::Job(id.clone());
        for (key, value) in entries {
            let field = format!("`{}` of {what}", key.text);
            match key.text.as_str() {
                "id" => {}
                "name" => job.name = self.reading.optional_text(value, &field),
                "adaptor" => job.adaptor = self.reading.field(value, &field),
                "adaptors" => job.adaptor = self.first_adaptor(value, &field),
                "expression" => job.expression = self.reading.field(value, &field),
                "configuration" | "credential" => {
                    job.credential = self.configuration(workflow, id, value, &field);
                }
                "state" => self.state(&mut job, value, &field),
                "enabled" => job.enabled = self.reading.bool(value, &field).unwrap_or(true),
                "next" => self.next(&from, value, edges),
                "openfn" => job.keep(key, value),
                _ => self.reading.ignored(key, "a step", JOB_KEYS),
            }
        }
        job
    }

    fn first_adaptor(&mut self, node: &Node, what: &str) -> Field {
        let nodes = self.reading.list(node, what).unwrap_or_default();
        for more in nodes.iter().skip(1) {
            let name = more.as_text().unwrap_or_default();
            // The collections are there without being named.
            if !name.starts_with("@openfn/language-collections") {
                self.reading
                    .warning(
                        more.at,
                        format!("the adaptor `{name}` is ignored: a job has one"),
                    )
                    .help("the common operations are there beside it");
            }
        }
        match nodes.first() {
            Some(first) => self.reading.field(first, what),
            None => Field::Absent,
        }
    }

    /// The name of a credential, the path of a file, or the credential itself.
    fn configuration(&mut self, workflow: &str, id: &Key, node: &Node, what: &str) -> Field {
        if let Data::Map(entries) = &node.data {
            let key = format!("{workflow}-{}", id.text);
            let body = Body {
                body: to_object(entries),
                file: self.source.path.clone(),
                at: node.at,
            };
            self.outside.bodies.insert(key.clone(), body);
            return Field::Text {
                text: key,
                at: node.at,
                written_at: node.written_at,
            };
        }
        match self.reading.field(node, what) {
            Field::Text { text, at, .. } if is_path(&text, ".json") => Field::Path { text, at },
            Field::Text {
                text,
                at,
                written_at,
            } => {
                let declared = self.reading.declared_as(&text, node);
                self.outside.named.push(declared);
                Field::Text {
                    text,
                    at,
                    written_at,
                }
            }
            other => other,
        }
    }

    fn state(&mut self, job: &mut DraftJob, node: &Node, what: &str) {
        match &node.data {
            Data::Null => {}
            Data::Map(entries) => job.state = Some(to_object(entries)),
            Data::Text(text) if is_path(text, ".json") => {
                job.state_file = self.reading.reference(node, what);
            }
            _ => {
                let _: Option<()> =
                    self.reading
                        .wrong_kind(node, what, "a map or the path of a JSON file");
            }
        }
    }

    /// Where a step leads: one id, or a map of ids to conditions.
    fn next(&mut self, from: &DraftSource, node: &Node, edges: &mut Vec<DraftEdge>) {
        match &node.data {
            Data::Null => {}
            Data::Map(entries) => {
                for (to, node) in entries {
                    if let Some(edge) = self.edge(from, to, node) {
                        edges.push(edge);
                    }
                }
            }
            _ => {
                if let Some(to) = self.reading.reference(node, "`next`") {
                    edges.push(DraftEdge::new(from, &to, DraftCondition::Always));
                }
            }
        }
    }

    fn edge(&mut self, from: &DraftSource, to: &Key, node: &Node) -> Option<DraftEdge> {
        let Data::Map(entries) = &node.data else {
            let condition = self.condition(node);
            return Some(DraftEdge {
                condition,
                ..DraftEdge::new(from, to, DraftCondition::Never)
            });
        };
        let mut edge = DraftEdge::new(from, to, DraftCondition::Never);
        for (key, value) in entries {
            match key.text.as_str() {
                "condition" if value.is_null() => {}
                "condition" => edge.condition = self.condition(value),
                "label" | "name" => edge.label = self.reading.optional_text(value, "`label`"),
                "disabled" => {
                    edge.enabled = !self.reading.bool(value, "`disabled`").unwrap_or_default()
                }
                "enabled" => edge.enabled = self.reading.bool(value, "`enabled`").unwrap_or(true),
                "openfn" | "id" => keep(&mut edge.kept, key, value),
                _ => self.reading.ignored(key, "an edge", EDGE_KEYS),
            }
        }
        if node.get("condition").is_none_or(Node::is_null) {
            self.reading
                .warning(
                    to.at,
                    format!(
                        "the edge to `{}` has no condition, and is never followed",
                        to.text
                    ),
                )
                .help("that is how OpenFn runs it; write `condition: always` to follow it");
        }
        Some(edge)
    }

    fn condition(&mut self, node: &Node) -> Option<DraftCondition> {
        match &node.data {
            Data::Null | Data::Bool(false) => return Some(DraftCondition::Never),
            Data::Bool(true) => return Some(DraftCondition::Always),
            _ => {}
        }
        let text = self.reading.text(node, "the condition of an edge")?;
        if let Some(word) = keyword(&text) {
            return Some(word);
        }
        let written_at = node.written_at;
        Some(DraftCondition::JavaScript { text, written_at })
    }
}

/// A text that starts as paths do, and ends as the file would.
fn is_path(text: &str, ending: &str) -> bool {
    let starts = ["./", "../", "/"]
        .iter()
        .any(|start| text.starts_with(start));
    starts || text.ends_with(ending)
}
