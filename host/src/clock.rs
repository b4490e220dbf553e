//! Clocks: starts the workflows of cron triggers, each with the state that was left last time.
//!
//! - A clock never overlaps with itself: a tick that comes while its last run is open is skipped, and the log says so; with
//!   `catch_up = "all"` it waits.
//! - Ticks missed while the host was down are made up for by one run at the start, however many they were, or as
//!   `catch_up` says.
//! - With `jitter` each tick comes later, by the same on every host.
//! - A clock that is new starts at its next tick.
//! - Of hosts that share a database one starts the run of a tick, whichever is first.

use fonio_project::{
    AfterCrash, CatchUp, ClockSettings, Project, Schedule, Trigger, TriggerKind, Workflow,
};
use fonio_store::{DataclipId, FirstStep, NewRun, Store, StoreError, Turn};

use crate::flow::started_by;

/// By how much a clock may be put right without ticking twice, in milliseconds. A last tick further in the future than that
/// is from before the clock was set back, and would stop the job until then.
const SKEW_MAX: i64 = 5 * 60 * 1000;

/// With `catch_up = "none"`, a tick that comes later than this was missed, in milliseconds: three times as late as a host
/// that is up can be.
const MISSED_AFTER: i64 = 60 * 1000;

/// With `catch_up = "all"`, so many ticks that were missed have their run.
const MADE_UP_MAX: usize = 1_000;

/// With `catch_up = "all"`, between two looks whether the run of the tick before has ended, in milliseconds.
const LOOK_AGAIN: i64 = 1_000;

/// When a clock ticks next, after `now` (milliseconds since 1970).
pub(crate) fn next_tick(
    project: &Project,
    workflow: &Workflow,
    trigger: &Trigger,
    now: i64,
) -> Option<i64> {
    let clock = Clock::of(project, workflow, trigger)?;
    let mut tick = clock.schedule.next_after(now - clock.jitter)?;
    while clock.comes_at(tick) <= now {
        tick = clock.schedule.next_after(tick)?;
    }
    Some(clock.comes_at(tick))
}

/// A trigger of the clock. A tick has the time that its schedule says, and comes up to `jitter` later.
pub(crate) struct Clock<'p> {
    project: &'p Project,
    workflow: &'p Workflow,
    trigger: &'p Trigger,
    schedule: &'p Schedule,
    /// In milliseconds.
    jitter: i64,
    catch_up: CatchUp,
}

/// What is to be done about ticks that have come.
enum Due {
    /// The run of this tick.
    Run(i64),
    /// Nothing: it was missed.
    Missed(i64),
}

