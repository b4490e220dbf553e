//! Promises, timers and requests, driven until one promise settles.

use std::time::Duration;

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Function, Object, Promise, Result, TypedArray};

use crate::host::Host;
use crate::outside::{Ended, Outside};

/// How driving ended.
pub(crate) enum Outcome {
    /// The promise is fulfilled or rejected.
    Settled,
    /// The promise is pending, no job is queued, no timer runs and no request is under way: nothing can ever settle it.
    Stuck,
}

/// What a job can wait for, and who waits for it.
pub(crate) struct EventLoop<'js, 'engine> {
    ctx: Ctx<'js>,
    host: &'engine dyn Host,
    outside: Option<&'engine dyn Outside>,
    /// `timers.next()`: the milliseconds until the earliest timer, or undefined.
    next: Function<'js>,
    /// `timers.fire()`: runs the earliest timer.
    fire: Function<'js>,
    /// `network.underWay()`: whether a request waits for its reply.
    under_way: Function<'js>,
    /// `network.ended(id, reply, code, message)`.
    ended: Function<'js>,
}

impl<'js, 'engine> EventLoop<'js, 'engine> {
    pub(crate) fn new(
        library: &Object<'js>,
        host: &'engine dyn Host,
        outside: Option<&'engine dyn Outside>,
    ) -> Result<Self> {
        let timers: Object<'js> = library.get("timers")?;
        let network: Object<'js> = library.get("network")?;
        Ok(Self {
            ctx: library.ctx().clone(),
            host,
            outside,
            next: timers.get("next")?,
            fire: timers.get("fire")?,
            under_way: network.get("underWay")?,
            ended: network.get("ended")?,
        })
    }

    /// Runs queued jobs, and when there are none, waits for the earliest timer or the next reply, until `promise`
    /// settles. The host's limits on CPU time and wall time end a loop that never does.
    pub(crate) fn drive(&self, promise: &Promise<'js>) -> Result<Outcome> {
        loop {
            while self.ctx.execute_pending_job() {}
            if promise.state() != PromiseState::Pending {
                return Ok(Outcome::Settled);
            }
            let timer = self.timer()?;
            match (self.outside, timer) {
                (Some(outside), timer) if self.under_way.call::<_, bool>(())? => {
                    self.wait(outside, timer)?;
                }
                (_, Some(wait)) => {
                    if !wait.is_zero() {
                        self.host.sleep(milliseconds(wait));
                    }
                    self.fire.call::<_, ()>(())?;
                }
                (_, None) => return Ok(Outcome::Stuck),
            }
        }
    }

    /// Until the earliest timer is due.
    fn timer(&self) -> Result<Option<Duration>> {
        let wait_ms = self.next.call::<_, Option<f64>>(())?;
        Ok(wait_ms.map(|wait_ms| Duration::from_millis(wait_ms.ceil() as u64)))
    }

    /// Replies first, then a timer that is due: neither keeps the other from its turn.
    fn wait(&self, outside: &dyn Outside, timer: Option<Duration>) -> Result<()> {
        for ended in outside.wait(timer) {
            self.settle(ended)?;
        }
        if self.timer()? == Some(Duration::ZERO) {
            self.fire.call::<_, ()>(())?;
        }
        Ok(())
    }

    fn settle(&self, (id, ended): Ended) -> Result<()> {
        let response = match ended {
            Ok(response) => response,
            Err(error) => {
                return self.ended.call((id, (), error.code, error.message));
            }
        };
        let headers: Vec<Vec<String>> = response
            .headers
            .into_iter()
            .map(|(name, value)| vec![name, value])
            .collect();
        let reply = Object::new(self.ctx.clone())?;
        reply.set("status", response.status)?;
        reply.set("headers", headers)?;
        reply.set(
            "body",
            TypedArray::<u8>::new(self.ctx.clone(), response.body)?,
        )?;
        self.ended.call((id, reply))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
