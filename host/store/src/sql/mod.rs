//! One way to speak to either database, so that what is written to it is written down once.
//!
//! Statements are literals with `$1`, `$2`, … and mean the same to SQLite and to PostgreSQL. Values are of three kinds:
//! whole numbers (also for truth: 0 and 1), texts and bytes. Where the two differ (drawing numbers, claiming, taking
//! stock), the module that needs it asks which one it has.

mod postgres;
mod row;
pub(crate) mod sqlite;
mod value;

pub(crate) use postgres::Session;
pub(crate) use row::{FromColumn, Row};
pub(crate) use value::{Value, values};

/// A connection to one of the databases.
pub(crate) enum Db {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Session>),
}

/// What a database said when it could not do something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{}", postgres::said(_0))]
    Postgres(#[from] ::postgres::Error),
    /// A column holds what this version has no word for.
    #[error("column {column} holds {found}, which this version cannot read")]
    Unreadable { column: usize, found: String },
    /// A body is not in the file that its row names.
    #[error("{} cannot be read: {detail}", file.display())]
    BodyLost {
        file: std::path::PathBuf,
        detail: String,
    },
    /// The server did not take what was sent to it.
    #[error("{0}")]
    Sending(std::io::Error),
    /// A statement that gives a row gave none.
    #[error("a row that must be there is not")]
    NoRow,
}

type Result<T> = std::result::Result<T, SqlError>;

impl Db {
    /// Does it, and tells how many rows it concerned.
    pub(crate) fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        match self {
            Db::Sqlite(conn) => sqlite::execute(conn, sql, values),
            Db::Postgres(session) => session.execute(sql, values),
        }
    }

    /// Every row, read by `read`. Statements say how many they may give.
    pub(crate) fn query<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self {
            Db::Sqlite(conn) => sqlite::query(conn, sql, values, read),
            Db::Postgres(session) => session.query(sql, values, read),
        }
    }

    /// The first row, if there is one.
    pub(crate) fn query_opt<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, values, read)?.into_iter().next())
    }

    /// The row of a statement that always gives one.
    pub(crate) fn query_one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_opt(sql, values, read)?.ok_or(SqlError::NoRow)
    }

    /// The number in the first column of the only row.
    pub(crate) fn number(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<i64> {
        self.query_one(sql, values, |row| row.get(0))
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&mut self) -> Result<()> {
        match self {
            // Not when the first row is written: by then another might have the lock.
            Db::Sqlite(conn) => sqlite::execute(conn, "BEGIN IMMEDIATE", &[]).map(drop),
            Db::Postgres(session) => session.batch("BEGIN"),
        }
    }

    /// Begins a transaction in which everything that is read is of one moment.
    pub(crate) fn begin_reading(&mut self) -> Result<()> {
        match self {
            Db::Sqlite(conn) => sqlite::execute(conn, "BEGIN", &[]).map(drop),
            Db::Postgres(session) => {
                session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            }
        }
    }

    /// Makes what was written durable.
    pub(crate) fn commit(&mut self) -> Result<()> {
        match self {
            Db::Sqlite(conn) => sqlite::execute(conn, "COMMIT", &[]).map(drop),
            Db::Postgres(session) => session.batch("COMMIT"),
        }
    }

    /// Takes back what was written. A connection that is gone has done so already.
    pub(crate) fn roll_back(&mut self) {
        match self {
            // SQLite itself rolls back after some errors.
            Db::Sqlite(conn) => {
                if !conn.is_autocommit() {
                    let _ = conn.execute_batch("ROLLBACK");
                }
            }
            Db::Postgres(session) => {
                let _ = session.batch("ROLLBACK");
            }
        }
    }

    /// Runs `read` on one snapshot.
    pub(crate) fn at_one_moment<T>(
        &mut self,
        read: impl FnOnce(&mut Db) -> Result<T>,
    ) -> Result<T> {
        self.begin_reading()?;
        let found = read(self);
        self.roll_back();
        found
    }
}
