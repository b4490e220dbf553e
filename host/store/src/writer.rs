//! The one thread that writes.
//!
//! It takes every change that waits, applies them in one transaction, commits, and only then answers all of them: the
//! more senders there are, the more messages share one sync of the disk. What a commit did to the queue is published in
//! memory after it, never before, so nobody can claim a step that a failed commit takes back.
//!
//! ```text
//! callers ── changes ──> collect ──> apply each ──> commit ──> publish ──> answer each
//! ```

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, ffi};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::change::{Change, Effects, Failure, Room, Writing};
use crate::error::StoreError;
use crate::ids::{RunId, StepId};
use crate::lock::DirectoryLock;
use crate::model::{RunStatus, now_ms};
use crate::queue::Queue;
use crate::waiters::Waiters;

/// More changes than this gain nothing from sharing a commit: its sync is already less than 5 µs for each.
const GROUP_MAX_CHANGES: usize = 512;

/// 8 MiB: keeps one commit from outgrowing the page cache by much, and from delaying small changes by large ones.
const GROUP_MAX_BYTES: usize = 8 << 20;

/// 20 ms: most steps are settled sooner and then never cost a write of their own to say that they began.
const MARK_DELAY: Duration = Duration::from_millis(20);

/// What the writer is told.
pub(crate) enum Order {
    /// Write this, and answer when it is durable.
    Change(Box<dyn Pending>),
    /// These steps were handed out.
    Began(Vec<StepId>),
    /// Finish what was ordered before, then end; the sender hears when the files are closed.
    Close(Option<oneshot::Sender<()>>),
}

