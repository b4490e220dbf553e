//! Large bodies and states: in files beside the database, each content once, so that the pages of the database hold what
//! is looked at often and forgetting one is forgetting a file.
//!
//! In the row stands a reference: two bytes with which no JSON begins, the length, the SHA-256. A file is written and
//! synced before the commit that names it, and goes after the commit that no longer does (`bodies` counts how many rows
//! name it); what a crash leaves between is deleted at the next start. PostgreSQL keeps large values outside of its rows by
//! itself, and hosts that share it share no disk: there nothing is put into files.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::change::Writing;
use crate::error::StoreError;
use crate::owner::give_to_owner_of_folder;
use crate::sql::{Db, SqlError, values};

/// 64 KiB: a smaller body costs less in 16 pages of the database than in a file, whose two syncs take a millisecond.
pub(crate) const OUTSIDE_FROM: usize = 64 << 10;

/// What a reference begins with.
const OUTSIDE: [u8; 2] = [0, 1];
/// What stands before a value that would look like one.
const INSIDE: [u8; 2] = [0, 0];
/// The length of a reference.
const REFERENCE: usize = 2 + 8 + 32;

/// The name of a content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Content {
    bytes: u64,
    digest: [u8; 32],
}

impl Content {
    fn of(value: &[u8]) -> Content {
        Content {
            bytes: value.len() as u64,
            digest: Sha256::digest(value).into(),
        }
    }

    /// What a row says, if it is a reference.
    fn named_by(stored: &[u8]) -> Option<Content> {
        let rest = stored.strip_prefix(&OUTSIDE)?;
        let (bytes, digest) = rest.split_at_checked(8)?;
        Some(Content {
            bytes: u64::from_be_bytes(bytes.try_into().ok()?),
            digest: digest.try_into().ok()?,
        })
    }

    fn reference(&self) -> Vec<u8> {
        [&OUTSIDE[..], &self.bytes.to_be_bytes(), &self.digest].concat()
    }

    fn hex(&self) -> String {
        self.digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Where it is, below the folder of the database.
    fn path(&self, folder: &Path) -> PathBuf {
        let hex = self.hex();
        folder.join("bodies").join(&hex[..2]).join(hex)
    }
}

/// The files of a store.
pub(crate) struct Bodies {
    /// None where nothing is put into files.
    folder: Option<PathBuf>,
    /// Contents that changes on their way to the writer name.
    placed: Mutex<HashMap<Content, usize>>,
    temporary: AtomicU64,
}

/// Contents that are in files, and stay there while this lives.
#[derive(Default)]
pub(crate) struct Placed(Vec<(Arc<Bodies>, Content)>);

impl Placed {
    /// What is in the files; more than they add where some were there before.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = self.0.iter().map(|(_, content)| content.bytes as usize);
        bytes.sum()
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for (bodies, content) in &self.0 {
            let mut placed = bodies.placed();
            if let Some(count) = placed.get_mut(content) {
                *count -= 1;
                if *count == 0 {
                    placed.remove(content);
                }
            }
        }
    }
}

impl Bodies {
    pub(crate) fn in_folder(folder: &Path) -> Bodies {
        Bodies {
            folder: Some(folder.to_owned()),
            placed: Mutex::default(),
            temporary: AtomicU64::new(0),
        }
    }

    /// Values stay in their rows.
    pub(crate) fn in_rows() -> Bodies {
        Bodies {
            folder: None,
            placed: Mutex::default(),
            temporary: AtomicU64::new(0),
        }
    }

