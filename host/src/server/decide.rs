//! What a person decides about a run: `POST /api/v1/runs/<id>/retry` and `/cancel`.

use fonio_access::{Event, Principal, What};
use fonio_store::{
    AgainFrom, AgainInput, RunDetail, RunId, StepDetail, StepId, StepState, StoreError,
};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Reply;
use super::peer::Peer;
use crate::flow;
use crate::host::Host;
use crate::live::Live;
use crate::receiver::intake;

/// What is asked for with a retry; all of it may be left out. What may be large is kept as it was sent: a document of
/// small values takes dozens of times its size once it is taken apart.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// Without it: from the step that failed, or from the start where none did.
    from: Option<Box<RawValue>>,
    /// The state to start from, in place of the one it started from.
    input: Option<Box<RawValue>>,
}

/// Where to begin.
enum From {
    Failed,
    Start,
    Step(StepId),
}

impl Wanted {
    fn from(&self) -> Result<From, Reply> {
        match self.from.as_deref().map(RawValue::get) {
            None => Ok(From::Failed),
            Some("\"start\"") => Ok(From::Start),
            Some(number) => number
                .parse()
                .map(From::Step)
                .map_err(|_| wrong("`from` is \"start\" or the number of a step")),
        }
    }
}

/// Which run, and what is to be done with it. None for other paths.
pub fn is_here(path: &str) -> Option<(&str, &str)> {
    let (id, what) = path.strip_prefix("/api/v1/runs/")?.split_once('/')?;
    matches!(what, "retry" | "cancel").then_some((id, what))
}

/// Does it, and writes down who had it done.
pub async fn answer(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    (id, what): (&str, &str),
    request: Request<Incoming>,
) -> Reply {
    let Ok(id) = id.parse::<RunId>() else {
        return Reply::problem(StatusCode::NOT_FOUND, "a run's id is a number");
    };
    let (what, done) = match what {
        "retry" => (What::Retry, retry(host, id, request).await),
        _ => (What::Cancel, cancel(host, id).await),
    };
    match done {
        Ok((reply, detail)) => {
            let who = principal.who().to_string();
            let (subject, tenant) = (format!("run {id}"), host.name().to_owned());
            let event = Event::new(&who, what).in_tenant(&tenant);
            if let Err(error) = peer.doors.access.record(&event.of(&subject, &detail)) {
                tracing::error!(%error, "what was decided about a run could not be written into the audit log");
            }
            reply
        }
        Err(refusal) => refusal,
    }
}

async fn cancel(host: &Host, id: RunId) -> Result<(Reply, String), Reply> {
    let cancelled = host.store.cancel(id).await.map_err(refused)?;
    // Its step may be under way here. On another host that shares the store it goes on to its end, and leaves nothing.
    let _ = host.cancelled.send(id);
    let reply = Reply::json(StatusCode::OK, &json!({ "cancelled": cancelled }));
    Ok((reply, "cancelled".to_owned()))
}

async fn retry(
    host: &Host,
    id: RunId,
    request: Request<Incoming>,
) -> Result<(Reply, String), Reply> {
    let live = host.live().ok_or_else(|| {
        Reply::problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "there is no project to run it with yet",
        )
    })?;
    let run = host.store.run(id).await.map_err(refused)?;
    let run = run.ok_or_else(|| refused(StoreError::NoSuchRun { run: id }))?;
    let wanted = wanted(host, request).await?;
    let (first, detail) = first_steps(&live, &run, wanted)?;
    let again = host.store.run_again(id, first).await.map_err(refused)?;
    let reply = Reply::json(StatusCode::CREATED, &json!({ "run_id": again }));
    Ok((reply, format!("{detail}, as run {again}")))
}

/// Where the new run begins, and that in words.
fn first_steps(
    live: &Live,
    run: &RunDetail,
    wanted: Wanted,
) -> Result<(Vec<AgainFrom>, String), Reply> {
    let failed = || {
        run.steps
            .iter()
            .rev()
            .find(|step| step.status == StepState::Failed)
    };
    let step = match wanted.from()? {
        From::Step(id) => Some(run.steps.iter().find(|step| step.id == id).ok_or_else(|| {
            let said = format!("run {} has no step {id}", run.run.id);
            Reply::problem(StatusCode::NOT_FOUND, &said)
        })?),
        From::Start => None,
        From::Failed => failed(),
    };
    let edited = wanted
        .input
        .map(|state| AgainInput::Edited(state.get().as_bytes().to_vec()));
    let first = match step {
        Some(step) => vec![AgainFrom {
            job: step.job.clone(),
            input: edited.unwrap_or_else(|| input_of(run, step)),
        }],
        None => from_the_start(live, run, edited)?,
    };
    for from in &first {
        if !flow::is_there(live, &from.job) {
            let said = format!("{} is no longer in the project", from.job);
            return Err(Reply::problem(StatusCode::CONFLICT, &said));
        }
    }
    let place = match step {
        Some(step) => format!("retried from step {} ({})", step.id, step.job),
        None => "retried from its start".to_owned(),
    };
    Ok((first, place))
}

fn input_of(run: &RunDetail, step: &StepDetail) -> AgainInput {
    match (step.input, run.run.message) {
        (Some(dataclip), _) => AgainInput::Dataclip(dataclip),
        (None, Some(_)) => AgainInput::Message,
        // It started from nothing, as a first run of a clock does.
        (None, None) => AgainInput::Edited(b"{}".to_vec()),
    }
}

/// As its trigger would start it today; a clock's run as it was started then.
fn from_the_start(
    live: &Live,
    run: &RunDetail,
    edited: Option<AgainInput>,
) -> Result<Vec<AgainFrom>, Reply> {
    let oldest = run.steps.first().map(|step| input_of(run, step));
    let input = edited.or(oldest).unwrap_or(AgainInput::Message);
    let workflow = live.project.workflow(&run.run.workflow);
    let jobs = workflow.map(|workflow| flow::started_by(workflow, &run.run.trigger));
    let jobs = jobs.filter(|jobs| !jobs.is_empty()).ok_or_else(|| {
        let said = format!(
            "the workflow {} no longer begins with its trigger {}",
            run.run.workflow, run.run.trigger
        );
        Reply::problem(StatusCode::CONFLICT, &said)
    })?;
    let from = |job| AgainFrom {
        job,
        input: input.clone(),
    };
    Ok(jobs.into_iter().map(from).collect())
}

fn wrong(why: &str) -> Reply {
    let said = format!(
        "a retry takes nothing, or JSON: {{\"from\": \"start\" or a step's id, \"input\": the state to start from}}; {why}"
    );
    Reply::problem(StatusCode::BAD_REQUEST, &said)
}

/// Bounded as messages are: 10 MiB each, and 64 MiB of all that are on their way.
async fn wanted(host: &Host, request: Request<Incoming>) -> Result<Wanted, Reply> {
    let bytes = intake::read(&host.intake, request.into_body()).await?;
    if bytes.is_empty() {
        return Ok(Wanted::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))
}

fn refused(error: StoreError) -> Reply {
    let status = match &error {
        StoreError::NoSuchRun { .. } | StoreError::NoSuchDataclip { .. } => StatusCode::NOT_FOUND,
        StoreError::RunOpen { .. } => StatusCode::CONFLICT,
        StoreError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Reply::problem(status, &error.to_string())
}
