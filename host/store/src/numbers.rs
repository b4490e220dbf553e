//! Numbers that are given once and never again, and what is counted for good, whatever is deleted later.
//!
//! A server draws numbers from its sequences, and counts in the row at the end of its journal. A file has one writer, which
//! has both in memory, and the newest row of the journal has them as of its commit: so they cost no statement and no page of
//! their own (with an AUTOINCREMENT and a table of counts each commit wrote four pages, not two).

use serde::{Deserialize, Serialize};

use crate::change::Writing;
use crate::ids::StepId;
use crate::journal::Happened;
use crate::model::RunStatus;
use crate::sql::{Db, SqlError, Value, sqlite, values};

/// Where numbers come from.
#[derive(Clone, Copy)]
pub(crate) enum Numbers {
    /// Those of a file.
    Counted(Given),
    /// The database has them, and all hosts draw from it.
    Drawn,
}

/// The last numbers that a file has given, and its counts. Part of the file format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    pub(crate) messages: i64,
    pub(crate) runs: i64,
    pub(crate) dataclips: i64,
    pub(crate) steps: i64,
    /// The last entry of the journal.
    #[serde(skip)]
    pub(crate) entries: i64,
    pub(crate) tally: Tally,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tally {
    pub(crate) messages: i64,
    pub(crate) runs: i64,
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    pub(crate) cancelled: i64,
}

impl Tally {
    pub(crate) fn count(&mut self, what: &Happened) {
        match what {
            Happened::MessageAccepted { .. }
            | Happened::EventPublished {
                message: Some(_), ..
            } => self.messages += 1,
            Happened::RunBegun { .. } => self.runs += 1,
            Happened::RunEnded { status, .. } => match status {
                RunStatus::Succeeded => self.succeeded += 1,
                RunStatus::Failed => self.failed += 1,
                RunStatus::Cancelled => self.cancelled += 1,
                RunStatus::Queued | RunStatus::Running => {}
            },
            Happened::StepEnded { .. }
            | Happened::EventPublished { message: None, .. }
            | Happened::ProjectReloaded { .. } => {}
        }
    }

    pub(crate) fn of(db: &mut Db) -> Result<Tally, SqlError> {
        match db {
            Db::Sqlite(_) => Ok(given(db)?.tally),
            Db::Postgres(_) => db.query_one(
                "SELECT messages, runs, succeeded, failed, cancelled FROM journal_end",
                values![],
                |row| {
                    Ok(Tally {
                        messages: row.get(0)?,
                        runs: row.get(1)?,
                        succeeded: row.get(2)?,
                        failed: row.get(3)?,
                        cancelled: row.get(4)?,
                    })
                },
            ),
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.messages += other.messages;
        self.runs += other.runs;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
    }
}

/// What a file has given, by its journal.
pub(crate) fn given(db: &mut Db) -> Result<Given, SqlError> {
    let newest = db.query_opt(
        "SELECT last, given FROM journal ORDER BY last DESC LIMIT 1",
        values![],
        |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)),
    )?;
    let Some((entries, given)) = newest else {
        return Ok(Given::default());
    };
    let given: Given = serde_json::from_str(&given).map_err(|error| SqlError::Unreadable {
        column: 1,
        found: error.to_string(),
    })?;
    Ok(Given { entries, ..given })
}

/// A row for a table whose rows are numbered.
#[derive(Clone, Copy)]
pub(crate) struct Insert {
    /// The last number of that table.
    pub(crate) last: fn(&mut Given) -> &mut i64,
    /// With a number, which is the parameter without a name.
    pub(crate) numbered: &'static str,
    /// Where the database gives it a number. SQLite would make a table of its own for what this returns: a quarter of the
    /// time in which its thread accepted a message.
    pub(crate) drawn: &'static str,
}

/// An [`Insert`] into a table of these columns of these values.
macro_rules! insert {
    ($table:ident, $columns:literal, $values:literal) => {
        $crate::numbers::Insert {
            last: |given| &mut given.$table,
            numbered: concat!(
                "INSERT INTO ",
                stringify!($table),
                " (",
                $columns,
                ", id) VALUES (",
                $values,
                ", ?)"
            ),
            drawn: concat!(
                "INSERT INTO ",
                stringify!($table),
                " (",
                $columns,
                ") VALUES (",
                $values,
                ") RETURNING id"
            ),
        }
    };
}
pub(crate) use insert;

impl Writing<'_> {
    /// Adds a row to a table whose rows are numbered, and gives its number.
    pub(crate) fn insert(&mut self, insert: Insert, values: &[Value<'_>]) -> Result<i64, SqlError> {
        match (&mut *self.numbers, &mut *self.db) {
            (Numbers::Counted(given), Db::Sqlite(conn)) => {
                let last = (insert.last)(given);
                *last += 1;
                sqlite::insert(conn, insert.numbered, *last, values)?;
                Ok(*last)
            }
            (_, db) => db.number(insert.drawn, values),
        }
    }

    /// A number for a step.
    pub(crate) fn number_step(&mut self) -> Result<StepId, SqlError> {
        match self.numbers {
            Numbers::Counted(given) => {
                given.steps += 1;
                Ok(StepId(given.steps))
            }
            Numbers::Drawn => self
                .db
                .number("SELECT nextval('step_numbers')", values![])
                .map(StepId),
        }
    }
}
