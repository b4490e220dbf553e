//! A copy of a data folder of one moment, taken while a host works in it.
//!
//! Databases are copied by SQLite from one read transaction, which holds up nobody; then the files of large bodies that
//! the copy names. One that is not there was forgotten in between: then the copy is taken once more. If it is named again and
//! is not there again, it is lost, and the copy does without it: what is whole must not be without a copy for its sake.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::bodies;

/// How often a copy is taken anew because something it names was forgotten meanwhile.
const TRIES: usize = 5;

/// It belongs to a process and not to its data.
const LOCK: &str = "host.lock";

/// Why a copy could not be taken or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something where the copy is to be.
    #[error("{} is there already; nothing is overwritten: name a folder that is not there, or empty", .0.display())]
    Exists(PathBuf),
    /// The copy would be in what is copied.
    #[error("{} is within the data itself; name a folder elsewhere, best on another disk", .0.display())]
    Within(PathBuf),
    /// There is no host's data.
    #[error("{} holds no host's data; name its folder with --data DIR", .0.display())]
    NoData(PathBuf),
    /// It is no copy that was finished.
    #[error("{} is no backup, or one that was not finished", .0.display())]
    NoBackup(PathBuf),
    /// A database in a copy is not what was copied.
    #[error("{} is damaged ({detail}); nothing was restored: take another backup", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// Bodies were forgotten faster than they were copied.
    #[error("what {} names is forgotten faster than it is copied; try again", .0.display())]
    TooFast(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {detail}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system or SQLite said.
        detail: String,
    },
}

fn failed(file: &Path) -> impl Fn(io::Error) -> BackupError {
    move |error| BackupError::File {
        file: file.to_owned(),
        detail: error.to_string(),
    }
}

/// Says that a copy is whole.
const FINISHED: &str = "backup.txt";

/// What of a data folder is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Not the stores, in which messages and runs are.
    WithoutStores,
}

/// Copies the data folder `data` into the new folder `to`, also while a host works in it: all that was accepted before
/// this is called is in it. Gives the files of bodies that are lost: the store names them, and they are not there.
///
/// # Errors
/// [`BackupError`]; then there is no folder `to`.
pub fn backup(data: &Path, to: &Path, part: Part) -> Result<Vec<PathBuf>, BackupError> {
    if !["fonio.db", "access.sqlite", "tenants"]
        .iter()
        .any(|it| data.join(it).exists())
    {
        return Err(BackupError::NoData(data.to_owned()));
    }
    let real = data.canonicalize().map_err(failed(data))?;
    let mut lost = Vec::new();
    in_new_folder(to, |folder| {
        if folder
            .canonicalize()
            .map_err(failed(folder))?
            .starts_with(&real)
        {
            return Err(BackupError::Within(to.to_owned()));
        }
        copy_data(data, folder, part, &mut lost)?;
        let said = format!(
            "A backup by fonio {}. `fonio restore` puts it back.\n",
            env!("CARGO_PKG_VERSION")
        );
        let file = folder.join(FINISHED);
        fs::write(&file, said).map_err(failed(&file))
    })?;
    Ok(lost)
}

/// Puts a copy into the data folder `data`, which is not there yet or empty, once its databases were looked through. Gives the
/// files of bodies that the copy names and does not have.
///
/// # Errors
/// [`BackupError`]; then `data` is as it was.
pub fn restore(from: &Path, data: &Path) -> Result<Vec<PathBuf>, BackupError> {
    if !from.join(FINISHED).is_file() {
        return Err(BackupError::NoBackup(from.to_owned()));
    }
    let real = from.canonicalize().map_err(failed(from))?;
    let mut lost = Vec::new();
    look_through(from, &mut lost)?;
    in_new_folder(data, |folder| {
        if folder
            .canonicalize()
            .map_err(failed(folder))?
            .starts_with(&real)
        {
            return Err(BackupError::Within(data.to_owned()));
        }
        copy_all(from, folder, &[FINISHED])
    })?;
    Ok(lost)
}

/// Refuses what a disk has damaged since it was copied: SQLite would take an empty file for a new store.
fn look_through(folder: &Path, lost: &mut Vec<PathBuf>) -> Result<(), BackupError> {
    for entry in entries(folder)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if entry.is_dir() && name != "bodies" {
            look_through(&entry, lost)?;
        } else if name == "fonio.db" {
            check_database(&entry)?;
            let named = bodies::named_in(&entry).map_err(|error| of_sqlite(&entry, &error))?;
            let named = named.into_iter().map(|body| folder.join(body));
            lost.extend(named.filter(|body| !body.is_file()));
        } else if name.ends_with(".sqlite") {
            check_database(&entry)?;
        }
    }
    Ok(())
}

