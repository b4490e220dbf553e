//! What a person decides about a run: `POST /api/v1/runs/<id>/retry`, `/cancel` and `/discard`. About many: [`super::bulk`].

use std::sync::Arc;

use fonio_access::{Event, Principal, What};
use fonio_project::{DELAY_MAX, format_duration};
use fonio_store::{
    AgainFrom, AgainInput, RunAgain, RunDetail, RunId, StepDetail, StepId, StepState, StoreError,
};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Reply;
use super::peer::Peer;
use super::routes::Decision;
use crate::flow;
use crate::host::Host;
use crate::live::Live;
use crate::receiver::intake;

/// What is asked for with a retry; all of it may be left out. What may be large is kept as it was sent: a document of
/// small values takes dozens of times its size once it is taken apart.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// Without it: from what failed, or from the start where nothing did.
    from: Option<Box<RawValue>>,
    /// The state to start from, in place of the one it started from.
    input: Option<Box<RawValue>>,
    /// How long the new run waits before it begins.
    delay_ms: u64,
}

/// Where runs begin again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    Failed,
    Start,
    /// Where a job of this id did.
    Job(String),
    /// A number, which only one run has.
    #[serde(skip)]
    Step(StepId),
}

impl Wanted {
    fn from(&self) -> Result<From, Reply> {
        let Some(text) = self.from.as_deref().map(RawValue::get) else {
            return Ok(From::Failed);
        };
        let step = text.parse().map(From::Step);
        step.or_else(|_| serde_json::from_str(text))
            .map_err(|_| wrong(&format!("`from` is {PLACES}, or the number of a step")))
    }
}

/// What `from` takes, of whichever run.
pub(super) const PLACES: &str = "\"failed\", \"start\" or {\"job\": the id of a job}";

impl std::fmt::Display for From {
    /// For the audit log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            From::Failed => f.write_str("from what failed"),
            From::Start => f.write_str("from the start"),
            From::Job(job) => write!(f, "from the job {job}"),
            From::Step(step) => write!(f, "from step {step}"),
        }
    }
}

/// Why it is not done.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub said: String,
}

impl std::convert::From<Refused> for Reply {
    fn from(refused: Refused) -> Reply {
        Reply::problem(refused.status, &refused.said)
    }
}

