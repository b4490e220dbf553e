//! Webhooks as OpenFn has them: each trigger of that type has an address of its own, and its run finds in `state.data`
//! what was sent, and in `state.request` how.

use std::time::Duration;

use fonio_project::{Project, Reply as When, Trigger, TriggerKind, Webhook, Workflow};
use fonio_store::{NewRun, RunId, RunOutcome, RunStatus, StepStatus};
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::door::Door;
use super::{
    intake, message, not_stored, outcome, parse, place_to_wait, put_off, repetition, serving,
};
use crate::fields::Fields;
use crate::flow::{id_of, new_run};
use crate::host::Host;
use crate::runner::now_ms;
use crate::server::Reply;
use crate::turns::turn;

/// How long an answer waits for its run (`webhook_reply: after_completion`). As OpenFn's; clients and proxies seldom wait
/// longer.
const WAIT: Duration = Duration::from_secs(30);

/// Headers that authenticate whoever sent them: no job needs them, and the message is stored.
const KEPT_BACK: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// What stands in a path as it is: the unreserved characters of RFC 3986.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The address of a webhook, wherever one is shown: by the id that it had in OpenFn, where its senders know it by that, else
/// by its workflow's and its own.
pub fn path(workflow: &Workflow, trigger: &Trigger) -> String {
    let plain = |id| utf8_percent_encode(id, PLAIN);
    match trigger.uuid() {
        Some(uuid) => format!("/i/{}", plain(uuid)),
        None => format!("/i/{}/{}", plain(&workflow.id), plain(&trigger.id)),
    }
}

/// `GET`: whether there is such a webhook.
pub fn look(host: &Host, address: &str) -> Reply {
    let live = match serving(host) {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    match usable(&live.project, address) {
        Ok(_) => {
            let message = "This webhook takes messages: send them by POST.";
            Reply::json(StatusCode::OK, &json!({ "message": message }))
        }
        Err(refusal) => refusal,
    }
}

/// `POST`: stores the message, begins the run, and answers at once or when it has ended. A refusal is an `Err`.
pub async fn receive(
    host: &Host,
    address: &str,
    request: Request<Incoming>,
) -> Result<Reply, Reply> {
    let live = serving(host)?;
    let (workflow, trigger, webhook) = usable(&live.project, address)?;
    let (parts, incoming) = request.into_parts();
    let name = format!("{}/{}", workflow.id, trigger.id);
    let proofs = live.project.webhook_proofs(workflow, trigger);
    let knock = Door::new(host, &name, proofs, &parts)?.knock(&parts)?;
    let key = repetition::key(&parts.headers)?;
    let answered = webhook.reply == When::AfterCompletion;
    let due = put_off::not_before(&parts.headers, now_ms(), answered)?;
    let _place = match webhook.reply {
        When::AfterCompletion => Some(place_to_wait(host)?),
        When::BeforeStart => None,
    };
    let bytes = intake::read(&host.intake, incoming).await?;
    knock.judge(&parts.headers, &bytes)?;
    let arrival = live.project.webhook_arrival(workflow, trigger);
    let ordered = live.project.ordering_field(&workflow.id);
    let keys = repetition::seen(arrival)
        .into_iter()
        .chain(ordered)
        .map(str::to_owned)
        .collect();
    let parsed = parse(&parts.headers, bytes, &keys).await?;
    let key = repetition::known_by(key, arrival, &parsed.data);
    let run = NewRun {
        turn: turn(&live.project, &workflow.id, &parsed.data, due),
        ..new_run(workflow, trigger)
    };
    let how = how_it_was_asked(&parts).to_string();
    let message = message(&format!("webhook {name}"), parsed, Some(how.into()), key);
    let accepted = host
        .store
        .accept(message, vec![run])
        .await
        .map_err(|error| not_stored(host, &error))?;
    let Some(run) = accepted.runs.first().copied() else {
        return Err(Reply::problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "no run was begun",
        ));
    };
    let reply = match webhook.reply {
        When::BeforeStart => {
            let status = status(webhook.success_code, StatusCode::OK);
            Reply::json(
                status,
                &json!({ "work_order_id": run.to_string(), "run_id": run.to_string() }),
            )
        }
        When::AfterCompletion => finished(host, webhook, run).await,
    };
    let id = run.to_string();
    let reply = reply
        .header("x-meta-work-order-id", &id)
        .header("x-meta-run-id", &id);
    Ok(repetition::marked(reply, accepted.repeated))
}

