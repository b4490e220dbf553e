//! Runs that have ended, by the million: a thousand that the store has really run, copied inside the database with
//! numbers of their own. Columns that this page does not name are copied as they are, whatever they hold.

use anyhow::Context;
use fonio_test_postgres::Database;
use rusqlite::Connection;

/// Every table with rows of a run that has ended, and its columns with numbers of messages, runs, steps and dataclips. A
/// run of the thousand has one of each, so that all are shifted alike.
const TABLES: [(&str, &[&str]); 4] = [
    ("messages", &["id"]),
    ("runs", &["id", "message", "output"]),
    ("steps", &["id", "run", "output"]),
    ("dataclips", &["id", "run"]),
];

/// Makes `times` as many rows of those in a file that nobody has open.
pub fn file(file: &std::path::Path, template: u64, times: u64) -> anyhow::Result<()> {
    let conn = Connection::open(file)?;
    // Nobody minds a half-filled file after a power cut.
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; BEGIN",
    )?;
    for (table, shifted) in TABLES {
        let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns: Vec<String> = columns
            .query_map([table], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let (names, values) = copied(&columns, shifted, template);
        let last = times - 1;
        // CROSS JOIN keeps the order, so that rows are appended and no page is written twice.
        conn.execute_batch(&format!(
            "CREATE TEMP TABLE first_{table} AS SELECT * FROM {table};
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {last})
             INSERT INTO {table} ({names}) SELECT {values} FROM n CROSS JOIN first_{table} t"
        ))
        .with_context(|| format!("{table} cannot be filled"))?;
    }
    conn.execute_batch(&format!(
        "UPDATE journal SET given = json_object(
             'messages', (SELECT max(id) FROM messages), 'runs', (SELECT max(id) FROM runs),
             'dataclips', (SELECT coalesce(max(id), 0) FROM dataclips), 'steps', (SELECT max(id) FROM steps),
             'tally', json_object(
                 'messages', (given ->> '$.tally.messages') * {times}, 'runs', (given ->> '$.tally.runs') * {times},
                 'succeeded', (given ->> '$.tally.succeeded') * {times}))
             WHERE last = (SELECT max(last) FROM journal);
         COMMIT"
    ))?;
    Ok(())
}

/// The same in a database, for the schema of one project.
pub fn database(database: &Database, schema: &str, template: u64, times: u64) {
    let mut statements =
        format!("SET search_path = {schema}; SET synchronous_commit = off; BEGIN;");
    for (table, shifted) in TABLES {
        let columns = database.texts(&format!(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = '{schema}' AND table_name = '{table}' ORDER BY ordinal_position"
        ));
        let (names, values) = copied(&columns, shifted, template);
        let last = times - 1;
        statements += &format!(
            "CREATE TEMP TABLE first_{table} AS SELECT * FROM {table};
             INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE
             SELECT {values} FROM generate_series(1, {last}) AS n(n) CROSS JOIN first_{table} t;"
        );
    }
    for table in ["messages", "runs", "dataclips"] {
        statements += &format!(
            "SELECT setval(pg_get_serial_sequence('{schema}.{table}', 'id'), (SELECT max(id) FROM {table}));"
        );
    }
    statements += &format!(
        "SELECT setval('step_numbers', (SELECT max(id) FROM steps));
         UPDATE journal_end SET messages = messages * {times}, runs = runs * {times}, succeeded = succeeded * {times};
         COMMIT;"
    );
    database.execute(&statements);
    // As the server does by itself some minutes later.
    for (table, _) in TABLES {
        database.execute(&format!("VACUUM ANALYZE {schema}.{table}"));
    }
}

/// The names of the columns, and what the rows of copy `n` have in them.
fn copied(columns: &[String], shifted: &[&str], template: u64) -> (String, String) {
    let value = |column: &String| match shifted.contains(&column.as_str()) {
        true => format!("t.{column} + n.n * {template}"),
        false => format!("t.{column}"),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    (columns.join(", "), values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shifted_and_all_else_is_copied() {
        let columns = ["id", "run", "body"].map(str::to_owned);
        let (names, values) = copied(&columns, &["id", "run"], 1000);
        assert_eq!(names, "id, run, body");
        assert_eq!(values, "t.id + n.n * 1000, t.run + n.n * 1000, t.body");
    }
}
