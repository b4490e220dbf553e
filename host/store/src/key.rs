//! By what a message is known that is sent again: keys, and for how long they are remembered.

use sha2::{Digest, Sha256};

use crate::change::{Failure, Writing};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::model::{Accepted, KEY_KEPT_MS, NewMessage};
use crate::sql::{SqlError, values};

/// By which its sender, or what it says, makes a message known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    /// The key: of those that arrive at one place with the same within the window, the first counts.
    pub text: String,
    /// For how long, in milliseconds.
    pub window_ms: i64,
    /// What another body of the same key is.
    pub other_body: OtherBody,
}

/// What a message is that has the key of another, and says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherBody {
    /// A mistake of its sender, who gave two messages one key: it is refused.
    Mistake,
    /// An edit of what the key stands for: a message of its own, which the key stands for from then on.
    Edit,
}

impl From<String> for MessageKey {
    /// A key that its sender gave, for [`KEY_KEPT_MS`].
    fn from(text: String) -> MessageKey {
        MessageKey {
            text,
            window_ms: KEY_KEPT_MS,
            other_body: OtherBody::Mistake,
        }
    }
}

impl MessageKey {
    /// What became of the first message of this key, if there was one.
    pub(crate) fn first(
        &self,
        writing: &mut Writing<'_>,
        message: &NewMessage,
        now_ms: i64,
    ) -> Result<Option<Accepted>, Failure> {
        let first = writing.db.query_opt(
            "SELECT k.message, m.body, k.digest FROM keys k LEFT JOIN messages m ON m.id = k.message
             WHERE k.source = $1 AND k.key = $2 AND k.received_ms > $3",
            values![
                &message.source,
                &self.text,
                now_ms.saturating_sub(self.window_ms)
            ],
            |row| {
                let first: MessageId = row.get(0)?;
                let body: Option<Vec<u8>> = row.get(1)?;
                Ok((first, body, row.get::<Option<Vec<u8>>>(2)?))
            },
        )?;
        let Some((first, body, digest)) = first else {
            return Ok(None);
        };
        // The first may be forgotten already; what a version before this one remembered has no digest, and counts as the same.
        let other = match (body, digest) {
            (Some(body), _) => body != message.body,
            (None, Some(digest)) => digest != digest_of(&message.body),
            (None, None) => false,
        };
        if other {
            return match self.other_body {
                OtherBody::Edit => Ok(None),
                OtherBody::Mistake => {
                    let key = self.text.clone();
                    Err(Failure::Refused(StoreError::KeyTaken { key }))
                }
            };
        }
        let runs = writing.db.query(
            "SELECT id FROM runs WHERE message = $1 AND retry_of IS NULL ORDER BY id",
            values![first],
            |row| row.get(0),
        )?;
        Ok(Some(Accepted {
            message: first,
            runs,
            repeated: true,
        }))
    }

    /// Remembers that the key stands for `stored`. Another host may have stored a message of it between the look and now:
    /// then that is the first, and this one is taken back.
    pub(crate) fn remember(
        &self,
        writing: &mut Writing<'_>,
        message: &NewMessage,
        stored: MessageId,
        now_ms: i64,
    ) -> Result<Option<Accepted>, Failure> {
        writing
            .db
            .execute("DELETE FROM keys WHERE until_ms <= $1", values![now_ms])?;
        let until_ms = now_ms.saturating_add(self.window_ms);
        let digest = digest_of(&message.body);
        let fresh = writing.db.execute(
            "INSERT INTO keys (source, key, message, received_ms, until_ms, digest) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (source, key) DO NOTHING",
            values![&message.source, &self.text, stored, now_ms, until_ms, &digest],
        )?;
        if fresh > 0 {
            return Ok(None);
        }
        // Refusing undoes nothing, and this message is stored: so it is taken back before the other is looked at.
        match self.first(writing, message, now_ms) {
            Ok(None) => {}
            first => {
                let back = "DELETE FROM messages WHERE id = $1";
                writing.db.execute(back, values![stored])?;
                return first;
            }
        }
        // It stood for what this is an edit of, or for what is older than the window is by now.
        let moved = writing.db.execute(
            "UPDATE keys SET message = $3, received_ms = $4, until_ms = $5, digest = $6 WHERE source = $1 AND key = $2",
            values![&message.source, &self.text, stored, now_ms, until_ms, &digest],
        )?;
        match moved {
            // If it is gone again already, all this is done once more.
            0 => Err(Failure::Sql(SqlError::NoRow)),
            _ => Ok(None),
        }
    }
}

/// By which a body is known when it is forgotten itself.
fn digest_of(body: &[u8]) -> Vec<u8> {
    Sha256::digest(body).to_vec()
}
