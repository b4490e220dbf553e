//! Statements on SQLite.

use rusqlite::{CachedStatement, Connection};

use crate::sql::{Row, SqlError, Value};

/// The names of parameters: SQLite numbers what begins with `$` by first appearance, so they are looked up.
const NAMES: [&str; 24] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
    "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24",
];

pub(crate) fn execute(
    conn: &Connection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<u64, SqlError> {
    let mut statement = bound(conn, sql, values)?;
    if statement.column_count() == 0 {
        return Ok(statement.raw_execute()? as u64);
    }
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(0)
}

/// Adds a row whose number is the one parameter that has no name.
pub(crate) fn insert(
    conn: &Connection,
    sql: &'static str,
    number: i64,
    values: &[Value<'_>],
) -> Result<(), SqlError> {
    let mut statement = conn.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    let at = statement.parameter_count();
    statement.raw_bind_parameter(at, number)?;
    statement.raw_execute()?;
    Ok(())
}

pub(crate) fn query<T>(
    conn: &Connection,
    sql: &'static str,
    values: &[Value<'_>],
    mut read: impl FnMut(&Row<'_>) -> Result<T, SqlError>,
) -> Result<Vec<T>, SqlError> {
    let mut statement = bound(conn, sql, values)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&Row::Sqlite(row))?);
    }
    Ok(found)
}

fn bound<'c>(
    conn: &'c Connection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<CachedStatement<'c>, SqlError> {
    let mut statement = conn.prepare_cached(sql)?;
    debug_assert_eq!(statement.parameter_count(), values.len(), "{sql}");
    bind(&mut statement, values)?;
    Ok(statement)
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Result<(), SqlError> {
    for (name, value) in NAMES.iter().zip(values) {
        if let Some(at) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    Ok(())
}
