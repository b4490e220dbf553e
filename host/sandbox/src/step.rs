//! One step: what goes in, what comes out, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fonio_project::Limits;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use wasmtime::Store;

use crate::Sandbox;
use crate::adaptor::{Adaptor, Code, trap_reason};
use crate::bindings::expression::ExpressionPre;
use crate::bindings::expression::exports::fonio::expression::engine::{Job, JobError, Operation};
use crate::capabilities::collections::{Collections, StepCollections};
use crate::capabilities::events::{PublishedEvent, Publishing, StepEvents};
use crate::capabilities::http::step::{Refusals, StepOutside};
use crate::capabilities::http::{Egress, Requests};
use crate::capabilities::log::{Listener, LogLine, StepLog};
use crate::expression::{AdaptorSlot, DENIED, LIMIT, RuntimeImports};
use crate::guest::store;
use crate::job::CompiledJob;
use crate::meter::{LimitHit, Meter, Metered};
use crate::seal::Seals;

/// A step to run.
#[derive(Debug)]
pub struct StepRequest {
    /// What to run.
    pub job: Arc<CompiledJob>,
    /// The state it starts with, as JSON, the credential in `configuration`.
    pub state: String,
    /// The network it may use.
    pub egress: Egress,
    /// Its credential, of which `state` has the placeholders; by default it has none.
    pub seals: Seals,
    /// Who keeps its collections; without one it has none.
    pub collections: Option<Arc<dyn Collections>>,
    /// What it may publish; without this it publishes nothing.
    pub events: Option<Publishing>,
    /// The variables that its adaptor sees by `wasi:cli/environment`.
    pub variables: Vec<(String, String)>,
    /// What it may use up.
    pub limits: Limits,
    /// What is added to its requests, and kept of them.
    pub requests: Requests,
    /// Who reads its lines as they are written; they are in the outcome in any case.
    pub listener: Option<Arc<dyn Listener>>,
}

/// How a step ended.
#[derive(Debug)]
pub struct StepOutcome {
    /// The final state as JSON, without `configuration` and `response`; or why there is none.
    pub result: Result<String, StepFailure>,
    /// What it published, in order; nothing if it failed.
    pub events: Vec<PublishedEvent>,
    /// Its lines, in order.
    pub log: Vec<LogLine>,
    /// What it used.
    pub usage: Usage,
}

/// What a step used.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Usage {
    /// CPU time of all its guests.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// The most memory its guests had at once.
    pub memory_bytes: u64,
    /// HTTP requests it made.
    pub requests: u32,
}

/// What kind of thing went wrong; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The job threw, or another system answered with an error.
    Job,
    /// A limit of the sandbox stopped it.
    Limit,
    /// It asked for something it is not granted.
    Denied,
    /// A guest broke down.
    Crash,
    /// It could not be loaded.
    Load,
}

/// Why a step failed, for the author, the log and the API alike.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StepFailure {
    /// What kind of thing went wrong.
    pub kind: FailureKind,
    /// The error's name, as JavaScript has it, or `LimitError`, `Crash`, `LoadError`.
    pub name: String,
    /// The sentence.
    pub message: String,
    /// An adaptor's code, for example `404`, or the limit's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Fields of the error that was thrown.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Line and column in the expression, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<(u32, u32)>,
    /// The system whose answer it was waiting for when its wall time was over: what was too slow is that, and not the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_for: Option<String>,
    /// The state as the failing operation received it, as JSON.
    #[serde(skip)]
    pub state: Option<String>,
}

impl StepFailure {
    /// A failure without a place in the expression.
    pub fn new(kind: FailureKind, name: &str, message: impl Into<String>) -> StepFailure {
        StepFailure {
            kind,
            name: name.into(),
            message: message.into(),
            code: None,
            details: Map::new(),
            position: None,
            waited_for: None,
            state: None,
        }
    }

    /// 1 the job failed, 3 the sandbox stopped it, 10 it could not be loaded.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            FailureKind::Job | FailureKind::Crash => 1,
            FailureKind::Limit | FailureKind::Denied => 3,
            FailureKind::Load => 10,
        }
    }

    /// The same without the secrets of the step's credential.
    fn without_secrets(mut self, seals: &Seals) -> StepFailure {
        self.name = seals.redact_line(&self.name);
        self.message = seals.redact_line(&self.message);
        self.code = self.code.map(|code| seals.redact_line(&code));
        seals.redact_map(&mut self.details);
        self.waited_for = self.waited_for.map(|origin| seals.redact_line(&origin));
        self.state = self.state.map(|state| seals.redact_json(state));
        self
    }

    fn limit(hit: &LimitHit) -> StepFailure {
        let mut failure = StepFailure::new(FailureKind::Limit, "LimitError", hit.to_string());
        failure.code = Some(hit.name.into());
        failure
    }

    /// Its wall time is over.
    fn cut_off(hit: &LimitHit, waited_for: Option<String>) -> StepFailure {
        let mut failure = StepFailure::limit(hit);
        if let Some(origin) = &waited_for {
            failure.message += &format!(". It was waiting for an answer of {origin}");
        }
        StepFailure {
            waited_for,
            ..failure
        }
    }
}

