//! A message comes in: it and the first step of each workflow it meets become durable together.

use crate::change::{Change, Failure, QueuedInput, Writing};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::model::{Accepted, FirstStep, NewMessage};

/// A message to store and the runs it starts.
pub(crate) struct Accept {
    pub(crate) message: NewMessage,
    pub(crate) jobs: Vec<FirstStep>,
    pub(crate) received_ms: i64,
}

impl Change for Accept {
    type Answer = Accepted;

    fn weight(&self) -> usize {
        self.message.body.len() + self.message.raw.as_ref().map_or(0, Vec::len)
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Accepted, Failure> {
        // A message that meets nothing adds nothing to the queue, so a full queue is no reason to turn it away.
        let queued = writing.queued();
        if !self.jobs.is_empty() && queued >= writing.queue_max {
            return Err(Failure::Refused(StoreError::QueueFull {
                queued,
                max: writing.queue_max,
            }));
        }
        let NewMessage {
            source,
            content_type,
            body,
            raw,
        } = &self.message;
        writing
            .conn
            .prepare_cached(
                "INSERT INTO messages (received_ms, source, content_type, body, raw) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((self.received_ms, source, content_type, body, raw))?;
        let message = MessageId(writing.conn.last_insert_rowid());
        let begin = |first: &FirstStep| {
            writing.begin_run(
                &first.trigger,
                &first.job,
                QueuedInput::Message(message),
                self.received_ms,
            )
        };
        let runs = self
            .jobs
            .iter()
            .map(begin)
            .collect::<rusqlite::Result<_>>()?;
        Ok(Accepted { message, runs })
    }
}