/// Whoever asks for what is not there may be a stranger, and learns no address.
fn not_found(address: &str) -> Reply {
    let said = format!(
        "the project has no webhook {address}; the page at / shows the address of each, /i/<workflow>/<trigger> for one"
    );
    Reply::problem(StatusCode::NOT_FOUND, &said)
}

type Usable<'p> = (&'p Workflow, &'p Trigger, &'p Webhook);

fn usable<'p>(project: &'p Project, address: &str) -> Result<Usable<'p>, Reply> {
    let found = project
        .webhook(address)
        .and_then(|(workflow, trigger)| match &trigger.kind {
            TriggerKind::Webhook(webhook) => Some((workflow, trigger, webhook)),
            _ => None,
        });
    let (workflow, trigger, webhook) = found.ok_or_else(|| not_found(address))?;
    if !trigger.enabled {
        let said = format!(
            "the webhook of {} is disabled (`enabled: false`)",
            workflow.id
        );
        return Err(Reply::problem(StatusCode::FORBIDDEN, &said));
    }
    Ok((workflow, trigger, webhook))
}

/// What becomes `state.request`. Of a header or parameter that is there twice, the last counts.
fn how_it_was_asked(parts: &Parts) -> Value {
    let mut headers = Map::new();
    for (name, value) in &parts.headers {
        if !KEPT_BACK.contains(&name.as_str()) {
            headers.insert(
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            );
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    let query: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into()))
        .collect();
    let path: Vec<&str> = parts
        .uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    json!({ "method": parts.method.as_str(), "path": path, "headers": headers, "query_params": query })
}

/// A status that the project file gives, if it is one that a final answer can have.
fn status(wanted: Option<u16>, default: StatusCode) -> StatusCode {
    wanted
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|status| status.as_u16() >= 200)
        .unwrap_or(default)
}

async fn finished(host: &Host, webhook: &Webhook, run: RunId) -> Reply {
    let outcome = match tokio::time::timeout(WAIT, outcome(host, run)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return still_running(run),
    };
    let state = match final_state(host, &outcome).await {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let status = if outcome.status == RunStatus::Succeeded {
        status(webhook.success_code, StatusCode::CREATED)
    } else {
        status(webhook.error_code, StatusCode::INTERNAL_SERVER_ERROR)
    };
    match own_reply(&state, status) {
        Some(own) => own,
        None => Reply::json_text(
            status,
            format!("{{\"data\":{state},\"meta\":{}}}", meta(&outcome)),
        ),
    }
}

/// The message must not be sent again, so this is no 503.
fn still_running(run: RunId) -> Reply {
    let said = format!(
        "the message is stored and run {run} goes on, but it did not end within {} s: do not send it again",
        WAIT.as_secs()
    );
    Reply::problem(StatusCode::GATEWAY_TIMEOUT, &said)
}

/// As JSON text: it may nest deeper than it could be parsed.
async fn final_state(host: &Host, outcome: &RunOutcome) -> Result<String, Reply> {
    let Some(output) = outcome.output else {
        return Ok("null".to_owned());
    };
    match host.store.dataclip(output).await {
        Ok(body) => {
            Ok(String::from_utf8_lossy(&body.unwrap_or_else(|| b"null".to_vec())).into_owned())
        }
        Err(error) => {
            let said = format!("the run has ended, but its final state cannot be read: {error}");
            Err(Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, &said))
        }
    }
}

fn meta(outcome: &RunOutcome) -> Value {
    let id = outcome.run.to_string();
    let failed = outcome
        .steps
        .iter()
        .rev()
        .find(|step| step.status == StepStatus::Failed);
    let failed = failed.filter(|_| outcome.status == RunStatus::Failed);
    json!({
        "work_order_id": id,
        "run_id": id,
        "state": if outcome.status == RunStatus::Succeeded { "success" } else { "failed" },
        "failed_step": failed.map(|step| id_of(&outcome.workflow, &step.job)),
    })
}

/// The answer that a job wrote itself: `state.webhookResponse = { status, body }`.
fn own_reply(state: &str, default: StatusCode) -> Option<Reply> {
    let own = Fields::of(state)?
        .get("webhookResponse")
        .and_then(Fields::of)?;
    let wanted = own
        .get("status")
        .and_then(|status| status.parse::<u16>().ok());
    let body = own.get("body").unwrap_or("null").to_owned();
    Some(Reply::json_text(status(wanted, default), body))
}
