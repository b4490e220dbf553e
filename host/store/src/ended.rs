//! Runs that leave nothing behind once they have ended: what their project does not keep goes a few seconds later. Which
//! have ended is written down in the transaction that ends them, so that none is missed.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use crate::change::{Change, Effects, Failure, Writing};
use crate::erase::{self, Erased, Ids};
use crate::error::StoreError;
use crate::model::{RunStatus, now_ms};
use crate::retention::PAUSE;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// How long what a run leaves stays when it goes at its end: whoever waits for the run reads it within milliseconds.
const GRACE_MS: i64 = 5_000;

/// Which runs leave their message, states, logs and errors behind once they have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All.
    #[default]
    Always,
    /// Those that did not succeed.
    Failure,
    /// None.
    Never,
}

/// What the writer is told of it.
#[derive(Default)]
pub(crate) struct Keeping(AtomicU8);

impl Keeping {
    fn get(&self) -> Keep {
        match self.0.load(Ordering::Relaxed) {
            0 => Keep::Always,
            1 => Keep::Failure,
            _ => Keep::Never,
        }
    }

    fn set(&self, keep: Keep) {
        self.0.store(keep as u8, Ordering::Relaxed);
    }
}

impl Store {
    /// Which runs leave something behind, from now on. Default [`Keep::Always`].
    pub fn keep(&self, keep: Keep) {
        self.keeping().set(keep);
    }

    pub(crate) async fn sweep_ended(&self) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        loop {
            let ended = Ended {
                keep: self.keeping().get(),
                before_ms: now_ms() - GRACE_MS,
            };
            let began = Instant::now();
            let (more, gone) = self.change(ended).await?;
            erased += gone;
            if !more {
                return Ok(erased);
            }
            tokio::time::sleep(PAUSE.max(began.elapsed())).await;
        }
    }
}

/// Remembers what a transaction has ended, where that does not stay.
pub(crate) fn note(db: &mut Db, keeping: &Keeping, effects: &Effects) -> Result<(), SqlError> {
    let keep = keeping.get();
    if keep == Keep::Always {
        return Ok(());
    }
    let now_ms = now_ms();
    for run in &effects.finished {
        db.execute(
            "INSERT INTO ended (run, ended_ms) VALUES ($1, $2)",
            values![*run, now_ms],
        )?;
    }
    let unmatched = effects.unmatched.iter().filter(|_| keep == Keep::Never);
    for message in unmatched {
        db.execute(
            "INSERT INTO ended (message, ended_ms) VALUES ($1, $2)",
            values![*message, now_ms],
        )?;
    }
    Ok(())
}

/// Forgets the contents of some runs that have ended; whether there are more.
struct Ended {
    keep: Keep,
    before_ms: i64,
}

/// A run that has ended, or a message that started none.
struct Left {
    entry: i64,
    run: Option<i64>,
    status: Option<RunStatus>,
    message: Option<i64>,
}

impl Change for Ended {
    type Answer = (bool, Erased);

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(bool, Erased), Failure> {
        let left = self.left(writing.db)?;
        if left.is_empty() {
            return Ok((false, Erased::default()));
        }
        erase::alone(writing.db)?;
        let goes = |left: &&Left| match self.keep {
            Keep::Always => false,
            Keep::Failure => left.status == Some(RunStatus::Succeeded),
            Keep::Never => true,
        };
        let going = || left.iter().filter(goes);
        let mut erased = erase::contents(writing, &Ids::of(going().filter_map(|it| it.run)))?;
        let messages = going().filter_map(|left| left.message);
        let messages = self.without_failure(writing.db, messages)?;
        erased += erase::messages(writing, &messages)?;
        for entry in &left {
            writing
                .db
                .execute("DELETE FROM ended WHERE id = $1", values![entry.entry])?;
        }
        Ok((left.len() == AT_ONCE, erased))
    }
}

/// Runs whose contents go in one transaction: each may have several states and logs.
const AT_ONCE: usize = 100;

impl Ended {
    fn left(&self, db: &mut Db) -> Result<Vec<Left>, SqlError> {
        db.query(
            "SELECT e.id, e.run, r.status, coalesce(e.message, r.message) FROM ended e LEFT JOIN runs r ON r.id = e.run
             WHERE e.ended_ms <= $1 ORDER BY e.id LIMIT $2",
            values![self.before_ms, AT_ONCE as i64],
            |row| {
                let status: Option<i64> = row.get(2)?;
                Ok(Left {
                    entry: row.get(0)?,
                    run: row.get(1)?,
                    status: status.map(|_| row.get(2)).transpose()?,
                    message: row.get(3)?,
                })
            },
        )
    }

    /// Where failures are kept, so is the message that led to one.
    fn without_failure(
        &self,
        db: &mut Db,
        messages: impl Iterator<Item = i64>,
    ) -> Result<Ids, SqlError> {
        let mut going = Vec::new();
        for message in messages {
            let failed = self.keep == Keep::Failure
                && db
                    .query_opt(
                        "SELECT id FROM runs WHERE message = $1 AND status <> 2 LIMIT 1",
                        values![message],
                        |_| Ok(()),
                    )?
                    .is_some();
            if !failed {
                going.push(message);
            }
        }
        Ok(Ids::of(going))
    }
}
