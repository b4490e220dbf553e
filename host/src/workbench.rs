//! What a project is loaded with: its files, the sandbox that compiles, and how much of that it may have.
//!
//! Compiling takes a processor, and what is compiled was written by whoever may write the files. On a host of several
//! tenants they take turns at it, one piece at a time, so that one of a thousand jobs stands behind nobody's thousand; and
//! one load may take so long in all.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fonio_project::{Files, format_duration};
use fonio_sandbox::Sandbox;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Tenants that compile at the same moment.
const AT_ONCE: usize = 2;
/// How long one load waits for its turns in all; then it goes on without. Two neighbours may each be at a file that takes
/// minutes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns at compiling, for all tenants of a host. Whoever waits longest is next.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// Nobody has one yet.
    #[must_use]
    pub fn new() -> Turns {
        Turns(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Default for Turns {
    fn default() -> Turns {
        Turns::new()
    }
}

/// One load of a project.
#[derive(Debug)]
pub struct Workbench<'w> {
    /// What is read.
    pub files: Files,
    /// What compiles.
    pub sandbox: &'w Sandbox,
    share: Option<Share<'w>>,
}

/// What a tenant has of the machine for one load.
#[derive(Debug)]
struct Share<'w> {
    turns: &'w Turns,
    most: Duration,
    used_ms: AtomicU64,
    waited_ms: AtomicU64,
}

/// The load has taken its time.
#[derive(Debug, thiserror::Error)]
#[error(
    "loading this project took longer than {}, which is what the tenant has for it (`loading` in tenants.toml)",
    format_duration(*.0)
)]
pub struct TookTooLong(Duration);

impl TookTooLong {
    /// What to do about it.
    pub const HELP: &'static str =
        "what is loaded stays; the next change of the files goes on with the rest";
}

impl<'w> Workbench<'w> {
    /// Of the project in `dir`, which has the machine to itself.
    pub fn alone(dir: &Path, sandbox: &'w Sandbox) -> Workbench<'w> {
        Workbench {
            files: Files::of(dir),
            sandbox,
            share: None,
        }
    }

    /// Of the tenant in `dir`: so long in all, in turns with others.
    pub fn of_tenant(
        dir: &Path,
        sandbox: &'w Sandbox,
        turns: &'w Turns,
        most: Duration,
    ) -> Workbench<'w> {
        Workbench {
            files: Files::of_tenant(dir),
            sandbox,
            share: Some(Share {
                turns,
                most,
                used_ms: AtomicU64::new(0),
                waited_ms: AtomicU64::new(0),
            }),
        }
    }

    /// Does one piece of the work when it is this project's turn.
    ///
    /// # Errors
    /// When the time for the load is over; the piece is then not done.
    pub async fn turn<R>(&self, piece: impl Future<Output = R>) -> Result<R, TookTooLong> {
        let Some(share) = &self.share else {
            return Ok(piece.await);
        };
        let left = share.most.saturating_sub(passed(&share.used_ms));
        if left.is_zero() {
            return Err(TookTooLong(share.most));
        }
        let _turn = share.wait().await;
        let began = Instant::now();
        let done = timeout(left, piece).await;
        add(&share.used_ms, began);
        done.map_err(|_| TookTooLong(share.most))
    }
}

impl Share<'_> {
    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let left = PATIENCE.saturating_sub(passed(&self.waited_ms));
        let began = Instant::now();
        let turn = timeout(left, Arc::clone(&self.turns.0).acquire_owned()).await;
        add(&self.waited_ms, began);
        // It is never closed.
        turn.ok()?.ok()
    }
}

fn passed(milliseconds: &AtomicU64) -> Duration {
    Duration::from_millis(milliseconds.load(Ordering::Relaxed))
}

fn add(milliseconds: &AtomicU64, since: Instant) {
    let passed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    milliseconds.fetch_add(passed, Ordering::Relaxed);
}
