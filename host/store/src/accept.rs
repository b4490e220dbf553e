//! A message comes in: it and the first step of each workflow it meets become durable together.

use crate::bodies::{self, Placed};
use crate::change::{Change, Failure, Writing, len};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::journal::Happened;
use crate::model::{Accepted, NewMessage, NewRun};
use crate::numbers::insert;
use crate::sql::{SqlError, values};

/// A message to store and the runs it starts.
pub(crate) struct Accept {
    pub(crate) message: NewMessage,
    pub(crate) runs: Vec<NewRun>,
    pub(crate) received_ms: i64,
    /// Its body and what it was sent as, where these are in files.
    pub(crate) placed: Placed,
}

impl Change for Accept {
    type Answer = Accepted;

    fn weight(&self) -> usize {
        let inside = self.message.body.len() + len(&self.message.raw) + len(&self.message.request);
        inside + self.placed.bytes()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Accepted, Failure> {
        if let Some(key) = &self.message.key
            && let Some(first) = key.first(writing, &self.message, self.received_ms)?
        {
            return Ok(first);
        }
        // A message that meets nothing adds nothing to the queue, so a full queue is no reason to turn it away.
        let queued = writing.queued();
        if !self.runs.is_empty() && queued >= writing.queue_max {
            return Err(Failure::Refused(StoreError::QueueFull {
                queued,
                max: writing.queue_max,
            }));
        }
        writing.make_room(self.weight())?;
        let NewMessage {
            source,
            content_type,
            body,
            raw,
            request,
            key: _,
        } = &self.message;
        let message = MessageId(writing.insert(
            insert!(
                messages,
                "received_ms, source, content_type, body, raw, request",
                "$1, $2, $3, $4, $5, $6"
            ),
            values![self.received_ms, source, content_type, body, raw, request],
        )?);
        if let Some(key) = &self.message.key
            && let Some(first) = key.remember(writing, &self.message, message, self.received_ms)?
        {
            return Ok(first);
        }
        bodies::name(writing.db, body)?;
        bodies::name(writing.db, raw.as_deref().unwrap_or_default())?;
        if self.runs.is_empty() {
            writing.effects.unmatched.push(message);
        }
        writing.effects.journal.tell(Happened::MessageAccepted {
            message,
            source: source.clone(),
        });
        let runs = self
            .runs
            .iter()
            .map(|new| writing.begin_run(new, Some(message), self.received_ms))
            .collect::<Result<_, SqlError>>()?;
        Ok(Accepted {
            message,
            runs,
            repeated: false,
        })
    }
}
