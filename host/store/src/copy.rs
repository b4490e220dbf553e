//! From a file into a PostgreSQL database: every table, row by row, in one transaction.
//!
//! The tables and columns are those that both have, so that a table that comes later is copied without anybody thinking of
//! it here; those of one host alone are left out.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::bodies;
use crate::error::StoreError;
use crate::link::Link;
use crate::lock::DirectoryLock;
use crate::numbers::{Given, Tally};
use crate::resume::resume;
use crate::schema;
use crate::server::Server;
use crate::sql::{Db, Session, SqlError};

/// What is of a database or of its hosts, not of the project.
const OWN: &[&str] = &["hosts", "version", "numbers", "bodies", "chores"];

/// Has its one row from the beginning.
const JOURNAL_END: &str = "journal_end";

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// How many rows.
    pub rows: u64,
}

/// Copies the store in the folder `dir`, which no host uses, into the schema of `project` in the PostgreSQL database at
/// `url`, which has nothing in it. All or nothing; the file stays as it is. `copied` hears of each table. Takes as long as
/// it takes: not for async threads.
///
/// # Errors
/// [`StoreError::InUse`] if a host uses the folder, [`StoreError::NotEmpty`] if there is something in the database or a host
/// uses it; those of opening either.
pub fn copy_to_server(
    dir: &Path,
    url: &str,
    project: &str,
    copied: impl FnMut(&Copied),
) -> Result<(), StoreError> {
    let file = dir.join("fonio.db");
    if !file.exists() {
        return Err(StoreError::Directory {
            dir: dir.to_owned(),
            detail: "there is no store in it".to_owned(),
        });
    }
    let _lock = DirectoryLock::take(dir)?;
    let mut from = schema::sqlite::open_writer(&file)?;
    let found = from.db().map(resume)?;
    let found = found.map_err(|error| StoreError::of(&file, "be read", &error))?;
    let server = Arc::new(Server::new(url, project)?);
    let mut to = Link::to_server(&server)?;
    schema::postgres::prepare(&mut to, &server)?;
    let (Db::Sqlite(conn), Db::Postgres(session)) = (from.db()?, to.db()?) else {
        return Err(StoreError::Closed);
    };
    let written = write(conn, session, &found.given, copied);
    match written {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::NotEmpty {
            database: server.name().to_owned(),
        }),
        Err(error) => {
            let place = match error {
                SqlError::Sqlite(_) | SqlError::BodyLost { .. } => file,
                _ => server.name().to_owned(),
            };
            Err(StoreError::of(&place, "be copied", &error))
        }
    }
}

/// No if something is there already. An error leaves it empty: the session ends, and its transaction with it.
fn write(
    from: &Connection,
    to: &mut Session,
    given: &Given,
    mut copied: impl FnMut(&Copied),
) -> Result<bool, SqlError> {
    to.batch("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; BEGIN")?;
    let tables = tables(from, to)?;
    // A host that comes now waits until it is done.
    let names: Vec<String> = to.texts(
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_name <> 'version'",
    )?;
    for name in &names {
        to.batch(&format!("LOCK TABLE \"{name}\" IN ACCESS EXCLUSIVE MODE"))?;
        if name == JOURNAL_END {
            continue;
        }
        let found = to.texts(&format!("SELECT 'x' FROM \"{name}\" LIMIT 1"))?;
        if !found.is_empty() {
            return Ok(false);
        }
    }
    for table in &tables {
        let rows = table.copy(from, to)?;
        copied(&Copied {
            table: table.name.clone(),
            rows,
        });
    }
    for table in &tables {
        if let Some(column) = &table.numbered {
            let next = table.last_number(from, column, given)? + 1;
            let name = &table.name;
            to.batch(&format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), {next}, false)"
            ))?;
        }
    }
    let next_step = given.steps + 1;
    to.batch(&format!(
        "SELECT setval('step_numbers', {next_step}, false)"
    ))?;
    let Given { entries, tally, .. } = given;
    let Tally {
        messages,
        runs,
        succeeded,
        failed,
        cancelled,
    } = tally;
    to.batch(&format!(
        "UPDATE journal_end SET last = {entries}, messages = {messages}, runs = {runs}, succeeded = {succeeded},
             failed = {failed}, cancelled = {cancelled}"
    ))?;
    to.batch("COMMIT")?;
    Ok(true)
}

/// A table that both databases have.
struct Table {
    name: String,
    columns: Vec<String>,
    /// The column of which the server draws the numbers.
    numbered: Option<String>,
}

