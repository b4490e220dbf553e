//! v2: each job with one trigger.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Entries, Writing, options};
use crate::model::{
    AfterCrash, Condition, Edge, Job, Project, Source, Trigger, TriggerKind, Workflow,
};
use crate::naming::unless_taken;

pub(super) fn root(project: &Project, writing: &mut Writing) -> Value {
    let names = names(project, writing);
    let mut flat = Flat {
        names: &names,
        jobs: Map::new(),
        triggers: Map::new(),
        writing,
    };
    // First, so that no trigger made for an edge takes a name of theirs.
    for workflow in &project.workflows {
        flat.root_trigger(workflow);
    }
    for workflow in &project.workflows {
        flat.workflow(workflow);
    }
    let (jobs, triggers) = (flat.jobs, flat.triggers);
    if !project.collections.is_empty() {
        writing.note("v2 has no list of collections; the jobs use them all the same");
    }
    writing.note_left_out("v2", project, &[]);
    let credentials: Map<String, Value> = project
        .credentials
        .keys()
        .map(|name| (name.clone(), Value::Object(Map::new())))
        .collect();
    let mut root = Entries::default();
    root.put("id", project.id.clone())
        .put("name", project.name.clone())
        .put("description", project.description.clone());
    root.0.insert("jobs".to_owned(), Value::Object(jobs));
    root.put("triggers", triggers)
        .put("credentials", credentials);
    root.value()
}

/// The name of each job, by key: its id, or with the workflow's before it where two have the same.
fn names(project: &Project, writing: &mut Writing) -> BTreeMap<String, String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for job in project.jobs() {
        *count.entry(&job.id).or_default() += 1;
    }
    let mut names = BTreeMap::new();
    for job in project.jobs() {
        let name = if count.get(job.id.as_str()) == Some(&1) {
            job.id.clone()
        } else {
            let name = format!("{}-{}", job.workflow, job.id);
            writing.note(format!(
                "the job `{}` is called `{name}`, because v2 has the jobs of all workflows in one list",
                job.key
            ));
            name
        };
        names.insert(job.key.clone(), name);
    }
    names
}

struct Flat<'a> {
    names: &'a BTreeMap<String, String>,
    jobs: Map<String, Value>,
    triggers: Map<String, Value>,
    writing: &'a mut Writing,
}

