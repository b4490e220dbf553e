//! What the host, the API and the console ask the store, on the connection for reading.

use std::time::Duration;

use crate::error::StoreError;
use crate::ids::{DataclipId, MessageId, RunId};
use crate::model::{Counts, RunDetail, StoredMessage};
use crate::read;
use crate::sql::values;
use crate::store::Store;

impl Store {
    /// The last tick of a clock that was remembered.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_tick(&self, clock: &str) -> Result<Option<i64>, StoreError> {
        let clock = clock.to_owned();
        self.pages()
            .read(move |db| read::last_tick(db, &clock))
            .await
    }

    /// The final state of the workflow's last run that succeeded and that no message started.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_final_state(&self, workflow: &str) -> Result<Option<DataclipId>, StoreError> {
        let workflow = workflow.to_owned();
        self.pages()
            .read(move |db| read::last_final_state(db, &workflow))
            .await
    }

    /// Whether the run of the clock's last tick is still open.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn is_last_tick_open(&self, clock: &str) -> Result<bool, StoreError> {
        let clock = clock.to_owned();
        self.pages()
            .read(move |db| read::is_last_tick_open(db, &clock))
            .await
    }

    /// The final state of the job's last success.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_output(&self, job: &str) -> Result<Option<DataclipId>, StoreError> {
        let job = job.to_owned();
        self.pages()
            .read(move |db| read::last_output(db, &job))
            .await
    }

    /// Whether the database says anything within `patience`, be it an error.
    pub async fn answers_within(&self, patience: Duration) -> bool {
        let asked = self.pages().read(|db| db.number("SELECT 1", values![]));
        tokio::time::timeout(patience, asked).await.is_ok()
    }

    /// A run with its steps and their logs, within [`RUN_STEPS_MAX`](crate::RUN_STEPS_MAX) and
    /// [`RUN_LOG_MAX_BYTES`](crate::RUN_LOG_MAX_BYTES).
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn run(&self, id: RunId) -> Result<Option<RunDetail>, StoreError> {
        let queue = self.queue().clone();
        self.pages().read(move |db| read::run(db, &queue, id)).await
    }

    /// A stored state, as JSON.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn dataclip(&self, id: DataclipId) -> Result<Option<Vec<u8>>, StoreError> {
        self.pages().read(move |db| read::dataclip(db, id)).await
    }

    /// A stored message.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn message(&self, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.pages().read(move |db| read::message(db, id)).await
    }

    /// How much the store holds; cheap at any size.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let queue = self.queue().clone();
        self.pages().read(move |db| read::counts(db, &queue)).await
    }
}
