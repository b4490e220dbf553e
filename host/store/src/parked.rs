//! Steps that wait for a system that is out: the attempt does not count, and they are woken together when it is back.
//!
//! A parked step is in `later`, due when it is given up, and in `parked`, which says on what it waits and since when. Its
//! row there outlives its wait, so that one that is parked again has waited since the first time; what is left of those
//! that have ended goes when steps are next woken.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::StepId;
use crate::later;
use crate::model::{LogLine, RunStatus};
use crate::read;
use crate::settle::{Tried, leave_queue, record_attempt};
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// The most pairs of system and job in one answer of [`Store::parked`].
pub const PARKED_MAX: usize = 1_000;

/// On what a claimed step is to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// The system, as an origin.
    pub origin: String,
    /// Now.
    pub now_ms: i64,
    /// How long it may wait, in milliseconds since it was first parked.
    pub give_up_ms: i64,
    /// What came of the attempt, if one was made.
    pub tried: Option<ParkedAttempt>,
}

/// An attempt that does not count: of several of one number the last is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedAttempt {
    /// As in [`Settlement::exit_code`](crate::Settlement::exit_code).
    pub exit_code: i32,
    /// The error as JSON.
    pub error: Option<String>,
    /// What the job wrote.
    pub log: Vec<LogLine>,
    /// When the job began.
    pub started_ms: i64,
    /// When the job ended.
    pub finished_ms: i64,
}

/// Steps of a job that wait for a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The system, as an origin.
    pub origin: String,
    /// The job.
    pub job: String,
    /// How many they are.
    pub steps: u64,
    /// Since when the first of them waits.
    pub since_ms: i64,
}

impl Store {
    /// Has a claimed step wait for a system without counting an attempt. No, and nothing is changed, if it has waited for
    /// as long as it may.
    ///
    /// # Errors
    /// [`StoreError::NotClaimed`] if this host has not claimed the step; those of the disk, and then it is claimed still.
    pub async fn park(&self, step: StepId, parking: Parking) -> Result<bool, StoreError> {
        let tried = parking.tried.as_ref();
        let log = tried.and_then(|tried| read::encode_log(&tried.log));
        self.change(Park { step, parking, log }).await
    }

    /// Puts at most `max` of the steps that wait for a system into the queue, oldest first, and tells how many they were.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn wake_parked(&self, origin: &str, max: usize) -> Result<u64, StoreError> {
        let origin = origin.to_owned();
        self.change(WakeParked { origin, max }).await
    }

    /// What waits for systems, by system and job, at most [`PARKED_MAX`].
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        self.pages().read(parked).await
    }
}

fn parked(db: &mut Db) -> Result<Vec<Parked>, SqlError> {
    db.query(
        "SELECT p.origin, l.job, count(*), min(p.since_ms) FROM parked p JOIN later l ON l.step = p.step
         GROUP BY p.origin, l.job ORDER BY p.origin, l.job LIMIT $1",
        values![PARKED_MAX as i64],
        |row| {
            Ok(Parked {
                origin: row.get(0)?,
                job: row.get(1)?,
                steps: row.get(2)?,
                since_ms: row.get(3)?,
            })
        },
    )
}

struct Park {
    step: StepId,
    parking: Parking,
    log: Option<Vec<u8>>,
}

impl Change for Park {
    type Answer = bool;

    fn weight(&self) -> usize {
        self.log.as_ref().map_or(0, Vec::len)
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        let not_claimed = || Failure::Refused(StoreError::NotClaimed { step: self.step });
        if !writing.queue.has_claimed(self.step) {
            return Err(not_claimed());
        }
        let Parking {
            origin,
            now_ms,
            give_up_ms,
            tried,
        } = &self.parking;
        let since_ms = writing.db.query_opt(
            "SELECT since_ms FROM parked WHERE step = $1",
            values![self.step],
            |row| row.get::<i64>(0),
        )?;
        // A clock that was set back must not make the wait longer.
        let since_ms = since_ms.map_or(*now_ms, |since_ms| since_ms.min(*now_ms));
        let due_ms = since_ms.saturating_add(*give_up_ms);
        if due_ms <= *now_ms {
            return Ok(false);
        }
        let Some(claimed) = leave_queue(writing, self.step)? else {
            // Another host has taken it over.
            writing.effects.settled.push(self.step);
            return Err(not_claimed());
        };
        let attempts = claimed.attempt().saturating_sub(1);
        later::put_off(writing, &claimed, attempts, due_ms)?;
        writing.db.execute(
            "INSERT INTO parked (step, origin, since_ms) VALUES ($1, $2, $3)
             ON CONFLICT (step) DO UPDATE SET origin = excluded.origin, since_ms = excluded.since_ms",
            values![self.step, origin, since_ms],
        )?;
        // It was claimed, whether or not the mark of that has come as far as the table.
        writing.db.execute(
            "UPDATE runs SET status = $2 WHERE id = $1 AND status = $3",
            values![claimed.run, RunStatus::Running, RunStatus::Queued],
        )?;
        if let Some(tried) = tried {
            let tried = Tried {
                exit_code: tried.exit_code,
                error: tried.error.as_deref(),
                log: self.log.as_ref(),
                started_ms: tried.started_ms,
                finished_ms: tried.finished_ms,
            };
            record_attempt(writing, &claimed, &tried)?;
        }
        Ok(true)
    }
}

struct WakeParked {
    origin: String,
    max: usize,
}

impl Change for WakeParked {
    type Answer = u64;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<u64, Failure> {
        // Of hosts that look at the same moment each takes what the others have not.
        let waiting = match writing.db {
            Db::Sqlite(_) => {
                "SELECT p.step FROM parked p JOIN later l ON l.step = p.step WHERE p.origin = $1
                 ORDER BY p.step LIMIT $2"
            }
            Db::Postgres(_) => {
                "SELECT p.step FROM parked p JOIN later l ON l.step = p.step WHERE p.origin = $1
                 ORDER BY p.step LIMIT $2 FOR UPDATE OF l SKIP LOCKED"
            }
        };
        let steps: Vec<StepId> =
            writing
                .db
                .query(waiting, values![&self.origin, self.max as i64], |row| {
                    row.get(0)
                })?;
        let woken = later::wake(writing, steps)?;
        if woken < self.max as u64 {
            writing.db.execute(
                "DELETE FROM parked WHERE NOT EXISTS (SELECT 1 FROM later WHERE later.step = parked.step)
                     AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.step = parked.step)",
                values![],
            )?;
        }
        Ok(woken)
    }
}