impl Sandbox {
    /// Runs one step in fresh instances and gives them back before it returns.
    ///
    /// Waits for a place first: no more steps run at once than [`crate::SandboxOptions::steps`].
    pub async fn run(&self, request: StepRequest) -> StepOutcome {
        let _place = self.places.acquire().await;
        let started = Instant::now();
        let seals = request.seals.clone();
        let log = StepLog::new(request.limits.log_bytes)
            .without_secrets(seals.clone())
            .heard_by(request.listener.clone());
        let meter = Meter::new(request.limits);
        let wall_time = request.limits.wall_time;
        let mut request = request;
        let reached = request.requests.reached.clone();
        let events = StepEvents::new(request.events.take(), &seals, &meter, &log);
        let mut work = Metered::new(
            Arc::clone(&meter),
            self.run_guests(request, Arc::clone(&meter), log.clone(), events.clone()),
        );
        let result = match tokio::time::timeout(wall_time, &mut work).await {
            Ok(result) => result,
            Err(_) => {
                let hit = meter.record("wall_time");
                // While its requests are under way: with the guests they go.
                Err(StepFailure::cut_off(&hit, reached.cut_off()))
            }
        };
        drop(work);
        let usage = Usage {
            cpu: meter.cpu(),
            wall: started.elapsed(),
            memory_bytes: meter.memory_peak_bytes(),
            requests: meter.requests(),
        };
        let events = match result.is_ok() {
            true => events.take(),
            false => Vec::new(),
        };
        StepOutcome {
            result: result
                .map(|state| seals.redact_json(state))
                .map_err(|failure| failure.without_secrets(&seals)),
            events,
            log: log.finish(),
            usage,
        }
    }

    async fn run_guests(
        &self,
        request: StepRequest,
        meter: Arc<Meter>,
        log: StepLog,
        events: StepEvents,
    ) -> Result<String, StepFailure> {
        let StepRequest {
            job,
            state,
            egress,
            seals,
            collections,
            variables,
            requests,
            ..
        } = request;
        let outside = StepOutside {
            egress,
            seals,
            variables: variables.into(),
            requests,
        };
        let collections = StepCollections {
            keeper: collections,
            refusals: Refusals::default(),
        };
        let input = Job {
            bytecode: job.bytecode.clone(),
            operations: operations(&job),
            state,
        };
        let (answer, refusal) = match job.adaptor.as_deref().map(|adaptor| &adaptor.code) {
            Some(Code::Package(package)) => {
                let meter = Arc::clone(&meter);
                let (mut store, refusals) =
                    package.store(&self.engine, meter, log, outside, collections, events);
                let answer = call_run(&package.runtime, &mut store, &input).await;
                let kind = refused(&answer, &refusals);
                (answer, kind)
            }
            operations => {
                let wants = job
                    .adaptor
                    .as_deref()
                    .is_some_and(Adaptor::wants_collections);
                let its = StepCollections {
                    keeper: collections.keeper.clone().filter(|_| wants),
                    refusals: Refusals::default(),
                };
                let wants = job.adaptor.as_deref().is_some_and(Adaptor::wants_events);
                let told = events.for_adaptor(wants);
                let slot = operations.map(|code| self.slot(code, outside, its, told));
                let mut imports = RuntimeImports::new(Arc::clone(&meter), log, slot.flatten());
                let refusals = collections.refusals.clone();
                imports.collections = collections;
                imports.events = events.noting(refusals.clone());
                let mut store = store(&self.engine, imports, |imports| &mut imports.limiter);
                let answer = call_run(&self.runtime, &mut store, &input).await;
                let kind = refused_operation(&answer, store.data().refused.as_deref());
                let kind = kind.or_else(|| refused(&answer, &refusals));
                (answer, kind)
            }
        };
        match answer.map_err(|error| guest_failure(&error, &meter))? {
            Ok(state) => within_output(state, &meter),
            Err(error) => Err(job_failure(
                error,
                &job,
                meter.limits().output_bytes,
                refusal,
            )),
        }
    }

    /// The step's adaptor, before its first call.
    fn slot(
        &self,
        code: &Code,
        outside: StepOutside,
        collections: StepCollections,
        events: StepEvents,
    ) -> Option<AdaptorSlot> {
        match code {
            Code::Package(_) => None,
            Code::Operations(adaptor) => Some(AdaptorSlot {
                engine: self.engine.clone(),
                adaptor: adaptor.clone(),
                outside,
                collections,
                events,
                live: None,
            }),
        }
    }
}

/// What a runtime said: a trap, or how the job ended.
type Answer = wasmtime::Result<Result<String, JobError>>;