fn check_database(file: &Path) -> Result<(), BackupError> {
    let damaged = |detail: String| BackupError::Damaged {
        file: file.to_owned(),
        detail,
    };
    if file.metadata().map_err(failed(file))?.len() == 0 {
        return Err(damaged("it is empty".to_owned()));
    }
    let found = || {
        let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    match found() {
        Ok(said) if said == "ok" => Ok(()),
        Ok(said) => Err(damaged(said)),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Fills a folder beside `to`, and gives it that name when it is whole and on disk.
fn in_new_folder(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let is_empty = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    if to.exists() && !is_empty {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let mut name = to.file_name().unwrap_or(OsStr::new("backup")).to_owned();
    name.push(format!(".{}.unfinished", std::process::id()));
    let folder = parent.join(name);
    let filled = make_folder(&folder)
        .and_then(|()| fill(&folder))
        .and_then(|()| {
            sync_all(&folder)?;
            fs::rename(&folder, to).map_err(failed(to))?;
            sync(parent)
        });
    if filled.is_err() {
        // What is left is named as what it is.
        let _ = fs::remove_dir_all(&folder);
    }
    filled
}

fn make_folder(folder: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed(folder))
}

fn sync(file: &Path) -> Result<(), BackupError> {
    let synced = File::open(file).and_then(|file| file.sync_all());
    synced.map_err(failed(file))
}

fn sync_all(folder: &Path) -> Result<(), BackupError> {
    for entry in entries(folder)? {
        if entry.is_dir() {
            sync_all(&entry)?;
        } else {
            sync(&entry)?;
        }
    }
    sync(folder)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(folder).map_err(failed(folder))?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed(folder)))
        .collect()
}

/// Everything but what is SQLite's own beside its files.
fn copy_data(
    from: &Path,
    to: &Path,
    part: Part,
    lost: &mut Vec<PathBuf>,
) -> Result<(), BackupError> {
    for entry in entries(from)? {
        let name = entry.file_name().unwrap_or_default().to_owned();
        let text = name.to_string_lossy();
        let target = to.join(&name);
        if entry.is_dir() {
            // Those of bodies come with the store that names them; a tenant may have any name.
            if text != "bodies" || from.ends_with("tenants") {
                make_folder(&target)?;
                copy_data(&entry, &target, part, lost)?;
            }
            continue;
        }
        let own = ["-wal", "-shm", "-journal"]
            .iter()
            .any(|end| text.ends_with(end));
        if own || text == LOCK {
            continue;
        }
        if text == "fonio.db" {
            if part == Part::All {
                lost.extend(copy_store(from, to)?);
            }
        } else if text.ends_with(".sqlite") {
            copy_database(&entry, &target)?;
        } else if entry.is_file() {
            copy_file(&entry, &target)?;
        }
    }
    Ok(())
}

/// Copies a store, and gives the files that it names and that are lost.
fn copy_store(from: &Path, to: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let copy = to.join("fonio.db");
    let mut missed_before = BTreeSet::new();
    for _ in 0..TRIES {
        copy_database(&from.join("fonio.db"), &copy)?;
        let missed = copy_bodies(from, to, &copy)?;
        if missed.is_subset(&missed_before) {
            return Ok(missed.into_iter().collect());
        }
        missed_before = missed;
        fs::remove_file(&copy).map_err(failed(&copy))?;
    }
    Err(BackupError::TooFast(from.join("fonio.db")))
}

/// Those that are not there.
fn copy_bodies(from: &Path, to: &Path, copy: &Path) -> Result<BTreeSet<PathBuf>, BackupError> {
    let mut missed = BTreeSet::new();
    for body in bodies::named_in(copy).map_err(|error| of_sqlite(copy, &error))? {
        let (source, target) = (from.join(&body), to.join(&body));
        if target.exists() {
            continue;
        }
        make_folder(target.parent().unwrap_or(to))?;
        match copy_file(&source, &target) {
            Err(_) if !source.exists() => drop(missed.insert(source)),
            copied => copied?,
        }
    }
    Ok(missed)
}

fn of_sqlite(file: &Path, error: &rusqlite::Error) -> BackupError {
    BackupError::File {
        file: file.to_owned(),
        detail: error.to_string(),
    }
}

/// SQLite writes the copy from one read transaction, beside which others write on.
fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    // SQLite takes an empty file, and leaves it its owner's alone.
    new_file(to).map_err(failed(to))?;
    let copy = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(from, flags)?;
        source.busy_timeout(Duration::from_secs(30))?;
        source.execute("VACUUM INTO ?1", [to.to_string_lossy()])
    };
    copy().map(drop).map_err(|error| of_sqlite(from, &error))
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(failed(from))?;
    let mut target = new_file(to).map_err(failed(to))?;
    let copied = io::copy(&mut source, &mut target);
    copied.map(drop).map_err(failed(to))
}

fn copy_all(from: &Path, to: &Path, but: &[&str]) -> Result<(), BackupError> {
    for entry in entries(from)? {
        let name = entry.file_name().unwrap_or_default().to_owned();
        let target = to.join(&name);
        if but.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if entry.is_dir() {
            make_folder(&target)?;
            copy_all(&entry, &target, &[])?;
        } else {
            copy_file(&entry, &target)?;
        }
    }
    Ok(())
}
