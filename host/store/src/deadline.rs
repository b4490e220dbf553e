//! Runs that may stay open for so long and no longer.
//!
//! Of a file, deadlines are by the host's clock; whoever notices that this clock has jumped moves them along
//! ([`Store::move_deadlines`]). Hosts that share a database go by the database's clock, so that it does not matter whose
//! clock jumps.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::RunId;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// So many runs are looked up at once; more take another look.
const OVERDUE_MAX: i64 = 1_000;

/// A run whose deadline has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The run.
    pub run: RunId,
    /// The workflow it is a run of.
    pub workflow: String,
    /// When it was queued.
    pub created_ms: i64,
}

impl Store {
    /// How long it is until the next deadline of an open run, in milliseconds; below zero if it has passed. `now_ms` is by
    /// the host's clock.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn next_deadline_in(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        self.pages()
            .read(move |db| {
                let next: Option<i64> =
                    db.query_one("SELECT min(deadline_ms) FROM deadlines", values![], |row| {
                        row.get(0)
                    })?;
                let now_ms = clock_ms(db, now_ms)?;
                Ok(next.map(|next| next - now_ms))
            })
            .await
    }

    /// Open runs whose deadline has passed, the longest first, at most 1,000.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn overdue(&self, now_ms: i64) -> Result<Vec<Overdue>, StoreError> {
        self.pages()
            .read(move |db| {
                let now_ms = clock_ms(db, now_ms)?;
                db.query(
                    "SELECT r.id, r.workflow, r.created_ms FROM deadlines d JOIN runs r ON r.id = d.run
                     WHERE d.deadline_ms <= $1 ORDER BY d.deadline_ms LIMIT $2",
                    values![now_ms, OVERDUE_MAX],
                    |row| {
                        Ok(Overdue {
                            run: row.get(0)?,
                            workflow: row.get(1)?,
                            created_ms: row.get(2)?,
                        })
                    },
                )
            })
            .await
    }

    /// The host's clock has jumped by so many milliseconds, to `now_ms`, and deadlines jump along. The time of a run that is
    /// put off stays, and so does its deadline, but for what the jump took from between the two. The deadlines of hosts that
    /// share a database are not by that clock, and stay.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn move_deadlines(&self, by_ms: i64, now_ms: i64) -> Result<(), StoreError> {
        self.change(Move { by_ms, now_ms }).await
    }

    /// The time by the clock that all hosts of this store go by, in milliseconds since 1970: `now_ms`, which is the host's
    /// own, or where hosts share a database that one's.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn clock_ms(&self, now_ms: i64) -> Result<i64, StoreError> {
        self.pages().read(move |db| clock_ms(db, now_ms)).await
    }
}

/// The time by the clock that deadlines go by.
pub(crate) fn clock_ms(db: &mut Db, now_ms: i64) -> Result<i64, SqlError> {
    match db {
        Db::Sqlite(_) => Ok(now_ms),
        Db::Postgres(_) => db.number(
            "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
            values![],
        ),
    }
}

impl Writing<'_> {
    /// A run that begins at `now_ms` has this deadline.
    pub(crate) fn set_deadline(
        &mut self,
        run: RunId,
        deadline_ms: i64,
        now_ms: i64,
    ) -> Result<(), SqlError> {
        let ahead = clock_ms(self.db, now_ms)? - now_ms;
        self.db.execute(
            "INSERT INTO deadlines (run, deadline_ms) VALUES ($1, $2)",
            values![run, deadline_ms.saturating_add(ahead)],
        )?;
        self.is_due_at(deadline_ms);
        Ok(())
    }
}

struct Move {
    by_ms: i64,
    now_ms: i64,
}

/// By how much the deadline of the run that this names moves: of one whose first step is put off, by how late it begins now.
macro_rules! moved {
    ($run:literal) => {
        concat!(
            "deadline_ms = deadline_ms + coalesce(
                (SELECT max(0, $2 - l.due_ms) FROM later l JOIN runs own ON own.id = l.run
                 WHERE l.run = ",
            $run,
            " AND l.due_ms = own.due_ms), $1)"
        )
    };
}

impl Change for Move {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        if let Db::Sqlite(_) = writing.db {
            writing.db.execute(
                concat!("UPDATE deadlines SET ", moved!("deadlines.run")),
                values![self.by_ms, self.now_ms],
            )?;
            writing.db.execute(
                concat!(
                    "UPDATE runs SET ",
                    moved!("runs.id"),
                    " WHERE id IN (SELECT run FROM deadlines)"
                ),
                values![self.by_ms, self.now_ms],
            )?;
        }
        Ok(())
    }
}
