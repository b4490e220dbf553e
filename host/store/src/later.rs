//! Steps that wait for a time: what is tried again, and the first step of a run that is put off, waits in the table `later`
//! until it is due. A run that is put off lines up (`lanes`) when its time has come, not before: until then it is in nobody's
//! way.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::{RunId, StepId};
use crate::lanes::Lanes;
use crate::model::now_ms;
use crate::queued::QueuedStep;
use crate::sql::{Db, Row, SqlError, values};
use crate::store::Store;

/// So many steps are woken in one change; more take another.
const WOKEN_MAX: i64 = 1_000;

/// 30 s: who wakes steps and ends runs looks every 20 s by itself, and is told only of what comes sooner than that. Of a
/// thousand runs a second with a deadline of an hour it need not hear.
const SOON_MS: i64 = 30_000;

impl Store {
    /// When the next step that waits for a time is due, in milliseconds since 1970.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        self.pages().read(next_due).await
    }

    /// Puts the steps whose time has come by `now_ms` into the queue, and tells how many they were.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn wake_due(&self, now_ms: i64) -> Result<u64, StoreError> {
        self.change(WakeDue { now_ms }).await
    }

    /// Puts at most 1,000 of the steps into the queue whose last attempt ended after `at_ms`, and tells how many they were.
    /// If that is later than now, the clock was set back since, and what they wait for may be hours away.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn wake_tried_after(&self, at_ms: i64) -> Result<u64, StoreError> {
        self.change(WakeTriedAfter { at_ms }).await
    }

    /// Resolves when a step has begun to wait for its next attempt, or one of a new run for a time, or a run with a deadline
    /// has begun; of the latter two only if that comes within 30 s.
    pub async fn put_off(&self) {
        self.alarm().notified().await;
    }
}

impl Writing<'_> {
    /// Something is to be done at this time.
    pub(crate) fn is_due_at(&mut self, at_ms: i64) {
        if at_ms.saturating_sub(now_ms()) < SOON_MS {
            self.effects.put_off = true;
        }
    }
}

fn next_due(db: &mut Db) -> Result<Option<i64>, SqlError> {
    db.query_one("SELECT min(due_ms) FROM later", values![], |row| row.get(0))
}

struct WakeDue {
    now_ms: i64,
}

impl Change for WakeDue {
    type Answer = u64;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<u64, Failure> {
        // Of hosts that look at the same moment each takes what the others have not.
        let due = match writing.db {
            Db::Sqlite(_) => {
                "SELECT step FROM later WHERE due_ms <= $1 ORDER BY due_ms, step LIMIT $2"
            }
            Db::Postgres(_) => {
                "SELECT step FROM later WHERE due_ms <= $1 ORDER BY due_ms, step LIMIT $2 FOR UPDATE SKIP LOCKED"
            }
        };
        let steps: Vec<StepId> = writing
            .db
            .query(due, values![self.now_ms, WOKEN_MAX], |row| row.get(0))?;
        Ok(wake(writing, steps)?)
    }
}

struct WakeTriedAfter {
    at_ms: i64,
}

impl Change for WakeTriedAfter {
    type Answer = u64;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<u64, Failure> {
        let tried = match writing.db {
            Db::Sqlite(_) => {
                "SELECT l.step FROM later l JOIN attempts a ON a.step = l.step AND a.attempt = l.attempts
                 WHERE a.finished_ms > $1 ORDER BY l.due_ms LIMIT $2"
            }
            Db::Postgres(_) => {
                "SELECT l.step FROM later l JOIN attempts a ON a.step = l.step AND a.attempt = l.attempts
                 WHERE a.finished_ms > $1 ORDER BY l.due_ms LIMIT $2 FOR UPDATE OF l SKIP LOCKED"
            }
        };
        let steps = writing
            .db
            .query(tried, values![self.at_ms, WOKEN_MAX], |row| row.get(0))?;
        Ok(wake(writing, steps)?)
    }
}

/// Has a step that was in the queue wait until `due_ms`; `attempts` is how many have been made.
pub(crate) fn put_off(
    writing: &mut Writing<'_>,
    queued: &QueuedStep,
    attempts: u32,
    due_ms: i64,
) -> Result<(), SqlError> {
    let (message, dataclip) = queued.input.columns();
    writing.db.execute(
        "INSERT INTO later (step, run, job, message, dataclip, attempts, due_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        values![
            queued.step,
            queued.run,
            &queued.job,
            message,
            dataclip,
            attempts,
            due_ms
        ],
    )?;
    writing.effects.settled.push(queued.step);
    writing.effects.put_off = true;
    Ok(())
}

/// Lets these steps, which wait for a time, go on; how many they are.
pub(crate) fn wake(writing: &mut Writing<'_>, steps: Vec<StepId>) -> Result<u64, SqlError> {
    for step in &steps {
        let due = writing.db.query_one(
            "SELECT l.step, l.run, r.lined, r.key_lane, r.lane FROM later l JOIN runs r ON r.id = l.run WHERE l.step = $1",
            values![*step],
            Due::of,
        )?;
        due.wake(writing)?;
    }
    Ok(steps.len() as u64)
}

/// A step whose time has come.
struct Due {
    step: StepId,
    run: RunId,
    /// Whether its run is in its lanes already: it has begun.
    lined: bool,
    lanes: Lanes,
}

impl Due {
    fn of(row: &Row<'_>) -> Result<Due, SqlError> {
        Ok(Due {
            step: row.get(0)?,
            run: row.get(1)?,
            lined: row.get(2)?,
            lanes: Lanes::stored(row.get(3)?, row.get(4)?),
        })
    }

    fn wake(&self, writing: &mut Writing<'_>) -> Result<(), SqlError> {
        let behind = if self.lined || self.lanes.is_empty() {
            None
        } else {
            writing
                .db
                .execute("UPDATE runs SET lined = 1 WHERE id = $1", values![self.run])?;
            writing.line_up(&self.lanes)?
        };
        match behind {
            Some(lane) => {
                writing.db.execute(
                    "INSERT INTO held (step, run, lane, job, message, dataclip)
                     SELECT step, run, $2, job, message, dataclip FROM later WHERE step = $1",
                    values![self.step, lane.name()],
                )?;
                writing.waits_in(lane)?;
            }
            None => {
                let priority = writing.db.query_one(
                    "INSERT INTO queue (step, run, job, message, dataclip, attempts, priority)
                     SELECT l.step, l.run, l.job, l.message, l.dataclip, l.attempts, r.priority
                     FROM later l JOIN runs r ON r.id = l.run WHERE l.step = $1 RETURNING priority",
                    values![self.step],
                    |row| row.get(0),
                )?;
                writing.effects.woken.push((priority, self.step));
            }
        }
        writing
            .db
            .execute("DELETE FROM later WHERE step = $1", values![self.step])?;
        Ok(())
    }
}
