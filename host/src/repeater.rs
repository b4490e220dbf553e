//! Clocks: starts the workflows of cron triggers, each with the state that was left last time.
//!
//! - A clock never overlaps with itself: a tick that comes while its last run is open is skipped, and the log says so.
//! - Ticks missed while the host was down are made up for by one run at the start, however many they were.
//! - A clock that is new starts at its next tick.
//! - Of hosts that share a database one starts the run of a tick, whichever is first.

use std::sync::Arc;
use std::time::Duration;

use fonio_project::{AfterCrash, Project, Schedule, Trigger, TriggerKind, Workflow};
use fonio_store::{DataclipId, FirstStep, NewRun, Store, StoreError, Turn};

use crate::flow::started_by;
use crate::host::Host;
use crate::runner::now_ms;

/// The longest sleep: after a jump of the system's clock, ticks are right again within this time.
const SLEEP_MAX: Duration = Duration::from_secs(20);

/// By how much the clocks of hosts that share a database may differ without ticking twice, in milliseconds. A last tick
/// further in the future than that is from before the system's clock was set back, and would stop the job until then.
const SKEW_MAX: i64 = 5 * 60 * 1000;

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

/// Starts every workflow whose tick has come; the time of the earliest tick to come.
async fn tick_all(host: &Host, project: &Project) -> Option<i64> {
    let mut earliest = None;
    for (workflow, trigger, schedule) in project.crons() {
        let clock = Clock {
            workflow,
            trigger,
            schedule,
        };
        let next = match clock.tick(&host.store, now_ms()).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(clock = clock.key(), %error, "a clock could not start its workflow; trying again");
                Some(now_ms() + 1000)
            }
        };
        earliest = [earliest, next].into_iter().flatten().min();
    }
    earliest
}

/// A trigger of the clock.
struct Clock<'p> {
    workflow: &'p Workflow,
    trigger: &'p Trigger,
    schedule: &'p Schedule,
}

