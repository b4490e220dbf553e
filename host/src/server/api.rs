//! `/api/v1`: what the page and scripts read.

use fonio_project::{Condition, Job, Project, Source, TriggerKind};
use fonio_store::{DataclipId, MessageFilter, MessageId, RunFilter, RunId, StoreError};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Reply, outages};
use crate::clock::next_tick;
use crate::flow::id_of;
use crate::host::Host;
use crate::receiver::webhook_path;

/// Runs or messages in one answer unless `limit` asks for fewer or more.
const ROWS_DEFAULT: usize = 50;
/// The most runs or messages in one answer.
const ROWS_MAX: usize = 500;

/// Routes below `/api/v1/`.
pub async fn get(host: &Host, path: &str, query: Option<&str>) -> Reply {
    let parts: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    let answer = match parts.as_slice() {
        ["project"] => project_now(host).await,
        ["messages"] => messages(host, query).await,
        ["runs"] => runs(host, query).await,
        ["runs", id] => run(host, id).await,
        ["dataclips", id] => dataclip(host, id).await,
        _ => {
            return not_found(
                "the API has project, messages, runs, runs/<id>, runs/<id>/retry, runs/<id>/cancel, dataclips/<id>, session and audit",
            );
        }
    };
    answer
        .unwrap_or_else(|error| Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))
}

fn not_found(why: &str) -> Reply {
    Reply::problem(StatusCode::NOT_FOUND, why)
}

async fn project_now(host: &Host) -> Result<Reply, StoreError> {
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

async fn runs(host: &Host, query: Option<&str>) -> Result<Reply, StoreError> {
    let part = match Part::of(query, "runs", "run") {
        Ok(part) => part,
        Err(refusal) => return Ok(refusal),
    };
    let filter = RunFilter {
        limit: part.limit,
        before: part.before.map(RunId),
    };
    let runs = host.store.runs(filter).await?;
    let runs: Vec<Value> = runs.iter().map(|run| with_ids(json!(run))).collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "runs": runs })))
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

/// People know a job by its id; its key in the store may carry the workflow's.
fn with_ids(mut run: Value) -> Value {
    let workflow = run["workflow"].as_str().unwrap_or_default().to_owned();
    let rename = |holder: &mut Value| {
        if let Some(key) = holder["job"].as_str() {
            holder["job"] = id_of(&workflow, key).to_owned().into();
        }
    };
    rename(&mut run);
    for step in run["steps"].as_array_mut().into_iter().flatten() {
        rename(step);
    }
    run
}

async fn messages(host: &Host, query: Option<&str>) -> Result<Reply, StoreError> {
    let part = match Part::of(query, "messages", "message") {
        Ok(part) => part,
        Err(refusal) => return Ok(refusal),
    };
    let filter = MessageFilter {
        limit: part.limit,
        before: part.before.map(MessageId),
    };
    let messages = host.store.messages(filter).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "messages": messages }),
    ))
}

/// Which part of a list is asked for, newest first.
struct Part {
    limit: usize,
    before: Option<i64>,
}

impl Part {
    fn of(query: Option<&str>, list: &str, one: &str) -> Result<Part, Reply> {
        let mut part = Part {
            limit: ROWS_DEFAULT,
            before: None,
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            match (name.as_ref(), value.parse::<i64>()) {
                ("limit", Ok(limit)) if limit > 0 => {
                    part.limit =
                        usize::try_from(limit).map_or(ROWS_MAX, |limit| limit.min(ROWS_MAX));
                }
                ("before", Ok(id)) => part.before = Some(id),
                _ => {
                    let said = format!(
                        "{list} takes limit (1 to {ROWS_MAX}) and before (a {one}'s id), not {name}={value}"
                    );
                    return Err(Reply::problem(StatusCode::BAD_REQUEST, &said));
                }
            }
        }
        Ok(part)
    }
}

async fn run(host: &Host, id: &str) -> Result<Reply, StoreError> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(not_found("a run's id is a number"));
    };
    Ok(match host.store.run(RunId(id)).await? {
        Some(run) => Reply::json(StatusCode::OK, &with_ids(json!(run))),
        None => not_found("there is no run of that id"),
    })
}

async fn dataclip(host: &Host, id: &str) -> Result<Reply, StoreError> {
    let Ok(id) = id.parse::<i64>() else {
        return Ok(not_found("a dataclip's id is a number"));
    };
    Ok(match host.store.dataclip(DataclipId(id)).await? {
        Some(body) => Reply::json_text(StatusCode::OK, body),
        None => not_found("there is no dataclip of that id"),
    })
}
