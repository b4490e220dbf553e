//! What a step has used, over all the guests that run for it, and the limit that stopped it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use fonio_project::{LimitInfo, Limits};
use rustix::time::{ClockId, clock_gettime};
use wasmtime::ResourceLimiter;

/// A limit that a step ran into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct LimitHit {
    /// As in `[limits]`.
    pub name: &'static str,
    /// Its value, as `fonio.toml` would have it.
    pub value: String,
    /// What happened, the limit's value, and the line that raises it.
    pub sentence: String,
}

/// Shared by all the stores of one step.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    memory: AtomicU64,
    memory_peak: AtomicU64,
    cpu_ns: AtomicU64,
    requests: AtomicU32,
    sent: AtomicU64,
    received: AtomicU64,
    hit: Mutex<Option<LimitHit>>,
}

impl Meter {
    pub fn new(limits: Limits) -> Arc<Meter> {
        Arc::new(Meter {
            limits,
            memory: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            hit: Mutex::new(None),
        })
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limit that was hit last.
    pub fn hit(&self) -> Option<LimitHit> {
        self.hit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same, once: a job that catches the error may go on, and fail for another reason.
    pub fn take_hit(&self) -> Option<LimitHit> {
        self.hit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Notes that the step met the limit of this name; the last one noted is the one that is reported.
    pub fn record(&self, name: &'static str) -> LimitHit {
        let info = LimitInfo::named(name).expect("every limit that is enforced is in the table");
        let hit = LimitHit {
            name,
            value: info.unit.format(info.value(&self.limits)),
            sentence: info.sentence(&self.limits),
        };
        *self.hit.lock().unwrap_or_else(PoisonError::into_inner) = Some(hit.clone());
        hit
    }

    pub fn memory_peak_bytes(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts one request, or says that it is one too many.
    pub fn count_request(&self) -> Result<(), LimitHit> {
        if self.requests.fetch_add(1, Ordering::Relaxed) < self.limits.requests {
            return Ok(());
        }
        Err(self.record("requests"))
    }

    /// Counts a part of a request's body, before it is sent.
    pub fn count_sent(&self, bytes: usize) -> Result<(), LimitHit> {
        if added(&self.sent, bytes) <= self.limits.sent_bytes {
            return Ok(());
        }
        Err(self.record("sent"))
    }

    /// Counts a part of a reply's body, as it came.
    pub fn count_received(&self, bytes: usize) -> Result<(), LimitHit> {
        if added(&self.received, bytes) <= self.limits.received_bytes {
            return Ok(());
        }
        Err(self.record("received"))
    }

    fn grow(&self, bytes: u64) -> Result<(), LimitHit> {
        let used = self.memory.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.memory_peak.fetch_max(used, Ordering::Relaxed);
        if used <= self.limits.memory_bytes {
            return Ok(());
        }
        Err(self.record("memory"))
    }

    /// For the epoch callback: stops the guest once the CPU time is used up.
    pub fn check_cpu(&self) -> Result<(), LimitHit> {
        if self.cpu() + running_slice() <= self.limits.cpu_time {
            return Ok(());
        }
        Err(self.record("cpu_time"))
    }
}

/// The sum with these.
fn added(sum: &AtomicU64, bytes: usize) -> u64 {
    let bytes = bytes as u64;
    sum.fetch_add(bytes, Ordering::Relaxed) + bytes
}

/// Bytes an element of a table takes in the host.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// What one store may have of each, whatever its memory limit. `engine.rs` sizes the pool by them.
pub(crate) const STORE_MEMORIES_MAX: usize = 16;
pub(crate) const STORE_TABLES_MAX: usize = 32;
pub(crate) const STORE_INSTANCES_MAX: usize = 64;

/// One store's connection to the step's meter.
#[derive(Debug)]
pub(crate) struct Limiter(pub Arc<Meter>);

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0.grow(desired.saturating_sub(current) as u64)?;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0
            .grow(desired.saturating_sub(current) as u64 * TABLE_ELEMENT_BYTES)?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        STORE_INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        STORE_MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        STORE_TABLES_MAX
    }
}

thread_local! {
    /// CPU time of this thread when it last began to poll a metered future.
    static SLICE_START: Cell<Option<Duration>> = const { Cell::new(None) };
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// CPU time since this thread began its present poll of a metered future.
fn running_slice() -> Duration {
    SLICE_START
        .get()
        .map_or(Duration::ZERO, |start| thread_cpu().saturating_sub(start))
}

/// Charges the CPU time of each poll to the meter, so that waiting (for a reply, for a turn) costs a step nothing.
pub(crate) struct Metered<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    pub fn new(meter: Arc<Meter>, future: F) -> Metered<F> {
        Metered {
            meter,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let start = thread_cpu();
        let outer = SLICE_START.replace(Some(start));
        let result = self.future.as_mut().poll(cx);
        SLICE_START.set(outer);
        let used = thread_cpu().saturating_sub(start);
        self.meter.cpu_ns.fetch_add(
            u64::try_from(used.as_nanos()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        result
    }
}
