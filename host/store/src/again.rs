//! What a person decides about a run: to do it again, whole or from one of its steps, or to end it.

use crate::bodies::Placed;
use crate::change::{Change, Failure, Writing};
use crate::dead;
use crate::error::StoreError;
use crate::ids::{DataclipId, MessageId, RunId};
use crate::lanes::Lanes;
use crate::model::{FirstStep, NewRun, RunStatus, now_ms};
use crate::sql::{SqlError, values};
use crate::store::Store;
use crate::turn::Turn;

/// A step to begin with, when a run is done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgainFrom {
    /// The job.
    pub job: String,
    /// What it starts from.
    pub input: AgainInput,
}

/// What a step that is done again starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgainInput {
    /// The message of the run.
    Message,
    /// A stored state.
    Dataclip(DataclipId),
    /// A state that a person has written or changed, as JSON.
    Edited(Vec<u8>),
}

/// How a run is done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAgain {
    /// The steps to begin with.
    pub first: Vec<AgainFrom>,
    /// Before which (milliseconds since 1970) none of them goes into the queue. Default: whoever does it again wants it now.
    pub not_before_ms: i64,
}

impl From<Vec<AgainFrom>> for RunAgain {
    fn from(first: Vec<AgainFrom>) -> RunAgain {
        RunAgain {
            first,
            not_before_ms: 0,
        }
    }
}

impl AgainFrom {
    fn edited(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.input {
            AgainInput::Edited(state) => Some(state),
            AgainInput::Message | AgainInput::Dataclip(_) => None,
        }
    }
}

impl Store {
    /// Does a run again that has ended: a new run of the same workflow, trigger and message.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`], [`StoreError::RunOpen`] while it has not ended, [`StoreError::NoSuchDataclip`] and
    /// [`StoreError::NoSuchMessage`] if what it would start from is forgotten, and [`StoreError::Full`].
    pub async fn run_again(
        &self,
        of: RunId,
        again: impl Into<RunAgain>,
    ) -> Result<RunId, StoreError> {
        self.change(self.again(of, again.into()).await?).await
    }

    /// Does a run again unless somebody has before: of two who decide at the same moment only one does.
    ///
    /// # Errors
    /// As [`Store::run_again`].
    pub async fn run_again_once(
        &self,
        of: RunId,
        again: impl Into<RunAgain>,
    ) -> Result<Option<RunId>, StoreError> {
        self.change(Once(self.again(of, again.into()).await?)).await
    }

    /// The change that does a run again, its large states in files already.
    pub(crate) async fn again(&self, of: RunId, again: RunAgain) -> Result<Again, StoreError> {
        let RunAgain {
            mut first,
            not_before_ms,
        } = again;
        let edited = first.iter_mut().filter_map(AgainFrom::edited);
        let placed = self.bodies().place(edited.collect()).await?;
        Ok(Again {
            of,
            first,
            not_before_ms,
            placed,
        })
    }

    /// Ends a run that has not ended: what waits in it goes, and what its running step leaves is not kept. No if it had
    /// ended before.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`].
    pub async fn cancel(&self, run: RunId) -> Result<bool, StoreError> {
        self.change(Cancel { run }).await
    }
}

pub(crate) struct Again {
    pub(crate) of: RunId,
    pub(crate) first: Vec<AgainFrom>,
    pub(crate) not_before_ms: i64,
    pub(crate) placed: Placed,
}

/// The run that is done again.
struct Before {
    message: Option<MessageId>,
    ordering_key: Option<String>,
    workflow: String,
    trigger: String,
}

impl Change for Again {
    type Answer = RunId;

