//! `fonio serve`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fonio_project::{Project, TriggerKind};
use fonio_sandbox::SandboxOptions;
use fonio_store::{Store, StoreOptions};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use super::doors::{self, DoorOptions};
use super::{Exit, Failure, paint, sandbox};
use crate::hardening::{self, Needs};
use crate::host::{Host, Reload};
use crate::server::{Entrance, tls};
use crate::{granted, receiver, reload, repeater, runner, server};

/// Serves a project: takes messages at /inbox, ticks its clocks, runs its jobs, and reloads its files as they change.
///
/// Runs and their logs are on the page at /, problems of the project there and here. SIGTERM and Ctrl-C let what runs
/// finish and exit 0. SIGHUP reloads the project, and the certificate, at once.
///
/// A host is closed: the first start prints a token that opens it. `fonio user` and `fonio token` make more.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The project's directory [default: $PROJECT_DIR, else the current directory].
    dir: Option<PathBuf>,
    /// Where to listen, an IP address and a port
    /// [default: 127.0.0.1:$PORT, PORT being 4001 unless the environment or .env sets it].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where messages, runs and logs are kept [default: DIR/.fonio].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many steps may wait; the inbox answers 503 while more do.
    #[arg(long, value_name = "STEPS", default_value_t = StoreOptions::default().queue_max)]
    queue: u64,
    /// Keep every right of the process: for debuggers and profilers, which cannot look into a hardened one.
    #[arg(long)]
    no_hardening: bool,
    #[command(flatten)]
    doors: DoorOptions,
}

/// A host that has its folders, and has given up the rest.
#[derive(Debug)]
pub(crate) struct Ready {
    dir: PathBuf,
    data: PathBuf,
    listen: Option<String>,
    queue: u64,
    sandbox: SandboxOptions,
    doors: DoorOptions,
}

impl Serve {
    /// What is done while there is one thread, because the walls are of the thread that builds them and of those it starts.
    pub(crate) fn prepare(self) -> Result<Ready, Failure> {
        let dir = project_dir(self.dir)?;
        let data = self.data.unwrap_or_else(|| dir.join(".fonio"));
        fonio_store::make_folder(&data).map_err(Failure::failed)?;
        let ready = Ready {
            dir,
            data,
            listen: self.listen,
            queue: self.queue,
            sandbox: sandbox::options()?,
            doors: self.doors,
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
        let mut read = vec![PathBuf::from(".env")];
        read.extend(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from));
        // The folders, not the files: a certificate is renewed by putting another in its place.
        read.extend(self.doors.folders());
        let needs = Needs {
            project: &self.dir,
            data: &self.data,
            code_cache: &self.sandbox.code_cache,
            read,
        };
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let parts = hardening::harden(&needs.reach(home.as_deref()));
        paint::event("hardened", &hardening::in_words(&parts));
    }

    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let store = Store::open(
            &self.data,
            StoreOptions {
                queue_max: self.queue,
            },
        )
        .map_err(Failure::failed)?;
        let sandbox = sandbox::start_with(self.sandbox).await?;
        let host = Arc::new(Host::new(self.dir, store, sandbox));
        let outcome = host.reload().await;
        require_environment(&host)?;
        let listener = listen(&host, self.listen).await?;
        let entrance = self.doors.guard(listener, &self.data)?;
        let signals = Signals::catch()?;
        let steps = steps_runtime()?;
        announce(&host, &entrance, &outcome)?;
        serve(host, entrance, signals, steps).await;
        Ok(Exit::Success)
    }
}

/// Everything that serves, from here until a signal.
async fn serve(host: Arc<Host>, entrance: Entrance, signals: Signals, steps: Runtime) {
    let (hint, hints) = mpsc::channel(16);
    let hangup = Arc::new(Notify::new());
    if let Some(tls) = &entrance.tls {
        let follow = tls::follow(Arc::clone(tls), Arc::clone(&host), Arc::clone(&hangup));
        tokio::spawn(follow);
    }
    let access = entrance.doors.access.clone();
    let granted = tokio::spawn(granted::run(Arc::clone(&host), access));
    let server = tokio::spawn(server::run(Arc::clone(&host), entrance));
    let runner = tokio::spawn(runner::run(
        Arc::clone(&host),
        sandbox::STEPS,
        steps.handle().clone(),
    ));
    let repeater = tokio::spawn(repeater::run(Arc::clone(&host)));
    let reloader = tokio::spawn(reload::run(Arc::clone(&host), hints, hint.clone()));
    signals.stop(hint, &hangup).await;
    paint::event("stopping", "finishing what runs");
    host.stop();
    for task in [server, runner, repeater, reloader, granted] {
        if let Err(error) = task.await {
            tracing::error!(%error, "a part of the host broke down");
        }
    }
    host.store.close().await;
    steps.shutdown_background();
}