    fn placed(&self) -> MutexGuard<'_, HashMap<Content, usize>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what is large into files, which are on disk when this returns, and references in its place.
    pub(crate) async fn place(
        self: &Arc<Self>,
        mut values: Vec<&mut Vec<u8>>,
    ) -> Result<Placed, StoreError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(Placed::default());
        };
        let as_it_is =
            |value: &Vec<u8>| value.len() < OUTSIDE_FROM && value.first() != Some(&INSIDE[0]);
        if values.iter().all(|value| as_it_is(value)) {
            return Ok(Placed::default());
        }
        let bodies = Arc::clone(self);
        let taken = values.iter_mut().map(|value| std::mem::take(*value));
        let taken: Vec<Vec<u8>> = taken.collect();
        let place = move || bodies.place_now(&folder, taken);
        let (stored, placed) = tokio::task::spawn_blocking(place)
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        for (value, stored) in values.into_iter().zip(stored) {
            *value = stored;
        }
        Ok(placed)
    }

    fn place_now(
        self: Arc<Self>,
        folder: &Path,
        values: Vec<Vec<u8>>,
    ) -> Result<(Vec<Vec<u8>>, Placed), StoreError> {
        let (mut stored, mut held) = (Vec::with_capacity(values.len()), Placed::default());
        for value in values {
            if value.len() < OUTSIDE_FROM {
                stored.push(inside(value));
                continue;
            }
            let content = Content::of(&value);
            // Held before it is looked for, so that it cannot go in between.
            *self.placed().entry(content).or_insert(0) += 1;
            held.0.push((Arc::clone(&self), content));
            let path = content.path(folder);
            self.write(&path, &value)
                .map_err(|error| not_written(&path, &error))?;
            stored.push(content.reference());
        }
        Ok((stored, held))
    }

    /// Whole and synced under its name, or not at all.
    fn write(&self, path: &Path, value: &[u8]) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        let all = folder.parent().unwrap_or(folder);
        if !folder.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            give_to_owner_of_folder(all)?;
            give_to_owner_of_folder(folder)?;
            sync(all)?;
            sync(all.parent().unwrap_or(all))?;
        }
        if path
            .metadata()
            .is_ok_and(|file| file.len() == value.len() as u64)
        {
            // Whoever wrote it may not have come to sync the folder yet.
            return sync(folder);
        }
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{number}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        let written = give_to_owner_of_folder(&temporary)
            .and_then(|()| file.write_all(value))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // It takes room where there may be none.
            let _ = fs::remove_file(&temporary);
        }
        written.and_then(|()| sync(folder))
    }

    /// Deletes files that no row names since the last commit, unless a change names them that is on its way.
    pub(crate) fn delete(&self, unnamed: &[Content]) {
        let Some(folder) = &self.folder else { return };
        let placed = self.placed();
        for content in unnamed
            .iter()
            .filter(|content| !placed.contains_key(content))
        {
            delete(&content.path(folder));
        }
    }

    /// Deletes what a crash left behind: files that no row names.
    pub(crate) fn tidy(&self, db: &mut Db) -> Result<(), SqlError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let parts = fs::read_dir(folder.join("bodies"))
            .into_iter()
            .flatten()
            .flatten();
        for file in parts.flat_map(|part| fs::read_dir(part.path()).into_iter().flatten().flatten())
        {
            let name = file.file_name();
            let digest = name.to_str().and_then(from_hex).unwrap_or_default();
            let named = db.query_opt(
                "SELECT refs FROM bodies WHERE digest = $1",
                values![&digest],
                |_| Ok(()),
            )?;
            if named.is_none() {
                delete(&file.path());
            }
        }
        Ok(())
    }
}

/// A value that stays in its row.
fn inside(value: Vec<u8>) -> Vec<u8> {
    if value.first() == Some(&INSIDE[0]) {
        return [&INSIDE[..], &value].concat();
    }
    value
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn delete(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), %error, "a body that is forgotten could not be deleted; the next start tries again");
    }
}

