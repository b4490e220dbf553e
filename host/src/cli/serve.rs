//! `fonio serve`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fonio_access::Access;
use fonio_project::{Project, TriggerKind, parse_size};
use fonio_sandbox::SandboxOptions;
use fonio_store::{DirectoryLock, StoreOptions};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinHandle};

use super::doors::{self, DoorOptions};
use super::shutdown::{Signals, finish};
use super::{Exit, Failure, paint, sandbox};
use crate::hardening::{self, Needs};
use crate::host::{Host, load_project};
use crate::oidc::Oidc;
use crate::server::local::Local;
use crate::server::{Entrance, tls};
use crate::storage::{self, Storage};
use crate::tenants::folder::{Folder, TENANTS_MAX};
use crate::tenants::{Means, Places, Running, Sites, Threads};
use crate::workbench::Turns;
use crate::{receiver, reload, server};

/// Serves a project: takes messages at /inbox, ticks its clocks, runs its jobs, and reloads its files as they change.
///
/// Runs and their logs are on the page at /, problems of the project there and here. SIGTERM and Ctrl-C let what runs
/// finish and exit 0; a second one, a second or more later, cuts it off, and it runs again at the next start. SIGHUP reloads the project, and the certificate, at once.
///
/// A host is closed: the first start prints a token that opens it. `fonio user` and `fonio token` make more.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The project's directory [default: $PROJECT_DIR, else the current directory].
    #[arg(conflicts_with = "projects")]
    dir: Option<PathBuf>,
    /// Serves every folder in DIR as a tenant of its own, at /<folder>/…; DIR/tenants.toml says what each may use.
    #[arg(long, value_name = "DIR")]
    projects: Option<PathBuf>,
    /// Where to listen, an IP address and a port
    /// [default: 127.0.0.1:$PORT, PORT being 4001 unless the environment or .env sets it].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where messages, runs and logs are kept [default: DIR/.fonio]; of tenants in a folder each.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The PostgreSQL database that keeps them instead, postgres://USER:PASSWORD@HOST/DATABASE, for any number of hosts;
    /// better in the variable FONIO_STORE, where nobody sees the password [default: a file in the data folder].
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// How many steps may wait, of each tenant; the inbox answers 503 while more do.
    #[arg(long, value_name = "STEPS", default_value_t = StoreOptions::default().queue_max)]
    queue: u64,
    /// How much of the disk stays free, 512MiB for instance; while less is, the inbox answers 503 and what was accepted is
    /// finished. 0B is nothing [default: 256MiB].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    disk_reserve: Option<u64>,
    /// Keep every right of the process: for debuggers and profilers, which cannot look into a hardened one.
    #[arg(long)]
    no_hardening: bool,
    #[command(flatten)]
    doors: DoorOptions,
}

/// A host that has its folders, and has given up the rest.
#[derive(Debug)]
pub(crate) struct Ready {
    what: What,
    data: PathBuf,
    listen: Option<String>,
    storage: Storage,
    sandbox: SandboxOptions,
    doors: DoorOptions,
    oidc: Option<Arc<Oidc>>,
    local: Option<Local>,
}

/// What is served.
#[derive(Clone, Debug)]
enum What {
    /// The project in this directory.
    Project(PathBuf),
    /// Each folder in this directory, as a tenant.
    Tenants(PathBuf),
}

impl What {
    fn dir(&self) -> &Path {
        match self {
            What::Project(dir) | What::Tenants(dir) => dir,
        }
    }

    /// The directories of the projects that there are now.
    fn projects(&self) -> Vec<PathBuf> {
        match self {
            What::Project(dir) => vec![dir.clone()],
            What::Tenants(dir) => {
                let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
                let folders = entries
                    .map(|entry| entry.path())
                    .filter(|path| path.is_dir());
                folders.collect()
            }
        }
    }

    /// Each tenant has a place of its own beside those that all share.
    fn steps(&self) -> usize {
        match self {
            What::Project(_) => sandbox::STEPS,
            What::Tenants(_) => sandbox::STEPS + TENANTS_MAX,
        }
    }
}

