//! Messages that somebody looks for, and has forgotten with everything that came of them.

use crate::change::{Change, Failure, Writing};
use crate::erase::{self, Erased, Ids};
use crate::error::StoreError;
use crate::ids::{MessageId, RunId};
use crate::model::RunStatus;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// The most messages in one answer of [`Store::candidates`].
pub const CANDIDATES_MAX: usize = 500;

/// The most messages that one call of [`Store::forget`] takes: each may have several runs with many states.
pub const FORGET_MAX: usize = 50;

/// A message that may be one of those looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub id: MessageId,
    /// When it was accepted, in milliseconds since 1970.
    pub received_ms: i64,
    /// Where it arrived.
    pub source: String,
    /// Whether it has a run of the workflow that was asked for; yes if none was.
    pub of_workflow: bool,
}

impl Store {
    /// The messages after one of this number, oldest first, at most [`CANDIDATES_MAX`].
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn candidates(
        &self,
        after: MessageId,
        workflow: Option<String>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let read = move |db: &mut Db| candidates(db, after, workflow.as_deref());
        self.pages().read(read).await
    }

    /// The runs of a message, oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn runs_of(&self, message: MessageId) -> Result<Vec<RunId>, StoreError> {
        let read = move |db: &mut Db| {
            db.query(
                "SELECT id FROM runs WHERE message = $1 ORDER BY id",
                values![message],
                |row| row.get(0),
            )
        };
        self.pages().read(read).await
    }

    /// The messages of events that its runs published, oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn came_of(&self, message: MessageId) -> Result<Vec<MessageId>, StoreError> {
        let read = move |db: &mut Db| {
            db.query(
                "SELECT id FROM messages WHERE came_of = $1 ORDER BY id",
                values![message],
                |row| row.get(0),
            )
        };
        self.pages().read(read).await
    }

    /// Forgets messages, at most [`FORGET_MAX`], with their runs, states, logs and keys, also where a clock would have gone
    /// on from one of the states. All or none.
    ///
    /// # Errors
    /// [`StoreError::RunOpen`] if a run has not ended: it is to be cancelled first.
    pub async fn forget(&self, messages: &[MessageId]) -> Result<Erased, StoreError> {
        let messages = messages.iter().take(FORGET_MAX).copied().collect();
        self.change(Forget { messages }).await
    }
}

fn candidates(
    db: &mut Db,
    after: MessageId,
    workflow: Option<&str>,
) -> Result<Vec<Candidate>, SqlError> {
    db.query(
        "SELECT id, received_ms, source,
                CASE WHEN CAST($2 AS TEXT) IS NULL
                       OR EXISTS (SELECT 1 FROM runs r WHERE r.message = messages.id AND r.workflow = $2)
                     THEN CAST(1 AS BIGINT) ELSE 0 END
         FROM messages WHERE id > $1 ORDER BY id LIMIT $3",
        values![after, workflow, CANDIDATES_MAX as i64],
        |row| {
            Ok(Candidate {
                id: row.get(0)?,
                received_ms: row.get(1)?,
                source: row.get(2)?,
                of_workflow: row.get(3)?,
            })
        },
    )
}

struct Forget {
    messages: Vec<MessageId>,
}

impl Change for Forget {
    type Answer = Erased;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Erased, Failure> {
        erase::alone(writing.db)?;
        let mut runs = Vec::new();
        for message in &self.messages {
            let found: Vec<(RunId, RunStatus)> = writing.db.query(
                "SELECT id, status FROM runs WHERE message = $1",
                values![*message],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            for (run, status) in found {
                if !status.has_ended() {
                    return Err(Failure::Refused(StoreError::RunOpen { run }));
                }
                runs.push(run.0);
            }
        }
        let (runs, messages) = (Ids::of(runs), Ids::of(self.messages.iter().map(|id| id.0)));
        erase::cursors(writing, &runs)?;
        let mut erased = erase::runs(writing, &runs)?;
        erase::keys(writing, &messages)?;
        erased += erase::messages(writing, &messages)?;
        Ok(erased)
    }
}
