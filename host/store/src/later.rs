//! Steps that wait for a time: what is tried again waits in the table `later` until it is due.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::StepId;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// So many steps are woken in one change; more take another.
const WOKEN_MAX: i64 = 1_000;

impl Store {
    /// When the next step that waits for a time is due, in milliseconds since 1970.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        self.pages().read(next_due).await
    }

    /// Puts the steps whose time has come by `now_ms` into the queue, and tells how many they were.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn wake_due(&self, now_ms: i64) -> Result<u64, StoreError> {
        self.change(WakeDue { now_ms }).await
    }

    /// Resolves when a step has begun to wait for a time.
    pub async fn put_off(&self) {
        self.alarm().notified().await;
    }
}

fn next_due(db: &mut Db) -> Result<Option<i64>, SqlError> {
    db.query_one("SELECT min(due_ms) FROM later", values![], |row| row.get(0))
}

struct WakeDue {
    now_ms: i64,
}

impl Change for WakeDue {
    type Answer = u64;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<u64, Failure> {
        // Of hosts that look at the same moment each takes what the others have not.
        let due = match writing.db {
            Db::Sqlite(_) => "SELECT step FROM later WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2",
            Db::Postgres(_) => {
                "SELECT step FROM later WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2 FOR UPDATE SKIP LOCKED"
            }
        };
        let steps: Vec<StepId> = writing
            .db
            .query(due, values![self.now_ms, WOKEN_MAX], |row| row.get(0))?;
        for &step in &steps {
            writing.db.execute(
                "INSERT INTO queue (step, run, job, message, dataclip, attempts)
                 SELECT step, run, job, message, dataclip, attempts FROM later WHERE step = $1",
                values![step],
            )?;
            writing
                .db
                .execute("DELETE FROM later WHERE step = $1", values![step])?;
        }
        let woken = steps.len() as u64;
        writing.effects.woken.extend(steps);
        Ok(woken)
    }
}
