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
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rusqlite::ffi;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use crate::bodies::Bodies;
use crate::change::{Change, Effects, Failure, Room, Writing};
use crate::disk::Disk;
use crate::ended::{self, Keeping};
use crate::error::StoreError;
use crate::hosts;
use crate::ids::{RunId, StepId};
use crate::lanes::SharedRules;
use crate::link::Link;
use crate::lock::DirectoryLock;
use crate::model::{RunStatus, now_ms};
use crate::numbers::Numbers;
use crate::queue::Queue;
use crate::sql::{Db, SqlError, values};
use crate::turn::{RunRule, RunRules};
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
    /// These steps of a file were handed out.
    Began(Vec<StepId>),
    /// These steps were claimed, and nobody has begun them.
    Release(Vec<StepId>),
    /// Finish what was ordered before, then end; the sender hears when the files are closed.
    Close(Option<oneshot::Sender<()>>),
}

/// A change whose sender waits.
pub(crate) trait Pending: Send {
    fn weight(&self) -> usize;
    fn apply(&mut self, writing: &mut Writing<'_>) -> Result<(), SqlError>;
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

    fn apply(&mut self, writing: &mut Writing<'_>) -> Result<(), SqlError> {
        self.answer = match self.change.apply(writing) {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Sql(error)) => return Err(error),
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
    pub(crate) link: Link,
    pub(crate) queue: Arc<Queue>,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) queue_max: u64,
    pub(crate) stored_max: Arc<AtomicU64>,
    /// About how much is stored, where there is a limit.
    pub(crate) stored: Arc<AtomicU64>,
    /// Told when a step waits for a time.
    pub(crate) alarm: Arc<Notify>,
    pub(crate) keeping: Arc<Keeping>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) numbers: Numbers,
    /// What holds for the runs of each workflow.
    pub(crate) rules: Arc<SharedRules>,
    pub(crate) began: Began,
    /// Set when a sync failed: the system may have thrown away what it could not write, and a later sync would not tell.
    pub(crate) broken: Option<StoreError>,
    pub(crate) lock: DirectoryLock,
    /// Where other hosts listen, if there are any.
    pub(crate) channel: Option<String>,
}

