//! A run that no message started: a tick of the clock, or a person. A tick and its run become durable together, so a
//! host that is killed neither forgets a tick nor runs it twice.

use rusqlite::OptionalExtension;

use crate::change::{Change, Failure, QueuedInput, Writing};
use crate::error::StoreError;
use crate::ids::{DataclipId, RunId};

/// A run to start, and the tick that asks for it.
pub(crate) struct Start {
    pub(crate) trigger: String,
    pub(crate) job: String,
    pub(crate) input: Option<DataclipId>,
    pub(crate) tick_ms: Option<i64>,
    pub(crate) created_ms: i64,
}

impl Change for Start {
    type Answer = RunId;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<RunId, Failure> {
        let input = match self.input {
            None => QueuedInput::Nothing,
            Some(dataclip) => {
                let known = writing
                    .conn
                    .prepare_cached("SELECT 1 FROM dataclips WHERE id = ?1")?
                    .query_row([dataclip], |_| Ok(()))
                    .optional()?;
                if known.is_none() {
                    return Err(Failure::Refused(StoreError::NoSuchDataclip { dataclip }));
                }
                QueuedInput::Dataclip(dataclip)
            }
        };
        let run = writing.begin_run(&self.trigger, &self.job, input, self.created_ms)?;
        if let Some(tick_ms) = self.tick_ms {
            writing
                .conn
                .prepare_cached(
                    "INSERT INTO jobs (job, tick_ms, tick_run) VALUES (?1, ?2, ?3)
                     ON CONFLICT (job) DO UPDATE SET tick_ms = excluded.tick_ms, tick_run = excluded.tick_run",
                )?
                .execute((&self.job, tick_ms, run))?;
        }
        Ok(run)
    }
}

/// A tick that starts nothing.
pub(crate) struct RecordTick {
    pub(crate) job: String,
    pub(crate) tick_ms: i64,
}

impl Change for RecordTick {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        writing
            .conn
            .prepare_cached(
                "INSERT INTO jobs (job, tick_ms) VALUES (?1, ?2)
                 ON CONFLICT (job) DO UPDATE SET tick_ms = excluded.tick_ms",
            )?
            .execute((&self.job, self.tick_ms))?;
        Ok(())
    }
}
