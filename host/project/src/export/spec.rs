//! v3.

use serde_json::{Map, Value};

use super::{
    Entries, KEPT_OF_CREDENTIAL, Writing, after_crash, condition, options, starts_by_default,
};
use crate::expression::NOTHING;
use crate::model::{Edge, Job, Project, Source, Workflow};
use crate::naming::unless_taken;

pub(super) fn root(project: &Project, writing: &mut Writing) -> Value {
    let mut root = Entries::default();
    let mut collections = Map::new();
    for name in &project.collections {
        let mut entries = Entries::default();
        entries.put("name", name.clone());
        collections.insert(name.clone(), entries.value());
    }
    let mut workflows = Map::new();
    for workflow in &project.workflows {
        workflows.insert(workflow.id.clone(), self::workflow(workflow, writing));
    }
    // Otherwise it is made of the name again.
    let named = project
        .name
        .as_ref()
        .is_some_and(|name| *name != project.id);
    root.put("id", named.then(|| project.id.clone()));
    root.put(
        "name",
        project.name.clone().unwrap_or_else(|| project.id.clone()),
    )
    .put("description", project.description.clone())
    .put("collections", collections)
    .put("channels", channels(project))
    .put("credentials", credentials(project, writing));
    // Also when there are none: the file is known by this key.
    root.0
        .insert("workflows".to_owned(), Value::Object(workflows));
    root.put_kept(&project.kept, &["openfn"]);
    writing.note_left_out("v3", project, &["openfn", "channels"]);
    root.value()
}

fn credentials(project: &Project, writing: &mut Writing) -> Map<String, Value> {
    let mut credentials = Map::new();
    for (key, credential) in &project.credentials {
        let mut entries = Entries::default();
        entries
            .put("name", credential.title.as_ref().unwrap_or(key).clone())
            .put("owner", credential.owner.clone())
            .put_kept(&credential.kept, KEPT_OF_CREDENTIAL);
        if credential.owner.is_none() {
            writing.note(format!(
                "OpenFn wants an owner for the credential `{key}`: add `owner: …`, the address of its user there"
            ));
        }
        credentials.insert(key.clone(), entries.value());
    }
    credentials
}

/// v4 has them as a list with ids, v3 as a map.
fn channels(project: &Project) -> Value {
    match project.kept.get("channels") {
        Some(Value::Array(list)) => {
            let mut channels = Map::new();
            for (index, channel) in list.iter().enumerate() {
                let mut channel = channel.as_object().cloned().unwrap_or_default();
                let id = channel.shift_remove("id");
                let key = id.and_then(|id| Some(id.as_str()?.to_owned()));
                if let Some(credential) = channel.shift_remove("destination_credential_id") {
                    channel.insert("destination_credential".to_owned(), credential);
                }
                let key = key.unwrap_or_else(|| format!("channel-{}", index + 1));
                channels.insert(key, Value::Object(channel));
            }
            Value::Object(channels)
        }
        other => other.cloned().unwrap_or(Value::Null),
    }
}

fn workflow(workflow: &Workflow, writing: &mut Writing) -> Value {
    if workflow.globals.is_some() {
        writing.cannot(format!(
            "v3 has no `globals`, which the workflow `{}` has",
            workflow.id
        ));
    }
    let mut jobs = Map::new();
    for job in &workflow.jobs {
        jobs.insert(job.id.clone(), self::job(job, writing));
    }
    let mut triggers = Map::new();
    for trigger in &workflow.triggers {
        let mut entries = super::trigger(trigger, "cron_cursor_job", writing);
        entries.put_kept(&trigger.kept, &["openfn"]);
        triggers.insert(trigger.id.clone(), entries.value());
    }
    let mut edges = Map::new();
    for edge in &workflow.edges {
        let name = format!("{}->{}", edge.from.id(), edge.to);
        let key = unless_taken(&name, |key| edges.contains_key(key));
        edges.insert(key, self::edge(edge, writing));
    }
    let mut own = Entries::default();
    own.put("after_crash", after_crash(workflow, writing));
    own.put("options", options(workflow));
    if !starts_by_default(workflow) {
        own.put("start", workflow.start.clone());
    }
    if own.0.contains_key("options") {
        writing.note(format!(
            "v3 has no limits for a workflow: OpenFn does not see those of `{}`; here they count, as the block `fonio` says",
            workflow.id
        ));
    }
    let mut entries = Entries::default();
    entries
        .put("name", workflow.name.clone())
        .put("jobs", jobs)
        .put("triggers", triggers)
        .put("edges", edges)
        .put("fonio", own.value())
        .put_kept(&workflow.kept, &["id", "openfn", "history"]);
    entries.value()
}

fn job(job: &Job, writing: &mut Writing) -> Value {
    if job.state.is_some() {
        writing.cannot(format!(
            "v3 has no `state` of a job, which `{}` has",
            job.key
        ));
    }
    let mut body = job.expression.source.clone();
    if body == NOTHING {
        writing.note(format!(
            "the job `{}`, which does nothing, is written as one that returns its state",
            job.key
        ));
        body = "fn(state => state)".to_owned();
    }
    let mut entries = Entries::default();
    entries
        .put("name", job.name.clone())
        .put("adaptor", job.adaptor.to_string())
        .put("enabled", (!job.enabled).then_some(false))
        .put("credential", job.credential.clone())
        .put("body", body)
        .put_kept(&job.kept, &["id", "openfn"]);
    entries.value()
}

fn edge(edge: &Edge, writing: &mut Writing) -> Value {
    let (word, script) = condition(&edge.condition);
    if script.is_some() && edge.label.is_none() {
        writing.note(format!(
            "OpenFn wants a label for the condition of the edge from `{}` to `{}`: add `condition_label: …`",
            edge.from.id(),
            edge.to
        ));
    }
    let source = match &edge.from {
        Source::Trigger(_) => "source_trigger",
        Source::Job(_) => "source_job",
    };
    let mut entries = Entries::default();
    entries
        .put(source, edge.from.id())
        .put("target_job", edge.to.clone())
        .put("condition_type", word)
        .put("condition_label", edge.label.clone())
        .put("condition_expression", script)
        .put("enabled", edge.enabled)
        .put_kept(&edge.kept, &["id", "openfn"]);
    entries.value()
}
