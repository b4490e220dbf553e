//! Wakes what waits for systems: one step when it is time to see whether a system is back, and all when it is.

use std::sync::Arc;
use std::time::Duration;

use fonio_project::CircuitBreaker;
use fonio_store::StoreError;

use super::Outages;
use super::breaker::Breaker;
use crate::host::Host;
use crate::runner::now_ms;

/// Between two looks at what is parked: by another host that has gone meanwhile, or before this one began.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Between two batches of steps that go on, so that a system that is back is not met by all at once, nor the queue full.
const BATCH_EVERY: Duration = Duration::from_secs(1);
/// Steps in one batch: what a host on two cores runs in a second.
const BATCH: usize = 1_000;
/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Wakes steps until the host stops.
pub async fn run(host: Arc<Host>) {
    tokio::select! {
        () = host.serving() => {}
        () = host.stopping() => return,
    }
    let mut generations = host.generations();
    while !host.is_stopping() {
        let sleep = match tend(&host).await {
            Ok(sleep) => sleep,
            Err(error) => {
                tracing::error!(%error, "what waits for systems that are out cannot be looked up; trying again");
                RETRY_AFTER
            }
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = host.outages.changed.notified() => {}
            // The settings may be others.
            changed = generations.changed() => if changed.is_err() { return },
            () = host.stopping() => return,
        }
    }
}

/// How long until there may be more to do.
async fn tend(host: &Host) -> Result<Duration, StoreError> {
    let Some(live) = host.live() else {
        return Ok(LOOK_EVERY);
    };
    let settings = live.project.settings.circuit_breaker;
    adopt(host, settings.as_ref()).await?;
    if let Some(settings) = settings {
        for origin in host.outages.to_probe(now_ms(), &settings) {
            host.store.wake_parked(&origin, 1).await?;
        }
    }
    for origin in host.outages.to_wake() {
        if host.store.wake_parked(&origin, BATCH).await? < BATCH as u64 {
            host.outages.woken(&origin);
        }
    }
    Ok(host.outages.sleep(now_ms()))
}

/// Takes on what waits in the store and no breaker knows of. Where the project has no breakers any more, nothing waits.
async fn adopt(host: &Host, settings: Option<&CircuitBreaker>) -> Result<(), StoreError> {
    let now = now_ms();
    for parked in host.store.parked().await? {
        let mut all = host.outages.all();
        let Some(settings) = settings else {
            all.breakers.remove(&parked.origin);
            all.waking.insert(parked.origin);
            continue;
        };
        if all.waking.contains(&parked.origin) {
            continue;
        }
        let adopted = || Breaker::adopted(now, parked.since_ms, settings);
        let breaker = all.breakers.entry(parked.origin).or_insert_with(adopted);
        if !breaker.is_out() {
            *breaker = adopted();
        }
        breaker.jobs.insert(parked.job);
    }
    Ok(())
}

impl Outages {
    fn to_probe(&self, now_ms: i64, settings: &CircuitBreaker) -> Vec<String> {
        let mut all = self.all();
        let due = all.breakers.iter_mut().filter_map(|(origin, breaker)| {
            breaker.wakes(now_ms, settings).then(|| origin.clone())
        });
        due.collect()
    }

    fn to_wake(&self) -> Vec<String> {
        self.all().waking.iter().cloned().collect()
    }

    fn woken(&self, origin: &str) {
        self.all().waking.remove(origin);
    }

    fn sleep(&self, now_ms: i64) -> Duration {
        let all = self.all();
        if !all.waking.is_empty() {
            return BATCH_EVERY;
        }
        let next = all.breakers.values().filter_map(Breaker::wake_ms).min();
        let until = next.map_or(LOOK_EVERY, |at_ms| {
            Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or_default())
        });
        until.min(LOOK_EVERY)
    }
}
