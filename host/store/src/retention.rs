//! How long things are kept: a pass over each table from its oldest row on, in small transactions with pauses between.
//! What goes as soon as a run has ended is in `ended`.
//!
//! Numbers grow with time, so the oldest rows are the first of each table and a pass ends where it meets what is not old:
//! it costs what there is to forget, not what there is. What is old and needed still (by an open run, by a clock) is
//! passed over.

use std::time::{Duration, Instant};

use crate::change::{Change, Failure, Writing};
use crate::erase::{self, Erased, Ids};
use crate::error::StoreError;
use crate::model::now_ms;
use crate::sql::{Db, Row, SqlError, values};
use crate::store::Store;

/// A transaction takes about 3 ms for so many rows: messages that come meanwhile wait no longer.
const ROWS_MAX: usize = 500;

/// 4 MiB: freeing the pages of large bodies takes time, too.
const BYTES_MAX: i64 = 4 << 20;

/// At least so long nothing is forgotten after each transaction; and as long as it took.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// Pages of 4 KiB that are given back at once: about a millisecond.
const PAGES_AT_ONCE: i64 = 128;

/// 4 MiB of free pages stay in a file for what comes next.
const PAGES_KEPT: i64 = 1_024;

/// How long what is done is kept, each in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Messages, from when they arrived.
    pub messages_ms: i64,
    /// Runs and their steps, from when they ended.
    pub runs_ms: i64,
    /// The states of runs, from when these ended.
    pub dataclips_ms: i64,
    /// Logs, from when their step ended.
    pub logs_ms: i64,
}

impl Store {
    /// Forgets what is older than it is kept, and what ended runs do not leave behind; gives back what is free of a file.
    /// Takes its time, and may be dropped at any moment. Of hosts that share a database one begins a pass every `every`;
    /// to the others there is nothing to do.
    ///
    /// # Errors
    /// Those of the disk; what was forgotten is.
    pub async fn sweep(&self, kept: Kept, every: Duration) -> Result<Erased, StoreError> {
        let mut erased = self.sweep_ended().await?;
        let now_ms = now_ms();
        let begun = Begin {
            now_ms,
            every_ms: i64::try_from(every.as_millis()).unwrap_or(i64::MAX),
        };
        if !self.change(begun).await? {
            return Ok(erased);
        }
        for (table, kept_ms) in [
            (Table::Runs, kept.runs_ms),
            (Table::Logs, kept.logs_ms),
            (Table::Attempts, kept.logs_ms),
            (Table::Dataclips, kept.dataclips_ms),
            (Table::Messages, kept.messages_ms),
        ] {
            erased += self
                .sweep_table(table, now_ms.saturating_sub(kept_ms))
                .await?;
        }
        self.change(DropHolds).await?;
        while self.change(GiveBack).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(erased)
    }

    async fn sweep_table(&self, table: Table, before_ms: i64) -> Result<Erased, StoreError> {
        let (mut erased, mut after) = (Erased::default(), 0);
        loop {
            let found = self
                .pages()
                .read(move |db| table.oldest(db, after, before_ms))
                .await?;
            let Some(found) = found else {
                return Ok(erased);
            };
            after = found.last;
            if found.old.is_empty() {
                continue;
            }
            let began = Instant::now();
            let old = Old {
                table,
                ids: Ids::of(found.old),
            };
            erased += self.change(old).await?;
            tokio::time::sleep(PAUSE.max(began.elapsed())).await;
        }
    }
}

/// What is passed over.
#[derive(Clone, Copy)]
enum Table {
    Runs,
    Logs,
    Attempts,
    Dataclips,
    Messages,
}

/// A row that may be old: when it began and ended, and how much goes with it.
struct Candidate {
    id: i64,
    began_ms: i64,
    ended_ms: Option<i64>,
    rows: i64,
    bytes: i64,
}

/// The rows of a part of a table that are to go, and the last that was looked at.
struct Found {
    old: Vec<i64>,
    last: i64,
}

impl Table {
    /// Looks on after a row; nothing where everything is too young, or at the end.
    fn oldest(self, db: &mut Db, after: i64, before_ms: i64) -> Result<Option<Found>, SqlError> {
        let candidates = self.candidates(db, after)?;
        if candidates.iter().all(|row| row.began_ms >= before_ms) {
            return Ok(None);
        }
        let mut found = Found {
            old: Vec::new(),
            last: after,
        };
        let (mut rows, mut bytes) = (0, 0);
        for row in candidates {
            let old = row.ended_ms.is_some_and(|ended| ended < before_ms);
            if old {
                (rows, bytes) = (rows + row.rows, bytes + row.bytes);
                let too_much = rows > ROWS_MAX as i64 || bytes > BYTES_MAX;
                if too_much && !found.old.is_empty() {
                    break;
                }
                found.old.push(row.id);
            }
            found.last = row.id;
        }
        Ok(Some(found))
    }

