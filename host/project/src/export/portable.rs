//! v4.

use serde_json::{Map, Value};

use super::{Entries, KEPT_OF_CREDENTIAL, Writing, after_crash, condition, name_beside, options};
use crate::expression::NOTHING;
use crate::model::{Edge, Job, Project, Source, Workflow};

const VERSION: &str = "4.0";
/// Of what was kept of a project, what v4 has as it is.
const KEPT: &[&str] = &["openfn", "options", "sandbox", "history"];

pub(super) fn root(project: &Project, writing: &mut Writing) -> Value {
    let workflows: Vec<Value> = project
        .workflows
        .iter()
        .map(|workflow| {
            let inline = |job: &Job| Some(job.expression.source.clone());
            let globals = workflow
                .globals
                .as_ref()
                .map(|globals| globals.source.clone());
            self::workflow(project, workflow, &inline, globals, writing)
        })
        .collect();
    around(project, workflows, writing)
}

/// The project but for its workflows.
pub(super) fn around(project: &Project, workflows: Vec<Value>, writing: &mut Writing) -> Value {
    writing.note_left_out("v4", project, &[KEPT, &["channels"]].concat());
    let credentials: Vec<Value> = project
        .credentials
        .values()
        .map(|credential| {
            let mut entries = Entries::default();
            let name = credential.title.as_ref().unwrap_or(&credential.name);
            entries
                .put("owner", credential.owner.clone())
                .put("name", name.clone())
                .put_kept(&credential.kept, KEPT_OF_CREDENTIAL);
            entries.value()
        })
        .collect();
    let mut root = Entries::default();
    root.put("id", project.id.clone())
        .put(
            "name",
            project.name.clone().unwrap_or_else(|| project.id.clone()),
        )
        .put("schema_version", VERSION)
        .put("description", project.description.clone())
        .put("collections", project.collections.clone())
        .put("channels", channels(project))
        .put("credentials", credentials)
        .put_list("workflows", workflows)
        .put_kept(&project.kept, KEPT);
    root.value()
}

/// v3 has them as a map, v4 as a list with ids.
fn channels(project: &Project) -> Value {
    match project.kept.get("channels") {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(id, channel)| {
                let mut entries = Map::new();
                entries.insert("id".to_owned(), id.clone().into());
                for (key, value) in channel.as_object().into_iter().flatten() {
                    let key = match key.as_str() {
                        "destination_credential" => "destination_credential_id",
                        other => other,
                    };
                    entries.insert(key.to_owned(), value.clone());
                }
                Value::Object(entries)
            })
            .collect(),
        other => other.cloned().unwrap_or(Value::Null),
    }
}

/// `expression` gives what stands for a job's code, `globals` for the workflow's.
pub(super) fn workflow(
    project: &Project,
    workflow: &Workflow,
    expression: &dyn Fn(&Job) -> Option<String>,
    globals: Option<String>,
    writing: &mut Writing,
) -> Value {
    let mut steps = Vec::new();
    for trigger in &workflow.triggers {
        let id = trigger_id(workflow, &trigger.id);
        if id != trigger.id {
            writing.note(format!(
                "the trigger `{}` of the workflow `{}` is called `{id}`, because a job has its name",
                trigger.id, workflow.id
            ));
        }
        let mut entries = Entries::default();
        entries.put("id", id);
        let shared = super::trigger(trigger, "cron_cursor_job_id", writing);
        entries.0.extend(shared.0);
        entries
            .put(
                "next",
                next(workflow, &Source::Trigger(trigger.id.clone()), writing),
            )
            .put_kept(&trigger.kept, &["name", "openfn"]);
        steps.push(entries.value());
    }
    for job in &workflow.jobs {
        steps.push(self::job(project, workflow, job, expression, writing));
    }
    let start = workflow
        .start
        .as_ref()
        .map(|start| match workflow.trigger(start) {
            Some(trigger) => trigger_id(workflow, &trigger.id),
            None => start.clone(),
        });
    let mut own = Entries::default();
    own.put("after_crash", after_crash(workflow, writing));
    let mut entries = Entries::default();
    entries
        .put("id", workflow.id.clone())
        .put("name", name_beside(&workflow.id, &workflow.name))
        .put("start", start)
        .put("options", options(workflow))
        .put("globals", globals)
        .put("fonio", own.value())
        .put_list("steps", steps)
        .put_kept(&workflow.kept, &["openfn", "history"]);
    entries.value()
}

/// Triggers and jobs share one list in v4, and so one set of ids.
fn trigger_id(workflow: &Workflow, id: &str) -> String {
    if workflow.job(id).is_some() {
        format!("{id}-trigger")
    } else {
        id.to_owned()
    }
}

fn job(
    project: &Project,
    workflow: &Workflow,
    job: &Job,
    expression: &dyn Fn(&Job) -> Option<String>,
    writing: &mut Writing,
) -> Value {
    if !job.enabled {
        writing.note(format!(
            "v4 cannot switch off a job: the edges to `{}` are switched off",
            job.key
        ));
    }
    let code = (job.expression.source != NOTHING).then(|| expression(job));
    let mut entries = Entries::default();
    entries
        .put("id", job.id.clone())
        .put("name", name_beside(&job.id, &job.name))
        .put("adaptor", job.adaptor.to_string())
        .put("enabled", (!job.enabled).then_some(false))
        .put("expression", code.flatten())
        .put("configuration", credential(project, job));
    if let Some(state) = &job.state {
        let mut state = state.clone();
        // A credential in all but name.
        state.remove("configuration");
        entries.0.insert("state".to_owned(), Value::Object(state));
    }
    entries
        .put(
            "next",
            next(workflow, &Source::Job(job.id.clone()), writing),
        )
        .put_kept(&job.kept, &["openfn"]);
    entries.value()
}

/// `owner|name`, or the name of one without an owner.
fn credential(project: &Project, job: &Job) -> Option<String> {
    let key = job.credential.as_ref()?;
    let credential = project.credentials.get(key);
    let named = credential.and_then(|credential| {
        let title = credential.title.as_ref()?;
        Some(match &credential.owner {
            Some(owner) => format!("{owner}|{title}"),
            // Its key is v3's alone.
            None => title.clone(),
        })
    });
    Some(named.unwrap_or_else(|| key.clone()))
}

/// Edges as short as they can be: `true`, a condition, or a map.
fn next(workflow: &Workflow, from: &Source, writing: &mut Writing) -> Value {
    let mut next = Map::new();
    for edge in workflow.edges.iter().filter(|edge| edge.from == *from) {
        let off = !edge.enabled || workflow.job(&edge.to).is_some_and(|job| !job.enabled);
        let written = self::edge(edge, off);
        if next.insert(edge.to.clone(), written).is_some() {
            writing.cannot(format!(
                "v4 has one edge from a step to another, and the workflow `{}` has two from `{}` to `{}`",
                workflow.id,
                from.id(),
                edge.to
            ));
        }
    }
    Value::Object(next)
}

fn edge(edge: &Edge, off: bool) -> Value {
    let condition: Value = match condition(&edge.condition) {
        ("always", None) => true.into(),
        ("never", None) => false.into(),
        (word, None) => word.into(),
        (_, Some(script)) => script.into(),
    };
    if !off && edge.label.is_none() && edge.kept.is_empty() {
        return condition;
    }
    let mut entries = Entries::default();
    let condition = match condition {
        Value::Bool(true) => "always".into(),
        other => other,
    };
    entries
        .put("condition", condition)
        .put("label", edge.label.clone())
        .put("disabled", off.then_some(true))
        .put_kept(&edge.kept, &["id", "openfn"]);
    entries.value()
}
