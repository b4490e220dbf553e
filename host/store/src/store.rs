//! The handle that the host holds.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};

use crate::accept::Accept;
use crate::bodies::Bodies;
use crate::change::{Change, NO_LIMIT, Room};
use crate::claim::Claim;
use crate::disk::{Disk, Shortage};
use crate::ended::Keeping;
use crate::error::StoreError;
use crate::hosts;
use crate::ids::{RunId, StepId};
use crate::lanes::SharedRules;
use crate::link::Link;
use crate::lock::DirectoryLock;
use crate::model::{
    Accepted, ClaimedStep, NewMessage, NewRun, RunOutcome, Settled, Settlement, now_ms,
};
use crate::numbers::Numbers;
use crate::pulse::Pulse;
use crate::queue::Queue;
use crate::read::{self, Outcome};
use crate::reader::Reader;
use crate::resume::resume;
use crate::schema;
use crate::server::Server;
use crate::settle::Settle;
use crate::start::{RecordTick, Start, StartTick, Tick};
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
    /// For how long the claims of a host count that the database does not hear of, where hosts share one. Default 15 s.
    pub lease: Duration,
    /// How many bytes stay free on the disk of a file: below that messages, runs and items are refused, so that what was
    /// accepted can be finished. Settling a step never is. Default 256 MiB; 0 is none.
    pub disk_reserve: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            queue_max: 100_000,
            stored_max: None,
            lease: Duration::from_secs(15),
            disk_reserve: 256 << 20,
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
    threads: Mutex<Vec<JoinHandle<()>>>,
    shares: Arc<Semaphore>,
    queue: Arc<Queue>,
    waiters: Arc<Waiters>,
    /// Claims have a connection of their own, so that a long list for the console does not hold up work.
    claims: Reader,
    pages: Reader,
    recovered: u64,
    closed: Arc<AtomicBool>,
    stored_max: Arc<AtomicU64>,
    stored: Arc<AtomicU64>,
    alarm: Arc<Notify>,
    rules: Arc<SharedRules>,
    keeping: Arc<Keeping>,
    disk: Arc<Disk>,
    bodies: Arc<Bodies>,
}

