//! `fonio adaptor lock`, and keeping a lock when a command writes an adaptor.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use fonio_project::in_a_line;
use fonio_sandbox::Sandbox;

use super::output::tell;
use super::{Exit, Failure, paint};
use crate::adaptors::{Adaptors, digest};
use crate::trust::Trust;
use crate::trust::lock::{Change, LOCK_FILE, Lock, LockError, Locked, short};

/// Pins the files in a project's `adaptors/` by their digests, in fonio.lock, and shows what is different from before.
///
/// From then on a file that is another, or that is not listed, is not loaded. Exits 1, and writes nothing, when a file there
/// does not load, or is not signed as fonio.toml asks.
#[derive(Debug, Args)]
pub(crate) struct LockFiles {
    /// The project's directory.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl LockFiles {
    pub(crate) async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        let dir = &self.project;
        if !dir.is_dir() {
            let said = format!("there is no folder {}", dir.display());
            return Err(Failure::usage(said));
        }
        // One that cannot be understood is what this command is to mend.
        let old = Lock::read(dir).ok().flatten().unwrap_or_default();
        let lock = whole(dir, sandbox).await?;
        lock.write(dir).map_err(|error| failed(dir, &error))?;
        for change in lock.changes_since(&old) {
            show(&change);
        }
        let files = paint::count(lock.len(), "adaptor");
        tell!("{}: {files}", dir.join(LOCK_FILE).display());
        Ok(Exit::Success)
    }
}

fn show(change: &Change) {
    match change {
        Change::Added(new) => tell!(
            "added    {} ({} {}, sha256 {}…)",
            new.file,
            in_a_line(&new.name),
            in_a_line(&new.version),
            short(&new.sha256)
        ),
        Change::Changed(new, old) => tell!(
            "changed  {} ({} {}, sha256 {old}… is now {}…)",
            new.file,
            in_a_line(&new.name),
            in_a_line(&new.version),
            short(&new.sha256)
        ),
        Change::Removed(file) => tell!("removed  {file}"),
    }
}

/// A lock of every file in `adaptors/`.
async fn whole(dir: &Path, sandbox: &Sandbox) -> Result<Lock, Failure> {
    let mut problems = Vec::new();
    let trust = Trust::read(dir, &mut Vec::new()).without_lock();
    let adaptors = Adaptors::load_trusted(dir, &trust, sandbox, None, &mut problems).await;
    for problem in &problems {
        paint::problem(problem);
    }
    if problems.is_empty() {
        Ok(Lock::of(&adaptors))
    } else {
        let said = format!("{} was not written", dir.join(LOCK_FILE).display());
        Err(Failure::failed(said))
    }
}

/// After a command has put `file` into a project's `adaptors/`: its entry in the project's lock. A project that has none
/// gets one, of all its files, if `begin`.
pub(crate) async fn keep(file: &Path, sandbox: &Sandbox, begin: bool) -> Result<(), Failure> {
    let Some((dir, name)) = place(file) else {
        return Ok(());
    };
    let lock = match Lock::read(&dir).map_err(|error| failed(&dir, &error))? {
        Some(mut lock) => {
            let wasm = fs::read(file).map_err(Failure::failed)?;
            let adaptor = sandbox.load_adaptor(&wasm).await.map_err(Failure::failed)?;
            lock.set(Locked::new(&name, &digest(&wasm), &adaptor));
            lock
        }
        None if begin => whole(&dir, sandbox).await?,
        None => return Ok(()),
    };
    lock.write(&dir).map_err(|error| failed(&dir, &error))?;
    paint::event("Locked", &dir.join(LOCK_FILE).display().to_string());
    Ok(())
}

/// Whether [`keep`] would have anything to do for `file` without beginning a lock.
pub(crate) fn is_kept(file: &Path) -> bool {
    place(file).is_some_and(|(dir, _)| dir.join(LOCK_FILE).exists())
}

/// The project whose `adaptors/` a file is in, and its path from there.
fn place(file: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = file.parent()?.canonicalize().ok()?;
    let name = Path::new("adaptors").join(file.file_name()?);
    let is_adaptors = folder.file_name()? == "adaptors";
    is_adaptors.then(|| Some((folder.parent()?.to_owned(), name)))?
}

fn failed(dir: &Path, error: &LockError) -> Failure {
    Failure::failed(format!("{}: {error}", dir.join(LOCK_FILE).display()))
}