impl Flat<'_> {
    /// The trigger has the name of the workflow, because that is what the workflow is called when it is read.
    fn root_trigger(&mut self, workflow: &Workflow) {
        let id = &workflow.id;
        let [trigger] = workflow.triggers.as_slice() else {
            let count = workflow.triggers.len();
            self.writing.cannot(format!(
                "a workflow of v2 has one trigger, and `{id}` has {count}"
            ));
            return;
        };
        if let Some(value) = self.trigger(workflow, trigger) {
            self.triggers.insert(id.clone(), value);
        }
    }

    fn trigger(&mut self, workflow: &Workflow, trigger: &Trigger) -> Option<Value> {
        let what = format!(
            "the trigger `{}` of the workflow `{}`",
            trigger.id, workflow.id
        );
        if !trigger.enabled {
            self.writing.cannot(format!(
                "v2 cannot switch off a trigger, and {what} is switched off"
            ));
        }
        let (key, text) = match &trigger.kind {
            TriggerKind::Message { criteria } => {
                ("criteria", Value::Object(criteria.clone()).to_string())
            }
            TriggerKind::Cron {
                schedule,
                cursor_job,
            } => {
                if cursor_job.is_some() {
                    self.writing
                        .cannot(format!("v2 has no cursor of another job, which {what} has"));
                }
                ("cron", schedule.text().to_owned())
            }
            TriggerKind::Webhook(_) => {
                self.writing.cannot(format!("v2 has no webhooks, and {what} is one; give it criteria in place of its address"));
                return None;
            }
            TriggerKind::Event { pattern } => ("event", pattern.to_string()),
            TriggerKind::Kafka { .. } => {
                self.writing
                    .cannot(format!("v2 has no Kafka, and {what} reads from it"));
                return None;
            }
        };
        let mut entries = Entries::default();
        entries.put(key, text);
        Some(entries.value())
    }

    fn workflow(&mut self, workflow: &Workflow) {
        let id = &workflow.id;
        if workflow.globals.is_some() {
            self.writing.cannot(format!(
                "v2 has no `globals`, which the workflow `{id}` has"
            ));
        }
        if options(workflow)
            .as_object()
            .is_some_and(|options| !options.is_empty())
        {
            self.writing.cannot(format!("v2 has no limits for a workflow, and `{id}` has some; set them for the project in fonio.toml"));
        }
        if workflow.after_crash == AfterCrash::Stop {
            self.writing.note(format!(
                "v2 follows the edges for failures also after a crash, where `{id}` would stop"
            ));
        }
        if workflow.name != *id {
            self.writing.note(format!(
                "v2 has no names beside ids: `{}` is `{id}`",
                workflow.name
            ));
        }
        for edge in workflow.edges.iter().filter(|edge| !followed(edge)) {
            self.writing.note(format!(
                "the edge from `{}` to `{}` of the workflow `{id}` is never followed, and is left out",
                edge.from.id(),
                edge.to
            ));
        }
        for job in &workflow.jobs {
            self.job(workflow, job);
        }
    }

    fn job(&mut self, workflow: &Workflow, job: &Job) {
        if job.state.is_some() {
            self.writing.cannot(format!(
                "v2 has no `state` of a job, which `{}` has",
                job.key
            ));
        }
        if !job.enabled {
            self.writing.cannot(format!(
                "v2 cannot switch off a job, and `{}` is switched off",
                job.key
            ));
        }
        if job.name != job.id {
            self.writing.note(format!(
                "v2 has no names beside ids: `{}` is `{}`",
                job.name, job.id
            ));
        }
        let before: Vec<&Edge> = workflow
            .edges
            .iter()
            .filter(|edge| edge.to == job.id && followed(edge))
            .collect();
        let trigger = match before.as_slice() {
            [edge] => self.trigger_for(workflow, edge),
            several => {
                let count = several.len();
                self.writing.cannot(format!(
                    "a job of v2 has one edge before it, and `{}` has {count}",
                    job.key
                ));
                None
            }
        };
        let mut entries = Entries::default();
        entries
            .put("expression", job.expression.source.clone())
            .put("adaptor", job.adaptor.to_string())
            .put("trigger", trigger)
            .put("credential", job.credential.clone());
        self.jobs.insert(self.name(job), entries.value());
    }

    fn name(&self, job: &Job) -> String {
        self.names.get(&job.key).unwrap_or(&job.id).clone()
    }

    /// The name of the trigger that stands for this edge, which is made if it is not there.
    fn trigger_for(&mut self, workflow: &Workflow, edge: &Edge) -> Option<String> {
        let what = format!(
            "the edge from `{}` to `{}` of the workflow `{}`",
            edge.from.id(),
            edge.to,
            workflow.id
        );
        let (key, ending) = match (&edge.from, &edge.condition) {
            (Source::Trigger(_), Condition::Always) => return Some(workflow.id.clone()),
            (Source::Job(_), Condition::OnSuccess) => ("success", "succeeds"),
            (Source::Job(_), Condition::OnFailure) => ("failure", "fails"),
            (Source::Job(_), Condition::Always) => {
                self.writing.cannot(format!("v2 follows a job after its success or after its failure, and {what} is for both"));
                return None;
            }
            (_, Condition::JavaScript(_)) => {
                self.writing.cannot(format!(
                    "v2 has no conditions in JavaScript, and {what} has one"
                ));
                return None;
            }
            (Source::Trigger(_), _) | (_, Condition::Never) => {
                self.writing
                    .cannot(format!("{what} has a condition that v2 does not have"));
                return None;
            }
        };
        let upstream = workflow.job(edge.from.id())?;
        let upstream = self.name(upstream);
        let mut entries = Entries::default();
        entries.put(key, upstream.clone());
        let value = entries.value();
        let another = |name: &String| self.triggers.get(name).is_some_and(|there| *there != value);
        let name = unless_taken(&format!("{upstream}-{ending}"), another);
        self.triggers.insert(name.clone(), value);
        Some(name)
    }
}

fn followed(edge: &Edge) -> bool {
    edge.enabled && edge.condition != Condition::Never
}