impl Serve {
    /// What is done while there is one thread, because the walls are of the thread that builds them and of those it starts.
    pub(crate) fn prepare(self) -> Result<Ready, Failure> {
        let what = match self.projects {
            Some(dir) if !dir.is_dir() => {
                return Err(Failure::usage(format!(
                    "{} is not a directory; --projects names one with a folder for each tenant",
                    dir.display()
                )));
            }
            Some(dir) => What::Tenants(dir),
            None => What::Project(project_dir(self.dir)?),
        };
        let data = self.data.unwrap_or_else(|| what.dir().join(".fonio"));
        let store = self.store.or_else(|| std::env::var(storage::VARIABLE).ok());
        let reserve = self.disk_reserve;
        let reserve = reserve.unwrap_or(StoreOptions::default().disk_reserve);
        let storage = Storage::new(store, self.queue, reserve).map_err(Failure::usage)?;
        fonio_store::make_folder(&data).map_err(Failure::failed)?;
        let sandbox = SandboxOptions {
            steps: what.steps(),
            ..sandbox::options()?
        };
        // Now: once the host is hardened, it reads what it serves and little else.
        let oidc = self.doors.load_oidc()?;
        let local = Local::bind(&data).unwrap_or_else(|error| {
            let said =
                format!("commands such as `fonio runs` reach this host by --url alone: {error}");
            paint::event("no socket", &said);
            None
        });
        let ready = Ready {
            what,
            data,
            listen: self.listen,
            storage,
            sandbox,
            doors: self.doors,
            oidc,
            local,
        };
        if self.no_hardening {
            paint::event("not hardened", "the process keeps every right it has");
        } else {
            ready.harden();
        }
        if rustix::process::geteuid().is_root() {
            paint::event(
                "warning",
                "this host runs as root; give it a user of its own, which needs no rights but to its own folders",
            );
        }
        Ok(ready)
    }
}

impl Ready {
    fn harden(&self) {
        // SAFETY: there is one thread yet, so nobody reads the environment meanwhile.
        unsafe {
            // What the database sorts on disk; its own choice, /var/tmp, is out of reach.
            std::env::set_var("SQLITE_TMPDIR", &self.data);
        }
        let mut read = vec![PathBuf::from(".env"), self.what.dir().to_owned()];
        read.extend(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from));
        // The folders, not the files: a certificate is renewed by putting another in its place.
        read.extend(self.doors.folders());
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let needs = Needs {
            projects: self.what.projects(),
            data: &self.data,
            code_cache: &self.sandbox.code_cache,
            read,
        };
        let parts = hardening::harden(&needs.reach(home.as_deref()));
        paint::event("hardened", &hardening::in_words(&parts));
    }

    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let listener = |port| listen(self.listen.clone(), port);
        let threads = Threads::start()
            .map_err(|error| Failure::failed(format!("no threads could be started: {error}")))?;
        let means = |sandbox, access: &Access| Means {
            sandbox,
            places: Places::new(sandbox::STEPS),
            lanes: threads.lanes(),
            access: access.clone(),
            turns: Turns::new(),
        };
        let access = Access::open(&self.data).map_err(Failure::failed)?;
        match &self.what {
            What::Project(dir) => {
                let id = self.id_of(dir).await?;
                let store = self.storage.open(&id, &self.data, None);
                let store = store.map_err(Failure::failed)?;
                self.leave_word()?;
                let sandbox = Arc::new(sandbox::start_with(self.sandbox).await?);
                let host = Arc::new(Host::new(
                    dir.clone(),
                    self.data.clone(),
                    store,
                    Arc::clone(&sandbox),
                ));
                let outcome = host.reload().await;
                require_environment(&host)?;
                let listener = listener(port(&host)).await?;
                let entrance = self.doors.guard(listener, access, self.oidc)?;
                let means = means(sandbox, &entrance.doors.access);
                let signals = Signals::catch()?;
                reload::report_start(&host, &outcome);
                announce(&host, &entrance)?;
                serve_one(host, means, (entrance, self.local), signals).await;
            }
            What::Tenants(dir) => {
                // Each tenant's store has a lock of its own: without this one, a second host would be up and serve nobody.
                let _held = DirectoryLock::take(&self.data).map_err(Failure::failed)?;
                self.leave_word()?;
                let listener = listener(fonio_project::DEFAULT_PORT).await?;
                let entrance = self.doors.guard(listener, access, self.oidc)?;
                let sandbox = Arc::new(sandbox::start_with(self.sandbox).await?);
                let means = means(sandbox, &entrance.doors.access);
                let sites = Arc::new(Sites::several());
                let signals = Signals::catch()?;
                let mut folder = Folder::new(
                    dir.clone(),
                    &self.data,
                    self.storage,
                    means,
                    Arc::clone(&sites),
                );
                folder.look();
                announce_tenants(&sites, &entrance)?;
                serve_tenants(folder, sites, (entrance, self.local), signals).await;
            }
        }
        drop(threads);
        Ok(Exit::Success)
    }
}

