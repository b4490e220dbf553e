//! The running host: the live project, the store and the sandbox, and what happened to them lately.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use fonio_access::Access;
use fonio_project::{Problem, TenantSettings};
use fonio_sandbox::Sandbox;
use fonio_store::Store;
use tokio::sync::{Mutex, Semaphore, watch};

use crate::adaptors::adaptor_files_stamp;
use crate::cli::paint;
use crate::collections::StoredCollections;
use crate::flights::Flights;
use crate::live::Live;
use crate::outage::Outages;
use crate::progress::Progress;
use crate::rarely::Voice;
use crate::receiver::{Intake, WAITING_MAX};
use crate::server::feed::READERS_MAX;
use crate::sweeper;
use crate::tenants::{Means, Ration};
use crate::turns;
use crate::workbench::{Turns, Workbench};

/// Shared by everything that serves.
pub struct Host {
    /// The project's directory.
    pub dir: PathBuf,
    /// The folder of its data.
    data: PathBuf,
    /// Messages, runs, steps, dataclips, logs.
    pub store: Store,
    /// Where steps run; those of all tenants.
    pub sandbox: Arc<Sandbox>,
    /// Its name among others, on a host of several: that of its folder, which nothing in the folder can change.
    tenant: Option<String>,
    /// What it may use, and has used.
    pub ration: Ration,
    /// What has been said of it lately.
    voice: Voice,
    /// Where it waits for its turn to compile, among others.
    turns: Turns,
    /// The project as it runs; none before the first one that could be understood.
    live: ArcSwapOption<Live>,
    /// What is wrong with the files as they are now, whether or not an older version serves.
    problems: ArcSwapOption<Vec<Problem>>,
    /// Counts every swap of the project.
    generation: watch::Sender<u64>,
    /// One reload at a time, so that an older one cannot overtake a newer; and what the last one saw.
    reloading: Mutex<Option<Seen>>,
    /// Room for bodies on their way in.
    pub intake: Intake,
    /// Places for requests that wait for their runs.
    pub waiting: Semaphore,
    /// Steps in flight.
    pub flights: Flights,
    /// What they have written so far.
    pub progress: Progress,
    /// Places for those who follow what happens.
    pub readers: Arc<Semaphore>,
    /// Figures for `/metrics`.
    pub figures: Figures,
    /// Systems that are out.
    pub outages: Outages,
    /// Where what steps do is written down before they do it; set before the first one runs.
    pub access: OnceLock<Access>,
    stop: watch::Sender<bool>,
}

/// What `/metrics` counts beside what the store knows.
#[derive(Debug, Default)]
pub struct Figures {
    /// Messages accepted since the start.
    pub accepted: AtomicU64,
    /// Requests to the inbox that were refused, whatever the reason.
    pub refused: AtomicU64,
    /// Those of them that did not show what the project asks of who sends messages.
    pub unauthorized: AtomicU64,
    /// Requests to the API and for metrics that were refused for lack of a sign-in or a role.
    pub denied: AtomicU64,
    /// Steps that succeeded.
    pub steps_succeeded: AtomicU64,
    /// Steps that failed.
    pub steps_failed: AtomicU64,
    /// CPU time of all guests, in microseconds.
    pub guest_cpu_us: AtomicU64,
    /// Reloads that swapped the project.
    pub reloads: AtomicU64,
    /// Reloads that left the old project in place.
    pub reloads_failed: AtomicU64,
    /// What retention has forgotten.
    pub swept: Swept,
}

/// Rows that retention has forgotten since the start.
#[derive(Debug, Default)]
pub struct Swept {
    /// Messages.
    pub messages: AtomicU64,
    /// Runs.
    pub runs: AtomicU64,
    /// States.
    pub dataclips: AtomicU64,
    /// Logs of steps and attempts.
    pub logs: AtomicU64,
}

impl Figures {
    /// Adds one.
    pub fn count(figure: &AtomicU64) {
        figure.fetch_add(1, Ordering::Relaxed);
    }
}

/// Files as a reload found them; the same again need no reload.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    fingerprint: Option<String>,
    problems: Vec<Problem>,
    adaptors: String,
}

