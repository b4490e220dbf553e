//! The journal: what happened, in the order in which it became durable. The feed of events is read from it.
//!
//! What a transaction has to tell goes into one row, written last, so that what shares a commit shares an insert. An entry then
//! costs about 2 µs and 130 bytes (example `accept_rate`, 256 senders on a busy machine: 32,000 messages a second without the
//! two entries of each, 28,000 with them). Entries are numbered without gaps, and nobody ever sees a number before
//! those below it: a file has one writer, and on a server the row in `journal_end` is locked from the moment in which numbers
//! are drawn until the commit. That costs hosts little that their notifications, which take turns at the same place, do not
//! cost them already.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::{MessageId, RunId, StepId};
use crate::model::{RunStatus, StepState, now_ms};
use crate::numbers::{Numbers, Tally};
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// At least so many of the newest entries are kept.
pub const JOURNAL_MAX: i64 = 100_000;
/// Old entries go whenever a number that this divides is passed.
const TRIM_EVERY: i64 = 1_000;
/// One answer has about this much of the journal, and at least one row of it.
const PAGE_MAX_BYTES: usize = 256 << 10;
/// And at most so many rows.
const PAGE_MAX_ROWS: i64 = 256;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What can happen. It has names and numbers, and nothing of what messages, states or events carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Happened {
    /// A message was stored.
    #[serde(rename = "message.accepted")]
    MessageAccepted {
        /// Its number.
        message: MessageId,
        /// Where it arrived.
        source: String,
    },
    /// A run was begun.
    #[serde(rename = "run.begun")]
    RunBegun {
        /// Its number.
        run: RunId,
        /// Its workflow.
        workflow: String,
        /// The trigger that began it.
        trigger: String,
        /// The message that it serves.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
    },
    /// A step ended, or an attempt at it after which it waits for the next.
    #[serde(rename = "step.ended")]
    StepEnded {
        /// Its run.
        run: RunId,
        /// The workflow of the run.
        workflow: String,
        /// Its number.
        step: StepId,
        /// Its job.
        job: String,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// `Succeeded`, `Failed`, or `Waiting` for the next attempt.
        status: StepState,
        /// As of a settlement.
        exit_code: i32,
    },
    /// A run ended.
    #[serde(rename = "run.ended")]
    RunEnded {
        /// Its number.
        run: RunId,
        /// Its workflow.
        workflow: String,
        /// How.
        status: RunStatus,
    },
    /// An event was published.
    #[serde(rename = "event.published")]
    EventPublished {
        /// The run that published it.
        run: RunId,
        /// The workflow of that run.
        workflow: String,
        /// The step.
        step: StepId,
        /// What its runs know the event by.
        event: String,
        /// Its name.
        name: String,
        /// Where its data is stored, if it started anything.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// How many runs it started.
        runs: usize,
    },
    /// The files of the project have changed, and it runs as they are now.
    #[serde(rename = "project.reloaded")]
    ProjectReloaded {
        /// Errors in the new files.
        errors: usize,
    },
}

impl Happened {
    /// What it is called.
    pub fn kind(&self) -> &'static str {
        match self {
            Happened::MessageAccepted { .. } => "message.accepted",
            Happened::RunBegun { .. } => "run.begun",
            Happened::StepEnded { .. } => "step.ended",
            Happened::RunEnded { .. } => "run.ended",
            Happened::EventPublished { .. } => "event.published",
            Happened::ProjectReloaded { .. } => "project.reloaded",
        }
    }

    /// The run that it belongs to.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Happened::RunBegun { run, .. }
            | Happened::StepEnded { run, .. }
            | Happened::RunEnded { run, .. }
            | Happened::EventPublished { run, .. } => Some(*run),
            Happened::MessageAccepted { .. } | Happened::ProjectReloaded { .. } => None,
        }
    }

    /// The workflow that it belongs to.
    pub fn workflow(&self) -> Option<&str> {
        match self {
            Happened::RunBegun { workflow, .. }
            | Happened::StepEnded { workflow, .. }
            | Happened::RunEnded { workflow, .. }
            | Happened::EventPublished { workflow, .. } => Some(workflow),
            Happened::MessageAccepted { .. } | Happened::ProjectReloaded { .. } => None,
        }
    }
}

/// A part of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage {
    /// Entries with their numbers, in order; none where there is nothing newer.
    pub entries: Vec<(i64, JournalEntry)>,
    /// The number of the oldest entry that is kept.
    pub oldest: i64,
    /// The number of the newest; 0 before the first.
    pub newest: i64,
}

