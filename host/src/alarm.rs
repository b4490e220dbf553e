//! Wakes the steps that wait for a time: those that are tried again.

use std::sync::Arc;
use std::time::Duration;

use crate::host::Host;
use crate::runner::now_ms;

/// The longest sleep: after a jump of the system's clock, and where another host has put a step off, times are right again
/// within this.
const SLEEP_MAX: Duration = Duration::from_secs(20);

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Wakes what is due until the host stops.
pub async fn run(host: Arc<Host>) {
    while !host.is_stopping() {
        let sleep = match wake(&host).await {
            Ok(sleep) => sleep,
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

/// How long until the next step is due.
async fn wake(host: &Host) -> Result<Duration, fonio_store::StoreError> {
    loop {
        let Some(due) = host.store.next_due().await? else {
            return Ok(SLEEP_MAX);
        };
        let now = now_ms();
        if due > now {
            let wait = u64::try_from(due - now).unwrap_or_default();
            return Ok(Duration::from_millis(wait).min(SLEEP_MAX));
        }
        host.store.wake_due(now).await?;
    }
}