async fn call_run<T: Send>(
    runtime: &ExpressionPre<T>,
    store: &mut Store<T>,
    input: &Job,
) -> Answer {
    let runtime = runtime.instantiate_async(&mut *store).await?;
    let engine = runtime.fonio_expression_engine();
    engine.call_run(store, input).await
}

/// Whether the error that ended a job is the host's own refusal, seen through its adaptor.
fn refused_operation(answer: &Answer, refused: Option<&str>) -> Option<FailureKind> {
    let Ok(Err(error)) = answer else {
        return None;
    };
    match error.code.as_deref() {
        _ if refused != Some(error.message.as_str()) => None,
        Some(LIMIT) => Some(FailureKind::Limit),
        Some(DENIED) => Some(FailureKind::Denied),
        _ => None,
    }
}

/// The same by what was noted, for whoever puts words of its own around the host's, and a code of its own in the place of
/// the host's: a package, and the operations on collections.
fn refused(answer: &Answer, refusals: &Refusals) -> Option<FailureKind> {
    let Ok(Err(error)) = answer else {
        return None;
    };
    match refusals.told_in(&error.message)?.code {
        LIMIT => Some(FailureKind::Limit),
        DENIED => Some(FailureKind::Denied),
        _ => None,
    }
}

fn operations(job: &CompiledJob) -> Vec<Operation> {
    let Some(adaptor) = &job.adaptor else {
        return Vec::new();
    };
    if adaptor.package().is_some() {
        return Vec::new();
    }
    let described = adaptor.description().operations.iter();
    described
        .map(|operation| Operation {
            name: operation.name.clone(),
            parameters: u32::try_from(operation.parameters.len()).unwrap_or(u32::MAX),
            options: operation.options(),
        })
        .collect()
}

fn within_output(state: String, meter: &Meter) -> Result<String, StepFailure> {
    if state.len() as u64 <= meter.limits().output_bytes {
        return is_json(state);
    }
    Err(StepFailure::limit(&meter.record("output")))
}

/// What is stored as a state is JSON, whatever the guest says: the next step and every reader count on it.
fn is_json(state: String) -> Result<String, StepFailure> {
    stored_state(state).map_err(|error| {
        let said = format!("the final state is not JSON: {error}");
        StepFailure::new(FailureKind::Crash, "Crash", said)
    })
}

/// Without `configuration` and `response`, which the runtime has taken off already: a job can trick the runtime, which
/// it shares an engine with, but not the host.
fn stored_state(state: String) -> Result<String, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Kept {
        configuration: Option<IgnoredAny>,
        response: Option<IgnoredAny>,
    }
    match serde_json::from_str::<Kept>(&state) {
        Ok(Kept {
            configuration: None,
            response: None,
        }) => return Ok(state),
        // No object, or one in which a name is there twice.
        Err(_) if serde_json::from_str::<Map<String, Value>>(&state).is_err() => {
            return serde_json::from_str::<IgnoredAny>(&state).map(|_| state);
        }
        Ok(_) | Err(_) => {}
    }
    let mut fields: Map<String, Value> = serde_json::from_str(&state)?;
    fields.remove("configuration");
    fields.remove("response");
    Ok(Value::Object(fields).to_string())
}

/// A trap: a limit, or a guest that broke down.
fn guest_failure(error: &wasmtime::Error, meter: &Meter) -> StepFailure {
    if let Some(hit) = meter.hit() {
        return StepFailure::limit(&hit);
    }
    tracing::debug!(?error, "a guest trapped");
    StepFailure::new(
        FailureKind::Crash,
        "Crash",
        format!(
            "the sandboxed program broke down: {}",
            trap_reason(error, None)
        ),
    )
}

/// What is kept of an error. A job decides how long its messages are; the log, the page and the next job bear it.
const MESSAGE_MAX_BYTES: usize = 8 << 10;
const NAME_MAX_BYTES: usize = 256;
const DETAILS_MAX_BYTES: usize = 64 << 10;

/// The beginning of a text, cut between characters.
fn bounded(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// An error that the job let go: its own, its adaptor's, or the host's refusal seen through the adaptor.
fn job_failure(
    error: JobError,
    job: &CompiledJob,
    output_bytes: u64,
    refused: Option<FailureKind>,
) -> StepFailure {
    let kind = refused.unwrap_or(FailureKind::Job);
    let details = match serde_json::from_str(bounded(&error.details, DETAILS_MAX_BYTES)) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let state = error
        .state
        .filter(|state| state.len() as u64 <= output_bytes);
    StepFailure {
        kind,
        name: bounded(&error.name, NAME_MAX_BYTES).to_owned(),
        message: bounded(&error.message, MESSAGE_MAX_BYTES).to_owned(),
        code: error
            .code
            .map(|code| bounded(&code, NAME_MAX_BYTES).to_owned()),
        details,
        position: error.at.map(|at| job.authors(at.line, at.column)),
        waited_for: None,
        state: state.and_then(|state| stored_state(state).ok()),
    }
}