    /// Of a dataclip or log whose run is gone nothing is known but that it is old.
    fn candidates(self, db: &mut Db, after: i64) -> Result<Vec<Candidate>, SqlError> {
        let sql = match self {
            Table::Runs => {
                "SELECT id, created_ms, finished_ms, steps + 1, CAST(0 AS BIGINT) FROM runs WHERE id > $1 ORDER BY id LIMIT $2"
            }
            Table::Logs => {
                "SELECT l.step, coalesce(s.started_ms, 0), coalesce(s.finished_ms, 0), CAST(1 AS BIGINT),
                        CAST(length(l.lines) AS BIGINT)
                 FROM logs l LEFT JOIN steps s ON s.id = l.step WHERE l.step > $1 ORDER BY l.step LIMIT $2"
            }
            Table::Attempts => {
                "SELECT step, min(started_ms), max(finished_ms), count(*), CAST(sum(coalesce(length(lines), 0)) AS BIGINT)
                 FROM attempts WHERE step > $1 GROUP BY step ORDER BY step LIMIT $2"
            }
            Table::Dataclips => {
                "SELECT d.id, coalesce(r.created_ms, 0), CASE WHEN r.id IS NULL THEN 0 ELSE r.finished_ms END,
                        CAST(1 AS BIGINT), CAST(length(d.body) AS BIGINT)
                 FROM dataclips d LEFT JOIN runs r ON r.id = d.run WHERE d.id > $1 ORDER BY d.id LIMIT $2"
            }
            Table::Messages => {
                "SELECT id, received_ms, received_ms, CAST(1 AS BIGINT),
                        CAST(length(body) + coalesce(length(raw), 0) AS BIGINT)
                 FROM messages WHERE id > $1 ORDER BY id LIMIT $2"
            }
        };
        db.query(sql, values![after, ROWS_MAX as i64], |row: &Row<'_>| {
            Ok(Candidate {
                id: row.get(0)?,
                began_ms: row.get(1)?,
                ended_ms: row.get(2)?,
                rows: row.get(3)?,
                bytes: row.get(4)?,
            })
        })
    }
}

/// Rows of a table that are to go.
struct Old {
    table: Table,
    ids: Ids,
}

impl Change for Old {
    type Answer = Erased;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Erased, Failure> {
        erase::alone(writing.db)?;
        let erase = match self.table {
            Table::Runs => erase::runs,
            Table::Logs => erase::logs,
            Table::Attempts => erase::attempts,
            Table::Dataclips => erase::dataclips,
            Table::Messages => erase::messages,
        };
        Ok(erase(writing, &self.ids)?)
    }
}

/// Begins a pass, unless another has begun lately: compare and set, so that of several hosts one does.
struct Begin {
    now_ms: i64,
    every_ms: i64,
}

impl Change for Begin {
    type Answer = bool;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        // A time in the future is from before the clock was set back.
        let begun = writing.db.execute(
            "INSERT INTO chores (chore, begun_ms) VALUES ('sweep', $1)
             ON CONFLICT (chore) DO UPDATE SET begun_ms = excluded.begun_ms
             WHERE chores.begun_ms <= $2 OR chores.begun_ms > $1",
            values![self.now_ms, self.now_ms.saturating_sub(self.every_ms)],
        )?;
        Ok(begun > 0)
    }
}

/// Which runs begin with dataclips of others is of no interest once they have ended.
struct DropHolds;

impl Change for DropHolds {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        erase::alone(writing.db)?;
        writing.db.execute(
            "DELETE FROM holds WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = holds.run AND r.status < 2)",
            values![],
        )?;
        Ok(())
    }
}

/// Gives free pages of a file back to its disk; whether there are more. PostgreSQL does so by itself.
struct GiveBack;

impl Change for GiveBack {
    type Answer = bool;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        if let Db::Postgres(_) = writing.db {
            return Ok(false);
        }
        // Files that were begun before this was thought of keep theirs, and use them again.
        let free = |db: &mut Db| {
            db.number(
                "SELECT CASE WHEN v.auto_vacuum = 2 THEN f.freelist_count ELSE 0 END
                 FROM pragma_freelist_count f, pragma_auto_vacuum v",
                values![],
            )
        };
        if free(writing.db)? < PAGES_KEPT + PAGES_AT_ONCE {
            return Ok(false);
        }
        const { assert!(PAGES_AT_ONCE == 128) };
        writing
            .db
            .query("PRAGMA incremental_vacuum(128)", values![], |_| Ok(()))?;
        Ok(true)
    }
}
