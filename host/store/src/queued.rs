//! A row of the table `queue`: a step that waits or is claimed.

use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::sql::{Row, SqlError};

/// A step of the queue, as the table has it.
pub(crate) struct QueuedStep {
    pub(crate) step: StepId,
    pub(crate) run: RunId,
    pub(crate) job: String,
    pub(crate) input: QueuedInput,
    pub(crate) claimed_ms: Option<i64>,
    /// How often it was marked as claimed.
    pub(crate) attempts: u32,
    /// The host that has claimed it, where several share the queue.
    pub(crate) host: Option<i64>,
}

/// What a queued step starts from.
#[derive(Clone, Copy)]
pub(crate) enum QueuedInput {
    Message(MessageId),
    Dataclip(DataclipId),
    Nothing,
}

/// The columns that [`QueuedStep::of`] reads, the first of a statement; in a macro, so that statements stay literals.
macro_rules! queue_columns {
    () => {
        "queue.step, queue.run, queue.job, queue.message, queue.dataclip, queue.claimed_ms, queue.attempts, queue.host"
    };
}
pub(crate) use queue_columns;

/// The first column after those of [`queue_columns`].
pub(crate) const AFTER_QUEUE_COLUMNS: usize = 8;

impl QueuedStep {
    pub(crate) fn of(row: &Row<'_>) -> Result<QueuedStep, SqlError> {
        Ok(QueuedStep {
            step: row.get(0)?,
            run: row.get(1)?,
            job: row.get(2)?,
            input: QueuedInput::of(row.get(3)?, row.get(4)?),
            claimed_ms: row.get(5)?,
            attempts: row.get(6)?,
            host: row.get(7)?,
        })
    }

    /// Which attempt it is to whoever has claimed it: the table learns of a claim up to 20 ms later, or never if the step
    /// was quicker.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempts + u32::from(self.claimed_ms.is_none())
    }
}

impl QueuedInput {
    /// A state that was given goes before the message of the run.
    pub(crate) fn of(message: Option<MessageId>, dataclip: Option<DataclipId>) -> QueuedInput {
        match (message, dataclip) {
            (_, Some(dataclip)) => QueuedInput::Dataclip(dataclip),
            (Some(message), None) => QueuedInput::Message(message),
            (None, None) => QueuedInput::Nothing,
        }
    }

    pub(crate) fn columns(self) -> (Option<MessageId>, Option<DataclipId>) {
        match self {
            QueuedInput::Message(message) => (Some(message), None),
            QueuedInput::Dataclip(dataclip) => (None, Some(dataclip)),
            QueuedInput::Nothing => (None, None),
        }
    }

    pub(crate) fn dataclip(self) -> Option<DataclipId> {
        self.columns().1
    }
}
