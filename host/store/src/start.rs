//! A run that no message started: a tick of the clock, or a person. A tick and its run become durable together, so a
//! host that is killed neither forgets a tick nor runs it twice.

use crate::change::{Change, Failure, Writing};
use crate::ids::RunId;
use crate::model::NewRun;
use crate::sql::{SqlError, values};

/// A run to start.
pub(crate) struct Start {
    pub(crate) run: NewRun,
    pub(crate) created_ms: i64,
}

/// A run to start for a tick.
pub(crate) struct StartTick {
    pub(crate) start: Start,
    pub(crate) tick: Tick,
}

/// A tick to remember, if the clock's last one is still the one that its host went by: of hosts that see the same tick
/// one comes first.
pub(crate) struct Tick {
    pub(crate) clock: String,
    pub(crate) last_ms: Option<i64>,
    pub(crate) at_ms: i64,
}

impl Tick {
    /// Remembers it; no if another has come first. One that starts nothing leaves the run of the one before it in its place.
    fn record(&self, writing: &mut Writing<'_>) -> Result<bool, SqlError> {
        let recorded = match self.last_ms {
            None => writing.db.execute(
                "INSERT INTO clocks (clock, tick_ms) VALUES ($1, $2) ON CONFLICT (clock) DO NOTHING",
                values![&self.clock, self.at_ms],
            )?,
            Some(last_ms) => writing.db.execute(
                "UPDATE clocks SET tick_ms = $3 WHERE clock = $1 AND tick_ms = $2",
                values![&self.clock, last_ms, self.at_ms],
            )?,
        };
        Ok(recorded > 0)
    }
}

impl Start {
    fn check(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        for dataclip in self.run.first.iter().filter_map(|first| first.input) {
            writing.require_dataclip(dataclip)?;
        }
        writing.make_room(0)
    }

    fn begin(&self, writing: &mut Writing<'_>) -> Result<RunId, SqlError> {
        writing.begin_run(&self.run, None, self.created_ms)
    }
}

impl Change for Start {
    type Answer = RunId;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<RunId, Failure> {
        self.check(writing)?;
        Ok(self.begin(writing)?)
    }
}

impl Change for StartTick {
    /// None if another host has come first.
    type Answer = Option<RunId>;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Option<RunId>, Failure> {
        self.start.check(writing)?;
        if !self.tick.record(writing)? {
            return Ok(None);
        }
        let run = self.start.begin(writing)?;
        writing.db.execute(
            "UPDATE clocks SET tick_run = $2 WHERE clock = $1",
            values![&self.tick.clock, run],
        )?;
        Ok(Some(run))
    }
}

/// A tick that starts nothing.
pub(crate) struct RecordTick(pub(crate) Tick);

impl Change for RecordTick {
    type Answer = ();

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        self.0.record(writing)?;
        Ok(())
    }
}
