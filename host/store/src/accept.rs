//! A message comes in: it and the first step of each workflow it meets become durable together.

use crate::change::{Change, Failure, Writing, len};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::model::{Accepted, KEY_KEPT_MS, NewMessage, NewRun};
use crate::sql::{SqlError, values};

/// A message to store and the runs it starts.
pub(crate) struct Accept {
    pub(crate) message: NewMessage,
    pub(crate) runs: Vec<NewRun>,
    pub(crate) received_ms: i64,
}

impl Change for Accept {
    type Answer = Accepted;

    fn weight(&self) -> usize {
        self.message.body.len() + len(&self.message.raw) + len(&self.message.request)
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Accepted, Failure> {
        if let Some(key) = &self.message.key
            && let Some(first) = self.first_of(writing, key)?
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
        let message: MessageId = writing.db.query_one(
            "INSERT INTO messages (received_ms, source, content_type, body, raw, request)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            values![self.received_ms, source, content_type, body, raw, request],
            |row| row.get(0),
        )?;
        if let Some(key) = &self.message.key
            && let Some(first) = self.remember(writing, key, message)?
        {
            return Ok(first);
        }
        writing.effects.messages += 1;
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

impl Accept {
    /// What became of the first message of this key, if there was one.
    fn first_of(&self, writing: &mut Writing<'_>, key: &str) -> Result<Option<Accepted>, Failure> {
        let source = &self.message.source;
        let first = writing.db.query_opt(
            "SELECT m.id, m.body FROM keys k JOIN messages m ON m.id = k.message
             WHERE k.source = $1 AND k.key = $2 AND k.received_ms > $3",
            values![source, key, self.received_ms - KEY_KEPT_MS],
            |row| Ok((row.get::<MessageId>(0)?, row.get::<Vec<u8>>(1)?)),
        )?;
        let Some((message, body)) = first else {
            return Ok(None);
        };
        if body != self.message.body {
            let key = key.to_owned();
            return Err(Failure::Refused(StoreError::KeyTaken { key }));
        }
        let runs = writing.db.query(
            "SELECT id FROM runs WHERE message = $1 AND retry_of IS NULL ORDER BY id",
            values![message],
            |row| row.get(0),
        )?;
        Ok(Some(Accepted {
            message,
            runs,
            repeated: true,
        }))
    }

    /// Remembers the key. Another host may have stored a message of it between the look and now: then that is the first,
    /// and this one is taken back.
    fn remember(
        &self,
        writing: &mut Writing<'_>,
        key: &str,
        message: MessageId,
    ) -> Result<Option<Accepted>, Failure> {
        writing.db.execute(
            "DELETE FROM keys WHERE received_ms <= $1",
            values![self.received_ms - KEY_KEPT_MS],
        )?;
        let fresh = writing.db.execute(
            "INSERT INTO keys (source, key, message, received_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (source, key) DO NOTHING",
            values![&self.message.source, key, message, self.received_ms],
        )?;
        if fresh > 0 {
            return Ok(None);
        }
        writing
            .db
            .execute("DELETE FROM messages WHERE id = $1", values![message])?;
        let first = self.first_of(writing, key)?;
        // If it is gone again already, all this is done once more.
        first.map(Some).ok_or(Failure::Sql(SqlError::NoRow))
    }
}
