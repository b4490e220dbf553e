//! Promises and timers, driven until one promise settles.

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Function, Object, Promise, Result};

use crate::host::Host;

/// How driving ended.
pub(crate) enum Outcome {
    /// The promise is fulfilled or rejected.
    Settled,
    /// The promise is pending, no job is queued and no timer runs: nothing can ever settle it.
    Stuck,
}

/// Runs queued jobs, and when there are none, waits for the earliest timer, until `promise` settles.
///
/// `timers` is the object from `timers.js`: `next()` gives the milliseconds until the earliest timer (or undefined),
/// `fire()` runs it. The host's limits on CPU time and wall time end a loop that never settles.
pub(crate) fn drive<'js>(
    ctx: &Ctx<'js>,
    host: &dyn Host,
    timers: &Object<'js>,
    promise: &Promise<'js>,
) -> Result<Outcome> {
    let next: Function<'js> = timers.get("next")?;
    let fire: Function<'js> = timers.get("fire")?;
    loop {
        while ctx.execute_pending_job() {}
        if promise.state() != PromiseState::Pending {
            return Ok(Outcome::Settled);
        }
        let Some(wait_ms) = next.call::<_, Option<f64>>(())? else {
            return Ok(Outcome::Stuck);
        };
        if wait_ms > 0.0 {
            host.sleep(wait_ms.ceil() as u64);
        }
        fire.call::<_, ()>(())?;
    }
}
