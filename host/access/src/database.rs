//! The file: what its tables hold, and how it is opened.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::AccessError;

/// What makes a version out of the one before it. Only ever appended to: files in the field have run these.
///
/// The three triggers make the audit log append-only for every program that opens the file; REPLACE would otherwise delete
/// without asking the second.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE users (
        name TEXT PRIMARY KEY,
        salt BLOB NOT NULL,
        hash BLOB NOT NULL,
        memory_kib INTEGER NOT NULL,
        passes INTEGER NOT NULL,
        lanes INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE roles (
        user TEXT NOT NULL,
        tenant TEXT NOT NULL,
        role TEXT NOT NULL,
        PRIMARY KEY (user, tenant)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
        name TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        role TEXT NOT NULL,
        tenant TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER
    ) STRICT;
    CREATE TABLE sessions (
        hash BLOB PRIMARY KEY,
        user TEXT,
        token TEXT,
        created_ms INTEGER NOT NULL,
        seen_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attempts (
        name BLOB PRIMARY KEY,
        known INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attempts_by_age ON attempts (known, last_ms);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        who TEXT NOT NULL,
        tenant TEXT NOT NULL,
        what TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
",
    "
    CREATE TABLE identities (
        value TEXT PRIMARY KEY,
        user TEXT NOT NULL UNIQUE,
        issuer TEXT,
        claim TEXT,
        subject TEXT
    ) STRICT, WITHOUT ROWID;
",
];

/// Where it is.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn in_folder(data: &Path) -> File {
        File(data.join("access.sqlite"))
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.is_file()
    }

    pub(crate) fn failed(&self, what: &'static str, error: &rusqlite::Error) -> AccessError {
        AccessError::Database {
            file: self.0.clone(),
            what,
            detail: error.to_string(),
        }
    }

    /// Opens the connection that writes, durable and up to date.
    pub(crate) fn open_writer(&self) -> Result<Connection, AccessError> {
        self.make_private().map_err(|error| AccessError::Folder {
            path: self.0.clone(),
            detail: error.to_string(),
        })?;
        let open = || {
            let conn = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            conn.pragma_update(None, "journal_mode", "wal")?;
            // A revoked token must not come back after a power cut.
            conn.pragma_update(None, "synchronous", "full")?;
            Ok(conn)
        };
        let mut conn = open().map_err(|error| self.failed("opened", &error))?;
        self.migrate(&mut conn)?;
        Ok(conn)
    }

    /// Opens a connection that reads beside any writer.
    pub(crate) fn open_reader(&self) -> Result<Connection, AccessError> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| self.failed("opened for reading", &error))
    }

    fn connect(&self, how: OpenFlags) -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(&self.0, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        // The command line and the host write in turns of milliseconds.
        conn.busy_timeout(Duration::from_secs(5))?;
        // 256 KiB each: every request asks for a row or two.
        conn.pragma_update(None, "cache_size", -256)?;
        Ok(conn)
    }

    /// The file is its owner's alone (mode 0600), and so is a folder that is made here (0700), which stays out of a
    /// repository that the project may be in. SQLite gives its log the file's mode and owner.
    fn make_private(&self) -> std::io::Result<()> {
        if let Some(folder) = self.0.parent().filter(|folder| !folder.is_dir()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            give_to_owner_of_folder(folder)?;
            let ignored = folder.join(".gitignore");
            std::fs::write(&ignored, "*\n")?;
            give_to_owner_of_folder(&ignored)?;
        }
        let made = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&self.0);
        match made {
            Ok(_) => give_to_owner_of_folder(&self.0),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn migrate(&self, conn: &mut Connection) -> Result<(), AccessError> {
        let failed = |error| self.failed("brought up to date", &error);
        // Immediate: a host and a command that start together must not both make the tables.
        let transaction = conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let found: i64 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        let known = MIGRATIONS.len() as i64;
        if found > known {
            let file = self.0.clone();
            return Err(AccessError::NewerSchema { file, found, known });
        }
        let new = (1_i64..).zip(MIGRATIONS);
        for (version, migration) in new.skip_while(|(version, _)| *version <= found) {
            transaction.execute_batch(migration).map_err(failed)?;
            transaction
                .pragma_update(None, "user_version", version)
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }
}

/// An administrator's command may make the file for a host that has a user of its own: what root makes is the folder's
/// owner's.
fn give_to_owner_of_folder(made: &Path) -> std::io::Result<()> {
    let folder = match made.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (made_by, owner) = (std::fs::symlink_metadata(made)?, std::fs::metadata(folder)?);
    if made_by.uid() == 0 && owner.uid() != 0 {
        lchown(made, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}
