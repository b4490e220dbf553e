//! Watches the project's files and reloads when they change.
//!
//! What the watcher says is a hint: after it falls silent the files are read again, and their fingerprint decides.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cli::paint;
use crate::hardening;
use crate::host::{Host, Reload};

/// How long the files must be quiet: an editor that saves writes several times within a few milliseconds.
const QUIET: Duration = Duration::from_millis(30);
/// Where events are lost (some network file systems send none), files are compared this often all the same.
const RESCAN: Duration = Duration::from_secs(30);

/// How long they may fail to be quiet in all: a log that is written there must not keep an edit from being noticed.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Waits until nothing more is heard for so long, or until [`QUIET_MAX`] is over.
pub(crate) async fn wait_for_quiet(changes: &mut mpsc::Receiver<()>, quiet: Duration) {
    let heard = async { while let Ok(Some(())) = timeout(quiet, changes.recv()).await {} };
    let _ = timeout(QUIET_MAX, heard).await;
}

/// Reloads until the host stops. `hints` also come from SIGHUP. A host that was not loaded yet is loaded first.
pub async fn run(host: Arc<Host>, hints: mpsc::Receiver<()>, hint: mpsc::Sender<()>) {
    let work = async {
        if !host.is_loaded() {
            let outcome = host.reload().await;
            report_start(&host, &outcome);
        }
        follow(&host, hints, hint).await
    };
    // Whatever it is at, a shutdown does not wait for it: the files are read again at the next start.
    tokio::select! {
        never = work => match never {},
        () = host.stopping() => {}
    }
}

async fn follow(host: &Host, mut hints: mpsc::Receiver<()>, hint: mpsc::Sender<()>) -> Infallible {
    let mut watched = Watched::new(host, hint);
    loop {
        // A folder that is watched from now on may have changed before; those that are new ask for another look.
        if !watched.follow(host) {
            // Nothing, too, ends the wait: where events are lost, files are compared all the same.
            let _ = timeout(RESCAN, hints.recv()).await;
        }
        wait_for_quiet(&mut hints, QUIET).await;
        let outcome = host.reload().await;
        report(host, &outcome);
    }
}

/// Says on the console what became of an edit.
pub fn report(host: &Host, outcome: &Reload) {
    let problems = host.problems();
    match outcome {
        Reload::Unchanged => return,
        Reload::Swapped { errors: 0 } => host.say("reloaded", &whole_path(&host.dir)),
        Reload::Swapped { .. } => {
            host.say(
                "reloaded",
                "with errors; what is broken keeps its last working version, if it had one",
            );
        }
        Reload::Kept => host.say("not reloaded", "the last working version keeps serving"),
    }
    for problem in problems.iter() {
        host.complain(problem);
    }
    if let Some(hint) = hardening::hint(&problems) {
        host.say("hint", hint);
    }
}

/// Says what a start found: what there is, what is wrong with it, and what was left from the last time.
pub fn report_start(host: &Host, outcome: &Reload) {
    if let Some(live) = host.live() {
        let jobs = paint::count(live.project.jobs().count(), "job");
        let adaptors = paint::count(live.adaptors().all.len(), "adaptor");
        let dir = host.dir.display();
        host.say(
            "project",
            &format!("{} in {dir}: {jobs}, {adaptors}", live.project.id),
        );
    }
    if *outcome == Reload::Kept {
        host.say(
            "not ready",
            "the project cannot be loaded; nothing is accepted until its files are mended",
        );
    }
    for problem in host.problems().iter() {
        host.complain(problem);
    }
    let recovered = usize::try_from(host.store.recovered()).unwrap_or(usize::MAX);
    if recovered > 0 {
        let steps = paint::count(recovered, "step");
        host.say(
            "recovered",
            &format!("{steps} that ran when the host last stopped"),
        );
    }
}

/// The last word of a start that serves nothing yet: what was said of it first has scrolled away by then.
pub fn report_why_not_ready(host: &Host) {
    if host.live().is_some() {
        return;
    }
    let problems = host.problems();
    let mut errors = problems.iter().filter(|problem| problem.is_error());
    let Some(first) = errors.next() else {
        return;
    };
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {} more above", paint::count(more, "error")),
    };
    let mut place = whole_path(&host.dir.join(&first.file));
    if first.line > 0 {
        place += &format!(":{}", first.line);
    }
    host.say("not ready", &format!("{place}: {}{more}", first.message));
}

/// Also of a host that serves `.`: its log may be read elsewhere.
fn whole_path(dir: &Path) -> String {
    let whole = std::path::absolute(dir);
    whole.as_deref().unwrap_or(dir).display().to_string()
}

/// The folders being watched: the project's own and those its files are in, each without its subfolders, so that the
/// store's constant writing under `.fonio` wakes nobody.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    fn new(host: &Host, hint: mpsc::Sender<()>) -> Watched {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let wakes = !matches!(
                event,
                Ok(notify::Event {
                    kind: EventKind::Access(_),
                    ..
                })
            );
            if wakes {
                // Full means that a reload is already due.
                let _ = hint.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                let every = RESCAN.as_secs();
                let said = format!("{error}; edits of its files are noticed every {every} s");
                host.say("not watched", &said);
            })
            .ok();
        Watched {
            watcher,
            folders: BTreeSet::new(),
        }
    }

    /// Watches what the project is made of now; tells whether anything is watched that was not before.
    fn follow(&mut self, host: &Host) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let wanted = folders(host);
        for gone in self.folders.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        // Watched again each time: a folder that was replaced by another of its name has lost its watch.
        for folder in &wanted {
            let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
            // One that went away meanwhile is looked for again when the one above it changes.
            if let Err(error) = watched
                && folder.is_dir()
            {
                let said = format!(
                    "{}: {error}; edits in it are noticed every {} s",
                    folder.display(),
                    RESCAN.as_secs()
                );
                host.say("not watched", &said);
            }
        }
        let new = !wanted.is_subset(&self.folders);
        self.folders = wanted;
        new
    }
}

/// Where a change of a credential's file or folder is seen: in the folder itself, in the one it is in, and where that is a
/// link, in the one it leads to. A mounted secret is replaced by a link in its own folder.
fn places_of(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let parent = |path: &Path| path.parent().map(Path::to_path_buf);
    let real = path.canonicalize().ok();
    let real = real.and_then(|real| parent(&real));
    [Some(path.to_path_buf()), parent(path), real]
        .into_iter()
        .flatten()
}

fn folders(host: &Host) -> BTreeSet<PathBuf> {
    let named = ["", "jobs", "adaptors", "credentials"].map(PathBuf::from);
    let live = host.live();
    let of_files = live
        .iter()
        .flat_map(|live| &live.project.workflows)
        .flat_map(|workflow| {
            let expressions = workflow.jobs.iter().map(|job| &job.expression.file);
            expressions.chain([&workflow.file])
        })
        .filter_map(|file| file.parent().map(Path::to_path_buf));
    let of_secrets = live
        .iter()
        .flat_map(|live| &live.project.credential_files)
        .flat_map(|path| places_of(&host.dir.join(path)));
    named
        .into_iter()
        .chain(of_files)
        .chain(of_secrets)
        .map(|folder| host.dir.join(folder))
        .filter(|folder| folder.is_dir())
        .collect()
}
