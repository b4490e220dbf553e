//! What is forgotten, for whatever reason: the one place where stored rows go.
//!
//! Rows are named by lists of numbers, as JSON: both databases take such a list apart, so that a statement concerns many
//! rows and is still a literal. Nothing here touches what an open run needs, nor what clocks go on from.

use crate::bodies;
use crate::change::Writing;
use crate::sql::{Db, SqlError, values};

/// Numbers of rows, for a statement.
pub(crate) struct Ids(String);

impl Ids {
    pub(crate) fn of(ids: impl IntoIterator<Item = i64>) -> Ids {
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        Ids(format!("[{}]", ids.join(",")))
    }
}

/// How many rows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages.
    pub messages: u64,
    /// Runs.
    pub runs: u64,
    /// States.
    pub dataclips: u64,
    /// Logs of steps and of attempts at them.
    pub logs: u64,
}

impl Erased {
    /// Whether nothing did.
    pub fn is_nothing(&self) -> bool {
        *self == Erased::default()
    }
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, other: Erased) {
        self.messages += other.messages;
        self.runs += other.runs;
        self.dataclips += other.dataclips;
        self.logs += other.logs;
    }
}

/// The numbers of a list that is `$1`.
macro_rules! listed {
    () => {
        "(SELECT value FROM json_each(CAST($1 AS TEXT)))"
    };
}

/// Dataclips that neither a clock goes on from nor an open run begins with.
macro_rules! free {
    () => {
        "id NOT IN (SELECT output FROM outputs) AND id NOT IN (SELECT output FROM final_states)
         AND NOT EXISTS (SELECT 1 FROM holds h JOIN runs r ON r.id = h.run WHERE h.dataclip = dataclips.id AND r.status < 2)"
    };
}

/// Keeps others from beginning runs with what is about to go, on any host, until the transaction ends. A file has one
/// writer.
pub(crate) fn alone(db: &mut Db) -> Result<(), SqlError> {
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(session) => {
            session.batch("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
        }
    }
}

/// Keeps what a run is about to begin with from going, until the transaction ends.
pub(crate) fn keep(db: &mut Db) -> Result<(), SqlError> {
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(session) => {
            session.batch("SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()))")
        }
    }
}

/// Messages without an open run.
pub(crate) fn messages(writing: &mut Writing<'_>, ids: &Ids) -> Result<Erased, SqlError> {
    unname(
        writing,
        concat!(
            "SELECT ",
            bodies::reference!("body"),
            ", ",
            bodies::reference!("raw"),
            " FROM messages WHERE id IN ",
            listed!(),
            " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.message = messages.id AND r.status < 2)"
        ),
        ids,
    )?;
    let messages = writing.db.execute(
        concat!(
            "DELETE FROM messages WHERE id IN ",
            listed!(),
            " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.message = messages.id AND r.status < 2)"
        ),
        values![&ids.0],
    )?;
    Ok(Erased {
        messages,
        ..Erased::default()
    })
}

/// The keys by which repetitions of these messages would be known.
pub(crate) fn keys(writing: &mut Writing<'_>, messages: &Ids) -> Result<(), SqlError> {
    writing.db.execute(
        concat!("DELETE FROM keys WHERE message IN ", listed!()),
        values![&messages.0],
    )?;
    Ok(())
}

/// Dataclips whose runs have ended.
pub(crate) fn dataclips(writing: &mut Writing<'_>, ids: &Ids) -> Result<Erased, SqlError> {
    unname(
        writing,
        concat!(
            "SELECT ",
            bodies::reference!("body"),
            ", NULL FROM dataclips WHERE id IN ",
            listed!(),
            " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = dataclips.run AND r.status < 2) AND ",
            free!()
        ),
        ids,
    )?;
    let dataclips = writing.db.execute(
        concat!(
            "DELETE FROM dataclips WHERE id IN ",
            listed!(),
            " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = dataclips.run AND r.status < 2) AND ",
            free!()
        ),
        values![&ids.0],
    )?;
    Ok(Erased {
        dataclips,
        ..Erased::default()
    })
}

