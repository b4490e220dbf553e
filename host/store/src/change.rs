//! What a change to the store is: something the writer applies inside a transaction that it shares with others.

use crate::error::StoreError;
use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::model::{NewRun, RunStatus};
use crate::queue::Queue;
use crate::queued::QueuedInput;
use crate::sql::{Db, SqlError, values};

/// One thing to write, whole or not at all. It may be applied more than once, each time after a roll-back.
pub(crate) trait Change: Send + 'static {
    /// What its sender learns once it is durable.
    type Answer: Send + 'static;

    /// About how many bytes it adds.
    fn weight(&self) -> usize;

    /// Writes it. May refuse only before it has written anything.
    fn apply(&self, writing: &mut Writing<'_>) -> Result<Self::Answer, Failure>;
}

/// What an optional part of a change adds to its weight.
pub(crate) fn len(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}

/// Why a change was not applied.
pub(crate) enum Failure {
    /// It makes no sense now; nothing was written, and its neighbours are not concerned.
    Refused(StoreError),
    /// The database failed; the transaction must be rolled back.
    Sql(SqlError),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Failure {
        Failure::Sql(error)
    }
}

/// What is counted for good, whatever is deleted later. Part of the file format: a number never changes its meaning.
#[derive(Clone, Copy)]
pub(crate) enum Counted {
    Messages = 0,
    Runs = 1,
    Succeeded = 2,
    Failed = 3,
    Cancelled = 4,
}

/// What a transaction will have done to the queue and the runs, to be published when it is committed.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) queued: Vec<StepId>,
    pub(crate) settled: Vec<StepId>,
    /// Steps that had waited for their time.
    pub(crate) woken: Vec<StepId>,
    /// A step waits for a time now.
    pub(crate) put_off: bool,
    pub(crate) finished: Vec<RunId>,
    pub(crate) messages: i64,
    pub(crate) runs: i64,
    pub(crate) runs_succeeded: i64,
    pub(crate) runs_failed: i64,
    pub(crate) runs_cancelled: i64,
    /// Steps that are no longer in the queue though nobody has settled them.
    pub(crate) taken_out: Vec<StepId>,
}

/// The open transaction, as changes see it.
pub(crate) struct Writing<'a> {
    pub(crate) db: &'a mut Db,
    /// Whose rows are written where each host has its own; 0 for a file.
    pub(crate) host: i64,
    pub(crate) queue: &'a Queue,
    pub(crate) queue_max: u64,
    pub(crate) room: Room,
    pub(crate) numbers: &'a mut Numbers,
    pub(crate) effects: &'a mut Effects,
}

/// Where the numbers of steps come from.
pub(crate) enum Numbers {
    /// The next one. A file has one host, and SQLite would give the number of a settled step a second time.
    Counted(StepId),
    /// A sequence of the database, which all hosts draw from.
    Drawn,
}

/// What is stored, and what may be.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) stored: u64,
    pub(crate) max: u64,
}

impl Room {
    /// What the store holds. Not asked for where there is no limit.
    pub(crate) fn of(db: &mut Db, max: u64) -> Result<Room, SqlError> {
        if max == NO_LIMIT {
            return Ok(Room { stored: 0, max });
        }
        let stored = match db {
            // Pages that were freed count as free.
            Db::Sqlite(_) => db.number(
                "SELECT (p.page_count - f.freelist_count) * s.page_size
                 FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
                values![],
            )?,
            Db::Postgres(_) => db.number(
                "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                 WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'",
                values![],
            )?,
        };
        // It is never negative.
        Ok(Room {
            stored: stored.unsigned_abs(),
            max,
        })
    }
}

/// Instead of how many bytes may be stored.
pub(crate) const NO_LIMIT: u64 = u64::MAX;