impl<'p> Clock<'p> {
    /// Nothing if it is no clock.
    pub(crate) fn of(
        project: &'p Project,
        workflow: &'p Workflow,
        trigger: &'p Trigger,
    ) -> Option<Clock<'p>> {
        let TriggerKind::Cron { schedule, .. } = &trigger.kind else {
            return None;
        };
        let settings = project.clock_settings(workflow, trigger);
        let jitter = settings.map_or(0, |own: &ClockSettings| own.jitter.as_millis());
        Some(Clock {
            project,
            workflow,
            trigger,
            schedule,
            jitter: i64::try_from(jitter).unwrap_or(i64::MAX),
            catch_up: settings.map_or(CatchUp::One, |own| own.catch_up),
        })
    }

    /// What the store knows it by.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.workflow.id, self.trigger.id)
    }

    /// When a tick comes: spread over the jitter by FNV-1a of what tells it from every other, in all versions the same.
    fn comes_at(&self, tick: i64) -> i64 {
        if self.jitter == 0 {
            return tick;
        }
        let name = format!("{}/{}/{tick}", self.project.id, self.key());
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // The low bits of FNV are the better mixed ones, but for the last byte's own.
        let spread = (hash >> 8) % self.jitter.unsigned_abs();
        tick.saturating_add(i64::try_from(spread).unwrap_or_default())
    }

    /// Starts the workflow if a tick has come by `now`; when to look again.
    pub(crate) async fn tick(&self, store: &Store, now: i64) -> Result<Option<i64>, StoreError> {
        let Some(last) = store.last_tick(&self.key()).await? else {
            store.record_tick(&self.key(), None, now).await?;
            return Ok(self.next_after(now));
        };
        if last > now + SKEW_MAX {
            // It begins anew.
            store.record_tick(&self.key(), Some(last), now).await?;
            return Ok(self.next_after(now));
        }
        let tick = match self.due(last, now) {
            None => return Ok(self.next_after(last)),
            Some(Due::Missed(tick)) => {
                store.record_tick(&self.key(), Some(last), tick).await?;
                tick
            }
            Some(Due::Run(tick)) => {
                if self.catch_up == CatchUp::All && store.is_last_tick_open(&self.key()).await? {
                    return Ok(Some(now + LOOK_AGAIN));
                }
                self.start(store, last, tick).await?;
                tick
            }
        };
        Ok(self.next_after(tick))
    }

    /// When the tick after `tick` comes.
    fn next_after(&self, tick: i64) -> Option<i64> {
        Some(self.comes_at(self.schedule.next_after(tick)?))
    }

    /// What has come by `now` of the ticks after `after`.
    fn due(&self, after: i64, now: i64) -> Option<Due> {
        let first = self.schedule.next_after(after)?;
        if self.comes_at(first) > now {
            return None;
        }
        if self.catch_up == CatchUp::All {
            let behind = std::iter::successors(Some(first), |tick| self.schedule.next_after(*tick));
            let behind = behind.take_while(|tick| *tick <= now);
            let tick = match behind.take(MADE_UP_MAX + 1).count() {
                0..=MADE_UP_MAX => first,
                _ => self.back_from(now).take(MADE_UP_MAX).last()?,
            };
            return Some(Due::Run(tick));
        }
        let mut back = self.back_from(now);
        let tick = back.find(|tick| *tick <= first || self.comes_at(*tick) <= now)?;
        match self.catch_up {
            CatchUp::None if self.comes_at(tick) < now - MISSED_AFTER => Some(Due::Missed(tick)),
            CatchUp::None | CatchUp::One | CatchUp::All => Some(Due::Run(tick)),
        }
    }

    /// The ticks up to `now`, the last first.
    fn back_from(&self, now: i64) -> impl Iterator<Item = i64> {
        let before = |tick: &i64| self.schedule.last_until(tick - 1);
        std::iter::successors(self.schedule.last_until(now), before)
    }

    async fn start(&self, store: &Store, last: i64, tick: i64) -> Result<(), StoreError> {
        if store.is_last_tick_open(&self.key()).await? {
            tracing::warn!(
                clock = self.key(),
                "this tick is skipped: the run of the last one is still open"
            );
            return store.record_tick(&self.key(), Some(last), tick).await;
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
        store.start_tick(&self.key(), Some(last), tick, run).await?;
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

    const JOB: &str = "jobs: { sum: { adaptor: common, trigger: hourly, expression: none } }\n\
         triggers: { hourly: { cron: '0 * * * *' } }\n";

    struct Hourly {
        store: Store,
        project: Project,
        _dir: tempfile::TempDir,
    }

    impl Hourly {
        /// A job that runs at each full hour, in a project of the microservice's generation.
        fn job() -> Hourly {
            Hourly::of(JOB)
        }

        fn of(yaml: &str) -> Hourly {
            Hourly::with(yaml, "")
        }

        /// The job with these settings of its clock.
        fn set(settings: &str) -> Hourly {
            let settings = format!("[triggers.hourly]\n{settings}\n");
            Hourly::with(JOB, &settings)
        }

        fn with(yaml: &str, settings: &str) -> Hourly {
            let dir = tempfile::tempdir().expect("a directory");
            std::fs::write(dir.path().join("fonio.toml"), settings).expect("written");
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
            let (workflow, trigger, _) = self.project.crons()[0];
            let clock = Clock::of(&self.project, workflow, trigger).expect("a clock");
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
                events: Vec::new(),
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

    #[tokio::test]
    async fn a_clock_that_is_set_forward_and_back_again_starts_one_run_and_goes_on() {
        let clock = Hourly::job();
        clock.tick(SIX + 1).await;
        clock.tick(SIX + 50 * HOUR).await;
        let first = clock.claim().await;
        assert_eq!(first.len(), 1);
        clock.settle(&first[0], "{}", leaf()).await;
        assert_eq!(clock.tick(SIX + 2).await, Some(SIX + HOUR));
        assert_eq!(clock.tick(SIX + HOUR).await, Some(SIX + 2 * HOUR));
        assert_eq!(clock.claim().await.len(), 1);
    }

    /// How many runs begin, one after another, when the host looks at this time.
    async fn runs_begun(clock: &Hourly, now: i64) -> usize {
        let mut begun = 0;
        loop {
            let next = clock.tick(now).await;
            for step in clock.claim().await {
                begun += 1;
                clock.settle(&step, "{}", leaf()).await;
            }
            if next.is_none_or(|next| next > now) {
                return begun;
            }
        }
    }

    #[tokio::test]
    async fn ticks_that_were_missed_have_one_run_or_each_its_own_or_none() {
        for (settings, expected) in [
            ("catch_up = 'one'", 1),
            ("catch_up = 'all'", 5),
            ("catch_up = 'none'", 0),
        ] {
            let clock = Hourly::set(settings);
            clock.tick(SIX + 1).await;
            let begun = runs_begun(&clock, SIX + 5 * HOUR + 2 * MISSED_AFTER).await;
            assert_eq!(begun, expected, "{settings}");
            assert_eq!(runs_begun(&clock, SIX + 6 * HOUR).await, 1, "{settings}");
        }
    }

    #[tokio::test]
    async fn of_ticks_that_are_all_made_up_for_each_waits_for_the_one_before() {
        let clock = Hourly::set("catch_up = 'all'");
        clock.tick(SIX + 1).await;
        let now = SIX + 3 * HOUR;
        assert_eq!(clock.tick(now).await, Some(SIX + 2 * HOUR));
        let first = clock.claim().await;
        assert_eq!(clock.tick(now).await, Some(now + LOOK_AGAIN));
        assert!(clock.claim().await.is_empty());
        clock.settle(&first[0], "{}", leaf()).await;
        assert_eq!(runs_begun(&clock, now).await, 2);
    }

    #[tokio::test]
    async fn no_more_ticks_are_made_up_for_than_the_most() {
        let clock = Hourly::set("catch_up = 'all'");
        clock.tick(SIX + 1).await;
        clock.tick(SIX + 5_000 * HOUR).await;
        let (workflow, trigger, _) = clock.project.crons()[0];
        let key = format!("{}/{}", workflow.id, trigger.id);
        let last = clock.store.last_tick(&key).await.expect("a read");
        let last = last.expect("it has ticked");
        assert_eq!((last - SIX) / HOUR, 5_000 - MADE_UP_MAX as i64 + 1);
    }

    #[tokio::test]
    async fn a_tick_comes_later_by_its_share_of_the_jitter_and_always_by_the_same() {
        let clock = Hourly::set("jitter = '30m'");
        let first = clock.tick(SIX + 1).await.expect("a next tick");
        assert_eq!(clock.tick(first - 1).await, Some(first));
        assert!((SIX + HOUR..SIX + HOUR + HOUR / 2).contains(&first));
        assert_ne!(first, SIX + HOUR, "by chance once in two million");
        assert!(clock.claim().await.is_empty());
        let second = clock.tick(first).await.expect("a next tick");
        assert_eq!(clock.claim().await.len(), 1);
        assert!((SIX + 2 * HOUR..SIX + 2 * HOUR + HOUR / 2).contains(&second));
        assert_ne!(second - first, HOUR);
        let (workflow, trigger, _) = clock.project.crons()[0];
        let shown = |now| next_tick(&clock.project, workflow, trigger, now);
        assert_eq!(shown(first - 1), Some(first));
        assert_eq!(shown(first), Some(second));
    }

    #[tokio::test]
    async fn a_clock_goes_by_its_time_zone() {
        // Nepal is 5:45 hours ahead.
        let clock = Hourly::set("time_zone = 'Asia/Kathmandu'");
        assert_eq!(clock.tick(SIX + 1).await, Some(SIX + HOUR / 4));
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