/// Does it, and writes down who had it done.
pub async fn answer(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    (id, decision): (&str, Decision),
    request: Request<Incoming>,
) -> Reply {
    let Ok(id) = id.parse::<RunId>() else {
        return Reply::problem(StatusCode::NOT_FOUND, "a run's id is a number");
    };
    let (what, done) = match decision {
        Decision::Retry => (What::Retry, retry(host, id, request).await),
        Decision::Cancel => (What::Cancel, cancel(host, id).await),
        Decision::Discard => (What::Discard, discard(host, id).await),
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
    let reply = Reply::json(StatusCode::OK, &json!({ "cancelled": cancelled }));
    let detail = match cancelled {
        true => "cancelled",
        false => "had ended before",
    };
    Ok((reply, detail.to_owned()))
}

async fn discard(host: &Host, id: RunId) -> Result<(Reply, String), Reply> {
    let found = host
        .store
        .for_retry(vec![id], None)
        .await
        .map_err(refused)?;
    if found.is_empty() {
        return Err(refused(StoreError::NoSuchRun { run: id }));
    }
    let gone = host.store.discard(vec![id]).await.map_err(refused)?;
    let discarded = !gone.is_empty();
    let reply = Reply::json(StatusCode::OK, &json!({ "discarded": discarded }));
    let detail = match discarded {
        true => "discarded",
        false => "was no dead letter",
    };
    Ok((reply, detail.to_owned()))
}

/// The project to run it with.
pub(super) fn live(host: &Host) -> Result<Arc<Live>, Refused> {
    host.live().ok_or_else(|| Refused {
        status: StatusCode::SERVICE_UNAVAILABLE,
        said: "there is no project to run it with yet".to_owned(),
    })
}

async fn retry(
    host: &Host,
    id: RunId,
    request: Request<Incoming>,
) -> Result<(Reply, String), Reply> {
    let live = live(host)?;
    let run = host.store.run(id).await.map_err(refused)?;
    let run = run.ok_or_else(|| refused(StoreError::NoSuchRun { run: id }))?;
    let wanted = wanted(host, request).await?;
    let from = wanted.from()?;
    let not_before_ms = not_before(wanted.delay_ms)?;
    let (first, detail) = first_steps(&live, &run, &from, wanted.input.as_deref())?;
    let again = RunAgain {
        first,
        not_before_ms,
    };
    let again = host.store.run_again(id, again).await.map_err(refused)?;
    let reply = Reply::json(StatusCode::CREATED, &json!({ "run_id": again }));
    Ok((reply, format!("{detail}, as run {again}")))
}

/// When a run that waits so long may begin; without a delay, at any time.
pub(super) fn not_before(delay_ms: u64) -> Result<i64, Refused> {
    if u128::from(delay_ms) > DELAY_MAX.as_millis() {
        let most = format_duration(DELAY_MAX);
        return Err(Refused {
            status: StatusCode::BAD_REQUEST,
            said: format!("`delay_ms` puts a run off by {most} at most"),
        });
    }
    Ok(match i64::try_from(delay_ms) {
        Ok(0) | Err(_) => 0,
        Ok(delay) => crate::runner::now_ms().saturating_add(delay),
    })
}

/// Where the new run begins, and that in words.
pub(super) fn first_steps(
    live: &Live,
    run: &RunDetail,
    from: &From,
    input: Option<&RawValue>,
) -> Result<(Vec<AgainFrom>, String), Refused> {
    let absent = |what: String| Refused {
        status: StatusCode::NOT_FOUND,
        said: format!("run {} has no step {what}", run.run.id),
    };
    let mut steps = match from {
        From::Step(id) => {
            let named = run.steps.iter().find(|step| step.id == *id);
            vec![named.ok_or_else(|| absent(id.to_string()))?]
        }
        From::Job(job) => {
            let steps = of_job(run, job);
            if steps.is_empty() {
                return Err(absent(format!("of the job {job}")));
            }
            steps
        }
        From::Start => Vec::new(),
        From::Failed => left_undone(run),
    };
    if let (From::Job(_), Some(_)) = (from, input) {
        // The same state for the same job.
        steps.truncate(1);
    }
    let edited = input.map(|state| AgainInput::Edited(state.get().as_bytes().to_vec()));
    let first = match (steps.as_slice(), edited) {
        ([], edited) => from_the_start(live, run, edited)?,
        ([step], Some(edited)) => vec![AgainFrom {
            job: step.job.clone(),
            input: edited,
        }],
        (steps, Some(_)) => {
            let numbers: Vec<String> = steps.iter().map(|step| step.id.to_string()).collect();
            return Err(Refused {
                status: StatusCode::CONFLICT,
                said: format!(
                    "steps {} failed, and a state is for one of them: say which with `from`",
                    numbers.join(" and ")
                ),
            });
        }
        (steps, None) => {
            let again = steps.iter().map(|step| AgainFrom {
                job: step.job.clone(),
                input: input_of(run, step),
            });
            again.collect()
        }
    };
    for from in &first {
        if !flow::is_there(live, &from.job) {
            return Err(Refused {
                status: StatusCode::CONFLICT,
                said: format!("{} is no longer in the project", from.job),
            });
        }
    }
    let names: Vec<String> = steps
        .iter()
        .map(|step| format!("step {} ({})", step.id, step.job))
        .collect();
    let place = match names.as_slice() {
        [] => "retried from its start".to_owned(),
        names => format!("retried from {}", names.join(", ")),
    };
    Ok((first, place))
}

/// The steps that failed, but for those that followed a failure which is done again itself, and those whose failure a step
/// that followed dealt with: these only where there are no others.
fn left_undone(run: &RunDetail) -> Vec<&StepDetail> {
    let follows = |step: &StepDetail, before: &StepDetail| {
        before.output.is_some() && step.input == before.output && step.id != before.id
    };
    let dealt_with = |failed: &StepDetail| {
        let mut steps = run.steps.iter();
        steps.any(|step| step.status == StepState::Succeeded && follows(step, failed))
    };
    let failed = run.steps.iter();
    let failed = failed.filter(|step| step.status == StepState::Failed);
    let (dealt, undone): (Vec<&StepDetail>, Vec<&StepDetail>) =
        failed.partition(|step| dealt_with(step));
    let again = match undone.is_empty() {
        true => dealt,
        false => undone,
    };
    let causes = again.iter().filter(|step| {
        let mut others = again.iter();
        !others.any(|other| follows(step, other))
    });
    causes.copied().collect()
}

/// The steps of a job, which are several where edges lead to it from several.
fn of_job<'r>(run: &'r RunDetail, job: &str) -> Vec<&'r StepDetail> {
    let named = |key: &str| key == job || flow::id_of(&run.run.workflow, key) == job;
    let steps = run.steps.iter();
    steps.filter(|step| named(&step.job)).collect()
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
) -> Result<Vec<AgainFrom>, Refused> {
    let oldest = run.steps.first().map(|step| input_of(run, step));
    let input = edited.or(oldest).unwrap_or(AgainInput::Message);
    let workflow = live.project.workflow(&run.run.workflow);
    let jobs = workflow.map(|workflow| flow::started_by(workflow, &run.run.trigger));
    let jobs = jobs.filter(|jobs| !jobs.is_empty()).ok_or_else(|| {
        let said = format!(
            "the workflow {} no longer begins with its trigger {}",
            run.run.workflow, run.run.trigger
        );
        let status = StatusCode::CONFLICT;
        Refused { status, said }
    })?;
    let from = |job| AgainFrom {
        job,
        input: input.clone(),
    };
    Ok(jobs.into_iter().map(from).collect())
}

fn wrong(why: &str) -> Reply {
    let said = format!(
        "a retry takes nothing, or JSON: {{\"from\": \"start\", a step's id or {{\"job\": a job's id}}, \"input\": the state to start from, \"delay_ms\": how long to wait}}; {why}"
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
    if let StoreError::DiskNearlyFull { .. } = error {
        return Reply::later(&error.to_string());
    }
    Refused::from(error).into()
}

impl std::convert::From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        let status = match &error {
            StoreError::NoSuchRun { .. }
            | StoreError::NoSuchDataclip { .. }
            | StoreError::NoSuchMessage { .. } => StatusCode::NOT_FOUND,
            StoreError::RunOpen { .. } => StatusCode::CONFLICT,
            StoreError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refused {
            status,
            said: error.to_string(),
        }
    }
}