fn from_hex(name: &str) -> Option<Vec<u8>> {
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    let pairs = (0..64).step_by(2).map(|at| &name[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

fn not_written(path: &Path, error: &std::io::Error) -> StoreError {
    let file = path.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull { file },
        _ => StoreError::ReadOnly {
            file,
            detail: error.to_string(),
        },
    }
}

/// The value that is stored.
pub(crate) fn read(db: &Db, stored: Vec<u8>) -> Result<Vec<u8>, SqlError> {
    match db {
        Db::Sqlite(conn) => open(conn, stored),
        Db::Postgres(_) => Ok(stored),
    }
}

/// The same of a file.
pub(crate) fn open(conn: &rusqlite::Connection, stored: Vec<u8>) -> Result<Vec<u8>, SqlError> {
    let Some(content) = Content::named_by(&stored) else {
        return Ok(match stored.strip_prefix(&INSIDE) {
            Some(value) => value.to_vec(),
            None => stored,
        });
    };
    let database = Path::new(conn.path().unwrap_or_default());
    let path = content.path(database.parent().unwrap_or(database));
    let lost = |detail: String| SqlError::BodyLost {
        file: path.clone(),
        detail,
    };
    let value = fs::read(&path).map_err(|error| lost(error.to_string()))?;
    if value.len() as u64 == content.bytes {
        Ok(value)
    } else {
        Err(lost(format!(
            "it has {} bytes, and should have {}",
            value.len(),
            content.bytes
        )))
    }
}

/// The length of a value: `stored` is what the row has if that is as long as a reference. On PostgreSQL nothing is one.
pub(crate) fn length(length: u64, stored: Option<&[u8]>) -> u64 {
    match stored.and_then(Content::named_by) {
        Some(content) => content.bytes,
        None => length,
    }
}

/// What a column is worth reading for [`length()`].
macro_rules! reference {
    ($column:literal) => {
        concat!(
            "CASE WHEN length(",
            $column,
            ") = 42 THEN ",
            $column,
            " END"
        )
    };
}
pub(crate) use reference;
const _: () = assert!(REFERENCE == 42);

/// A row names this value from now on.
pub(crate) fn name(db: &mut Db, stored: &[u8]) -> Result<(), SqlError> {
    let Some(content) = Content::named_by(stored).filter(|_| is_file(db)) else {
        return Ok(());
    };
    let refs = db.query_one(
        "INSERT INTO bodies (digest, bytes, refs) VALUES ($1, $2, 1)
         ON CONFLICT (digest) DO UPDATE SET refs = refs + 1 RETURNING refs",
        values![&content.digest[..], content.bytes as i64],
        |row| row.get::<i64>(0),
    )?;
    if refs == 1 {
        add_to_stored(db, content.bytes as i64)?;
    }
    Ok(())
}

/// Rows that have these values go.
pub(crate) fn unname(writing: &mut Writing<'_>, stored: Vec<Vec<u8>>) -> Result<(), SqlError> {
    for content in stored.iter().filter_map(|stored| Content::named_by(stored)) {
        let refs = writing.db.query_opt(
            "UPDATE bodies SET refs = refs - 1 WHERE digest = $1 RETURNING refs",
            values![&content.digest[..]],
            |row| row.get::<i64>(0),
        )?;
        if refs == Some(0) {
            writing.db.execute(
                "DELETE FROM bodies WHERE digest = $1",
                values![&content.digest[..]],
            )?;
            add_to_stored(writing.db, -(content.bytes as i64))?;
            writing.effects.unnamed.push(content);
        }
    }
    Ok(())
}

/// What is in files counts as stored, too.
fn add_to_stored(db: &mut Db, bytes: i64) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO numbers (what, last) VALUES ('bodies', $1) ON CONFLICT (what) DO UPDATE SET last = last + $1",
        values![bytes],
    )?;
    Ok(())
}

/// The files that the rows of a database name, from its folder.
pub(crate) fn named_in(database: &Path) -> rusqlite::Result<Vec<PathBuf>> {
    let conn = rusqlite::Connection::open_with_flags(
        database,
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
    )?;
    // A store from before there were files of bodies has no such table.
    let known: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'bodies')",
        [],
        |row| row.get(0),
    )?;
    if !known {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT digest, bytes FROM bodies")?;
    let named = statement.query_map([], |row| {
        let (digest, bytes): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
        Ok(Content {
            bytes: bytes.unsigned_abs(),
            digest: digest.try_into().unwrap_or_default(),
        })
    })?;
    named
        .map(|content| content.map(|content| content.path(Path::new(""))))
        .collect()
}

/// Whether values can be in files.
pub(crate) fn is_file(db: &Db) -> bool {
    matches!(db, Db::Sqlite(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_content_and_nothing_else_does() {
        let content = Content::of(b"body");
        let reference = content.reference();
        assert_eq!(reference.len(), REFERENCE);
        assert!(Content::named_by(&reference) == Some(content));
        assert_eq!(length(42, Some(&reference)), 4);
        for other in [&b"{}"[..], b"", &[0, 1], &[0, 1, 2], &inside(reference)] {
            assert!(Content::named_by(other).is_none(), "{other:?}");
        }
        assert_eq!(from_hex(&content.hex()), Some(content.digest.to_vec()));
        assert_eq!(from_hex("0g"), None);
    }
}
