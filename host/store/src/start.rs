//! A run that no message started: a tick of the clock, or a person. A tick and its run become durable together, so a
//! host that is killed neither forgets a tick nor runs it twice.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::{DataclipId, RunId};
use crate::model::NewRun;
use crate::sql::{SqlError, values};

/// A run to start, and the tick that asks for it.
pub(crate) struct Start {
    pub(crate) run: NewRun,
    pub(crate) tick: Option<Tick>,
    pub(crate) created_ms: i64,
}

/// A tick to remember.
pub(crate) struct Tick {
    pub(crate) clock: String,
    pub(crate) at_ms: i64,
}

impl Tick {
    /// One that starts nothing leaves the run of the one before it in its place.
    fn record(&self, writing: &mut Writing<'_>, run: Option<RunId>) -> Result<(), SqlError> {
        writing.db.execute(
            "INSERT INTO clocks (clock, tick_ms, tick_run) VALUES ($1, $2, $3)
             ON CONFLICT (clock) DO UPDATE
             SET tick_ms = excluded.tick_ms, tick_run = coalesce(excluded.tick_run, clocks.tick_run)",
            values![&self.clock, self.at_ms, run],
        )?;
        Ok(())
    }
}

impl Change for Start {
    type Answer = RunId;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<RunId, Failure> {
        for dataclip in self.run.first.iter().filter_map(|first| first.input) {
            require(writing, dataclip)?;
        }
        writing.make_room(0)?;
        let run = writing.begin_run(&self.run, None, self.created_ms)?;
        if let Some(tick) = &self.tick {
            tick.record(writing, Some(run))?;
        }
        Ok(run)
    }
}

fn require(writing: &mut Writing<'_>, dataclip: DataclipId) -> Result<(), Failure> {
    let known = writing.db.query_opt(
        "SELECT id FROM dataclips WHERE id = $1",
        values![dataclip],
        |_| Ok(()),
    )?;
    known.ok_or(Failure::Refused(StoreError::NoSuchDataclip { dataclip }))
}

/// A tick that starts nothing.
pub(crate) struct RecordTick(pub(crate) Tick);

impl Change for RecordTick {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        Ok(self.0.record(writing, None)?)
    }
}