/// Why a transaction came to nothing.
struct NotWritten {
    failure: StoreError,
    /// It failed before it was to be committed, so that it can be tried again.
    before_commit: bool,
    failed_sync: bool,
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
        self.leave();
        drop(orders);
        drop(ending);
        let Writer { link, lock, .. } = self;
        drop(link);
        drop(lock);
        if let Some(closed) = closed {
            let _ = closed.send(());
        }
    }

    /// The last words to the database. A failure here loses nothing: the log of a file is read at its next start, and the
    /// claims of a host that is gone end with its lease.
    fn leave(&mut self) {
        let (host, place) = (self.queue.host(), self.link.place().to_owned());
        let left = self.link.db().and_then(|db| {
            let left = match db {
                Db::Sqlite(conn) => conn
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                    .map_err(SqlError::from),
                Db::Postgres(_) => hosts::leave(db, host)
                    .and_then(|()| hosts::tell_of_work(db, self.channel.as_deref())),
            };
            left.map_err(|error| StoreError::of(&place, "be closed", &error))
        });
        if let Err(error) = left {
            tracing::warn!(%error, "the store could not be closed in order");
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
                Order::Release(steps) => self.release(&steps),
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
        let mut written = self.write(group, marks_due, &mut effects);
        if let Err(failed) = &written
            && failed.before_commit
            && self.link.is_gone()
        {
            effects = Effects::default();
            written = self.write(group, marks_due, &mut effects);
        }
        match written {
            Ok(()) => {
                self.queue.add(&effects.queued);
                self.queue.put_back(&effects.woken);
                self.queue.holds(effects.held);
                if effects.put_off {
                    self.alarm.notify_one();
                }
                self.queue.settled(&effects.settled);
                self.queue.taken_out(&effects.taken_out);
                self.began.forget(&effects.settled);
                self.waiters.finished(&effects.finished);
                self.bodies.delete(&effects.unnamed);
                if !effects.journal.is_empty() {
                    self.waiters.journal_grew();
                }
                Ok(())
            }
            Err(NotWritten {
                failure,
                failed_sync,
                ..
            }) => {
                if failed_sync {
                    tracing::error!(error = %failure, "a sync failed; the store accepts nothing more");
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
    ) -> Result<(), NotWritten> {
        let place = self.link.place().to_owned();
        let not_written = |error: SqlError, before_commit| NotWritten {
            failure: StoreError::of(&place, "be written", &error),
            before_commit,
            failed_sync: is_failed_sync(&error),
        };
        let db = self.link.db().map_err(|failure| NotWritten {
            failure,
            before_commit: true,
            failed_sync: false,
        })?;
        let host = self.queue.host();
        let given_before = self.numbers;
        let applied = db.begin().and_then(|()| {
            let room = Room::of(db, self.stored_max.load(Ordering::Relaxed))?;
            let adds: usize = group.iter().map(|change| change.weight()).sum();
            let stored = room.stored.saturating_add(adds as u64);
            self.stored.store(stored, Ordering::Relaxed);
            let rules = self.rules.load();
            let mut writing = Writing {
                rules: rules.as_deref(),
                lanes_locked: false,
                host,
                queue: &self.queue,
                queue_max: self.queue_max,
                room,
                shortage: self.disk.shortage(),
                numbers: &mut self.numbers,
                effects,
                db,
            };
            let has_lanes = |rules: &RunRules| rules.values().any(RunRule::has_lanes);
            if rules.as_deref().is_none_or(has_lanes) {
                writing.lock_lanes()?;
            }
            for change in group {
                change.apply(&mut writing)?;
            }
            if marks_due {
                mark_begun(db, &self.began.steps)?;
            }
            ended::note(db, &self.keeping, effects)?;
            effects.journal.write(db, &mut self.numbers)?;
            hosts::tell(db, self.channel.as_deref(), effects)
        });
        let written = match applied {
            Err(error) => Err(not_written(error, true)),
            Ok(()) => db.commit().map_err(|error| not_written(error, false)),
        };
        if written.is_err() {
            db.roll_back();
            self.numbers = given_before;
        }
        written
    }

    /// Steps that were claimed wait again. A host whose claims cannot be given back now loses them with its lease.
    fn release(&mut self, steps: &[StepId]) {
        let (host, place) = (self.queue.host(), self.link.place().to_owned());
        let released = self.link.db().and_then(|db| match db {
            Db::Sqlite(_) => Ok(()),
            Db::Postgres(_) => hosts::release(db, host, steps)
                .map_err(|error| StoreError::of(&place, "be written", &error)),
        });
        match released {
            Ok(()) => steps.iter().for_each(|&step| self.queue.release(step)),
            Err(error) => {
                tracing::warn!(%error, "claimed steps could not be put back yet");
                self.queue.forget(steps);
            }
        }
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

fn mark_begun(db: &mut Db, steps: &HashSet<StepId>) -> Result<(), SqlError> {
    let now = now_ms();
    for step in steps {
        let run: Option<RunId> = db.query_opt(
            "UPDATE queue SET attempts = attempts + 1, claimed_ms = $2 WHERE step = $1 AND claimed_ms IS NULL RETURNING run",
            values![*step, now],
            |row| row.get(0),
        )?;
        if let Some(run) = run {
            db.execute(
                "UPDATE runs SET status = $2 WHERE id = $1 AND status = $3",
                values![run, RunStatus::Running, RunStatus::Queued],
            )?;
        }
    }
    Ok(())
}

fn is_failed_sync(error: &SqlError) -> bool {
    let SqlError::Sqlite(error) = error else {
        return false;
    };
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
