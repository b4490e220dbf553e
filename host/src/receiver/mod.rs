//! The inbox and the webhooks: a message is stored before it is acknowledged, and every trigger that matches it starts a
//! run.

mod body;
mod door;
mod form;
pub(crate) mod glance;
pub(crate) mod intake;
mod put_off;
mod repetition;
mod webhook;
mod xml;
mod xml_shape;

use std::collections::BTreeSet;

use fonio_project::{EndpointStyle, INBOX};
use fonio_store::{MessageKey, NewMessage, NewRun, RunId, RunOutcome, StoreError};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::{Bytes, Incoming};
use serde::Serialize;
use serde_json::json;
use tokio::sync::SemaphorePermit;

use crate::flow::{id_of, new_run};
use crate::host::{Figures, Host};
use crate::live::Live;
use crate::runner::now_ms;
use crate::server::Reply;
use crate::tenants::exhausted;
use crate::turns::turn;
use door::Door;

pub use body::{BodyError, Parsed, parse as parse_body};
pub use intake::Intake;
pub use webhook::path as webhook_path;

/// `POST /inbox`.
pub async fn inbox(host: &Host, request: Request<Incoming>) -> Reply {
    counted(host, receive(host, request).await)
}

/// `POST` and `GET /i/<webhook>`.
pub async fn webhook(host: &Host, address: &str, request: Request<Incoming>) -> Reply {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return webhook::look(host, address);
    }
    counted(host, webhook::receive(host, address, request).await)
}

/// A refusal is an `Err`.
fn counted(host: &Host, answer: Result<Reply, Reply>) -> Reply {
    match answer {
        Ok(reply) => {
            Figures::count(&host.figures.accepted);
            reply
        }
        Err(refusal) => {
            Figures::count(&host.figures.refused);
            refusal
        }
    }
}

async fn receive(host: &Host, request: Request<Incoming>) -> Result<Reply, Reply> {
    let live = serving(host)?;
    let (parts, incoming) = request.into_parts();
    let knock = Door::new(host, INBOX, live.project.inbox_proofs(), &parts)?.knock(&parts)?;
    let key = repetition::key(&parts.headers)?;
    let answered = live.project.environment.endpoint_style == EndpointStyle::Sync;
    let due = put_off::not_before(&parts.headers, now_ms(), answered)?;
    let _place = match live.project.environment.endpoint_style {
        EndpointStyle::Sync => Some(place_to_wait(host)?),
        EndpointStyle::Async => None,
    };
    let bytes = intake::read(&host.intake, incoming).await?;
    knock.judge(&parts.headers, &bytes)?;
    let parsed = parse(&parts.headers, bytes, &live.looked_at).await?;
    let starts = live.project.starts_for_message(&parsed.data);
    let matched: Vec<NewRun> = starts
        .iter()
        .map(|start| NewRun {
            turn: turn(&live.project, &start.workflow.id, &parsed.data, due),
            ..new_run(start.workflow, start.trigger)
        })
        .collect();
    let names: Vec<String> = matched.iter().flat_map(names_of_first).collect();
    let first: Vec<usize> = matched.iter().map(|run| run.first.len()).collect();
    let arrival = live.project.settings.inbox_arrival();
    let key = repetition::known_by(key, arrival, &parsed.data);
    let message = message("inbox", parsed, None, key);
    let accepted = host
        .store
        .accept(message, matched)
        .await
        .map_err(|error| not_stored(host, &error))?;
    let repeated = accepted.repeated;
    let reply = match live.project.environment.endpoint_style {
        EndpointStyle::Async => Reply::json(StatusCode::ACCEPTED, &Begun::new(&names)),
        EndpointStyle::Sync => {
            let runs: Vec<(RunId, usize)> = accepted.runs.into_iter().zip(first).collect();
            finished(host, &runs).await
        }
    };
    Ok(repetition::marked(reply, repeated))
}

fn names_of_first(run: &NewRun) -> impl Iterator<Item = String> {
    run.first
        .iter()
        .map(|first| id_of(&run.workflow, &first.job).to_owned())
}

/// What arrived, as it is stored.
fn message(
    source: &str,
    parsed: Parsed,
    request: Option<Vec<u8>>,
    key: Option<MessageKey>,
) -> NewMessage {
    NewMessage {
        source: source.to_owned(),
        content_type: parsed.content_type,
        body: parsed.json.into(),
        raw: parsed.original.map(Vec::from),
        request,
        key,
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
    if host.is_stopping() {
        return Err(Reply::later(
            "the host is shutting down; nothing of this message was kept",
        ));
    }
    host.live().ok_or_else(|| {
        Reply::later(
            "the project cannot be loaded, so nothing is accepted; GET /api/v1/project says why",
        )
    })
}

async fn parse(
    headers: &HeaderMap,
    bytes: Bytes,
    keys: &BTreeSet<String>,
) -> Result<Parsed, Reply> {
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

fn not_stored(host: &Host, error: &StoreError) -> Reply {
    let said = format!("the message was not accepted: {error}");
    if let StoreError::KeyTaken { .. } = error {
        return Reply::problem(StatusCode::UNPROCESSABLE_ENTITY, &said);
    }
    if let StoreError::Full { stored, .. } = error {
        let said = match host.ration.quota() {
            Some(quota) => {
                let used = format!("{:.1} MiB are stored", *stored as f64 / f64::from(1 << 20));
                exhausted("stored", &quota, &used)
            }
            None => said,
        };
        return Reply::problem(StatusCode::INSUFFICIENT_STORAGE, &said);
    }
    Reply::later(&said)
}

/// A place among those that wait for their runs before they are answered. They hold a connection each, and whoever does
/// not wait, `/health` among them, needs some too.
fn place_to_wait(host: &Host) -> Result<SemaphorePermit<'_>, Reply> {
    host.waiting.try_acquire().map_err(|_| {
        let said = format!(
            "{WAITING_MAX} requests wait for their runs already, which is the most; nothing of this message was kept"
        );
        Reply::later(&said)
    })
}

/// Requests that wait for their runs: half of all connections.
pub const WAITING_MAX: usize = 512;

/// The sender must not send again, and must not wait either.
fn stored_but_stopping() -> Reply {
    let said = "the host is shutting down; the message is stored, and its jobs run when the host is back: do not send it again";
    Reply::problem(StatusCode::SERVICE_UNAVAILABLE, said)
}

/// Waits for a run to end.
async fn outcome(host: &Host, run: RunId) -> Result<RunOutcome, Reply> {
    let finished = tokio::select! {
        finished = host.store.run_finished(run) => finished,
        () = host.stopping() => return Err(stored_but_stopping()),
    };
    finished.map_err(|error| {
        let said = format!(
            "the message is stored and its jobs will run, but this reply could not wait for them: {error}"
        );
        Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &said)
    })
}

/// Waits for every run to end: 201 when all passed, 206 when any failed, 200 when there was none. With each run comes
/// how many steps it began with: those are the matched jobs, and what they start in turn does not count for this reply.
async fn finished(host: &Host, runs: &[(RunId, usize)]) -> Reply {
    let mut jobs = Vec::new();
    for (run, first) in runs {
        let outcome = match outcome(host, *run).await {
            Ok(outcome) => outcome,
            Err(refusal) => return refusal,
        };
        for step in outcome.steps.iter().take(*first) {
            let log: Vec<&str> = step.log.iter().map(|line| line.message.as_str()).collect();
            let job = id_of(&outcome.workflow, &step.job);
            jobs.push(json!({ "job": job, "log": log, "exit_code": step.exit_code }));
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
