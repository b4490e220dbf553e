//! `/api/v1`: what the page and scripts read, but for runs ([`super::runs`]).

use fonio_project::{Condition, Job, Project, Source, TriggerKind};
use fonio_store::{DataclipId, MessageFilter, MessageId, StoreError, StoredMessage};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Reply, filter, outages};
use crate::clock::next_tick;
use crate::host::Host;
use crate::receiver::webhook_path;

fn not_found(why: &str) -> Reply {
    Reply::problem(StatusCode::NOT_FOUND, why)
}

/// What is served, what is wrong with it, and which systems are out.
pub async fn project_now(host: &Host) -> Result<Reply, StoreError> {
    let mut shown = project(host);
    shown["breakers"] = outages::shown(host).await?.into();
    Ok(Reply::json(StatusCode::OK, &shown))
}

fn project(host: &Host) -> Value {
    let problems = host.problems();
    let Some(live) = host.live() else {
        return json!({ "ready": false, "jobs": [], "triggers": [], "adaptors": [], "problems": *problems });
    };
    let now = crate::runner::now_ms();
    let jobs = live.project.jobs().map(|job| {
        let loaded = live.job(&job.key);
        let failure = loaded.and_then(|job| job.ready().err());
        json!({
            "name": job.id,
            "workflow": job.workflow,
            "adaptor": job.adaptor.to_string(),
            "enabled": job.enabled,
            "file": job.expression.file,
            "starts_on": starts_on(&live.project, job),
            "loaded": failure.is_none(),
            "outdated": loaded.is_some_and(|job| job.outdated),
            "error": failure.map(|failure| failure.message),
        })
    });
    let triggers = live.project.triggers().map(|(workflow, trigger)| {
        let mut shown =
            json!({ "name": trigger.id, "workflow": workflow.id, "enabled": trigger.enabled });
        match &trigger.kind {
            TriggerKind::Message { criteria } => {
                shown["type"] = "message".into();
                shown["criteria"] = Value::Object(criteria.clone());
            }
            TriggerKind::Cron { schedule, .. } => {
                shown["type"] = "cron".into();
                shown["cron"] = schedule.text().into();
                shown["time_zone"] = schedule.zone().name().into();
                let next_ms = next_tick(&live.project, workflow, trigger, now);
                shown["next_ms"] = json!(next_ms.filter(|_| trigger.enabled));
            }
            TriggerKind::Webhook(_) => {
                shown["type"] = "webhook".into();
                let path = host.prefix() + &webhook_path(workflow, trigger);
                shown["path"] = path.into();
            }
            TriggerKind::Event { pattern } => {
                shown["type"] = "event".into();
                shown["event"] = pattern.to_string().into();
            }
            TriggerKind::Kafka { .. } => shown["type"] = "kafka".into(),
        }
        shown
    });
    let adaptors = live.adaptors().all.iter().map(|loaded| {
        let description = loaded.adaptor.description();
        json!({
            "name": loaded.short_name(),
            "version": description.version,
            "answers_to": description.answers_to,
            "file": loaded.file,
        })
    });
    json!({
        "ready": true,
        "id": live.project.id,
        "inbox": host.prefix() + "/inbox",
        "jobs": jobs.collect::<Vec<_>>(),
        "triggers": triggers.collect::<Vec<_>>(),
        "adaptors": adaptors.collect::<Vec<_>>(),
        "problems": *problems,
    })
}

/// The edges that lead to a job, in words.
fn starts_on(project: &Project, job: &Job) -> Vec<String> {
    let Some(workflow) = project.workflow_of(job) else {
        return Vec::new();
    };
    let leads_here = workflow.edges.iter().filter(|edge| edge.to == job.id);
    leads_here
        .map(|edge| {
            let words = match (&edge.from, &edge.condition) {
                (Source::Trigger(trigger), Condition::JavaScript(condition)) => {
                    format!("{trigger}, if {}", condition.source.trim())
                }
                (Source::Trigger(trigger), _) => trigger.clone(),
                (Source::Job(job), Condition::Always) => format!("end of {job}"),
                (Source::Job(job), Condition::OnSuccess) => format!("success of {job}"),
                (Source::Job(job), Condition::OnFailure) => format!("failure of {job}"),
                (Source::Job(job), Condition::Never) => format!("never ({job}: no condition)"),
                (Source::Job(job), Condition::JavaScript(condition)) => {
                    format!("end of {job}, if {}", condition.source.trim())
                }
            };
            if edge.enabled {
                words
            } else {
                format!("{words} (disabled)")
            }
        })
        .collect()
}

/// Those that the query asks for, newest first.
pub async fn messages(host: &Host, query: Option<&str>) -> Result<Reply, StoreError> {
    let filter = match filter::of_messages(query.unwrap_or_default()) {
        Ok(filter) => filter,
        Err(said) => return Ok(Reply::problem(StatusCode::BAD_REQUEST, &said)),
    };
    let found = host.store.messages(filter).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "messages": found.messages, "next": found.next }),
    ))
}

/// One message, whole.
pub async fn message(host: &Host, id: &str) -> Result<Reply, StoreError> {
    let Ok(id) = id.parse::<MessageId>() else {
        return Ok(not_found("a message's id is a number"));
    };
    let found = host.store.message(id).await?;
    // The one before the next: the runs that it started are in the list alone.
    let filter = MessageFilter {
        limit: 1,
        before: Some(MessageId(id.0.saturating_add(1))),
        ..MessageFilter::default()
    };
    let listed = host.store.messages(filter).await?.messages.pop();
    let (Some(found), Some(summary)) = (found, listed.filter(|listed| listed.id == id)) else {
        return Ok(not_found("there is no message of that id"));
    };
    let StoredMessage { message, .. } = found;
    let whole = Whole {
        summary,
        body: as_it_is(message.body),
        request: message.request.and_then(as_it_is),
    };
    Ok(Reply::json(StatusCode::OK, &whole))
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    summary: fonio_store::MessageSummary,
    body: Option<Box<RawValue>>,
    request: Option<Box<RawValue>>,
}

/// JSON that goes out as it was stored.
fn as_it_is(json: Vec<u8>) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(json).ok()?).ok()
}

/// A stored state.
pub async fn dataclip(host: &Host, id: &str) -> Result<Reply, StoreError> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(not_found("a dataclip's id is a number"));
    };
    Ok(match host.store.dataclip(DataclipId(id)).await? {
        Some(body) => Reply::json_text(StatusCode::OK, body),
        None => not_found("there is no dataclip of that id"),
    })
}