fn tables(from: &Connection, to: &mut Session) -> Result<Vec<Table>, SqlError> {
    let mut statement = from.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut tables = Vec::new();
    for name in names {
        let name = name?;
        if OWN.contains(&name.as_str()) {
            continue;
        }
        // Names come from the schema of this program's own file, and have no quotes in them.
        let of_table = format!(
            "FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{name}'"
        );
        let theirs = to.texts(&format!("SELECT CAST(column_name AS TEXT) {of_table}"))?;
        let drawn = to.texts(&format!(
            "SELECT CAST(column_name AS TEXT) {of_table} AND is_identity = 'YES'"
        ))?;
        let mut columns = from.prepare(&format!("SELECT name FROM pragma_table_info('{name}')"))?;
        let columns = columns.query_map([], |row| row.get::<_, String>(0))?;
        let columns: Vec<String> = columns.collect::<Result<_, _>>()?;
        let columns: Vec<String> = columns
            .into_iter()
            .filter(|column| theirs.contains(column))
            .collect();
        if !columns.is_empty() {
            tables.push(Table {
                name,
                columns,
                numbered: drawn.into_iter().next(),
            });
        }
    }
    Ok(tables)
}

impl Table {
    fn copy(&self, from: &Connection, to: &mut Session) -> Result<u64, SqlError> {
        let columns = self.columns.join("\", \"");
        let name = &self.name;
        let mut statement = from.prepare(&format!("SELECT \"{columns}\" FROM \"{name}\""))?;
        let mut rows = statement.query([])?;
        let mut copied = 0;
        let mut writer = to.copy_in(&format!("COPY \"{name}\" (\"{columns}\") FROM STDIN"))?;
        let mut line = Vec::new();
        while let Some(row) = rows.next()? {
            line.clear();
            for at in 0..self.columns.len() {
                if at > 0 {
                    line.push(b'\t');
                }
                write_value(from, row.get_ref(at)?, &mut line)?;
            }
            line.push(b'\n');
            writer.write_all(&line).map_err(SqlError::Sending)?;
            copied += 1;
        }
        writer.finish()?;
        Ok(copied)
    }

    /// The highest number that was ever given, where that is known; otherwise the highest there is.
    fn last_number(&self, from: &Connection, column: &str, given: &Given) -> Result<i64, SqlError> {
        let last = match self.name.as_str() {
            "messages" => given.messages,
            "runs" => given.runs,
            "dataclips" => given.dataclips,
            name => from.query_row(
                &format!("SELECT coalesce(max(\"{column}\"), 0) FROM \"{name}\""),
                [],
                |row| row.get(0),
            )?,
        };
        Ok(last)
    }
}

/// In PostgreSQL's text format.
fn write_value(from: &Connection, value: ValueRef<'_>, line: &mut Vec<u8>) -> Result<(), SqlError> {
    match value {
        ValueRef::Null => line.extend(b"\\N"),
        ValueRef::Integer(number) => line.extend(number.to_string().as_bytes()),
        ValueRef::Real(number) => line.extend(number.to_string().as_bytes()),
        ValueRef::Text(text) => {
            for &byte in text {
                match byte {
                    b'\\' => line.extend(b"\\\\"),
                    b'\t' => line.extend(b"\\t"),
                    b'\n' => line.extend(b"\\n"),
                    b'\r' => line.extend(b"\\r"),
                    other => line.push(other),
                }
            }
        }
        ValueRef::Blob(bytes) => {
            let bytes = bodies::open(from, bytes.to_vec())?;
            line.extend(b"\\\\x");
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            for byte in bytes {
                line.push(DIGITS[usize::from(byte >> 4)]);
                line.push(DIGITS[usize::from(byte & 15)]);
            }
        }
    }
    Ok(())
}

/// Writes the file of the store in `dir` anew, which no host uses: as small as it can be, and so that it gives free pages
/// back from then on. Takes as much room again for its time. How many bytes it had and has.
///
/// # Errors
/// [`StoreError::InUse`] if a host uses the folder; those of opening it.
pub fn compact(dir: &Path) -> Result<(u64, u64), StoreError> {
    let file = dir.join("fonio.db");
    let size = || file.metadata().map_or(0, |file| file.len());
    let before = size();
    if before == 0 {
        return Err(StoreError::Directory {
            dir: dir.to_owned(),
            detail: "there is no store in it".to_owned(),
        });
    }
    let _lock = DirectoryLock::take(dir)?;
    let mut link = schema::sqlite::open_writer(&file)?;
    let Db::Sqlite(conn) = link.db()? else {
        return Err(StoreError::Closed);
    };
    conn.execute_batch(
        "PRAGMA auto_vacuum = incremental; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .map_err(|error| StoreError::of_sqlite(&file, "be written anew", &error))?;
    drop(link);
    Ok((before, size()))
}