impl Writing<'_> {
    /// Refuses what would be stored beyond the limit. What ends a step is never refused: it was accepted.
    pub(crate) fn make_room(&mut self, bytes: usize) -> Result<(), Failure> {
        let Room { stored, max } = self.room;
        if max != NO_LIMIT && stored >= max {
            return Err(Failure::Refused(StoreError::Full { stored, max }));
        }
        self.room.stored = stored.saturating_add(bytes as u64);
        Ok(())
    }

    /// Steps that will wait once this transaction is committed.
    pub(crate) fn queued(&self) -> u64 {
        self.queue.queued() + self.effects.queued.len() as u64
    }

    /// Refuses a dataclip that is not stored.
    pub(crate) fn require_dataclip(&mut self, dataclip: DataclipId) -> Result<(), Failure> {
        let known = self.db.query_opt(
            "SELECT id FROM dataclips WHERE id = $1",
            values![dataclip],
            |_| Ok(()),
        )?;
        known.ok_or(Failure::Refused(StoreError::NoSuchDataclip { dataclip }))
    }

    /// Opens a run with its first steps: one in the queue, the others behind it.
    pub(crate) fn begin_run(
        &mut self,
        new: &NewRun,
        message: Option<MessageId>,
        created_ms: i64,
    ) -> Result<RunId, SqlError> {
        let job = new.first.first().map_or("", |first| &first.job);
        let status = if new.first.is_empty() {
            RunStatus::Succeeded
        } else {
            RunStatus::Queued
        };
        let finished_ms = new.first.is_empty().then_some(created_ms);
        let run: RunId = self.db.query_one(
            "INSERT INTO runs
                 (message, workflow, trigger, job, status, open_steps, leaf_failed, created_ms, finished_ms)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8) RETURNING id",
            values![
                message,
                &new.workflow,
                &new.trigger,
                job,
                status,
                new.first.len() as i64,
                created_ms,
                finished_ms
            ],
            |row| row.get(0),
        )?;
        self.effects.runs += 1;
        for (at, first) in new.first.iter().enumerate() {
            let input = QueuedInput::of(message, first.input);
            if at == 0 {
                self.enqueue(run, &first.job, input)?;
            } else {
                self.hold_back(run, &first.job, input)?;
            }
        }
        if new.first.is_empty() {
            self.effects.runs_succeeded += 1;
            self.effects.finished.push(run);
        }
        Ok(run)
    }

    /// Puts a step behind the others of its run.
    pub(crate) fn hold_back(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
    ) -> Result<(), SqlError> {
        let (message, dataclip) = input.columns();
        self.db.execute(
            "INSERT INTO waiting (run, job, message, dataclip) VALUES ($1, $2, $3, $4)",
            values![run, job, message, dataclip],
        )?;
        Ok(())
    }

    /// Adds a step to the end of the queue.
    pub(crate) fn enqueue(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
    ) -> Result<StepId, SqlError> {
        let (message, dataclip) = input.columns();
        let step = match self.numbers {
            Numbers::Counted(next) => {
                let step = *next;
                next.0 += 1;
                self.db.execute(
                    "INSERT INTO queue (step, run, job, message, dataclip, attempts) VALUES ($1, $2, $3, $4, $5, 0)",
                    values![step, run, job, message, dataclip],
                )?;
                step
            }
            Numbers::Drawn => self.db.query_one(
                "INSERT INTO queue (step, run, job, message, dataclip, attempts)
                 VALUES (nextval('step_numbers'), $1, $2, $3, $4, 0) RETURNING step",
                values![run, job, message, dataclip],
                |row| row.get(0),
            )?,
        };
        self.effects.queued.push(step);
        Ok(step)
    }

    /// Stores a state.
    pub(crate) fn add_dataclip(&mut self, run: RunId, body: &[u8]) -> Result<DataclipId, SqlError> {
        self.db.query_one(
            "INSERT INTO dataclips (run, body) VALUES ($1, $2) RETURNING id",
            values![run, body],
            |row| row.get(0),
        )
    }
}
