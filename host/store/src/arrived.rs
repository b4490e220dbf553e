//! Messages by where and when they arrived, a part at a time. However many are stored, one call looks at a bounded number of
//! them, and says from where to go on.

use crate::bodies;
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::model::{MESSAGES_MAX, MessageFilter, MessageSummary};
use crate::search::CLOCKS_DIFFER_MS;
use crate::sql::{Db, Row, SqlError, values};
use crate::store::Store;

/// So many messages are looked at in one call, as runs are in theirs.
const LOOKED_AT_MAX: i64 = 100_000;

/// A part of the messages that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessages {
    /// Newest first.
    pub messages: Vec<MessageSummary>,
    /// Before which to go on; none at the end. There may be more though few or none were found.
    pub next: Option<MessageId>,
}

impl Store {
    /// Messages that fit, with the runs that they started, newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn messages(&self, filter: MessageFilter) -> Result<FoundMessages, StoreError> {
        self.pages().read(move |db| found(db, &filter)).await
    }
}

fn found(db: &mut Db, filter: &MessageFilter) -> Result<FoundMessages, SqlError> {
    db.at_one_moment(|db| {
        let before = filter.before.map_or(i64::MAX, |message| message.0);
        // The first that this call does not look at. By numbers: to skip rows one by one takes longer than the list itself.
        let beyond = db.query_opt(
            "SELECT id, received_ms FROM messages WHERE id < $1 AND id <= (SELECT max(id) FROM messages WHERE id < $1) - $2
             ORDER BY id DESC LIMIT 1",
            values![before, LOOKED_AT_MAX],
            |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
        )?;
        let after = beyond.map_or(0, |(id, _)| id);
        let limit = filter.limit.min(MESSAGES_MAX);
        let mut messages = listed(db, filter, (after, before), limit + 1)?;
        if messages.len() > limit {
            messages.truncate(limit);
            let next = messages.last().map(|message| message.id);
            return Ok(FoundMessages { messages, next });
        }
        let since_ms = filter.since_ms.unwrap_or(i64::MIN);
        let ends = |received_ms: i64| received_ms < since_ms.saturating_sub(CLOCKS_DIFFER_MS);
        let next = beyond.filter(|(_, received_ms)| !ends(*received_ms));
        let next = next.map(|(id, _)| MessageId(id + 1));
        Ok(FoundMessages { messages, next })
    })
}

fn listed(
    db: &mut Db,
    filter: &MessageFilter,
    (after, before): (i64, i64),
    limit: usize,
) -> Result<Vec<MessageSummary>, SqlError> {
    let mut messages = db.query(
        concat!(
            "SELECT id, received_ms, source, content_type, CAST(length(body) AS BIGINT), ",
            bodies::reference!("body"),
            " FROM messages WHERE id > $1 AND id < $2 AND (CAST($3 AS TEXT) IS NULL OR source = $3)
              AND received_ms >= $4 AND received_ms < $5 ORDER BY id DESC LIMIT $6"
        ),
        values![
            after,
            before,
            &filter.source,
            filter.since_ms.unwrap_or(i64::MIN),
            filter.until_ms.unwrap_or(i64::MAX),
            limit as i64
        ],
        summary,
    )?;
    for message in &mut messages {
        message.runs = db.query(
            "SELECT id FROM runs WHERE message = $1 ORDER BY id",
            values![message.id],
            |row| row.get(0),
        )?;
    }
    Ok(messages)
}

/// Without its runs.
fn summary(row: &Row<'_>) -> Result<MessageSummary, SqlError> {
    let reference: Option<Vec<u8>> = row.get(5)?;
    Ok(MessageSummary {
        id: row.get(0)?,
        received_ms: row.get(1)?,
        source: row.get(2)?,
        content_type: row.get(3)?,
        bytes: bodies::length(row.get(4)?, reference.as_deref()),
        runs: Vec::new(),
    })
}
