//! Looks at the clocks of a project when their ticks come ([`crate::clock`]).

use std::sync::Arc;
use std::time::Duration;

use fonio_project::Project;

use crate::clock::Clock;
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

/// Starts every workflow whose tick has come; the time of the earliest tick to come.
async fn tick_all(host: &Host, project: &Project) -> Option<i64> {
    let mut earliest = None;
    for (workflow, trigger, _) in project.crons() {
        let Some(clock) = Clock::of(project, workflow, trigger) else {
            continue;
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
