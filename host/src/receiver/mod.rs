//! The inbox: a message is stored before it is acknowledged, and every trigger that matches it starts a run.

mod body;
mod form;
mod glance;
mod intake;
mod xml;
mod xml_shape;

use std::collections::BTreeSet;

use fonio_project::EndpointStyle;
use fonio_store::{FirstStep, NewMessage, StoreError};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::{Bytes, Incoming};
use serde::Serialize;
use serde_json::json;

use crate::host::{Figures, Host};
use crate::live::Live;
use crate::server::Reply;
use body::{BodyError, Parsed};

pub use intake::Intake;

/// `POST /inbox`.
pub async fn inbox(host: &Host, request: Request<Incoming>) -> Reply {
    let reply = match receive(host, request).await {
        Ok(reply) => {
            Figures::count(&host.figures.accepted);
            return reply;
        }
        Err(reply) => reply,
    };
    Figures::count(&host.figures.refused);
    reply
}

/// A refusal is an `Err`.
async fn receive(host: &Host, request: Request<Incoming>) -> Result<Reply, Reply> {
    let live = serving(host)?;
    let (parts, incoming) = request.into_parts();
    let bytes = intake::read(&host.intake, incoming).await?;
    let parsed = parse(&parts.headers, bytes, &live.criteria_keys()).await?;
    let matched: Vec<FirstStep> = live
        .project
        .jobs_matching(&parsed.data)
        .iter()
        .map(|job| FirstStep {
            trigger: job.trigger.clone(),
            job: job.name.clone(),
        })
        .collect();
    let names: Vec<String> = matched.iter().map(|first| first.job.clone()).collect();
    let message = NewMessage {
        source: "inbox".to_owned(),
        content_type: parsed.content_type,
        body: parsed.json.into(),
        raw: parsed.original.map(Vec::from),
    };
    let accepted = host
        .store
        .accept(message, matched)
        .await
        .map_err(|error| not_stored(&error))?;
    match live.project.environment.endpoint_style {
        EndpointStyle::Async => Ok(Reply::json(StatusCode::ACCEPTED, &Begun::new(&names))),
        EndpointStyle::Sync => Ok(finished(host, &accepted.runs).await),
    }
}

/// OpenFn/microservice's reply to a message, word for word.
#[derive(Serialize)]
struct Begun<'a> {
    meta: Meta,
    /// The jobs that matched.
    data: &'a [String],
    errors: [(); 0],
}

#[derive(Serialize)]
struct Meta {
    message: &'static str,
}

impl Begun<'_> {
    fn new(data: &[String]) -> Begun<'_> {
        let meta = Meta {
            message: "Data accepted and processing has begun.",
        };
        Begun {
            meta,
            data,
            errors: [],
        }
    }
}

fn serving(host: &Host) -> Result<std::sync::Arc<Live>, Reply> {
    let unavailable = |why: &str| {
        Reply::problem(StatusCode::SERVICE_UNAVAILABLE, why).header("retry-after", "10")
    };
    if host.is_stopping() {
        return Err(unavailable(
            "the host is shutting down; nothing of this message was kept",
        ));
    }
    host.live().ok_or_else(|| {
        unavailable(
            "the project cannot be loaded, so nothing is accepted; GET /api/v1/project says why",
        )
    })
}

async fn parse(headers: &HeaderMap, bytes: Bytes, keys: &BTreeSet<&str>) -> Result<Parsed, Reply> {
    body::parse(headers, bytes, keys).await.map_err(|error| {
        let status = match error {
            BodyError::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BodyError::Json(_)
            | BodyError::TooManyFields
            | BodyError::Xml(_)
            | BodyError::Multipart(_)
            | BodyError::Encoding(_) => StatusCode::BAD_REQUEST,
        };
        Reply::problem(status, &error.to_string())
    })
}

fn not_stored(error: &StoreError) -> Reply {
    let said = format!("the message was not accepted: {error}");
    Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &said).header("retry-after", "10")
}

/// The sender must not send again, and must not wait either.
fn stored_but_stopping() -> Reply {
    let said = "the host is shutting down; the message is stored, and its jobs run when the host is back: do not send it again";
    Reply::problem(StatusCode::SERVICE_UNAVAILABLE, said)
}

/// Waits for every run to end: 201 when all passed, 206 when any failed, 200 when there was none.
async fn finished(host: &Host, runs: &[fonio_store::RunId]) -> Reply {
    let mut jobs = Vec::new();
    for run in runs {
        let finished = tokio::select! {
            finished = host.store.run_finished(*run) => finished,
            () = host.stopping() => return stored_but_stopping(),
        };
        let outcome = match finished {
            Ok(outcome) => outcome,
            Err(error) => {
                let said = format!(
                    "the message is stored and its jobs will run, but this reply could not wait for them: {error}"
                );
                return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &said);
            }
        };
        // The matched job is the run's first step; what it starts in turn does not count for this reply.
        if let Some(first) = outcome.steps.first() {
            let log: Vec<&str> = first.log.iter().map(|line| line.message.as_str()).collect();
            jobs.push(json!({ "job": first.job, "log": log, "exit_code": first.exit_code }));
        }
    }
    let success = jobs.iter().all(|job| job["exit_code"] == 0);
    let status = match (jobs.is_empty(), success) {
        (true, _) => StatusCode::OK,
        (false, true) => StatusCode::CREATED,
        (false, false) => StatusCode::PARTIAL_CONTENT,
    };
    let match_count = jobs.len();
    Reply::json(
        status,
        &json!({ "jobs": jobs, "success": success, "match_count": match_count }),
    )
}