/// Logs of steps that have ended.
pub(crate) fn logs(writing: &mut Writing<'_>, steps: &Ids) -> Result<Erased, SqlError> {
    let logs = writing.db.execute(
        concat!("DELETE FROM logs WHERE step IN ", listed!()),
        values![&steps.0],
    )?;
    Ok(Erased {
        logs,
        ..Erased::default()
    })
}

/// Attempts that have ended, with their logs.
pub(crate) fn attempts(writing: &mut Writing<'_>, steps: &Ids) -> Result<Erased, SqlError> {
    let logs = writing.db.execute(
        concat!("DELETE FROM attempts WHERE step IN ", listed!()),
        values![&steps.0],
    )?;
    Ok(Erased {
        logs,
        ..Erased::default()
    })
}

/// What clocks would go on from, if these runs left it.
pub(crate) fn cursors(writing: &mut Writing<'_>, runs: &Ids) -> Result<(), SqlError> {
    writing.db.execute(
        concat!(
            "DELETE FROM outputs WHERE output IN (SELECT id FROM dataclips WHERE run IN ",
            listed!(),
            ")"
        ),
        values![&runs.0],
    )?;
    writing.db.execute(
        concat!("DELETE FROM final_states WHERE run IN ", listed!()),
        values![&runs.0],
    )?;
    Ok(())
}

/// What runs that have ended leave behind: states, logs, errors. How they ended stays.
pub(crate) fn contents(writing: &mut Writing<'_>, runs: &Ids) -> Result<Erased, SqlError> {
    let erased = traces(writing, runs)?;
    writing.db.execute(
        concat!(
            "UPDATE steps SET error = NULL, input = NULL, output = NULL WHERE run IN ",
            listed!()
        ),
        values![&runs.0],
    )?;
    writing.db.execute(
        concat!("UPDATE runs SET output = NULL WHERE id IN ", listed!()),
        values![&runs.0],
    )?;
    Ok(erased)
}

/// Runs that have ended, whole.
pub(crate) fn runs(writing: &mut Writing<'_>, runs: &Ids) -> Result<Erased, SqlError> {
    let mut erased = traces(writing, runs)?;
    writing.db.execute(
        concat!("DELETE FROM steps WHERE run IN ", listed!()),
        values![&runs.0],
    )?;
    writing.db.execute(
        concat!("DELETE FROM holds WHERE run IN ", listed!()),
        values![&runs.0],
    )?;
    writing.db.execute(
        concat!("DELETE FROM dead WHERE run IN ", listed!()),
        values![&runs.0],
    )?;
    erased.runs = writing.db.execute(
        concat!("DELETE FROM runs WHERE status >= 2 AND id IN ", listed!()),
        values![&runs.0],
    )?;
    Ok(erased)
}

fn traces(writing: &mut Writing<'_>, runs: &Ids) -> Result<Erased, SqlError> {
    unname(
        writing,
        concat!(
            "SELECT ",
            bodies::reference!("body"),
            ", NULL FROM dataclips WHERE run IN ",
            listed!(),
            " AND ",
            free!()
        ),
        runs,
    )?;
    let dataclips = writing.db.execute(
        concat!(
            "DELETE FROM dataclips WHERE run IN ",
            listed!(),
            " AND ",
            free!()
        ),
        values![&runs.0],
    )?;
    let of_steps = writing.db.execute(
        concat!(
            "DELETE FROM logs WHERE step IN (SELECT id FROM steps WHERE run IN ",
            listed!(),
            ")"
        ),
        values![&runs.0],
    )?;
    let of_attempts = writing.db.execute(
        concat!(
            "DELETE FROM attempts WHERE step IN (SELECT id FROM steps WHERE run IN ",
            listed!(),
            ")"
        ),
        values![&runs.0],
    )?;
    Ok(Erased {
        dataclips,
        logs: of_steps + of_attempts,
        ..Erased::default()
    })
}

/// Files that the rows name which are about to go.
fn unname(writing: &mut Writing<'_>, references: &'static str, ids: &Ids) -> Result<(), SqlError> {
    if !bodies::is_file(writing.db) {
        return Ok(());
    }
    let named = writing.db.query(references, values![&ids.0], |row| {
        Ok([row.get::<Option<Vec<u8>>>(0)?, row.get(1)?])
    })?;
    bodies::unname(writing, named.into_iter().flatten().flatten().collect())
}
