//! The schema of a project in PostgreSQL: how it is made, and how an older one is brought up to date.

use std::path::Path;

use crate::error::StoreError;
use crate::link::Link;
use crate::server::Server;
use crate::sql::{Db, SqlError, values};

/// The oldest server that is tested against. Older ones would run the schema, and fail at a statement of some later day.
const SERVER_MIN: i64 = 15;

/// What makes a version out of the one before it. Only ever appended to: databases in the field have run these.
///
/// Rows of `queue` come and go; the settings keep its table and index from growing under that. Bodies are stored as
/// they are compressed by the server. `COLLATE "C"`: keys of collections are in the order of their bytes, as in a file.
pub(super) const MIGRATIONS: &[&str] = &[
    r#"
    CREATE TABLE messages (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        received_ms BIGINT NOT NULL,
        source TEXT NOT NULL,
        content_type TEXT NOT NULL,
        body BYTEA NOT NULL,
        raw BYTEA,
        request BYTEA
    );
    CREATE TABLE runs (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message BIGINT,
        workflow TEXT NOT NULL,
        trigger TEXT NOT NULL,
        job TEXT NOT NULL,
        status BIGINT NOT NULL,
        open_steps BIGINT NOT NULL,
        leaf_failed BIGINT NOT NULL,
        used_ms BIGINT NOT NULL DEFAULT 0,
        steps BIGINT NOT NULL DEFAULT 0,
        leaves BIGINT NOT NULL DEFAULT 0,
        output BIGINT,
        retry_of BIGINT,
        retried_by BIGINT,
        created_ms BIGINT NOT NULL,
        finished_ms BIGINT
    ) WITH (fillfactor = 70);
    CREATE INDEX runs_by_message ON runs (message) WHERE message IS NOT NULL;
    CREATE SEQUENCE step_numbers;
    CREATE TABLE queue (
        step BIGINT PRIMARY KEY,
        run BIGINT NOT NULL,
        job TEXT NOT NULL,
        message BIGINT,
        dataclip BIGINT,
        attempts BIGINT NOT NULL,
        claimed_ms BIGINT,
        host BIGINT
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
    CREATE INDEX queue_waiting ON queue (step) WHERE host IS NULL;
    CREATE INDEX queue_claimed ON queue (host) WHERE host IS NOT NULL;
    CREATE INDEX queue_by_run ON queue (run);
    CREATE TABLE waiting (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run BIGINT NOT NULL,
        job TEXT NOT NULL,
        message BIGINT,
        dataclip BIGINT
    );
    CREATE INDEX waiting_by_run ON waiting (run);
    CREATE TABLE later (
        step BIGINT PRIMARY KEY,
        run BIGINT NOT NULL,
        job TEXT NOT NULL,
        message BIGINT,
        dataclip BIGINT,
        attempts BIGINT NOT NULL,
        due_ms BIGINT NOT NULL
    );
    CREATE INDEX later_by_due ON later (due_ms);
    CREATE INDEX later_by_run ON later (run);
    CREATE TABLE attempts (
        step BIGINT NOT NULL,
        attempt BIGINT NOT NULL,
        exit_code BIGINT NOT NULL,
        error TEXT,
        lines BYTEA,
        started_ms BIGINT NOT NULL,
        finished_ms BIGINT NOT NULL,
        PRIMARY KEY (step, attempt)
    );
    CREATE TABLE steps (
        id BIGINT PRIMARY KEY,
        run BIGINT NOT NULL,
        job TEXT NOT NULL,
        status BIGINT NOT NULL,
        attempt BIGINT NOT NULL,
        exit_code BIGINT NOT NULL,
        error TEXT,
        input BIGINT,
        output BIGINT,
        leaf TEXT,
        started_ms BIGINT NOT NULL,
        finished_ms BIGINT NOT NULL
    );
    CREATE INDEX steps_by_run ON steps (run);
    CREATE TABLE logs (step BIGINT PRIMARY KEY, lines BYTEA NOT NULL);
    CREATE TABLE dataclips (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run BIGINT NOT NULL,
        body BYTEA NOT NULL
    );
    CREATE TABLE keys (
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        message BIGINT NOT NULL,
        received_ms BIGINT NOT NULL,
        PRIMARY KEY (source, key)
    );
    CREATE INDEX keys_by_age ON keys (received_ms);
    CREATE TABLE outputs (
        job TEXT NOT NULL,
        host BIGINT NOT NULL,
        step BIGINT NOT NULL,
        output BIGINT NOT NULL,
        PRIMARY KEY (job, host)
    );
    CREATE TABLE final_states (
        workflow TEXT NOT NULL,
        host BIGINT NOT NULL,
        run BIGINT NOT NULL,
        output BIGINT NOT NULL,
        PRIMARY KEY (workflow, host)
    );
    CREATE TABLE counted (
        what BIGINT NOT NULL,
        host BIGINT NOT NULL,
        times BIGINT NOT NULL,
        PRIMARY KEY (what, host)
    );
    CREATE TABLE clocks (clock TEXT PRIMARY KEY, tick_ms BIGINT, tick_run BIGINT);
    CREATE TABLE collections (
        collection TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        value TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        updated_ms BIGINT NOT NULL,
        PRIMARY KEY (collection, key)
    );
    CREATE TABLE hosts (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name TEXT NOT NULL,
        alive_until TIMESTAMPTZ NOT NULL
    );
"#,
    r#"
    CREATE INDEX dataclips_by_run ON dataclips (run);
    CREATE TABLE holds (dataclip BIGINT NOT NULL, run BIGINT NOT NULL, PRIMARY KEY (dataclip, run));
    CREATE TABLE ended (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run BIGINT,
        message BIGINT,
        ended_ms BIGINT NOT NULL
    );
    CREATE TABLE chores (chore TEXT PRIMARY KEY, begun_ms BIGINT NOT NULL);
    CREATE FUNCTION json_each(list TEXT) RETURNS TABLE (value BIGINT) LANGUAGE SQL IMMUTABLE ROWS 500 AS
        $$ SELECT CAST(number AS BIGINT) FROM json_array_elements_text(CAST(list AS JSON)) AS numbers (number) $$;
"#,
    r#"
    ALTER TABLE queue ADD COLUMN priority BIGINT NOT NULL DEFAULT 1;
    DROP INDEX queue_waiting;
    CREATE INDEX queue_waiting ON queue (priority, step) WHERE host IS NULL;
    ALTER TABLE runs ADD COLUMN priority BIGINT NOT NULL DEFAULT 1;
    ALTER TABLE runs ADD COLUMN due_ms BIGINT;
    ALTER TABLE runs ADD COLUMN deadline_ms BIGINT;
    ALTER TABLE runs ADD COLUMN lane TEXT;
    ALTER TABLE runs ADD COLUMN key_lane TEXT;
    ALTER TABLE runs ADD COLUMN lined BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE lanes (
        lane TEXT PRIMARY KEY,
        keyed BIGINT NOT NULL,
        open BIGINT NOT NULL,
        held BIGINT NOT NULL
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
    CREATE TABLE held (
        place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        step BIGINT NOT NULL,
        run BIGINT NOT NULL UNIQUE,
        lane TEXT NOT NULL,
        job TEXT NOT NULL,
        message BIGINT,
        dataclip BIGINT
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
    CREATE INDEX held_by_lane ON held (lane, place);
    CREATE TABLE deadlines (run BIGINT PRIMARY KEY, deadline_ms BIGINT NOT NULL);
    CREATE INDEX deadlines_by_time ON deadlines (deadline_ms);
"#,
    r#"
    CREATE TABLE parked (
        step BIGINT PRIMARY KEY,
        origin TEXT NOT NULL,
        since_ms BIGINT NOT NULL
    );
    CREATE INDEX parked_by_origin ON parked (origin, step);
    ALTER TABLE keys ADD COLUMN until_ms BIGINT NOT NULL DEFAULT 0;
    UPDATE keys SET until_ms = received_ms + 86400000;
    DROP INDEX keys_by_age;
    CREATE INDEX keys_by_end ON keys (until_ms);
"#,
    r#"
    CREATE TABLE dead (run BIGINT PRIMARY KEY);
    INSERT INTO dead SELECT id FROM runs WHERE status = 3 AND retried_by IS NULL;
"#,
    r#"
    ALTER TABLE messages ADD COLUMN event BYTEA;
    ALTER TABLE messages ADD COLUMN came_of BIGINT;
    CREATE INDEX messages_by_origin ON messages (came_of) WHERE came_of IS NOT NULL;
    ALTER TABLE runs ADD COLUMN chain TEXT;
    CREATE TABLE journal (last BIGINT PRIMARY KEY, first BIGINT NOT NULL, entries BYTEA NOT NULL);
    CREATE TABLE journal_end (last BIGINT NOT NULL) WITH (fillfactor = 10);
    INSERT INTO journal_end VALUES (0);
"#,
    r#"
    ALTER TABLE keys ADD COLUMN digest BYTEA;
"#,
    r#"
    ALTER TABLE journal_end
        ADD COLUMN messages BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN runs BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN succeeded BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN failed BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
    UPDATE journal_end SET
        messages = (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 0),
        runs = (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 1),
        succeeded = (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 2),
        failed = (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 3),
        cancelled = (SELECT coalesce(sum(times), 0) FROM counted WHERE what = 4);
    DROP TABLE counted;
"#,
];

/// Makes the schema if it is not there, and brings it up to date. Hosts that start at the same moment take turns.
///
/// # Errors
/// [`StoreError::OldServer`] before anything is made; [`StoreError::NewerSchema`], and then everything stays as it is.
pub(crate) fn prepare(link: &mut Link, server: &Server) -> Result<(), StoreError> {
    let place = link.place().to_owned();
    let failed = |error: SqlError| StoreError::of(&place, "be brought up to date", &error);
    let db = link.db()?;
    let version = db.number(
        "SELECT CAST(current_setting('server_version_num') AS BIGINT)",
        values![],
    );
    refuse_old(&place, version.map_err(failed)?)?;
    db.begin().map_err(failed)?;
    let found = step_by_step(db, server);
    match found {
        Ok(found) if found <= MIGRATIONS.len() as i64 => db.commit().map_err(failed),
        Ok(found) => {
            db.roll_back();
            Err(StoreError::NewerSchema {
                file: place,
                found,
                known: MIGRATIONS.len() as i64,
            })
        }
        Err(error) => {
            db.roll_back();
            Err(failed(error))
        }
    }
}

/// `version` is as servers number theirs: 150004 is 15.4.
pub(super) fn refuse_old(database: &Path, version: i64) -> Result<(), StoreError> {
    let found = version / 10_000;
    if found >= SERVER_MIN {
        return Ok(());
    }
    Err(StoreError::OldServer {
        database: database.to_owned(),
        found,
        needed: SERVER_MIN,
    })
}

/// The version that was found.
fn step_by_step(db: &mut Db, server: &Server) -> Result<i64, SqlError> {
    // Any number that is always the same: "fonio" in ASCII.
    batch(db, "SELECT pg_advisory_xact_lock(439788300655)")?;
    batch(
        db,
        &format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", server.schema()),
    )?;
    batch(
        db,
        "CREATE TABLE IF NOT EXISTS version (version BIGINT NOT NULL)",
    )?;
    let found = db.query_opt("SELECT version FROM version", values![], |row| row.get(0))?;
    let found: i64 = match found {
        Some(found) => found,
        None => {
            db.execute("INSERT INTO version VALUES (0)", values![])?;
            0
        }
    };
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(found).unwrap_or(usize::MAX))
    {
        batch(db, migration)?;
    }
    if found < MIGRATIONS.len() as i64 {
        db.execute(
            "UPDATE version SET version = $1",
            values![MIGRATIONS.len() as i64],
        )?;
    }
    Ok(found)
}

fn batch(db: &mut Db, statements: &str) -> Result<(), SqlError> {
    match db {
        Db::Postgres(session) => session.batch(statements),
        Db::Sqlite(conn) => Ok(conn.execute_batch(statements)?),
    }
}
