//! What a change to the store is: something the writer applies inside a transaction that it shares with others.

use crate::bodies::{self, Content};
use crate::disk::Shortage;
use crate::erase;
use crate::error::StoreError;
use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::journal::Journal;
use crate::numbers::{Numbers, insert};
use crate::queue::Queue;
use crate::queued::QueuedInput;
use crate::sql::{Db, SqlError, values};
use crate::turn::{Priority, RunRules};

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

/// What a transaction will have done to the queue and the runs, to be published when it is committed.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) queued: Vec<(Priority, StepId)>,
    pub(crate) settled: Vec<StepId>,
    /// Steps that had waited for their time or their turn.
    pub(crate) woken: Vec<(Priority, StepId)>,
    /// First steps that wait for the end of other runs now, less those that do no longer.
    pub(crate) held: i64,
    /// A step waits for a time now, or a run has a deadline.
    pub(crate) put_off: bool,
    pub(crate) finished: Vec<RunId>,
    /// Steps that are no longer in the queue though nobody has settled them.
    pub(crate) taken_out: Vec<(Priority, StepId)>,
    /// Messages that started no run.
    pub(crate) unmatched: Vec<MessageId>,
    /// Contents of files that no row names any more.
    pub(crate) unnamed: Vec<Content>,
    pub(crate) journal: Journal,
}

/// The open transaction, as changes see it.
pub(crate) struct Writing<'a> {
    pub(crate) db: &'a mut Db,
    /// Whose rows are written where each host has its own; 0 for a file.
    pub(crate) host: i64,
    pub(crate) queue: &'a Queue,
    pub(crate) queue_max: u64,
    pub(crate) room: Room,
    pub(crate) shortage: Option<Shortage>,
    pub(crate) numbers: &'a mut Numbers,
    pub(crate) effects: &'a mut Effects,
    /// What holds for the runs of each workflow.
    pub(crate) rules: Option<&'a RunRules>,
    /// No other host touches lanes until this transaction ends.
    pub(crate) lanes_locked: bool,
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
                     + coalesce((SELECT last FROM numbers WHERE what = 'bodies'), 0)
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
        if let Some(Shortage { free, reserve }) = self.shortage {
            return Err(Failure::Refused(StoreError::DiskNearlyFull {
                free,
                reserve,
            }));
        }
        let Room { stored, max } = self.room;
        if max != NO_LIMIT && stored >= max {
            return Err(Failure::Refused(StoreError::Full { stored, max }));
        }
        self.room.stored = stored.saturating_add(bytes as u64);
        Ok(())
    }

    /// Steps that will wait once this transaction is committed.
    pub(crate) fn queued(&self) -> u64 {
        let added = self.effects.queued.len() + self.effects.woken.len();
        let queued = self.queue.queued() + added as u64;
        queued.saturating_add_signed(self.effects.held)
    }

    /// Refuses a dataclip that is not stored; one that is stays until the transaction ends.
    pub(crate) fn require_dataclip(&mut self, dataclip: DataclipId) -> Result<(), Failure> {
        erase::keep(self.db)?;
        let known = self.db.query_opt(
            "SELECT id FROM dataclips WHERE id = $1",
            values![dataclip],
            |_| Ok(()),
        )?;
        known.ok_or(Failure::Refused(StoreError::NoSuchDataclip { dataclip }))
    }

    /// The same of a message.
    pub(crate) fn require_message(&mut self, message: MessageId) -> Result<(), Failure> {
        erase::keep(self.db)?;
        let known = self.db.query_opt(
            "SELECT id FROM messages WHERE id = $1",
            values![message],
            |_| Ok(()),
        )?;
        known.ok_or(Failure::Refused(StoreError::NoSuchMessage { message }))
    }

    /// Keeps a dataclip of another run for as long as this one is open.
    pub(crate) fn keep_for(&mut self, run: RunId, dataclip: DataclipId) -> Result<(), SqlError> {
        self.db.execute(
            "INSERT INTO holds (dataclip, run) VALUES ($1, $2) ON CONFLICT (dataclip, run) DO NOTHING",
            values![dataclip, run],
        )?;
        Ok(())
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

    /// Adds a step to the end of the queue, with the priority of its run.
    pub(crate) fn enqueue(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
    ) -> Result<StepId, SqlError> {
        let (message, dataclip) = input.columns();
        let (step, priority) = match self.numbers {
            Numbers::Counted(_) => {
                let step = self.number_step()?;
                let priority = self.db.query_one(
                    "SELECT priority FROM runs WHERE id = $1",
                    values![run],
                    |row| row.get(0),
                )?;
                self.db.execute(
                    "INSERT INTO queue (step, run, job, message, dataclip, attempts, priority)
                     VALUES ($1, $2, $3, $4, $5, 0, $6)",
                    values![step, run, job, message, dataclip, priority],
                )?;
                (step, priority)
            }
            Numbers::Drawn => self.db.query_one(
                "INSERT INTO queue (step, run, job, message, dataclip, attempts, priority)
                 VALUES (nextval('step_numbers'), $1, $2, $3, $4, 0, (SELECT priority FROM runs WHERE id = $1))
                 RETURNING step, priority",
                values![run, job, message, dataclip],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
        };
        self.effects.queued.push((priority, step));
        Ok(step)
    }

    /// Stores a state.
    pub(crate) fn add_dataclip(&mut self, run: RunId, body: &[u8]) -> Result<DataclipId, SqlError> {
        bodies::name(self.db, body)?;
        self.insert(
            insert!(dataclips, "run, body", "$1, $2"),
            values![run, body],
        )
        .map(DataclipId)
    }
}