    fn weight(&self) -> usize {
        let edited = |from: &AgainFrom| match &from.input {
            AgainInput::Edited(state) => state.len(),
            AgainInput::Message | AgainInput::Dataclip(_) => 0,
        };
        self.first.iter().map(edited).sum::<usize>() + self.placed.bytes()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<RunId, Failure> {
        let before = self.check(writing)?;
        let first = self
            .first
            .iter()
            .map(|from| self.first_step(writing, from))
            .collect::<Result<_, SqlError>>()?;
        let run = NewRun {
            workflow: before.workflow,
            trigger: before.trigger,
            first,
            turn: Turn {
                ordering_key: before.ordering_key,
                not_before_ms: Some(self.not_before_ms),
            },
        };
        let run = writing.begin_run(&run, before.message, now_ms())?;
        writing.db.execute(
            "UPDATE runs SET retry_of = $2, chain = (SELECT chain FROM runs WHERE id = $2) WHERE id = $1",
            values![run, self.of],
        )?;
        writing.db.execute(
            "UPDATE runs SET retried_by = $2 WHERE id = $1",
            values![self.of, run],
        )?;
        dead::remove(writing, self.of)?;
        Ok(run)
    }
}

impl Again {
    /// Nothing is written yet.
    fn check(&self, writing: &mut Writing<'_>) -> Result<Before, Failure> {
        let (status, before) = writing
            .db
            .query_opt(
                "SELECT status, message, workflow, trigger, key_lane FROM runs WHERE id = $1",
                values![self.of],
                |row| {
                    let lanes = Lanes::stored(row.get(4)?, None);
                    let before = Before {
                        message: row.get(1)?,
                        ordering_key: lanes.key(),
                        workflow: row.get(2)?,
                        trigger: row.get(3)?,
                    };
                    Ok((row.get::<RunStatus>(0)?, before))
                },
            )?
            .ok_or(Failure::Refused(StoreError::NoSuchRun { run: self.of }))?;
        if !status.has_ended() {
            return Err(Failure::Refused(StoreError::RunOpen { run: self.of }));
        }
        for from in &self.first {
            match (&from.input, before.message) {
                (AgainInput::Dataclip(dataclip), _) => writing.require_dataclip(*dataclip)?,
                (AgainInput::Message, Some(message)) => writing.require_message(message)?,
                (AgainInput::Message, None) | (AgainInput::Edited(_), _) => {}
            }
        }
        writing.make_room(self.weight())?;
        Ok(before)
    }

    fn first_step(
        &self,
        writing: &mut Writing<'_>,
        from: &AgainFrom,
    ) -> Result<FirstStep, SqlError> {
        let input = match &from.input {
            AgainInput::Message => None,
            AgainInput::Dataclip(dataclip) => Some(*dataclip),
            AgainInput::Edited(state) => Some(writing.add_dataclip(self.of, state)?),
        };
        Ok(FirstStep {
            job: from.job.clone(),
            input,
        })
    }
}

struct Once(Again);

impl Change for Once {
    type Answer = Option<RunId>;

    fn weight(&self) -> usize {
        self.0.weight()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Option<RunId>, Failure> {
        // It changes nothing but who else may: another host waits here, and then finds what this one has done.
        let first = writing.db.query_opt(
            "UPDATE runs SET retried_by = NULL WHERE id = $1 AND retried_by IS NULL RETURNING id",
            values![self.0.of],
            |_| Ok(()),
        )?;
        first.map(|()| self.0.apply(writing)).transpose()
    }
}

struct Cancel {
    run: RunId,
}

impl Change for Cancel {
    type Answer = bool;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        let status = writing.db.query_opt(
            "SELECT status FROM runs WHERE id = $1",
            values![self.run],
            |row| row.get::<RunStatus>(0),
        )?;
        let status = status.ok_or(Failure::Refused(StoreError::NoSuchRun { run: self.run }))?;
        if status.has_ended() {
            return Ok(false);
        }
        // Only a settled step would show them.
        writing.db.execute(
            "DELETE FROM attempts WHERE step IN
                 (SELECT step FROM queue WHERE run = $1 UNION ALL SELECT step FROM later WHERE run = $1)",
            values![self.run],
        )?;
        let stopped = writing.stop_run(self.run, RunStatus::Cancelled, now_ms())?;
        Ok(stopped.is_some())
    }
}
