//! Looks at the clocks of a project when their ticks come ([`crate::clock`]).

use std::sync::Arc;
use std::time::Duration;

use fonio_project::Project;

use crate::clock::Clock;
use crate::host::Host;
use crate::runner::now_ms;

/// The longest sleep: after a jump of the system's clock, ticks are right again within this time.
const SLEEP_MAX: Duration = Duration::from_secs(20);

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Ticks until the host stops.
pub async fn run(host: Arc<Host>) {
    let mut generations = host.generations();
    while !host.is_stopping() {
        let due = match host.live() {
            Some(live) => tick_all(&host, &live.project).await,
            None => None,
        };
        tokio::select! {
            () = tokio::time::sleep(due.unwrap_or(SLEEP_MAX).min(SLEEP_MAX)) => {}
            changed = generations.changed() => if changed.is_err() { return },
            () = host.stopping() => return,
        }
    }
}

/// Starts every workflow whose tick has come; how long until the earliest tick to come. Hosts that share a database go by
/// its clock: by their own, one that is hours ahead and one that is not would each undo what the other remembers of a tick,
/// and tick again at every look.
async fn tick_all(host: &Host, project: &Project) -> Option<Duration> {
    let crons = project.crons();
    if crons.is_empty() {
        return None;
    }
    let now = match host.store.clock_ms(now_ms()).await {
        Ok(now) => now,
        Err(error) => {
            tracing::error!(%error, "what time it is cannot be looked up; trying again");
            return Some(RETRY_AFTER);
        }
    };
    let mut earliest = None;
    for (workflow, trigger, _) in crons {
        let Some(clock) = Clock::of(project, workflow, trigger) else {
            continue;
        };
        let wait = match clock.tick(&host.store, now).await {
            Ok(next) => next.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0))),
            Err(error) => {
                tracing::error!(clock = clock.key(), %error, "a clock could not start its workflow; trying again");
                Some(RETRY_AFTER)
            }
        };
        earliest = [earliest, wait].into_iter().flatten().min();
    }
    earliest
}