impl Clock<'_> {
    /// What the store knows it by.
    fn key(&self) -> String {
        format!("{}/{}", self.workflow.id, self.trigger.id)
    }

    /// Starts the workflow if the tick has come by `now`; the time of the next one.
    async fn tick(&self, store: &Store, now: i64) -> Result<Option<i64>, StoreError> {
        let Some(last) = store.last_tick(&self.key()).await? else {
            store.record_tick(&self.key(), None, now).await?;
            return Ok(self.schedule.next_after(now));
        };
        let after = if last > now + SKEW_MAX { now } else { last };
        match self.schedule.next_after(after) {
            Some(due) if due <= now => {
                self.start(store, last, now).await?;
                Ok(self.schedule.next_after(now))
            }
            next => Ok(next),
        }
    }

    async fn start(&self, store: &Store, last: i64, now: i64) -> Result<(), StoreError> {
        if store.is_last_tick_open(&self.key()).await? {
            tracing::warn!(
                clock = self.key(),
                "this tick is skipped: the run of the last one is still open"
            );
            return store.record_tick(&self.key(), Some(last), now).await;
        }
        let mut first = Vec::new();
        for job in started_by(self.workflow, &self.trigger.id) {
            let input = self.input(store, &job).await?;
            first.push(FirstStep { job, input });
        }
        let run = NewRun {
            workflow: self.workflow.id.clone(),
            trigger: self.trigger.id.clone(),
            first,
            turn: Turn::default(),
        };
        // Of hosts that share the clock one comes first; the others start nothing.
        store.start_tick(&self.key(), Some(last), now, run).await?;
        Ok(())
    }

    /// What a job starts from: in the microservice's projects what it left itself last time; in OpenFn's workflows the
    /// last state of the cursor job, or the final state of the last run.
    async fn input(&self, store: &Store, job: &str) -> Result<Option<DataclipId>, StoreError> {
        if self.workflow.after_crash == AfterCrash::Continue {
            return store.last_output(job).await;
        }
        let cursor = match &self.trigger.kind {
            TriggerKind::Cron { cursor_job, .. } => cursor_job.as_deref(),
            _ => None,
        };
        match cursor.and_then(|id| self.workflow.job(id)) {
            Some(job) => store.last_output(&job.key).await,
            None => store.last_final_state(&self.workflow.id).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_store::{ClaimedStep, Next, Settlement, StepInput, StepStatus, StoreOptions};

    /// 2026-03-02 06:00:00 UTC.
    const SIX: i64 = 1_772_431_200_000;
    const HOUR: i64 = 3_600_000;

    struct Hourly {
        store: Store,
        project: Project,
        _dir: tempfile::TempDir,
    }

    impl Hourly {
        /// A job that runs at each full hour, in a project of the microservice's generation.
        fn job() -> Hourly {
            Hourly::of(
                "jobs: { sum: { adaptor: common, trigger: hourly, expression: none } }\n\
                 triggers: { hourly: { cron: '0 * * * *' } }\n",
            )
        }

        fn of(yaml: &str) -> Hourly {
            let dir = tempfile::tempdir().expect("a directory");
            std::fs::write(dir.path().join("project.yaml"), yaml).expect("written");
            let loaded = fonio_project::load(dir.path(), &|_| None);
            let project = loaded
                .project
                .unwrap_or_else(|| panic!("{:?}", loaded.problems));
            let store =
                Store::open(&dir.path().join("data"), StoreOptions::default()).expect("a store");
            Hourly {
                store,
                project,
                _dir: dir,
            }
        }

        async fn tick(&self, now: i64) -> Option<i64> {
            let (workflow, trigger, schedule) = self.project.crons()[0];
            let clock = Clock {
                workflow,
                trigger,
                schedule,
            };
            clock.tick(&self.store, now).await.expect("the store works")
        }

        async fn claim(&self) -> Vec<ClaimedStep> {
            self.store.claim(10).await.expect("the store works")
        }

        async fn settle(&self, step: &ClaimedStep, state: &str, next: Next) {
            let settlement = Settlement {
                status: StepStatus::Succeeded,
                exit_code: 0,
                error: None,
                output: Some(state.as_bytes().to_vec()),
                log: Vec::new(),
                next,
                started_ms: 0,
                finished_ms: 0,
            };
            self.store
                .settle(step.step, settlement)
                .await
                .expect("the store works");
        }
    }

    fn leaf() -> Next {
        Next::Leaf("leaf".to_owned())
    }

    #[tokio::test]
    async fn a_new_job_starts_at_its_next_tick_and_not_before() {
        let clock = Hourly::job();
        assert_eq!(clock.tick(SIX + 1).await, Some(SIX + HOUR));
        assert_eq!(clock.tick(SIX + HOUR - 1).await, Some(SIX + HOUR));
        assert!(clock.claim().await.is_empty());
        assert_eq!(clock.tick(SIX + HOUR).await, Some(SIX + 2 * HOUR));
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn ticks_missed_while_the_host_was_down_are_made_up_for_by_one_run() {
        let clock = Hourly::job();
        clock.tick(SIX + 1).await;
        assert_eq!(clock.tick(SIX + 30 * HOUR + 5).await, Some(SIX + 31 * HOUR));
        assert_eq!(clock.tick(SIX + 30 * HOUR + 6).await, Some(SIX + 31 * HOUR));
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn a_tick_that_comes_while_the_last_run_is_open_is_skipped() {
        let clock = Hourly::job();
        clock.tick(SIX + 1).await;
        clock.tick(SIX + HOUR).await;
        let first = clock.claim().await;
        clock.tick(SIX + 2 * HOUR).await;
        assert!(clock.claim().await.is_empty());
        clock.settle(&first[0], "{}", leaf()).await;
        clock.tick(SIX + 3 * HOUR).await;
        assert_eq!(clock.claim().await.len(), 1);
    }

    #[tokio::test]
    async fn each_run_starts_with_what_the_job_left_last_time() {
        let clock = Hourly::job();
        clock.tick(SIX + 1).await;
        clock.tick(SIX + HOUR).await;
        let first = clock.claim().await;
        assert_eq!(first[0].input, StepInput::Nothing);
        clock.settle(&first[0], r#"{"cursor":7}"#, leaf()).await;
        clock.tick(SIX + 2 * HOUR).await;
        let second = clock.claim().await;
        assert_eq!(
            second[0].input,
            StepInput::Dataclip(br#"{"cursor":7}"#.to_vec())
        );
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_stop_the_job() {
        let clock = Hourly::job();
        clock.tick(SIX + 100 * HOUR).await;
        assert_eq!(clock.tick(SIX + 1).await, Some(SIX + HOUR));
    }

    /// A workflow of two steps, hourly, with `cursor_job` or not.
    async fn second_input(cursor: &str) -> StepInput {
        let clock = Hourly::of(&format!(
            "schema_version: '4.0'\nid: p\nname: p\nworkflows:\n  - id: w\n    name: w\n    start: hourly\n    steps:\n      \
             - {{ id: hourly, type: cron, enabled: true, cron_expression: '0 * * * *'{cursor}, next: a }}\n      \
             - {{ id: a, adaptor: common, expression: none, next: b }}\n      \
             - {{ id: b, adaptor: common, expression: none }}\n"
        ));
        clock.tick(SIX + 1).await;
        clock.tick(SIX + HOUR).await;
        let first = clock.claim().await;
        assert_eq!(first[0].job, "w/a");
        clock
            .settle(&first[0], r#"{"of":"a"}"#, Next::Jobs(vec!["w/b".into()]))
            .await;
        let second = clock.claim().await;
        clock.settle(&second[0], r#"{"of":"b"}"#, leaf()).await;
        clock.tick(SIX + 2 * HOUR).await;
        clock.claim().await.remove(0).input
    }

    #[tokio::test]
    async fn a_workflow_goes_on_from_its_last_final_state_or_from_its_cursor_jobs() {
        let state = |text: &str| StepInput::Dataclip(text.into());
        assert_eq!(second_input("").await, state(r#"{"of":"b"}"#));
        assert_eq!(
            second_input(", cron_cursor_job_id: a").await,
            state(r#"{"of":"a"}"#)
        );
    }
}
