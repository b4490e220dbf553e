//! Wakes the steps that wait for a time, those that are tried again and those of runs that were put off; and ends the runs
//! that have not ended when their deadline comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fonio_store::StoreError;

use crate::deadline::end_overdue;
use crate::host::Host;
use crate::runner::now_ms;
use crate::steady::Steady;

/// The longest sleep: after a jump of the system's clock, and where another host has put a step off, times are right again
/// within this.
const SLEEP_MAX: Duration = Duration::from_secs(20);

/// The shortest sleep: clocks differ by a millisecond or so, and a deadline that is just not over is looked at once more.
const SLEEP_MIN: Duration = Duration::from_millis(5);

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What hosts that share a database may differ by, and clocks that are set right: less than this is no jump back.
const JUMP: i64 = 5 * 60 * 1000;

/// Wakes what is due until the host stops.
pub async fn run(host: Arc<Host>) {
    let mut clock = Steady::new(now_ms(), Instant::now());
    // Before it began the clock may have been set back, too.
    let mut set_back = true;
    while !host.is_stopping() {
        let sleep = match look(&host, &mut clock, &mut set_back).await {
            Ok(sleep) => sleep.clamp(SLEEP_MIN, SLEEP_MAX),
            Err(error) => {
                tracing::error!(%error, "what is due cannot be looked up; trying again");
                RETRY_AFTER
            }
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = host.store.put_off() => {}
            () = host.stopping() => return,
        }
    }
}

/// How long until there is something to do again.
async fn look(
    host: &Host,
    clock: &mut Steady,
    set_back: &mut bool,
) -> Result<Duration, StoreError> {
    // Deadlines that could not be moved are moved next time.
    let mut seen = *clock;
    let now = now_ms();
    if let Some(jump) = seen.jump(now, Instant::now()) {
        *set_back |= jump < 0;
        host.store.move_deadlines(jump, now).await?;
        tracing::warn!(seconds = jump / 1000, "the system's clock has jumped");
    }
    *clock = seen;
    let due = wake(host, set_back).await?;
    end_overdue(host).await?;
    host.store.let_in().await?;
    let deadline = host.store.next_deadline_in(now_ms()).await?;
    Ok(deadline.map_or(due, |left| wait(left).min(due)))
}

/// Wakes what is due; how long until the next step is. After the clock was set back, what was put off by the time that it had
/// before goes on at once: its times may be hours away.
async fn wake(host: &Host, set_back: &mut bool) -> Result<Duration, StoreError> {
    while *set_back {
        let woken = host.store.wake_tried_after(now_ms() + JUMP).await?;
        *set_back = woken > 0;
    }
    loop {
        let Some(due) = host.store.next_due().await? else {
            return Ok(SLEEP_MAX);
        };
        let now = now_ms();
        if due > now {
            return Ok(wait(due - now));
        }
        host.store.wake_due(now).await?;
    }
}

fn wait(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