/// A change whose sender waits.
pub(crate) trait Pending: Send {
    fn weight(&self) -> usize;
    fn apply(&mut self, writing: &mut Writing<'_>) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A change, its answer once it is applied, and where that goes once it is durable.
pub(crate) struct Waiting<C: Change> {
    pub(crate) change: C,
    pub(crate) answer: Result<C::Answer, StoreError>,
    pub(crate) reply: oneshot::Sender<Result<C::Answer, StoreError>>,
    /// Its share of the memory that waiting changes may take.
    pub(crate) _share: OwnedSemaphorePermit,
}

impl<C: Change> Pending for Waiting<C> {
    fn weight(&self) -> usize {
        self.change.weight()
    }

    fn apply(&mut self, writing: &mut Writing<'_>) -> rusqlite::Result<()> {
        self.answer = match self.change.apply(writing) {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Sqlite(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        // A sender who has gone away gets no answer; what it asked for is done all the same.
        let _ = self.reply.send(committed.and(self.answer));
    }
}

/// The state of the writing thread.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) file: PathBuf,
    pub(crate) queue: Arc<Queue>,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) queue_max: u64,
    pub(crate) stored_max: Arc<AtomicU64>,
    pub(crate) next_step: StepId,
    pub(crate) began: Began,
    /// Set when a sync failed: the system may have thrown away what it could not write, and a later sync would not tell.
    pub(crate) broken: Option<StoreError>,
    pub(crate) lock: DirectoryLock,
}

/// Steps that were handed out and are not yet marked so in the table.
#[derive(Default)]
pub(crate) struct Began {
    steps: HashSet<StepId>,
    since: Option<Instant>,
}

impl Began {
    fn add(&mut self, steps: Vec<StepId>) {
        self.steps.extend(steps);
        self.since.get_or_insert_with(Instant::now);
    }

    fn forget(&mut self, steps: &[StepId]) {
        for step in steps {
            self.steps.remove(step);
        }
        if self.steps.is_empty() {
            self.since = None;
        }
    }

    fn due_in(&self) -> Option<Duration> {
        self.since
            .map(|since| MARK_DELAY.saturating_sub(since.elapsed()))
    }
}

impl Writer {
    /// Works until told to close, or until every store handle is gone.
    pub(crate) fn run(mut self, orders: Receiver<Order>) {
        let ending = Ending {
            queue: self.queue.clone(),
            waiters: self.waiters.clone(),
        };
        let mut group = Vec::new();
        let closed = loop {
            let end = self.collect(&orders, &mut group);
            let marks_due = end.is_some() || self.began.due_in().is_some_and(|wait| wait.is_zero());
            self.commit(&mut group, marks_due);
            if marks_due {
                // Written or not: what a failing disk costs here is a count of attempts, and no second try is worth it.
                self.began = Began::default();
            }
            if let Some(closed) = end {
                break closed;
            }
        };
        // Without its log the file can be copied as it is; a failure here loses nothing, the log is read at the next start.
        if let Err(error) = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the store's log could not be folded into its file");
        }
        drop(orders);
        drop(ending);
        let Writer { conn, lock, .. } = self;
        drop(conn);
        drop(lock);
        if let Some(closed) = closed {
            let _ = closed.send(());
        }
    }

    /// Waits for a change, then takes all that wait with it, up to the limits. Says who to tell when it is the end.
    fn collect(
        &mut self,
        orders: &Receiver<Order>,
        group: &mut Vec<Box<dyn Pending>>,
    ) -> Option<Option<oneshot::Sender<()>>> {
        let mut bytes = 0;
        while group.len() < GROUP_MAX_CHANGES && bytes < GROUP_MAX_BYTES {
            let order = match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Disconnected) => return Some(None),
                Err(TryRecvError::Empty) if !group.is_empty() => return None,
                Err(TryRecvError::Empty) => match self.wait(orders) {
                    Ok(order) => order,
                    Err(RecvTimeoutError::Timeout) => return None,
                    Err(RecvTimeoutError::Disconnected) => return Some(None),
                },
            };
            match order {
                Order::Change(change) => {
                    bytes += change.weight();
                    group.push(change);
                }
                Order::Began(steps) => self.began.add(steps),
                Order::Close(closed) => return Some(closed),
            }
        }
        None
    }

    fn wait(&self, orders: &Receiver<Order>) -> Result<Order, RecvTimeoutError> {
        match self.began.due_in() {
            Some(wait) => orders.recv_timeout(wait),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Commits the group and answers it. If the group fails as a whole, each change gets a transaction of its own, so
    /// that the one at fault (a value beyond SQLite's limit, say) does not fail its neighbours.
    fn commit(&mut self, group: &mut Vec<Box<dyn Pending>>, marks_due: bool) {
        if group.is_empty() && !marks_due {
            return;
        }
        match self.transact(group, marks_due) {
            Ok(()) => group.drain(..).for_each(|change| change.answer(Ok(()))),
            Err(error) if group.len() <= 1 => {
                tracing::warn!(%error, "a commit failed");
                group
                    .drain(..)
                    .for_each(|change| change.answer(Err(error.clone())));
            }
            Err(_) => {
                for change in group.drain(..) {
                    let mut alone = [change];
                    let committed = self.transact(&mut alone, false);
                    let [change] = alone;
                    change.answer(committed);
                }
            }
        }
    }

    fn transact(
        &mut self,
        group: &mut [Box<dyn Pending>],
        marks_due: bool,
    ) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let mut effects = Effects::default();
        match self.write(group, marks_due, &mut effects) {
            Ok(()) => {
                self.queue.add(&effects.queued);
                self.queue.settled(&effects.settled);
                self.began.forget(&effects.settled);
                self.waiters.finished(&effects.finished);
                Ok(())
            }
            Err(error) => {
                // SQLite itself rolls back after some errors.
                if !self.conn.is_autocommit() {
                    let _ = self.conn.execute_batch("ROLLBACK");
                }
                let failure = StoreError::from_sqlite(&self.file, "be written", &error);
                if is_failed_sync(&error) {
                    tracing::error!(%error, "a sync failed; the store accepts nothing more");
                    self.broken = Some(failure.clone());
                }
                Err(failure)
            }
        }
    }

    fn write(
        &mut self,
        group: &mut [Box<dyn Pending>],
        marks_due: bool,
        effects: &mut Effects,
    ) -> rusqlite::Result<()> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut writing = Writing {
            conn: &self.conn,
            queue: &self.queue,
            queue_max: self.queue_max,
            room: Room::of(&self.conn, self.stored_max.load(Ordering::Relaxed))?,
            next_step: &mut self.next_step,
            effects,
        };
        for change in group {
            change.apply(&mut writing)?;
        }
        if marks_due {
            mark_begun(&self.conn, &self.began.steps)?;
        }
        add_to_totals(&self.conn, effects)?;
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

/// Ends every wait when dropped: however the thread ends, nobody is left waiting.
struct Ending {
    queue: Arc<Queue>,
    waiters: Arc<Waiters>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.close();
        self.waiters.close();
    }
}

fn mark_begun(conn: &Connection, steps: &HashSet<StepId>) -> rusqlite::Result<()> {
    let now = now_ms();
    let mut step_began = conn.prepare_cached(
        "UPDATE queue SET attempts = attempts + 1, claimed_ms = ?2 WHERE step = ?1 AND claimed_ms IS NULL RETURNING run",
    )?;
    let mut run_began =
        conn.prepare_cached("UPDATE runs SET status = ?2 WHERE id = ?1 AND status = ?3")?;
    for step in steps {
        let run: Option<RunId> = step_began
            .query_row((step, now), |row| row.get(0))
            .optional()?;
        if let Some(run) = run {
            run_began.execute((run, RunStatus::Running, RunStatus::Queued))?;
        }
    }
    Ok(())
}

fn add_to_totals(conn: &Connection, effects: &Effects) -> rusqlite::Result<()> {
    for (status, runs) in [
        (RunStatus::Succeeded, effects.runs_succeeded),
        (RunStatus::Failed, effects.runs_failed),
    ] {
        if runs > 0 {
            conn.prepare_cached("UPDATE totals SET runs = runs + ?2 WHERE run_status = ?1")?
                .execute((status, runs))?;
        }
    }
    Ok(())
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
