//! Runs that have not ended when their deadline comes: what they end with.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use fonio_project::{Project, format_duration};
use fonio_sandbox::{FailureKind, StepFailure};
use fonio_store::{ClaimedStep, LogLevel, LogLine, Overdue, RunFailure, StoreError};

use crate::flow::{Ended, Follows};
use crate::host::Host;
use crate::live::Live;
use crate::runner::{now_ms, with_severity};

/// Ends runs whose deadline has passed, at most 1,000, and cuts off those of their steps that run here. One that cannot be
/// ended now keeps none of the others.
pub async fn end_overdue(host: &Host) -> Result<(), StoreError> {
    let mut all = Ok(());
    for run in host.store.overdue(now_ms()).await? {
        if let Err(error) = end(host, &run).await {
            all = Err(error);
        }
    }
    all
}

async fn end(host: &Host, overdue: &Overdue) -> Result<(), StoreError> {
    let live = host.live();
    let project = live.as_ref().map(|live| &*live.project);
    let failure = missed(project, &overdue.workflow, overdue.created_ms);
    let line = LogLine {
        level: LogLevel::Error,
        at_ms: now_ms(),
        message: format!("{}: {}", failure.name, failure.message),
    };
    let said = format!(
        "run {} of {}: {}",
        overdue.run, overdue.workflow, line.message
    );
    let failed = RunFailure {
        exit_code: failure.exit_code(),
        error: with_severity(&failure).to_string(),
        log: vec![line],
    };
    if host.store.fail(overdue.run, failed).await? {
        host.figures.steps_failed.fetch_add(1, Ordering::Relaxed);
        host.say("failed", &said);
    }
    Ok(())
}

/// How long a step may take at most, beside its own limits, and why.
#[derive(Clone, Copy)]
pub enum StepTime {
    /// As its run's timeout leaves it, if there is one.
    OfTimeout(Option<Duration>),
    /// Until its run's deadline, which comes first.
    UntilDeadline(Duration),
}

impl StepTime {
    /// Of a step whose run has so much left of its timeout. A deadline that has passed limits nothing: either the run is
    /// being ended at this moment, or the clock has jumped and the deadline is about to.
    pub fn of(claimed: &ClaimedStep, timeout: Option<Duration>) -> StepTime {
        let left = claimed
            .deadline_in_ms
            .and_then(|left| u64::try_from(left).ok());
        let left = left.filter(|left| *left > 0).map(Duration::from_millis);
        match left {
            Some(left) if timeout.is_none_or(|timeout| left < timeout) => {
                StepTime::UntilDeadline(left)
            }
            _ => StepTime::OfTimeout(timeout),
        }
    }

    /// How long.
    pub fn left(self) -> Option<Duration> {
        match self {
            StepTime::OfTimeout(left) => left,
            StepTime::UntilDeadline(left) => Some(left),
        }
    }

    /// What the step ended with; if it took all the time until the deadline of its run, then with that.
    pub fn said_of(self, live: &Live, claimed: &ClaimedStep, ended: Ended) -> Ended {
        let by_time = |failure: &StepFailure| failure.code.as_deref() == Some("timeout");
        match self {
            StepTime::UntilDeadline(_) if ended.failure.as_ref().is_some_and(by_time) => Ended {
                failure: Some(missed(
                    Some(&live.project),
                    &claimed.workflow,
                    claimed.run_created_ms,
                )),
                output: None,
                follows: Follows::End,
                ..ended
            },
            _ => ended,
        }
    }
}

fn missed(project: Option<&Project>, workflow: &str, created_ms: i64) -> StepFailure {
    let turns = project.and_then(|project| project.settings.turns_of(workflow));
    let since = DateTime::from_timestamp_millis(created_ms)
        .map(|time| {
            format!(
                ", accepted at {},",
                time.to_rfc3339_opts(SecondsFormat::Secs, true)
            )
        })
        .unwrap_or_default();
    let within = turns
        .and_then(|turns| turns.deadline)
        .map(|deadline| {
            format!(
                "{} that `deadline` in [workflows.{workflow}] gives it",
                format_duration(deadline)
            )
        })
        .unwrap_or_else(|| "time that it had".to_owned());
    let said = format!("the run{since} did not end within the {within}");
    let mut failure = StepFailure::new(FailureKind::Limit, "DeadlineError", said);
    failure.code = Some("deadline".to_owned());
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_store::{RunId, StepId, StepInput};

    fn left(deadline_in_ms: Option<i64>, timeout_ms: Option<u64>) -> (bool, Option<u128>) {
        let claimed = ClaimedStep {
            step: StepId(1),
            run: RunId(1),
            run_created_ms: 0,
            chain: Vec::new(),
            job: "job".to_owned(),
            attempt: 1,
            input: StepInput::Nothing,
            workflow: "w".to_owned(),
            trigger: "t".to_owned(),
            run_used_ms: 0,
            deadline_in_ms,
        };
        let time = StepTime::of(&claimed, timeout_ms.map(Duration::from_millis));
        let by_deadline = matches!(time, StepTime::UntilDeadline(_));
        (by_deadline, time.left().map(|left| left.as_millis()))
    }

    #[test]
    fn a_step_has_the_time_that_its_runs_timeout_or_deadline_leaves_whichever_ends_first() {
        assert_eq!(left(None, None), (false, None));
        assert_eq!(left(None, Some(70)), (false, Some(70)));
        assert_eq!(left(Some(50), None), (true, Some(50)));
        assert_eq!(left(Some(50), Some(70)), (true, Some(50)));
        assert_eq!(left(Some(90), Some(70)), (false, Some(70)));
    }

    #[test]
    fn a_deadline_that_has_passed_limits_no_step_that_is_begun_all_the_same() {
        for passed in [0, -1, -86_400_000] {
            assert_eq!(left(Some(passed), Some(70)), (false, Some(70)));
        }
    }
}
