//! The handle that the host holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::accept::Accept;
use crate::change::{Change, NO_LIMIT};
use crate::claim::Claim;
use crate::error::StoreError;
use crate::ids::{RunId, StepId};
use crate::lock::DirectoryLock;
use crate::model::{
    Accepted, ClaimedStep, NewMessage, NewRun, RunOutcome, Settled, Settlement, now_ms,
};
use crate::queue::Queue;
use crate::read::{self, Outcome};
use crate::reader::Reader;
use crate::resume::resume;
use crate::schema;
use crate::settle::Settle;
use crate::start::{RecordTick, Start, Tick};
use crate::waiters::Waiters;
use crate::writer::{Began, Order, Waiting, Writer};

/// What may be chosen when a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// How many steps may wait before messages that would add more are refused. Default 100,000.
    pub queue_max: u64,
    /// How many bytes may be stored before more messages, runs and items are refused; settling a step never is. Default:
    /// as many as there is room for.
    pub stored_max: Option<u64>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            queue_max: 100_000,
            stored_max: None,
        }
    }
}

/// Changes that wait for the writer may hold this much memory together, in units of [`SHARE_BYTES`]: 32 MiB. Whoever
/// comes then waits its turn before its body is queued.
const SHARES: usize = 8 << 10;
const SHARE_BYTES: usize = 4 << 10;

/// An open store. Clones are handles to the same one; the last to go closes it.
///
/// What a method has answered with `Ok` is on disk. A method whose future is dropped may or may not have had effect,
/// except that a claim whose future is dropped puts its steps back.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

struct Inner {
    orders: mpsc::Sender<Order>,
    writer: Mutex<Option<JoinHandle<()>>>,
    shares: Arc<Semaphore>,
    queue: Arc<Queue>,
    waiters: Arc<Waiters>,
    /// Claims have a connection of their own, so that a long list for the console does not hold up work.
    claims: Reader,
    pages: Reader,
    recovered: u64,
    closed: AtomicBool,
    stored_max: Arc<AtomicU64>,
}

