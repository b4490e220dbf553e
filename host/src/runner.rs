//! Claim, run, settle: takes steps from the queue as fast as the sandbox has places, and stores what became of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use fonio_sandbox::{FailureKind, Level, StepFailure, StepOutcome, StepRequest};
use fonio_store::{ClaimedStep, LogLevel, LogLine, Settlement, StepStatus, StoreError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::paint;
use crate::host::{Figures, Host};
use crate::live::Live;
use crate::state;

/// Runs steps on `threads` until the host stops, then finishes those in flight.
pub async fn run(host: Arc<Host>, steps: usize, threads: Handle) {
    // What was recovered from the last time waits until there is a project to run it.
    tokio::select! {
        () = host.serving() => {}
        () = host.stopping() => return,
    }
    let places = Arc::new(Semaphore::new(steps));
    let mut flights = JoinSet::new();
    while !host.is_stopping() {
        let free = tokio::select! {
            free = free_places(&places) => free,
            () = host.stopping() => break,
        };
        let claimed = match host.store.claim(free).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "the queue cannot be read; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
                continue;
            }
        };
        if claimed.is_empty() {
            tokio::select! {
                () = host.store.wait_for_work() => {}
                () = host.stopping() => break,
            }
        }
        for step in claimed {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let host = Arc::clone(&host);
            let flight = async move {
                run_step(&host, step).await;
                drop(place);
            };
            flights.spawn_on(flight, &threads);
        }
        while flights.try_join_next().is_some() {}
    }
    while flights.join_next().await.is_some() {}
}

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// Waits until there is a place, and tells how many there are.
async fn free_places(places: &Semaphore) -> usize {
    // The semaphore is never closed; the permit is only to wait for.
    let permit = places.acquire().await;
    let free = places.available_permits() + usize::from(permit.is_ok());
    drop(permit);
    free
}

async fn run_step(host: &Host, step: ClaimedStep) {
    let started_ms = now_ms();
    let Some(live) = host.live() else {
        // Steps are only claimed while serving, and serving begins with a project.
        tracing::error!(step = %step.step, "a step was claimed before there was a project");
        return;
    };
    let outcome = execute(host, &live, &step).await;
    let settlement = settlement(&live, &step, outcome, started_ms);
    count(host, &settlement);
    tell(&step, &settlement);
    // Nothing durable is forgotten: a settlement that cannot be written now is written when the store is back.
    loop {
        match host.store.settle(step.step, settlement.clone()).await {
            Ok(_) | Err(StoreError::NotClaimed { .. }) => return,
            Err(error) => {
                tracing::error!(step = %step.step, %error, "a finished step cannot be stored; trying again")
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
        if host.is_stopping() {
            // It stays claimed in the store, and runs again at the next start.
            return;
        }
    }
}

/// The log and the result of one step.
struct Executed {
    result: Result<String, StepFailure>,
    log: Vec<LogLine>,
}

async fn execute(host: &Host, live: &Live, step: &ClaimedStep) -> Executed {
    let failed = |failure| Executed {
        result: Err(failure),
        log: Vec::new(),
    };
    let Some(job) = live.job(&step.job) else {
        let gone = format!("the job {} is no longer in the project", step.job);
        return failed(StepFailure::new(FailureKind::Load, "LoadError", gone));
    };
    let (code, egress) = match job.ready() {
        Ok(ready) => ready,
        Err(failure) => return failed(failure),
    };
    let state = state::assemble(&step.input, job.configuration.as_ref());
    let request = StepRequest {
        job: code,
        state,
        egress,
        limits: job.limits,
    };
    let StepOutcome { result, log, usage } = host.sandbox.run(request).await;
    let cpu_us = u64::try_from(usage.cpu.as_micros()).unwrap_or(u64::MAX);
    host.figures
        .guest_cpu_us
        .fetch_add(cpu_us, Ordering::Relaxed);
    Executed {
        result,
        log: log.into_iter().map(stored_line).collect(),
    }
}

fn stored_line(line: fonio_sandbox::LogLine) -> LogLine {
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

fn settlement(live: &Live, step: &ClaimedStep, executed: Executed, started_ms: i64) -> Settlement {
    let succeeded = executed.result.is_ok();
    let next: Vec<String> = live
        .project
        .jobs_after(&step.job, succeeded)
        .iter()
        .map(|job| job.name.clone())
        .collect();
    let mut log = executed.log;
    let finished_ms = now_ms();
    match executed.result {
        Ok(output) => Settlement {
            status: StepStatus::Succeeded,
            exit_code: 0,
            error: None,
            output: Some(output.into_bytes()),
            log,
            next,
            next_input: None,
            started_ms,
            finished_ms,
        },
        Err(failure) => {
            log.push(LogLine {
                level: LogLevel::Error,
                at_ms: finished_ms,
                message: sentence(live, &step.job, &failure),
            });
            let handed_on =
                (!next.is_empty()).then(|| state::after_failure(&step.job, &failure, &step.input));
            Settlement {
                status: StepStatus::Failed,
                exit_code: failure.exit_code(),
                error: serde_json::to_string(&failure).ok(),
                output: None,
                log,
                next,
                next_input: handed_on.map(|state| state.to_string().into_bytes()),
                started_ms,
                finished_ms,
            }
        }
    }
}

/// The failure as its author reads it: what, and where in which file.
fn sentence(live: &Live, job: &str, failure: &StepFailure) -> String {
    let said = match failure.kind {
        FailureKind::Load => failure.message.clone(),
        _ => format!("{}: {}", failure.name, failure.message),
    };
    let place = live
        .project
        .job(job)
        .zip(failure.position)
        .map(|(job, (line, column))| {
            let at = job.expression.position(line, column);
            let source = job.expression.file_line(line, column).unwrap_or_default();
            format!(
                "\n  --> {}:{}:{}\n   | {}",
                job.expression.file.display(),
                at.0,
                at.1,
                source.trim_end()
            )
        });
    said + &place.unwrap_or_default()
}

/// A failed step in a line, for whoever watches the console; the whole of it is in the run's log.
fn tell(step: &ClaimedStep, settlement: &Settlement) {
    if settlement.status == StepStatus::Failed {
        let said = settlement
            .log
            .last()
            .and_then(|line| line.message.lines().next())
            .unwrap_or_default();
        paint::event(
            "failed",
            &format!("{} in run {}: {said}", step.job, step.run),
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