/// How a reload ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Reload {
    /// Nothing in the files had changed.
    Unchanged,
    /// The new project serves; how many errors it has in jobs or adaptors that kept their old version.
    Swapped {
        /// Errors in the new files.
        errors: usize,
    },
    /// The project file cannot be understood; the old one goes on.
    Kept,
}

impl Host {
    /// A host without a project; [`Host::reload`] gives it one.
    pub fn new(dir: PathBuf, data: PathBuf, store: Store, sandbox: Arc<Sandbox>) -> Host {
        let own = (None, Ration::unlimited(), Turns::new());
        Host::with(dir, data, store, sandbox, own)
    }

    /// One of several: only what is in its folder is read, and it may use what the operator gives it.
    pub fn of_tenant(
        name: String,
        settings: TenantSettings,
        dir: PathBuf,
        data: PathBuf,
        store: Store,
        means: &Means,
    ) -> Host {
        let shared = (Some(name), Ration::of(settings.quota), means.turns.clone());
        Host::with(dir, data, store, Arc::clone(&means.sandbox), shared)
    }

    fn with(
        dir: PathBuf,
        data: PathBuf,
        store: Store,
        sandbox: Arc<Sandbox>,
        (tenant, ration, turns): (Option<String>, Ration, Turns),
    ) -> Host {
        Host {
            dir,
            data,
            store,
            sandbox,
            tenant,
            ration,
            voice: Voice::default(),
            turns,
            live: ArcSwapOption::empty(),
            problems: ArcSwapOption::empty(),
            generation: watch::Sender::new(0),
            reloading: Mutex::new(None),
            intake: Intake::default(),
            waiting: Semaphore::new(WAITING_MAX),
            flights: Flights::default(),
            progress: Progress::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            figures: Figures::default(),
            outages: Outages::default(),
            access: OnceLock::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// What roles are given for and the audit log knows it by: the tenant's name, else the project's id.
    pub fn name(&self) -> String {
        match (&self.tenant, self.live()) {
            (Some(tenant), _) => tenant.clone(),
            (None, Some(live)) => live.project.id.clone(),
            // Whoever has a role everywhere can see why it is not there.
            (None, None) => String::new(),
        }
    }

    /// What stands before its paths: `/clinic`, or nothing where there is one project.
    pub fn prefix(&self) -> String {
        self.tenant
            .as_ref()
            .map_or_else(String::new, |tenant| format!("/{tenant}"))
    }

    /// Tells whoever watches the console; of which tenant, where there are several, and then not without end.
    pub(crate) fn say(&self, what: &'static str, detail: &str) {
        match &self.tenant {
            Some(tenant) if self.may_say(tenant, what) => {
                paint::event(what, &format!("[{tenant}] {detail}"));
            }
            Some(_) => {}
            None => paint::event(what, detail),
        }
    }

    /// Shows whoever watches the console what is wrong; of a tenant, in its folder, and not without end.
    pub(crate) fn complain(&self, problem: &Problem) {
        let Some(tenant) = &self.tenant else {
            return paint::problem(problem);
        };
        if self.may_say(tenant, problem.severity.as_str()) {
            paint::problem(&Problem {
                file: Path::new(tenant).join(&problem.file),
                message: format!("[{tenant}] {}", problem.message),
                ..problem.clone()
            });
        }
    }

    fn may_say(&self, tenant: &str, what: &'static str) -> bool {
        let note = |said: &str| paint::event("left out", &format!("[{tenant}] {said}"));
        self.voice.says(what, Instant::now(), note)
    }

    /// The project as it runs now. A step keeps the one it started with.
    pub fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// What is wrong with the files as they are now.
    pub fn problems(&self) -> Arc<Vec<Problem>> {
        self.problems.load_full().unwrap_or_default()
    }

    /// Reads the files again and, if they can be understood, swaps the project.
    pub async fn reload(&self) -> Reload {
        let mut last = self.reloading.lock().await;
        let loaded = match &self.tenant {
            Some(_) => load_tenant(&self.dir).await,
            None => load_project(&self.dir).await,
        };
        let seen = Seen {
            fingerprint: loaded
                .project
                .as_ref()
                .map(|project| project.fingerprint.clone()),
            problems: loaded.problems.clone(),
            adaptors: adaptor_files_stamp(&self.dir),
        };
        if last.as_ref() == Some(&seen) {
            return Reload::Unchanged;
        }
        *last = Some(seen);
        // A project with errors in its own files is not served in part: a message could match a job that is left out.
        let understood = !loaded.has_errors();
        let Some(project) = loaded.project.filter(|_| understood) else {
            self.problems.store(Some(Arc::new(loaded.problems)));
            Figures::count(&self.figures.reloads_failed);
            return Reload::Kept;
        };
        let old = self.live();
        let names = project.collections.clone();
        let (work, problems) = (self.workbench(), loaded.problems);
        let mut live = Live::load_on(&work, project, problems, old.as_deref(), &self.data).await;
        live.collections = Arc::new(StoredCollections::new(names, self.store.clone()));
        let errors = live
            .problems
            .iter()
            .filter(|problem| problem.severity == fonio_project::Severity::Error)
            .count();
        if let Err(error) = self.store.set_rules(turns::rules(&live.project)).await {
            tracing::warn!(%error, "runs that wait for others move on by the new rules when one of those ends");
        }
        let keep = live.project.settings.retention.keep;
        self.store.keep(sweeper::kept_at_all(keep));
        // With the project that they are of, and not before it: whoever sees the one looks for the other.
        self.problems.store(Some(Arc::new(live.problems.clone())));
        self.live.store(Some(Arc::new(live)));
        self.generation.send_modify(|generation| *generation += 1);
        if old.is_some() {
            Figures::count(&self.figures.reloads);
            if let Err(error) = self.store.tell_reloaded(errors).await {
                tracing::warn!(%error, "the feed of events does not tell of a reload");
            }
        }
        Reload::Swapped { errors }
    }

    fn workbench(&self) -> Workbench<'_> {
        match self.ration.quota() {
            Some(quota) => {
                Workbench::of_tenant(&self.dir, &self.sandbox, &self.turns, quota.loading)
            }
            None => Workbench::alone(&self.dir, &self.sandbox),
        }
    }

    /// Whether its files have been looked at: what there is to serve, or why there is nothing, is known.
    pub fn is_loaded(&self) -> bool {
        self.live.load().is_some() || self.problems.load().is_some()
    }

    /// Sees every swap of the project.
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Resolves once there is a project to serve.
    pub async fn serving(&self) {
        // The sender lives as long as `self`, so waiting can only end with a project.
        let _ = self
            .generations()
            .wait_for(|generation| *generation > 0)
            .await;
    }

    /// Begins the shutdown: nothing new is accepted or claimed, what runs is finished.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves when the shutdown begins.
    pub async fn stopping(&self) {
        // The sender lives as long as `self`, so waiting can only end with the flag.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// The same for whoever outlives a look at the host.
    pub fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Whether the shutdown has begun.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Reads one project or workflow file, with what is beside it, off the async threads.
pub async fn load_project_file(file: &Path) -> fonio_project::Loaded {
    let file = file.to_path_buf();
    read_off_threads(move |environment| fonio_project::load_file(&file, environment)).await
}

/// Reads the files of a project off the async threads. The process's environment wins over `.env` in the current
/// directory, as `fonio serve` is started where OpenFn/microservice was, and that over the project's own `.env`.
pub async fn load_project(dir: &Path) -> fonio_project::Loaded {
    let dir = dir.to_path_buf();
    read_off_threads(move |environment| fonio_project::load(&dir, environment)).await
}

/// Reads the files of a tenant off the async threads: nothing outside its folder, and no variable of the process.
pub async fn load_tenant(dir: &Path) -> fonio_project::Loaded {
    let dir = dir.to_path_buf();
    off_threads(move || fonio_project::load_tenant(&dir)).await
}

type LookUp<'v> = dyn Fn(&str) -> Option<String> + 'v;

async fn read_off_threads<R: Send + 'static>(
    read: impl FnOnce(&LookUp<'_>) -> R + Send + 'static,
) -> R {
    off_threads(move || {
        let here = fonio_project::load_variables(Path::new("."));
        let environment = |name: &str| std::env::var(name).ok().or_else(|| here.get(name).cloned());
        read(&environment)
    })
    .await
}

async fn off_threads<R: Send + 'static>(read: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(read).await {
        Ok(loaded) => loaded,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