impl Ready {
    fn leave_word(&self) -> Result<(), Failure> {
        self.storage.leave_word(&self.data).map_err(|error| {
            let data = self.data.display();
            Failure::failed(format!("{data} cannot be written: {error}"))
        })
    }

    /// The id of the project, where the store goes by it.
    async fn id_of(&self, dir: &Path) -> Result<String, Failure> {
        if !self.storage.is_shared() {
            return Ok(String::new());
        }
        let loaded = load_project(dir).await;
        match loaded.project {
            Some(project) => Ok(project.id),
            None => Err(Failure(
                Exit::NotLoaded,
                format!(
                    "hosts share a project in a database by its id, and that of {} is not known until its files are right; \
                     `fonio check {}` shows what is wrong",
                    dir.display(),
                    dir.display()
                ),
            )),
        }
    }
}

/// Everything that serves one project, from here until a signal.
async fn serve_one(host: Arc<Host>, means: Means, entrances: Entrances, mut signals: Signals) {
    let sites = Arc::new(Sites::one(Arc::clone(&host)));
    let share = means.places.all();
    let running = Running::begin(Arc::clone(&host), share, &means);
    let open = Open::begin(&sites, entrances);
    signals.stop(|| running.reload(), &open.hangup).await;
    let hosts = [host];
    let end = async {
        open.close(&sites).await;
        running.stop(sites.cut_off()).await;
    };
    finish(&hosts, &sites, signals, end).await;
}

/// Everything that serves tenants, from here until a signal.
async fn serve_tenants(
    folder: Folder,
    sites: Arc<Sites>,
    entrances: Entrances,
    mut signals: Signals,
) {
    let (hint, hints) = mpsc::channel(16);
    let open = Open::begin(&sites, entrances);
    let tenants = tokio::spawn(folder.follow(hints));
    let reload = || {
        // Full means that it is due already.
        let _ = hint.try_send(());
    };
    signals.stop(reload, &open.hangup).await;
    let hosts: Vec<Arc<Host>> = sites.tenants().into_iter().map(|(_, host)| host).collect();
    let end = async {
        open.close(&sites).await;
        ended(tenants.await);
    };
    finish(&hosts, &sites, signals, end).await;
}

fn ended(task: Result<(), JoinError>) {
    if let Err(error) = task {
        tracing::error!(%error, "a part of the host broke down");
    }
}

/// The port, and the socket that commands reach the host by.
type Entrances = (Entrance, Option<Local>);

/// The listeners while they are open.
struct Open {
    server: JoinHandle<()>,
    local: Option<JoinHandle<()>>,
    hangup: Arc<Notify>,
}

impl Open {
    fn begin(sites: &Arc<Sites>, (entrance, local): Entrances) -> Open {
        let hangup = Arc::new(Notify::new());
        if let Some(tls) = &entrance.tls {
            let follow = tls::follow(Arc::clone(tls), Arc::clone(sites), Arc::clone(&hangup));
            tokio::spawn(follow);
        }
        let local = local.map(|local| {
            let doors = Arc::clone(&entrance.doors);
            tokio::spawn(server::local::run(Arc::clone(sites), doors, local))
        });
        let server = tokio::spawn(server::run(Arc::clone(sites), entrance));
        Open {
            server,
            local,
            hangup,
        }
    }

    async fn close(self, sites: &Sites) {
        sites.stop();
        ended(self.server.await);
        if let Some(local) = self.local {
            ended(local.await);
        }
    }
}

/// DIR, else `PROJECT_DIR` from the environment or from `.env` here, else here.
pub(crate) fn project_dir(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let dir = named
        .or_else(|| std::env::var_os("PROJECT_DIR").map(PathBuf::from))
        .or_else(|| fonio_project::load_environment(Path::new("."), &|_| None).project_dir)
        .unwrap_or_else(|| PathBuf::from("."));
    if dir.is_dir() {
        return Ok(dir);
    }
    let what = match dir.exists() {
        true => format!("{} is not a directory", dir.display()),
        false => format!("there is no directory {}", dir.display()),
    };
    Err(Failure::usage(format!(
        "{what}; name that of the project: `fonio serve DIR`, and --project DIR for other commands"
    )))
}

