//! The file format: how a file is opened, and how an older one is brought up to date.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;
use crate::link::Link;
use crate::owner::give_to_owner_of_folder;

/// What makes a version out of the one before it. Only ever appended to: files in the field have run these.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        content_type TEXT NOT NULL,
        body BLOB NOT NULL,
        raw BLOB
    ) STRICT;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        message INTEGER,
        trigger TEXT NOT NULL,
        job TEXT NOT NULL,
        status INTEGER NOT NULL,
        open_steps INTEGER NOT NULL,
        leaf_failed INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        finished_ms INTEGER
    ) STRICT;
    CREATE TABLE queue (
        step INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        job TEXT NOT NULL,
        message INTEGER,
        dataclip INTEGER,
        attempts INTEGER NOT NULL,
        claimed_ms INTEGER
    ) STRICT;
    CREATE TABLE steps (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        job TEXT NOT NULL,
        status INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        error TEXT,
        input INTEGER,
        output INTEGER,
        started_ms INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX steps_by_run ON steps (run);
    CREATE TABLE logs (step INTEGER PRIMARY KEY, lines BLOB NOT NULL) STRICT;
    CREATE TABLE dataclips (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE jobs (
        job TEXT PRIMARY KEY,
        tick_ms INTEGER,
        tick_run INTEGER,
        output INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE totals (run_status INTEGER PRIMARY KEY, runs INTEGER NOT NULL) STRICT;
    INSERT INTO totals VALUES (2, 0), (3, 0);
", "
    CREATE INDEX runs_by_message ON runs (message) WHERE message IS NOT NULL;
", "
    ALTER TABLE messages ADD COLUMN request BLOB;
    ALTER TABLE runs ADD COLUMN workflow TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN leaves INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN output INTEGER;
    ALTER TABLE steps ADD COLUMN leaf TEXT;
    CREATE TABLE waiting (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        job TEXT NOT NULL,
        message INTEGER,
        dataclip INTEGER
    ) STRICT;
    CREATE INDEX waiting_by_run ON waiting (run);
    CREATE TABLE clocks (clock TEXT PRIMARY KEY, tick_ms INTEGER, tick_run INTEGER) STRICT, WITHOUT ROWID;
    CREATE TABLE workflows (workflow TEXT PRIMARY KEY, output INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE collections (
        collection TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        PRIMARY KEY (collection, key)
    ) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE queue ADD COLUMN host INTEGER;
    CREATE TABLE outputs (
        job TEXT NOT NULL,
        host INTEGER NOT NULL,
        step INTEGER NOT NULL,
        output INTEGER NOT NULL,
        PRIMARY KEY (job, host)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO outputs SELECT job, 0, 0, output FROM jobs WHERE output IS NOT NULL;
    DROP TABLE jobs;
    CREATE TABLE final_states (
        workflow TEXT NOT NULL,
        host INTEGER NOT NULL,
        run INTEGER NOT NULL,
        output INTEGER NOT NULL,
        PRIMARY KEY (workflow, host)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO final_states SELECT workflow, 0, 0, output FROM workflows;
    DROP TABLE workflows;
    CREATE TABLE counted (
        what INTEGER NOT NULL,
        host INTEGER NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (what, host)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO counted SELECT run_status, 0, runs FROM totals;
    INSERT INTO counted SELECT 0, 0, coalesce(max(id), 0) FROM messages;
    INSERT INTO counted SELECT 1, 0, coalesce(max(id), 0) FROM runs;
    DROP TABLE totals;
    CREATE TABLE later (
        step INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        job TEXT NOT NULL,
        message INTEGER,
        dataclip INTEGER,
        attempts INTEGER NOT NULL,
        due_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX later_by_due ON later (due_ms);
    CREATE TABLE attempts (
        step INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        error TEXT,
        lines BLOB,
        started_ms INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL,
        PRIMARY KEY (step, attempt)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        message INTEGER NOT NULL,
        received_ms INTEGER NOT NULL,
        PRIMARY KEY (source, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_by_age ON keys (received_ms);
    ALTER TABLE runs ADD COLUMN retry_of INTEGER;
    ALTER TABLE runs ADD COLUMN retried_by INTEGER;
", "
    -- Rows are deleted from here on: AUTOINCREMENT, so that no number is given a second time (0.6 µs of each message).
    CREATE TABLE new_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        content_type TEXT NOT NULL,
        body BLOB NOT NULL,
        raw BLOB,
        request BLOB
    ) STRICT;
    INSERT INTO new_messages SELECT id, received_ms, source, content_type, body, raw, request FROM messages;
    DROP TABLE messages;
    ALTER TABLE new_messages RENAME TO messages;
    CREATE TABLE new_runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message INTEGER,
        workflow TEXT NOT NULL,
        trigger TEXT NOT NULL,
        job TEXT NOT NULL,
        status INTEGER NOT NULL,
        open_steps INTEGER NOT NULL,
        leaf_failed INTEGER NOT NULL,
        used_ms INTEGER NOT NULL DEFAULT 0,
        steps INTEGER NOT NULL DEFAULT 0,
        leaves INTEGER NOT NULL DEFAULT 0,
        output INTEGER,
        retry_of INTEGER,
        retried_by INTEGER,
        created_ms INTEGER NOT NULL,
        finished_ms INTEGER
    ) STRICT;
    INSERT INTO new_runs SELECT id, message, workflow, trigger, job, status, open_steps, leaf_failed, used_ms, steps,
        leaves, output, retry_of, retried_by, created_ms, finished_ms FROM runs;
    DROP TABLE runs;
    ALTER TABLE new_runs RENAME TO runs;
    CREATE INDEX runs_by_message ON runs (message) WHERE message IS NOT NULL;
    CREATE TABLE new_dataclips (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    INSERT INTO new_dataclips SELECT id, run, body FROM dataclips;
    DROP TABLE dataclips;
    ALTER TABLE new_dataclips RENAME TO dataclips;
    CREATE INDEX dataclips_by_run ON dataclips (run);
    CREATE TABLE holds (
        dataclip INTEGER NOT NULL,
        run INTEGER NOT NULL,
        PRIMARY KEY (dataclip, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ended (id INTEGER PRIMARY KEY, run INTEGER, message INTEGER, ended_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE chores (chore TEXT PRIMARY KEY, begun_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE bodies (digest BLOB PRIMARY KEY, bytes INTEGER NOT NULL, refs INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE numbers (what TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE queue ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX queue_of_others ON queue (priority, step) WHERE priority <> 1;
    ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE runs ADD COLUMN due_ms INTEGER;
    ALTER TABLE runs ADD COLUMN deadline_ms INTEGER;
    ALTER TABLE runs ADD COLUMN lane TEXT;
    ALTER TABLE runs ADD COLUMN key_lane TEXT;
    ALTER TABLE runs ADD COLUMN lined INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE lanes (
        lane TEXT PRIMARY KEY,
        keyed INTEGER NOT NULL,
        open INTEGER NOT NULL,
        held INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE held (
        place INTEGER PRIMARY KEY,
        step INTEGER NOT NULL,
        run INTEGER NOT NULL UNIQUE,
        lane TEXT NOT NULL,
        job TEXT NOT NULL,
        message INTEGER,
        dataclip INTEGER
    ) STRICT;
    CREATE INDEX held_by_lane ON held (lane, place);
    CREATE INDEX IF NOT EXISTS later_by_run ON later (run);
    CREATE TABLE deadlines (run INTEGER PRIMARY KEY, deadline_ms INTEGER NOT NULL) STRICT;
    CREATE INDEX deadlines_by_time ON deadlines (deadline_ms);
", "
    CREATE TABLE parked (
        step INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        since_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX parked_by_origin ON parked (origin, step);
    ALTER TABLE keys ADD COLUMN until_ms INTEGER NOT NULL DEFAULT 0;
    UPDATE keys SET until_ms = received_ms + 86400000;
    DROP INDEX keys_by_age;
    CREATE INDEX keys_by_end ON keys (until_ms);
", "
    CREATE TABLE dead (run INTEGER PRIMARY KEY) STRICT;
    INSERT INTO dead SELECT id FROM runs WHERE status = 3 AND retried_by IS NULL;
", "
    ALTER TABLE messages ADD COLUMN event BLOB;
    ALTER TABLE messages ADD COLUMN came_of INTEGER;
    CREATE INDEX messages_by_origin ON messages (came_of) WHERE came_of IS NOT NULL;
    ALTER TABLE runs ADD COLUMN chain TEXT;
    CREATE TABLE journal (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, entries BLOB NOT NULL) STRICT;
", "
    ALTER TABLE keys ADD COLUMN digest BLOB;
", "
    -- The counts, and the last numbers that were given, are with the newest row of the journal from here on.
    ALTER TABLE journal ADD COLUMN given TEXT NOT NULL DEFAULT '{}';
    INSERT INTO journal (last, first, entries) SELECT 0, 1, CAST('[]' AS BLOB) WHERE NOT EXISTS (SELECT 1 FROM journal);
    UPDATE journal SET given = json_object(
        'messages', (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'),
        'runs', (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'runs'),
        'dataclips', (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'dataclips'),
        'steps', max(
            (SELECT coalesce(max(step), 0) FROM queue), (SELECT coalesce(max(step), 0) FROM later),
            (SELECT coalesce(max(step), 0) FROM held), (SELECT coalesce(max(id), 0) FROM steps),
            (SELECT coalesce(max(last), 0) FROM numbers WHERE what = 'steps')),
        'tally', json_object(
            'messages', (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 0),
            'runs', (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 1),
            'succeeded', (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 2),
            'failed', (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 3),
            'cancelled', (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 4)))
        WHERE last = (SELECT max(last) FROM journal);
    DELETE FROM numbers WHERE what = 'steps';
    DELETE FROM sqlite_sequence;
    -- Leaves every row where it is: the same word in a new table would have all of them written again.
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, ' AUTOINCREMENT', '') WHERE type = 'table';
    DROP TABLE counted;
    PRAGMA writable_schema = RESET;
"];

/// Opens the connection that writes, durable and up to date.
pub(crate) fn open_writer(file: &Path) -> Result<Link, StoreError> {
    let failed = |error| StoreError::of_sqlite(file, "be opened", &error);
    refuse_log_alone(file)?;
    make_private(file)?;
    let mut conn = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    configure_writer(&conn).map_err(failed)?;
    migrate(&mut conn, file)?;
    Ok(Link::to_file(conn, file))
}

/// A log with something in it belongs to a file with something in it. Beside none, SQLite would delete it and begin anew:
/// what was accepted would be gone without a word.
fn refuse_log_alone(file: &Path) -> Result<(), StoreError> {
    let bytes = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let log = file.with_extension("db-wal");
    if bytes(file) > 0 || bytes(&log) == 0 {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        file: file.to_owned(),
        detail: format!("it is empty or gone, and its log {} is not", log.display()),
    })
}

/// The file is its owner's alone (mode 0600), also in a directory that is not; SQLite gives its log the same mode and
/// owner.
fn make_private(file: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(file);
    match made.and_then(|_| give_to_owner_of_folder(file)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Directory {
            dir: file.to_owned(),
            detail: error.to_string(),
        }),
    }
}

/// Opens a connection that reads beside the writer and never blocks it.
pub(crate) fn open_reader(file: &Path) -> Result<Link, StoreError> {
    let open = || {
        let conn = Connection::open_with_flags(
            file,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        conn.busy_timeout(Duration::from_secs(5))?;
        // 512 KiB: reads are points and short ranges, and each reader pays for its own cache.
        conn.pragma_update(None, "cache_size", -512)?;
        Ok(conn)
    };
    open()
        .map(|conn| Link::to_file(conn, file))
        .map_err(|error| StoreError::of_sqlite(file, "be opened for reading", &error))
}

fn configure_writer(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(5))?;
    // Only a file without a table takes this: its free pages can be given back a few at a time, while it is used.
    conn.pragma_update(None, "auto_vacuum", "incremental")?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    // FULL syncs the log at each commit; with NORMAL a power cut forgets acknowledged messages.
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", false)?;
    // What was deleted is overwritten with zeros where the page is written anyway.
    conn.pragma_update(None, "secure_delete", "fast")?;
    // The log is written over from its start after each checkpoint, which spares the file system from growing it;
    // only what a long burst left beyond 16 MiB is given back.
    conn.pragma_update(None, "journal_size_limit", 16 << 20)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(conn: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::of_sqlite(file, "be brought up to date", &error);
    let found: i64 = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::NewerSchema {
            file: file.to_owned(),
            found,
            known,
        });
    }
    for (version, migration) in (1_i64..)
        .zip(MIGRATIONS)
        .skip_while(|(version, _)| *version <= found)
    {
        let transaction = conn.transaction().map_err(failed)?;
        transaction.execute_batch(migration).map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", version)
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::values;

    #[test]
    fn each_commit_of_the_writer_is_synced() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("fonio.db");
        // Also of a file that was there before: neither of the two is kept in it for the connections to come.
        for _ in 0..2 {
            let mut writer = open_writer(&file).expect("it opens");
            let kept: (i64, String) = writer
                .ask("be read", |db| {
                    db.query_one(
                        "SELECT s.synchronous, j.journal_mode FROM pragma_synchronous s, pragma_journal_mode j",
                        values![],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                })
                .expect("both can be asked");
            const FULL: i64 = 2;
            assert_eq!(kept, (FULL, "wal".to_owned()));
        }
    }

    #[test]
    fn a_file_of_every_older_version_is_brought_up_to_date_with_what_it_holds() {
        for version in 1..MIGRATIONS.len() {
            let dir = tempfile::tempdir().expect("a folder");
            let file = dir.path().join("fonio.db");
            let old = Connection::open(&file).expect("a file");
            for migration in &MIGRATIONS[..version] {
                old.execute_batch(migration).expect("an older schema");
            }
            old.pragma_update(None, "user_version", version as i64)
                .expect("its version");
            old.execute_batch(
                "INSERT INTO messages (id, received_ms, source, content_type, body)
                 VALUES (1, 0, 'inbox', 'application/json', x'7b7d')",
            )
            .expect("a message");
            if version >= 4 {
                // From then on a host counted as it stored.
                old.execute_batch("UPDATE counted SET times = 1 WHERE what = 0")
                    .expect("its count");
            }
            drop(old);
            let mut new = open_writer(&file).expect("it opens");
            let found: (i64, i64, String) = new
                .ask("be read", |db| {
                    db.query_one(
                        "SELECT (SELECT count(*) FROM messages), (SELECT user_version FROM pragma_user_version),
                                (SELECT given ->> '$.tally.messages' || ' of ' || (given ->> '$.messages') FROM journal ORDER BY last DESC LIMIT 1)",
                        values![],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                    )
                })
                .expect("both can be read");
            assert_eq!(found, (1, MIGRATIONS.len() as i64, "1 of 1".to_owned()));
        }
    }
}