/// Steps run on threads of their own, which give way to those of the server: with eight jobs that only computed, a
/// message waited 252 ms to be accepted while they shared threads; now it waits 0.35 ms, as it does without them.
fn steps_runtime() -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .thread_name("steps")
        .enable_all()
        .on_thread_start(|| {
            // Of this thread alone, as Linux has it. Where it is not allowed, the server merely has no advantage.
            let _ = rustix::process::setpriority_process(None, STEPS_NICENESS);
        });
    builder
        .build()
        .map_err(|error| Failure::failed(format!("no threads could be started: {error}")))
}

/// 10 of 19: a tenth of the share of a thread that does not give way.
const STEPS_NICENESS: i32 = 10;

/// The signals that steer the host. They are caught from the moment this is made, which is before anybody is told
/// that the host is there.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> Result<Signals, Failure> {
        let catch = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))
        };
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Resolves on SIGTERM or SIGINT; SIGHUP asks for a reload of the project and of the certificate.
    async fn stop(mut self, hint: mpsc::Sender<()>, hangup: &Notify) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    let _ = hint.try_send(());
                    hangup.notify_one();
                }
            }
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
    Err(Failure::usage(format!(
        "{} is not a directory; name the project's directory: fonio serve DIR",
        dir.display()
    )))
}

async fn listen(host: &Host, asked: Option<String>) -> Result<TcpListener, Failure> {
    let port = || match host.live() {
        Some(live) => live.project.environment.port,
        None => fonio_project::DEFAULT_PORT,
    };
    let address = asked.unwrap_or_else(|| format!("127.0.0.1:{}", port()));
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

/// The most webhooks and clocks that are listed at the start; all are on the page.
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
            format!("{} (UTC) starts {}", schedule.text(), workflow.id),
        )),
        TriggerKind::Message { .. } | TriggerKind::Kafka { .. } => None,
    });
    for (what, detail) in shown.take(TRIGGERS_SHOWN) {
        paint::event(what, &detail);
    }
}

fn announce(host: &Host, entrance: &Entrance, outcome: &Reload) -> Result<(), Failure> {
    let address = entrance.listener.local_addr().map_err(Failure::failed)?;
    let url = format!("{}://{address}", doors::scheme(entrance));
    if let Some(live) = host.live() {
        let jobs = paint::count(live.project.jobs().count(), "job");
        let adaptors = paint::count(live.adaptors().all.len(), "adaptor");
        paint::event(
            "project",
            &format!(
                "{} in {}: {jobs}, {adaptors}",
                live.project.id,
                host.dir.display()
            ),
        );
    }
    if *outcome == Reload::Kept {
        paint::event(
            "not ready",
            "the project cannot be loaded; nothing is accepted until its files are mended",
        );
    }
    for problem in host.problems().iter() {
        paint::problem(problem);
    }
    let recovered = host.store.recovered();
    if recovered > 0 {
        let recovered = usize::try_from(recovered).unwrap_or(usize::MAX);
        paint::event(
            "recovered",
            &format!(
                "{} that ran when the host last stopped",
                paint::count(recovered, "step")
            ),
        );
    }
    doors::announce(entrance, &url)?;
    // Whoever reads this line may have gone after it, or never have been there: no reason not to serve.
    let _ = writeln!(anstream::stdout(), "listening on {url}");
    paint::event("inbox", &format!("POST {url}/inbox"));
    if let Some(live) = host.live() {
        announce_triggers(&live.project, &url);
        doors::announce_closed(entrance, &live.project);
    }
    paint::event("page", &format!("{url}/"));
    Ok(())
}
