//! Clocks: starts the jobs of cron triggers, each with the state it left last time.
//!
//! - A job never overlaps with itself: a tick that comes while its last run is open is skipped, and the log says so.
//! - Ticks missed while the host was down are made up for by one run at the start, however many they were.
//! - A job that is new starts at its next tick.

use std::sync::Arc;
use std::time::Duration;

use fonio_project::{Job, Project, Schedule};
use fonio_store::{Store, StoreError};

use crate::host::Host;
use crate::runner::now_ms;

/// The longest sleep: after a jump of the system's clock, ticks are right again within this time.
const SLEEP_MAX: Duration = Duration::from_secs(20);

/// Ticks until the host stops.
pub async fn run(host: Arc<Host>) {
    let mut generations = host.generations();
    while !host.is_stopping() {
        let due = match host.live() {
            Some(live) => tick_all(&host, &live.project).await,
            None => None,
        };
        let sleep = due.map_or(SLEEP_MAX, |at| {
            Duration::from_millis(u64::try_from(at - now_ms()).unwrap_or(0))
        });
        tokio::select! {
            () = tokio::time::sleep(sleep.min(SLEEP_MAX)) => {}
            changed = generations.changed() => if changed.is_err() { return },
            () = host.stopping() => return,
        }
    }
}

/// Starts every job whose tick has come; the time of the earliest tick to come.
async fn tick_all(host: &Host, project: &Project) -> Option<i64> {
    let mut earliest = None;
    for (job, schedule) in project.cron_jobs() {
        let next = match tick(&host.store, job, schedule, now_ms()).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(job = job.name, %error, "a cron job could not be started; trying again");
                Some(now_ms() + 1000)
            }
        };
        earliest = [earliest, next].into_iter().flatten().min();
    }
    earliest
}

/// Starts the job if its tick has come by `now`; the time of the next one.
async fn tick(
    store: &Store,
    job: &Job,
    schedule: &Schedule,
    now: i64,
) -> Result<Option<i64>, StoreError> {
    let Some(last) = store.cron_tick(&job.name).await? else {
        store.record_cron_tick(&job.name, now).await?;
        return Ok(schedule.next_after(now));
    };
    // A clock that was set back far would stop the job until that time comes again.
    let last = last.min(now);
    match schedule.next_after(last) {
        Some(due) if due <= now => {
            start(store, job, now).await?;
            Ok(schedule.next_after(now))
        }
        next => Ok(next),
    }
}

async fn start(store: &Store, job: &Job, now: i64) -> Result<(), StoreError> {
    if store.has_open_run(&job.name).await? {
        tracing::warn!(
            job = job.name,
            "this tick is skipped: the run of the last one is still open"
        );
        return store.record_cron_tick(&job.name, now).await;
    }
    let input = store.last_output(&job.name).await?;
    store
        .start_cron(&job.name, &job.trigger, now, input)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_store::{ClaimedStep, Settlement, StepInput, StepStatus, StoreOptions};

    /// 2026-03-02 06:00:00 UTC.
    const SIX: i64 = 1_772_431_200_000;
    const HOUR: i64 = 3_600_000;

    struct Clock {
        store: Store,
        job: Job,
        schedule: Schedule,
        _dir: tempfile::TempDir,
    }

    impl Clock {
        /// A job that runs at each full hour.
        fn hourly() -> Clock {
            let dir = tempfile::tempdir().expect("a directory");
            let yaml = "jobs: { sum: { adaptor: common, trigger: hourly, expression: none } }\n\
                        triggers: { hourly: { cron: '0 * * * *' } }\n";
            std::fs::write(dir.path().join("project.yaml"), yaml).expect("written");
            let project = fonio_project::load(dir.path(), &|_| None)
                .project
                .expect("a project");
            let (job, schedule) = project.cron_jobs()[0];
            let store =
                Store::open(&dir.path().join("data"), StoreOptions::default()).expect("a store");
            Clock {
                store,
                job: job.clone(),
                schedule: schedule.clone(),
                _dir: dir,
            }
        }

        async fn tick(&self, now: i64) -> Option<i64> {
            tick(&self.store, &self.job, &self.schedule, now)
                .await
                .expect("the store works")
        }

        async fn claim(&self) -> Vec<ClaimedStep> {
            self.store.claim(10).await.expect("the store works")
        }

        async fn settle(&self, step: &ClaimedStep, state: &str) {
            let settlement = Settlement {
                status: StepStatus::Succeeded,
                exit_code: 0,
                error: None,
                output: Some(state.as_bytes().to_vec()),
                log: Vec::new(),
                next: Vec::new(),
                next_input: None,
                started_ms: 0,
                finished_ms: 0,
            };
            self.store
                .settle(step.step, settlement)
                .await
                .expect("the store works");
        }
    }

    #[tokio::test]
    async fn a_new_job_starts_at_its_next_tick_and_not_before() {
        let clock = Clock::hourly();
        assert_eq!(clock.tick(SIX + 1).await, Some(SIX + HOUR));
        assert_eq!(clock.tick(SIX + HOUR - 1).await, Some(SIX + HOUR));
        assert!(clock.claim().await.is_empty());
        assert_eq!(clock.tick(SIX + HOUR).await, Some(SIX + 2 * HOUR));
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn ticks_missed_while_the_host_was_down_are_made_up_for_by_one_run() {
        let clock = Clock::hourly();
        clock.tick(SIX + 1).await;
        assert_eq!(clock.tick(SIX + 30 * HOUR + 5).await, Some(SIX + 31 * HOUR));
        assert_eq!(clock.tick(SIX + 30 * HOUR + 6).await, Some(SIX + 31 * HOUR));
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn a_tick_that_comes_while_the_last_run_is_open_is_skipped() {
        let clock = Clock::hourly();
        clock.tick(SIX + 1).await;
        clock.tick(SIX + HOUR).await;
        let first = clock.claim().await;
        clock.tick(SIX + 2 * HOUR).await;
        assert!(clock.claim().await.is_empty());
        clock.settle(&first[0], "{}").await;
        clock.tick(SIX + 3 * HOUR).await;
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn each_run_starts_with_what_the_job_left_last_time() {
        let clock = Clock::hourly();
        clock.tick(SIX + 1).await;
        clock.tick(SIX + HOUR).await;
        let first = clock.claim().await;
        assert_eq!(first[0].input, StepInput::Nothing);
        clock.settle(&first[0], r#"{"cursor":7}"#).await;
        clock.tick(SIX + 2 * HOUR).await;
        let second = clock.claim().await;
        assert_eq!(
            second[0].input,
            StepInput::Dataclip(br#"{"cursor":7}"#.to_vec())
        );
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_stop_the_job() {
        let clock = Clock::hourly();
        clock.tick(SIX + 100 * HOUR).await;
        assert_eq!(clock.tick(SIX + 1).await, Some(SIX + HOUR));
    }
}