/// The port that the project's environment sets.
fn port(host: &Host) -> u16 {
    host.live().map_or(fonio_project::DEFAULT_PORT, |live| {
        live.project.environment.port
    })
}

async fn listen(asked: Option<String>, port: u16) -> Result<TcpListener, Failure> {
    let address = asked.unwrap_or_else(|| format!("127.0.0.1:{port}"));
    if !address.contains(':') {
        return Err(Failure::usage(format!(
            "--listen takes HOST:PORT, for example 127.0.0.1:{address}"
        )));
    }
    TcpListener::bind(&address).await.map_err(|error| {
        Failure::failed(format!(
            "cannot listen on {address}: {error}. Choose another with --listen HOST:PORT, or set PORT"
        ))
    })
}

/// A setting in the environment that is wrong cannot be mended by editing files.
fn require_environment(host: &Host) -> Result<(), Failure> {
    let problems = host.problems();
    let wrong = problems.iter().find(|problem| {
        problem.is_error() && problem.file == Path::new(fonio_project::ENVIRONMENT)
    });
    match wrong {
        None => Ok(()),
        Some(problem) => Err(Failure::usage(problem.to_string())),
    }
}

/// The most webhooks, clocks and events that are listed at the start; all are on the page.
const TRIGGERS_SHOWN: usize = 10;

fn announce_triggers(project: &Project, url: &str) {
    let enabled = project.triggers().filter(|(_, trigger)| trigger.enabled);
    let shown = enabled.filter_map(|(workflow, trigger)| match &trigger.kind {
        TriggerKind::Webhook(_) => {
            let path = receiver::webhook_path(workflow, trigger);
            Some(("webhook", format!("POST {url}{path}")))
        }
        TriggerKind::Cron { schedule, .. } => Some((
            "clock",
            format!(
                "{} ({}) starts {}",
                schedule.text(),
                schedule.zone().name(),
                workflow.id
            ),
        )),
        TriggerKind::Event { pattern } => {
            Some(("event", format!("{pattern} starts {}", workflow.id)))
        }
        TriggerKind::Message { .. } | TriggerKind::Kafka { .. } => None,
    });
    for (what, detail) in shown.take(TRIGGERS_SHOWN) {
        paint::event(what, &detail);
    }
}

fn announce(host: &Host, entrance: &Entrance) -> Result<(), Failure> {
    let url = listening(entrance)?;
    paint::event("inbox", &format!("POST {url}/inbox"));
    if let Some(live) = host.live() {
        announce_triggers(&live.project, &url);
        doors::announce_closed(&entrance.doors, host, &live.project);
    }
    paint::event("page", &format!("{url}/"));
    reload::report_why_not_ready(host);
    Ok(())
}

fn announce_tenants(sites: &Sites, entrance: &Entrance) -> Result<(), Failure> {
    let url = listening(entrance)?;
    let tenants = sites.tenants();
    for (name, host) in tenants.iter().take(TRIGGERS_SHOWN) {
        paint::event("tenant", &format!("{name} at {url}/{name}/"));
        let (doors, host) = (Arc::clone(&entrance.doors), Arc::clone(host));
        // It is being loaded, and may never be.
        tokio::spawn(async move {
            tokio::select! {
                () = host.serving() => {}
                () = host.stopping() => {}
            }
            if let Some(live) = host.live() {
                doors::announce_closed(&doors, &host, &live.project);
            }
        });
    }
    if tenants.is_empty() {
        paint::event("tenants", "none yet; each folder that appears becomes one");
    }
    paint::event("page", &format!("{url}/"));
    tenants
        .iter()
        .for_each(|(_, host)| reload::report_why_not_ready(host));
    Ok(())
}

/// Says where the host is, and how to get in if nobody can yet.
fn listening(entrance: &Entrance) -> Result<String, Failure> {
    let address = entrance.listener.local_addr().map_err(Failure::failed)?;
    let url = format!("{}://{address}", doors::scheme(entrance));
    doors::announce(entrance, &url)?;
    // Whoever reads this line may have gone after it, or never have been there: no reason not to serve.
    let _ = writeln!(anstream::stdout(), "listening on {url}");
    Ok(url)
}