impl Store {
    /// Opens the store in `dir`, making both if they are not there. Steps that a lost host had claimed wait again.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another host has it, [`StoreError::NewerSchema`] if a later version wrote it,
    /// [`StoreError::Directory`], [`StoreError::ReadOnly`], [`StoreError::Corrupt`] if it cannot be used.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Store, StoreError> {
        let lock = DirectoryLock::take(dir)?;
        let file = dir.join("fonio.db");
        let conn = schema::open_writer(&file)?;
        Store::over(conn, file, lock, options)
    }

    /// The store that writes on `conn`.
    pub(crate) fn over(
        conn: Connection,
        file: PathBuf,
        lock: DirectoryLock,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let found = resume(&conn)
            .map_err(|error| StoreError::from_sqlite(&file, "put claimed steps back", &error))?;
        let queue = Arc::new(Queue::new(found.queued));
        let waiters = Arc::new(Waiters::new());
        let (claims, pages) = (Reader::open(&file)?, Reader::open(&file)?);
        let stored_max = Arc::new(AtomicU64::new(options.stored_max.unwrap_or(NO_LIMIT)));
        let writer = Writer {
            conn,
            file: file.clone(),
            queue: queue.clone(),
            waiters: waiters.clone(),
            queue_max: options.queue_max,
            stored_max: Arc::clone(&stored_max),
            next_step: found.next_step,
            began: Began::default(),
            broken: None,
            lock,
        };
        let (orders, ordered) = mpsc::channel();
        let writer = spawn(writer, ordered, file)?;
        let inner = Inner {
            orders,
            writer: Mutex::new(Some(writer)),
            shares: Arc::new(Semaphore::new(SHARES)),
            queue,
            waiters,
            claims,
            pages,
            recovered: found.recovered,
            closed: AtomicBool::new(false),
            stored_max,
        };
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    /// Changes [`StoreOptions::stored_max`] from now on.
    pub fn store_at_most(&self, bytes: Option<u64>) {
        let bytes = bytes.unwrap_or(NO_LIMIT);
        self.inner.stored_max.store(bytes, Ordering::Relaxed);
    }

    /// How many steps opening put back into the queue: a host was lost while it had them. A step that it had claimed
    /// less than 20 ms before waits again too, but is not counted.
    pub fn recovered(&self) -> u64 {
        self.inner.recovered
    }

    /// Stores a message and begins `runs`. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] when [`StoreOptions::queue_max`] or more steps wait and `runs` is not empty; those of
    /// the disk otherwise. Then nothing was stored.
    pub async fn accept(
        &self,
        message: NewMessage,
        runs: Vec<NewRun>,
    ) -> Result<Accepted, StoreError> {
        self.change(Accept {
            message,
            runs,
            received_ms: now_ms(),
        })
        .await
    }

    /// Starts a run that no message asked for.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDataclip`] if an input is not stored.
    pub async fn start(&self, run: NewRun) -> Result<RunId, StoreError> {
        self.change(Start {
            run,
            tick: None,
            created_ms: now_ms(),
        })
        .await
    }

    /// Starts a run for the tick of a clock at `tick_ms`, and remembers the tick: both or neither.
    ///
    /// # Errors
    /// As [`Store::start`].
    pub async fn start_tick(
        &self,
        clock: &str,
        tick_ms: i64,
        run: NewRun,
    ) -> Result<RunId, StoreError> {
        self.change(Start {
            run,
            tick: Some(Tick {
                clock: clock.to_owned(),
                at_ms: tick_ms,
            }),
            created_ms: now_ms(),
        })
        .await
    }

    /// Remembers a tick that starts nothing: the first sight of a clock, or one that would have overlapped.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn record_tick(&self, clock: &str, tick_ms: i64) -> Result<(), StoreError> {
        self.change(RecordTick(Tick {
            clock: clock.to_owned(),
            at_ms: tick_ms,
        }))
        .await
    }

    /// Takes the oldest waiting steps, at most `max`, and fewer when their inputs exceed 8 MiB together. No step is
    /// handed out twice, unless the store is opened anew before it is settled.
    ///
    /// # Errors
    /// Those of the disk; the steps then wait still.
    pub async fn claim(&self, max: usize) -> Result<Vec<ClaimedStep>, StoreError> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        if max == 0 || self.queued() == 0 {
            return Ok(Vec::new());
        }
        let queue = self.inner.queue.clone();
        let claim = self
            .inner
            .claims
            .read(move |conn| Claim::take(queue, max, conn))
            .await?;
        let steps = claim.keep();
        if !steps.is_empty() {
            // If the writer is gone the steps count as not begun, and the next start finds them waiting.
            let _ = self.inner.orders.send(Order::Began(
                steps.iter().map(|claimed| claimed.step).collect(),
            ));
        }
        Ok(steps)
    }

    /// Ends a claimed step: its result, output, log, the steps that follow and the run's status, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::NotClaimed`] if this host has not claimed the step or has settled it; those of the disk, and then
    /// the step is claimed still and can be settled again.
    pub async fn settle(
        &self,
        step: StepId,
        settlement: Settlement,
    ) -> Result<Settled, StoreError> {
        let log = read::encode_log(&settlement.log);
        self.change(Settle {
            step,
            settlement,
            log,
        })
        .await
    }

    /// Resolves when a step may be claimable, or the store is closed. Returns at once while steps wait.
    pub async fn wait_for_work(&self) {
        self.inner.queue.wait_for_work().await;
    }

    /// Steps waiting to be claimed.
    pub fn queued(&self) -> u64 {
        self.inner.queue.queued()
    }

    /// Steps claimed and not yet settled.
    pub fn running(&self) -> u64 {
        self.inner.queue.running()
    }

    /// Waits until no step of the run is open, and tells how it went.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`]; [`StoreError::Closed`] if the store is closed first.
    pub async fn run_finished(&self, run: RunId) -> Result<RunOutcome, StoreError> {
        // Registered before looking, so that a run that finishes in between is not missed.
        let finished = self.inner.waiters.register(run);
        match self.outcome(run).await? {
            Outcome::Open => finished.await.map_err(|_| StoreError::Closed)?,
            settled => {
                drop(finished);
                self.inner.waiters.forget(run);
                return finished_outcome(run, settled);
            }
        }
        finished_outcome(run, self.outcome(run).await?)
    }

    /// Writes what was asked for before, folds the log into the file, and lets go of the directory. Every call after
    /// that, on any handle, is [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.close_readers();
        let (closed, done) = oneshot::channel();
        if self.inner.orders.send(Order::Close(Some(closed))).is_ok() {
            // An error means the thread has ended already, which is as good.
            let _ = done.await;
        }
    }

    /// Hands a change to the writer and waits until it is durable.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        let shares = (change.weight() / SHARE_BYTES + 1).min(SHARES) as u32;
        let share = self
            .inner
            .shares
            .clone()
            .acquire_many_owned(shares)
            .await
            .map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            change,
            answer: Err(StoreError::Closed),
            reply,
            _share: share,
        };
        self.inner
            .orders
            .send(Order::Change(Box::new(waiting)))
            .map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(crate) fn pages(&self) -> &Reader {
        &self.inner.pages
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.inner.queue
    }

    async fn outcome(&self, run: RunId) -> Result<Outcome, StoreError> {
        self.inner
            .pages
            .read(move |conn| read::outcome(conn, run))
            .await
    }
}

impl Inner {
    fn close_readers(&self) {
        self.closed.store(true, Ordering::Release);
        self.claims.close();
        self.pages.close();
    }
}

impl Drop for Inner {
    /// Waits for the writer, so that the directory is free when the last handle is gone.
    fn drop(&mut self) {
        self.close_readers();
        let _ = self.orders.send(Order::Close(None));
        if let Some(writer) = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            let _ = writer.join();
        }
    }
}

fn spawn(
    writer: Writer,
    orders: mpsc::Receiver<Order>,
    file: PathBuf,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("fonio-store".to_owned())
        .spawn(move || writer.run(orders))
        .map_err(|error| StoreError::Sqlite {
            file,
            doing: "start its writing thread",
            detail: error.to_string(),
        })
}

fn finished_outcome(run: RunId, outcome: Outcome) -> Result<RunOutcome, StoreError> {
    match outcome {
        Outcome::Finished(outcome) => Ok(outcome),
        Outcome::NoSuchRun | Outcome::Open => Err(StoreError::NoSuchRun { run }),
    }
}
