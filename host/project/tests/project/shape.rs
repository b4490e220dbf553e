//! A project as plain values, without its places: what two formats of one project have in common.

use fonio_project::{
    AfterCrash, Condition, Edge, Job, Project, Reply, Source, Trigger, TriggerKind, Workflow,
};
use serde_json::{Value, json};

/// Everything that a run goes by, and everything that people read.
pub fn of(project: &Project) -> Value {
    let workflows: Vec<Value> = project.workflows.iter().map(workflow).collect();
    json!({
        "id": project.id,
        "description": project.description,
        "collections": project.collections,
        "credentials": project.credentials.values().map(|credential| json!({
            "name": credential.name,
            "owner": credential.owner,
        })).collect::<Vec<_>>(),
        "workflows": workflows,
    })
}

fn workflow(workflow: &Workflow) -> Value {
    json!({
        "id": workflow.id,
        "name": workflow.name,
        "start": workflow.start,
        "timeout_ms": workflow.options.timeout.map(|timeout| timeout.as_millis().to_string()),
        "memory_bytes": workflow.options.memory_bytes,
        "globals": workflow.globals.as_ref().map(|globals| &globals.source),
        "after_crash": match workflow.after_crash {
            AfterCrash::Continue => "continue",
            AfterCrash::Stop => "stop",
        },
        "triggers": workflow.triggers.iter().map(trigger).collect::<Vec<_>>(),
        "jobs": workflow.jobs.iter().map(job).collect::<Vec<_>>(),
        "edges": edges(&workflow.edges),
    })
}

fn trigger(trigger: &Trigger) -> Value {
    let kind = match &trigger.kind {
        TriggerKind::Message { criteria } => json!({"criteria": criteria}),
        TriggerKind::Cron {
            schedule,
            cursor_job,
        } => json!({"cron": schedule.text(), "cursor_job": cursor_job}),
        TriggerKind::Webhook(webhook) => json!({
            "waits": webhook.reply == Reply::AfterCompletion,
            "codes": [webhook.success_code, webhook.error_code],
        }),
        TriggerKind::Event { pattern } => json!({"event": pattern.to_string()}),
        TriggerKind::Kafka { configuration } => json!({"kafka": configuration}),
    };
    json!({"id": trigger.id, "enabled": trigger.enabled, "kind": kind, "uuid": trigger.uuid()})
}

fn job(job: &Job) -> Value {
    json!({
        "id": job.id,
        "name": job.name,
        "enabled": job.enabled,
        "code": job.expression.source,
        "adaptor": job.adaptor.to_string(),
        "credential": job.credential,
        "state": job.state,
    })
}

/// By where they come from and in the order of the file, which is all that the order of edges says.
fn edges(edges: &[Edge]) -> Vec<Value> {
    let mut edges: Vec<&Edge> = edges.iter().collect();
    edges.sort_by_key(|edge| edge.from.clone());
    edges.into_iter().map(edge).collect()
}

fn edge(edge: &Edge) -> Value {
    let from = match &edge.from {
        Source::Trigger(id) => format!("trigger {id}"),
        Source::Job(id) => format!("job {id}"),
    };
    let condition = match &edge.condition {
        Condition::Always => "always",
        Condition::OnSuccess => "success",
        Condition::OnFailure => "failure",
        Condition::Never => "never",
        Condition::JavaScript(expression) => &expression.source,
    };
    json!([from, edge.to, condition, edge.label, edge.enabled])
}
