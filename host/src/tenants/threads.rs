//! The threads on which steps run. Steps give way to the server, and those that compute long to those that do not.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// 10 of 19: a tenth of the share of a thread that does not give way. With eight jobs that only computed, a message waited
/// 252 ms to be accepted while they shared threads with the server; now it waits 0.35 ms, as it does without them.
const LIGHT_NICENESS: i32 = 10;
/// The last: a seventh of the share of those at 10.
const HEAVY_NICENESS: i32 = 19;
/// What a step may compute among the quick ones: mapping a hundred records takes 1.3 ms. It is looked at when a guest gives
/// way, every 10 ms.
const LIGHT_TIME: Duration = Duration::from_millis(8);

/// Threads for steps, until this is dropped, which waits for nothing.
#[derive(Debug)]
pub struct Threads {
    light: Option<Runtime>,
    heavy: Option<Runtime>,
    lanes: Lanes,
}

/// Where steps run.
#[derive(Clone, Debug)]
pub struct Lanes {
    light: Handle,
    heavy: Handle,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Threads> {
        let light = runtime("steps", LIGHT_NICENESS)?;
        let heavy = runtime("long steps", HEAVY_NICENESS)?;
        let lanes = Lanes {
            light: light.handle().clone(),
            heavy: heavy.handle().clone(),
        };
        Ok(Threads {
            light: Some(light),
            heavy: Some(heavy),
            lanes,
        })
    }

    /// Where steps run.
    pub fn lanes(&self) -> Lanes {
        self.lanes.clone()
    }
}

impl Drop for Threads {
    /// In the background, because a runtime cannot wait for another.
    fn drop(&mut self) {
        for runtime in [self.light.take(), self.heavy.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

fn runtime(name: &'static str, niceness: i32) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .thread_name(name)
        .enable_all()
        .on_thread_start(move || {
            // Of this thread alone, as Linux has it. Where it is not allowed, the others merely have no advantage.
            let _ = rustix::process::setpriority_process(None, niceness);
        });
    builder.build()
}

impl Lanes {
    /// Runs a step to its end, or until this is dropped: among the quick ones until it has computed for longer than they do, then, or if `busy` from
    /// the start, among the long ones.
    ///
    /// # Errors
    /// When it panics, or the threads are stopped.
    pub async fn run<S>(&self, step: S, busy: bool) -> Result<S::Output, JoinError>
    where
        S: Future<Output: Send> + Send + 'static,
    {
        let mut step = Box::pin(step);
        if !busy {
            match Bound(self.light.spawn(Light::new(step))).await? {
                Ended::Done(output) => return Ok(output),
                Ended::Long(rest) => step = rest,
            }
        }
        Bound(self.heavy.spawn(step)).await
    }
}

/// A task that ends with whoever waits for it: a step that is given up must not go on where nobody sees it.
struct Bound<T>(JoinHandle<T>);

impl<T> Future for Bound<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Bound<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A step among the quick ones. What it waits for goes on telling it, wherever it is polled.
struct Light<S> {
    step: Option<Pin<Box<S>>>,
    left: Duration,
}

enum Ended<S: Future> {
    Done(S::Output),
    Long(Pin<Box<S>>),
}

impl<S: Future> Light<S> {
    fn new(step: Pin<Box<S>>) -> Light<S> {
        Light {
            step: Some(step),
            left: LIGHT_TIME,
        }
    }
}

impl<S: Future> Future for Light<S> {
    type Output = Ended<S>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended<S>> {
        let Some(step) = &mut self.step else {
            // It is not polled again once it has ended.
            return Poll::Pending;
        };
        let before = computed();
        if let Poll::Ready(output) = step.as_mut().poll(context) {
            return Poll::Ready(Ended::Done(output));
        }
        let took = computed().saturating_sub(before);
        self.left = self.left.saturating_sub(took);
        if !self.left.is_zero() {
            return Poll::Pending;
        }
        match self.step.take() {
            Some(step) => Poll::Ready(Ended::Long(step)),
            None => Poll::Pending,
        }
    }
}

/// What this thread has computed so far.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes until `until` has been used on this thread in this poll, gives way, and tells where it ended.
    async fn compute(time: Duration) -> String {
        let start = computed();
        while computed() - start < time {
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_computes_long_goes_on_among_the_long_steps() {
        let threads = Threads::start().expect("threads");
        let lanes = threads.lanes();
        let run = |time, busy| {
            let ended = lanes.run(compute(time), busy);
            lanes.heavy.block_on(ended).expect("it ends")
        };
        assert_eq!(run(Duration::ZERO, false), "steps");
        assert_eq!(run(2 * LIGHT_TIME, false), "long steps");
        assert_eq!(run(Duration::ZERO, true), "long steps");
    }

    #[test]
    fn a_step_that_panics_is_an_error_in_either_lane() {
        let threads = Threads::start().expect("threads");
        let lanes = threads.lanes();
        for busy in [false, true] {
            let ended = lanes.run(async { panic!("on purpose") }, busy);
            let error = lanes.heavy.block_on(ended).expect_err("it panicked");
            assert!(error.is_panic());
        }
    }
}