/// What differs between a file and a database that is shared.
struct Parts {
    queue: Arc<Queue>,
    numbers: Numbers,
    channel: Option<String>,
    recovered: u64,
    claims: Reader,
    pages: Reader,
    disk: Disk,
    bodies: Bodies,
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
        let link = schema::sqlite::open_writer(&file)?;
        Store::of_file(link, &file, lock, options)
    }

    /// The store that writes on `link`.
    pub(crate) fn of_file(
        mut link: Link,
        file: &Path,
        lock: DirectoryLock,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let found = link.db().map(resume)?;
        let found =
            found.map_err(|error| StoreError::of(file, "put claimed steps back", &error))?;
        let folder = file.parent().unwrap_or(file);
        let bodies = Bodies::in_folder(folder);
        let tidied = link.db().map(|db| bodies.tidy(db))?;
        tidied.map_err(|error| StoreError::of(file, "be tidied", &error))?;
        let reader = || schema::sqlite::open_reader(file).map(Reader::new);
        let parts = Parts {
            queue: Arc::new(Queue::of_file(found.queued, found.held)),
            numbers: Numbers::Counted(found.given),
            channel: None,
            recovered: found.recovered,
            claims: reader()?,
            pages: reader()?,
            disk: Disk::under(folder, options.disk_reserve),
            bodies,
        };
        Store::over(link, lock, options, parts)
    }

    /// Opens the store of `project` in the PostgreSQL database at `url`, which any number of hosts may have open at the
    /// same time. `dir` is for what a host keeps by itself.
    ///
    /// # Errors
    /// [`StoreError::Url`] and [`StoreError::Unreachable`] if there is no such database, [`StoreError::OldServer`] if its
    /// server is older than PostgreSQL 15, [`StoreError::NewerSchema`] if a later version made its tables, [`StoreError::InUse`] if another host has the directory.
    pub fn open_shared(
        url: &str,
        project: &str,
        dir: &Path,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let server = Arc::new(Server::new(url, project)?);
        // Whoever calls may be asynchronous code, which must not wait for a server itself.
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| Store::on_server(&server, dir, options));
            match opening.join() {
                Ok(opened) => opened,
                Err(panicked) => std::panic::resume_unwind(panicked),
            }
        })
    }

    fn on_server(
        server: &Arc<Server>,
        dir: &Path,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let lock = DirectoryLock::take(dir)?;
        let mut link = Link::to_server(server)?;
        schema::postgres::prepare(&mut link, server)?;
        let name = host_name();
        let queue = link
            .db()
            .map(|db| hosts::take_part(db, &name, server.channel(), &options))?
            .map_err(|error| StoreError::of(server.name(), "take part", &error))?;
        let queue = Arc::new(queue);
        let reader = || Link::to_server(server).map(Reader::new);
        let parts = Parts {
            queue: Arc::clone(&queue),
            numbers: Numbers::Drawn,
            channel: Some(server.channel().to_owned()),
            recovered: 0,
            claims: reader()?,
            pages: reader()?,
            // The database is on another, which tells by itself when it is full.
            disk: Disk::under(dir, 0),
            bodies: Bodies::in_rows(),
        };
        let listening = Link::to_server(server)?;
        let store = Store::over(link, lock, options, parts)?;
        let pulse = Pulse {
            link: listening,
            channel: server.channel().to_owned(),
            name,
            lease: options.lease,
            queue_max: options.queue_max,
            queue,
            waiters: Arc::clone(&store.inner.waiters),
            closed: Arc::clone(&store.inner.closed),
            failing: false,
        };
        let thread = spawn("fonio-pulse", server.name(), move || pulse.run())?;
        store.threads().push(thread);
        Ok(store)
    }

    fn over(
        mut link: Link,
        lock: DirectoryLock,
        options: StoreOptions,
        parts: Parts,
    ) -> Result<Store, StoreError> {
        let waiters = Arc::new(Waiters::new());
        let stored_max = options.stored_max.unwrap_or(NO_LIMIT);
        let stored = link.db().map(|db| Room::of(db, stored_max))?;
        let stored = stored
            .map_err(|error| StoreError::of(link.place(), "take stock", &error))?
            .stored;
        let stored = Arc::new(AtomicU64::new(stored));
        let stored_max = Arc::new(AtomicU64::new(stored_max));
        let alarm = Arc::new(Notify::new());
        let rules = Arc::new(SharedRules::default());
        let keeping = Arc::new(Keeping::default());
        let disk = Arc::new(parts.disk);
        let bodies = Arc::new(parts.bodies);
        let place = link.place().to_owned();
        let writer = Writer {
            link,
            queue: parts.queue.clone(),
            waiters: waiters.clone(),
            queue_max: options.queue_max,
            stored_max: Arc::clone(&stored_max),
            stored: Arc::clone(&stored),
            alarm: Arc::clone(&alarm),
            rules: Arc::clone(&rules),
            keeping: Arc::clone(&keeping),
            disk: Arc::clone(&disk),
            bodies: Arc::clone(&bodies),
            numbers: parts.numbers,
            began: Began::default(),
            broken: None,
            lock,
            channel: parts.channel,
        };
        let (orders, ordered) = mpsc::channel();
        let writer = spawn("fonio-store", &place, move || writer.run(ordered))?;
        let inner = Inner {
            orders,
            threads: Mutex::new(vec![writer]),
            shares: Arc::new(Semaphore::new(SHARES)),
            queue: parts.queue,
            waiters,
            claims: parts.claims,
            pages: parts.pages,
            recovered: parts.recovered,
            closed: Arc::new(AtomicBool::new(false)),
            stored_max,
            stored,
            alarm,
            rules,
            keeping,
            disk,
            bodies,
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

    /// About how many bytes are stored, as of the last change; 0 while [`StoreOptions::stored_max`] is no limit.
    pub fn stored(&self) -> u64 {
        self.inner.stored.load(Ordering::Relaxed)
    }

    /// Why nothing is accepted, while the disk has less room than [`StoreOptions::disk_reserve`].
    pub fn nearly_full(&self) -> Option<StoreError> {
        let Shortage { free, reserve } = self.inner.disk.shortage()?;
        Some(StoreError::DiskNearlyFull { free, reserve })
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
        mut message: NewMessage,
        runs: Vec<NewRun>,
    ) -> Result<Accepted, StoreError> {
        let values = std::iter::once(&mut message.body).chain(&mut message.raw);
        let placed = self.inner.bodies.place(values.collect()).await?;
        self.change(Accept {
            message,
            runs,
            received_ms: now_ms(),
            placed,
        })
        .await
    }

    /// Starts a run that no message asked for.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDataclip`] if an input is not stored.
    pub async fn start(&self, run: NewRun) -> Result<RunId, StoreError> {
        let created_ms = now_ms();
        self.change(Start { run, created_ms }).await
    }

    /// Starts a run for the tick of a clock at `tick_ms`, and remembers the tick: both or neither. None if the clock has
    /// ticked since `last_ms`, on this host or another.
    ///
    /// # Errors
    /// As [`Store::start`].
    pub async fn start_tick(
        &self,
        clock: &str,
        last_ms: Option<i64>,
        tick_ms: i64,
        run: NewRun,
    ) -> Result<Option<RunId>, StoreError> {
        let created_ms = now_ms();
        self.change(StartTick {
            start: Start { run, created_ms },
            tick: Tick {
                clock: clock.to_owned(),
                last_ms,
                at_ms: tick_ms,
            },
        })
        .await
    }

    /// Remembers a tick that starts nothing: the first sight of a clock, or one that would have overlapped. Does nothing
    /// if the clock has ticked since `last_ms`.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn record_tick(
        &self,
        clock: &str,
        last_ms: Option<i64>,
        tick_ms: i64,
    ) -> Result<(), StoreError> {
        self.change(RecordTick(Tick {
            clock: clock.to_owned(),
            last_ms,
            at_ms: tick_ms,
        }))
        .await
    }

    /// Takes waiting steps, at most `max`, and fewer when their inputs exceed 8 MiB together: those of the highest
    /// priority first and of one priority the oldest; one of ten by its age alone. No step is handed out twice, unless the store is opened anew before it is settled.
    ///
    /// # Errors
    /// Those of the disk; the steps then wait still.
    pub async fn claim(&self, max: usize) -> Result<Vec<ClaimedStep>, StoreError> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        if max == 0 || !self.inner.queue.has_work() {
            return Ok(Vec::new());
        }
        let (queue, orders) = (self.inner.queue.clone(), self.inner.orders.clone());
        let claim = self
            .inner
            .claims
            .read(move |db| Claim::take(&queue, &orders, max, db))
            .await?;
        let steps = claim.keep();
        if !steps.is_empty() && self.inner.queue.host() == 0 {
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
        mut settlement: Settlement,
    ) -> Result<Settled, StoreError> {
        let log = read::encode_log(&settlement.log);
        let values = settlement.large_values().collect();
        let placed = self.inner.bodies.place(values).await?;
        self.change(Settle {
            step,
            settlement,
            log,
            placed,
        })
        .await
    }

    /// Resolves when a step may be claimable, or the store is closed. Returns at once while steps wait.
    pub async fn wait_for_work(&self) {
        self.inner.queue.wait_for_work().await;
    }

    /// Steps waiting to be claimed, or for the end of other runs.
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
        loop {
            // Registered before looking, so that a run that finishes in between is not missed.
            let finished = self.inner.waiters.register(run);
            match self.outcome(run).await? {
                Outcome::Open => finished.wait().await.map_err(|_| StoreError::Closed)?,
                settled => return finished_outcome(run, settled),
            }
        }
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

    pub(crate) fn waiters(&self) -> &Arc<Waiters> {
        &self.inner.waiters
    }

    pub(crate) fn alarm(&self) -> &Notify {
        &self.inner.alarm
    }

    pub(crate) fn bodies(&self) -> &Arc<Bodies> {
        &self.inner.bodies
    }

    pub(crate) fn keeping(&self) -> &Keeping {
        &self.inner.keeping
    }

    pub(crate) fn rules(&self) -> &SharedRules {
        &self.inner.rules
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.inner.queue
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        let threads = self.inner.threads.lock();
        threads.unwrap_or_else(PoisonError::into_inner)
    }

    async fn outcome(&self, run: RunId) -> Result<Outcome, StoreError> {
        self.inner
            .pages
            .read(move |db| read::outcome(db, run))
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
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn spawn(
    name: &str,
    place: &Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Database {
            file: place.to_owned(),
            doing: "start a thread",
            detail: error.to_string(),
        })
}

/// What people know a host by when they look into the table of hosts: its machine and process.
fn host_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {}", machine.trim(), std::process::id())
}

fn finished_outcome(run: RunId, outcome: Outcome) -> Result<RunOutcome, StoreError> {
    match outcome {
        Outcome::Finished(outcome) => Ok(outcome),
        Outcome::NoSuchRun | Outcome::Open => Err(StoreError::NoSuchRun { run }),
    }
}