/// What the open transaction will tell.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Vec<JournalEntry>,
    tally: Tally,
}

impl Journal {
    pub(crate) fn tell(&mut self, what: Happened) {
        self.tally.count(&what);
        let at_ms = now_ms();
        self.entries.push(JournalEntry { at_ms, what });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last thing that a transaction writes: from here to its commit other hosts wait for it.
    pub(crate) fn write(&self, db: &mut Db, numbers: &mut Numbers) -> Result<(), SqlError> {
        if self.is_empty() {
            return Ok(());
        }
        let count = self.entries.len() as i64;
        let entries = serde_json::to_vec(&self.entries).map_err(|error| unreadable(&error))?;
        let last = match numbers {
            Numbers::Counted(given) => {
                let first = given.entries + 1;
                given.entries += count;
                given.tally += self.tally;
                let so_far = serde_json::to_string(given).map_err(|error| unreadable(&error))?;
                db.execute(
                    "INSERT INTO journal (first, last, entries, given) VALUES ($1, $2, $3, $4)",
                    values![first, given.entries, &entries, &so_far],
                )?;
                given.entries
            }
            Numbers::Drawn => {
                let Tally {
                    messages,
                    runs,
                    succeeded,
                    failed,
                    cancelled,
                } = self.tally;
                db.number(
                    "WITH numbered AS (
                         UPDATE journal_end SET last = last + $1, messages = messages + $3, runs = runs + $4,
                             succeeded = succeeded + $5, failed = failed + $6, cancelled = cancelled + $7
                         RETURNING last)
                     INSERT INTO journal (first, last, entries) SELECT last - $1 + 1, last, $2 FROM numbered RETURNING last",
                    values![count, &entries, messages, runs, succeeded, failed, cancelled],
                )?
            }
        };
        if last / TRIM_EVERY != (last - count) / TRIM_EVERY {
            db.execute(
                "DELETE FROM journal WHERE last <= $1",
                values![last - JOURNAL_MAX],
            )?;
        }
        Ok(())
    }
}

fn unreadable(error: &serde_json::Error) -> SqlError {
    SqlError::Unreadable {
        column: 0,
        found: error.to_string(),
    }
}

impl Store {
    /// What happened after the entry of this number, at least one entry of it where there is any. Entries that are no longer
    /// kept are passed over: [`JournalPage::oldest`] tells.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn journal(&self, after: i64) -> Result<JournalPage, StoreError> {
        self.pages()
            .read(move |db| db.at_one_moment(|db| page(db, after)))
            .await
    }

    /// Changes whenever something was told, on this host or another.
    pub fn told(&self) -> watch::Receiver<()> {
        self.waiters().told()
    }

    /// Tells that the project runs as its files are now.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn tell_reloaded(&self, errors: usize) -> Result<(), StoreError> {
        self.change(Tell(Happened::ProjectReloaded { errors }))
            .await
    }
}

struct Tell(Happened);

impl Change for Tell {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        writing.effects.journal.tell(self.0.clone());
        Ok(())
    }
}

fn page(db: &mut Db, after: i64) -> Result<JournalPage, SqlError> {
    let (oldest, newest) = db.query_one(
        "SELECT coalesce((SELECT first FROM journal ORDER BY last LIMIT 1), 1), coalesce((SELECT max(last) FROM journal), 0)",
        values![],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let sizes: Vec<(i64, u64)> = db.query(
        "SELECT last, CAST(length(entries) AS BIGINT) FROM journal WHERE last > $1 ORDER BY last LIMIT $2",
        values![after, PAGE_MAX_ROWS],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut bytes = 0;
    let within = sizes.iter().take_while(|(_, size)| {
        let first = bytes == 0;
        bytes += *size as usize;
        first || bytes <= PAGE_MAX_BYTES
    });
    let until = within.last().map_or(after, |(last, _)| *last);
    let rows: Vec<(i64, Vec<u8>)> = db.query(
        "SELECT first, entries FROM journal WHERE last > $1 AND last <= $2 ORDER BY last",
        values![after, until],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut entries = Vec::new();
    for (first, told) in rows {
        let told: Vec<JournalEntry> =
            serde_json::from_slice(&told).map_err(|error| unreadable(&error))?;
        entries.extend((first..).zip(told).filter(|(number, _)| *number > after));
    }
    Ok(JournalPage {
        entries,
        oldest,
        newest,
    })
}
