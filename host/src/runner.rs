//! Claim, run, settle: takes steps from the queue as fast as the sandbox has places, and stores what became of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fonio_sandbox::{FailureKind, Level, Requests, StepFailure};
use fonio_store::{
    ClaimedStep, LogLevel, LogLine, Next, Settlement, StepInput, StepStatus, StoreError,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::authored::Authored;
use crate::deadline::StepTime;
use crate::events;
use crate::flow::{self, Ended, Follows};
use crate::host::{Figures, Host};
use crate::ledger::AuditLog;
use crate::live::Live;
use crate::marks::marks;
use crate::outage::{self, Admission};
use crate::state::Input;
use crate::tenants::{Lanes, Place, Share};

/// Runs steps until the host stops, then finishes those in flight.
pub async fn run(host: Arc<Host>, share: Share, lanes: Lanes) {
    // What was recovered from the last time waits until there is a project to run it.
    tokio::select! {
        () = host.serving() => {}
        () = host.stopping() => return,
    }
    let mut flights = JoinSet::new();
    while !host.is_stopping() {
        while flights.try_join_next().is_some() {}
        let next = tokio::select! {
            next = next_steps(&host, &share, &mut flights) => next,
            () = host.stopping() => break,
        };
        for (step, place) in next {
            let (host, lanes) = (Arc::clone(&host), lanes.clone());
            let flight = host.flights.begin();
            flights.spawn(async move {
                let busy = host.ration.is_busy(Instant::now());
                let key = step.job.clone();
                let over = host.store.end_of(step.run, step.step);
                let ended = lanes.run(async move { run_step(&host, step).await }, busy);
                tokio::select! {
                    ended = ended => if let Err(error) = ended {
                        tracing::error!(job = key, %error, "a step broke down; it runs again at the next start");
                    },
                    // Dropping it cuts its guests off.
                    () = over => {}
                }
                drop((place, flight));
            });
        }
    }
    while flights.join_next().await.is_some() {}
}

/// Waits until there is work, the quota allows it and there are places; then takes as many steps as fit, or none when
/// something has changed meanwhile.
async fn next_steps(
    host: &Host,
    share: &Share,
    flights: &mut JoinSet<()>,
) -> Vec<(ClaimedStep, Place)> {
    host.store.wait_for_work().await;
    let allowed = match host
        .ration
        .allows(flights.len(), host.store.stored(), Instant::now())
    {
        Ok(0) => {
            tokio::select! {
                _ = flights.join_next() => {}
                () = host.ration.changed() => {}
            }
            return Vec::new();
        }
        Ok(allowed) => allowed,
        Err(exhausted) => {
            let say = |said: &str| host.say("waiting", said);
            host.ration.tell(&exhausted, Instant::now(), say);
            tokio::select! {
                () = tokio::time::sleep(exhausted.wait) => {}
                () = host.ration.changed() => {}
            }
            return Vec::new();
        }
    };
    let places = share.take(allowed).await;
    let claimed = match host.store.claim(places.len()).await {
        Ok(claimed) => claimed,
        Err(error) => {
            drop(places);
            tracing::error!(%error, "the queue cannot be read; trying again");
            tokio::time::sleep(RETRY_AFTER).await;
            return Vec::new();
        }
    };
    host.ration.began(claimed.len());
    claimed.into_iter().zip(places).collect()
}

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

async fn run_step(host: &Host, claimed: ClaimedStep) {
    let started_ms = now_ms();
    let Some(live) = host.live() else {
        // Steps are only claimed while serving, and serving begins with a project.
        tracing::error!(step = %claimed.step, "a step was claimed before there was a project");
        return;
    };
    let Admission::Run(pass) = outage::admit(host, &live, &claimed).await else {
        return;
    };
    let (body, request);
    let input = match &claimed.input {
        StepInput::Message {
            body: sent,
            request: how,
        } => {
            body = String::from_utf8_lossy(sent);
            request = how.as_deref().map(String::from_utf8_lossy);
            Input::Message {
                body: &body,
                request: request.as_deref(),
            }
        }
        StepInput::Event { payload, about } => {
            body = Cow::Owned(events::state(payload, about));
            Input::State(&body)
        }
        StepInput::Dataclip(state) => {
            body = String::from_utf8_lossy(state);
            Input::State(&body)
        }
        StepInput::Nothing | StepInput::Lost(_) => Input::Nothing,
    };
    let time = StepTime::of(&claimed, time_left(&live, &claimed));
    let watched = host.progress.watch(claimed.step);
    let step = flow::Step {
        key: &claimed.job,
        input,
        given: None,
        chain: &claimed.chain,
        time_left: time.left(),
        ledger: AuditLog::of_step(host, &live, &claimed),
        requests: Requests {
            marks: marks(&live, &claimed),
            reached: pass.reached.clone(),
        },
        listener: Some(watched.listener()),
    };
    let ended = match &claimed.input {
        StepInput::Lost(why) => flow::lost(why),
        _ => flow::run(&host.sandbox, &live, step).await,
    };
    let mut ended = time.said_of(&live, &claimed, ended);
    if let Some(usage) = ended.usage {
        host.ration.computed(usage.cpu, Instant::now());
        let cpu_us = u64::try_from(usage.cpu.as_micros()).unwrap_or(u64::MAX);
        host.figures
            .guest_cpu_us
            .fetch_add(cpu_us, Ordering::Relaxed);
    }
    let out = pass.reached.is_any_out();
    let blocked = pass.ended(&claimed, &ended);
    let again = again(&live, &claimed, &ended, out).filter(|_| blocked.is_none());
    let published = std::mem::take(&mut ended.events);
    let mut settlement = settlement(&live, &claimed.job, ended, started_ms);
    settlement.events = events::started(&live, &claimed, published, settlement.finished_ms);
    if let Some(blocked) = blocked {
        match blocked.park(host, claimed.step, settlement).await {
            Some(given_up) => settlement = given_up,
            None => return,
        }
    }
    count(host, &settlement);
    if let Some(again) = again {
        settlement = put_off(settlement, &again);
    }
    tell(host, &claimed, &settlement);
    // Nothing durable is forgotten: a settlement that cannot be written now is written when the store is back.
    loop {
        match host.store.settle(claimed.step, settlement.clone()).await {
            Ok(_) | Err(StoreError::NotClaimed { .. }) => return,
            Err(
                error @ (StoreError::RunTooLong { .. } | StoreError::FinalStateTooLarge { .. }),
            ) => {
                settlement = ended_by(settlement, &error);
                tell(host, &claimed, &settlement);
                continue;
            }
            Err(error) => {
                tracing::error!(step = %claimed.step, %error, "a finished step cannot be stored; trying again")
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
        if host.is_stopping() {
            // It stays claimed in the store, and runs again at the next start.
            return;
        }
    }
}

/// Another attempt at a step that failed.
struct AnotherAttempt {
    wait: Duration,
    number: u32,
    of: u32,
}

/// Whether the project has the step tried again.
fn again(live: &Live, claimed: &ClaimedStep, ended: &Ended, out: bool) -> Option<AnotherAttempt> {
    let job = flow::id_of(&claimed.workflow, &claimed.job);
    let retry = live.project.settings.retry_of(&claimed.workflow, job)?;
    let failure = ended
        .failure
        .as_ref()
        .filter(|_| ended.job_failure.is_none())?;
    let wait = flow::retry::wait(&retry, failure, out, claimed.attempt, spread(claimed))?;
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let at_ms = now_ms().saturating_add(wait_ms);
    let allowed = retry.allows(claimed.run_created_ms, at_ms);
    let wait = allowed.then_some(wait)?;
    Some(AnotherAttempt {
        wait,
        number: claimed.attempt + 1,
        of: retry.attempts,
    })
}

/// Between 0 and 1, and different for neighbours: Knuth's multiplicative hash of the step's number.
fn spread(claimed: &ClaimedStep) -> f64 {
    let hash = (claimed.step.0 as u32)
        .wrapping_add(claimed.attempt)
        .wrapping_mul(2_654_435_761);
    f64::from(hash) / f64::from(u32::MAX)
}

/// The step ends this attempt only. What it would have left is not kept: the next attempt leaves its own.
fn put_off(settlement: Settlement, again: &AnotherAttempt) -> Settlement {
    let wait = i64::try_from(again.wait.as_millis()).unwrap_or(i64::MAX);
    let at_ms = settlement.finished_ms.saturating_add(wait);
    let mut log = settlement.log;
    let tenths = again.wait.as_millis() / 100;
    log.push(LogLine {
        level: LogLevel::Info,
        at_ms: settlement.finished_ms,
        message: format!(
            "attempt {} of {} comes in {}.{} s",
            again.number,
            again.of,
            tenths / 10,
            tenths % 10
        ),
    });
    Settlement {
        output: None,
        log,
        next: Next::Again { at_ms },
        ..settlement
    }
}

/// What is left of the run's time: what its steps have not used. Not by the clock, which runs on while the host is down.
fn time_left(live: &Live, claimed: &ClaimedStep) -> Option<Duration> {
    let timeout = live.project.workflow(&claimed.workflow)?.options.timeout?;
    let used = Duration::from_millis(claimed.run_used_ms.unsigned_abs());
    Some(timeout.saturating_sub(used))
}

/// A step whose run grew beyond what one may be: the run ends with it, and says why.
fn ended_by(settlement: Settlement, limit: &StoreError) -> Settlement {
    let mut failure = StepFailure::new(FailureKind::Limit, "LimitError", limit.to_string());
    failure.code = Some("run".to_owned());
    let mut log = settlement.log;
    log.push(LogLine {
        level: LogLevel::Error,
        at_ms: settlement.finished_ms,
        message: format!("LimitError: {limit}"),
    });
    Settlement {
        status: StepStatus::Failed,
        exit_code: failure.exit_code(),
        error: Some(with_severity(&failure).to_string()),
        output: None,
        log,
        events: Vec::new(),
        next: Next::End,
        ..settlement
    }
}

/// A line as it is stored.
pub(crate) fn stored_line(line: fonio_sandbox::LogLine) -> LogLine {
    let level = match line.level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    };
    LogLine {
        level,
        at_ms: line.at_ms,
        message: line.message,
    }
}

fn settlement(live: &Live, key: &str, ended: Ended, started_ms: i64) -> Settlement {
    let finished_ms = now_ms();
    let mut log: Vec<LogLine> = ended.log.into_iter().map(stored_line).collect();
    if let Some(failure) = &ended.job_failure {
        log.push(LogLine {
            level: LogLevel::Error,
            at_ms: finished_ms,
            message: sentence(live, key, failure),
        });
    }
    let (status, exit_code) = match &ended.failure {
        None => (StepStatus::Succeeded, 0),
        Some(failure) => {
            log.push(LogLine {
                level: LogLevel::Error,
                at_ms: finished_ms,
                message: sentence(live, key, failure),
            });
            (StepStatus::Failed, failure.exit_code())
        }
    };
    Settlement {
        status,
        exit_code,
        error: ended
            .failure
            .as_ref()
            .map(|failure| with_severity(failure).to_string()),
        output: ended.output.map(String::into_bytes),
        log,
        events: Vec::new(),
        next: match ended.follows {
            Follows::Jobs(keys) => Next::Jobs(keys),
            Follows::Leaf(name) => Next::Leaf(name),
            Follows::End => Next::End,
        },
        started_ms,
        finished_ms,
    }
}

pub(crate) fn with_severity(failure: &StepFailure) -> Value {
    let (_, severity) = flow::classify(failure);
    let mut error = serde_json::to_value(failure).unwrap_or_default();
    error["severity"] = json!(severity);
    error
}

/// The failure as its author reads it: what, and where in which file.
pub(crate) fn sentence(live: &Live, key: &str, failure: &StepFailure) -> String {
    let said = match failure.kind {
        FailureKind::Load => failure.message.clone(),
        _ => format!("{}: {}", failure.name, failure.message),
    };
    let place = live.project.job(key).zip(failure.position);
    let place = place.map(|(job, (line, column))| {
        let authored = Authored::new(job, live.project.workflow_of(job));
        authored.place(line, column).shown()
    });
    said + &place.unwrap_or_default()
}

/// A failed step, for whoever watches the console: what, where, and what to do.
fn tell(host: &Host, claimed: &ClaimedStep, settlement: &Settlement) {
    if settlement.status == StepStatus::Failed {
        let (event, lines) = match settlement.next {
            Next::Again { .. } => ("retrying", 2),
            Next::Jobs(_) | Next::Leaf(_) | Next::End => ("failed", 1),
        };
        let first = settlement.log.len().saturating_sub(lines);
        let said: Vec<&str> = settlement.log[first..]
            .iter()
            .map(|line| line.message.as_str())
            .collect();
        let said = said.join("; ");
        host.say(
            event,
            &format!("{} in run {}: {said}", claimed.job, claimed.run),
        );
    }
}

fn count(host: &Host, settlement: &Settlement) {
    Figures::count(match settlement.status {
        StepStatus::Succeeded => &host.figures.steps_succeeded,
        StepStatus::Failed => &host.figures.steps_failed,
    });
}

/// Unix time in milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
