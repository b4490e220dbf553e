//! A run ends otherwise than by its steps, and what every run leaves behind when it ends.

use crate::change::{Change, Failure, Writing};
use crate::dead;
use crate::error::StoreError;
use crate::ids::{DataclipId, RunId, StepId};
use crate::journal::Happened;
use crate::model::{LogLine, RunStatus, StepStatus, now_ms};
use crate::queued::{AFTER_QUEUE_COLUMNS, QueuedStep, queue_columns};
use crate::read;
use crate::sql::{Row, SqlError, values};
use crate::store::Store;

/// Why a run is ended as failed. Its open step carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// As in [`Settlement::exit_code`](crate::Settlement::exit_code).
    pub exit_code: i32,
    /// The error as JSON.
    pub error: String,
    /// What the log of the step says of it.
    pub log: Vec<LogLine>,
}

impl Store {
    /// Ends a run that has not ended, as failed: what waits in it goes, and what its running step leaves is not kept. No if
    /// it had ended before.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`].
    pub async fn fail(&self, run: RunId, failure: RunFailure) -> Result<bool, StoreError> {
        let log = read::encode_log(&failure.log);
        self.change(Fail { run, failure, log }).await
    }

    /// Resolves when the run of a step that is claimed here is over, also if another host has ended it. It listens from this
    /// call on, and for ever if the store is closed or the run was over before.
    pub fn end_of(&self, run: RunId, step: StepId) -> impl Future<Output = ()> + Send + 'static {
        let mut finished = self.waiters().register(run);
        let store = self.clone();
        async move {
            while finished.wait().await.is_ok() {
                finished = store.waiters().register(run);
                if store.is_over(run).await {
                    store.queue().let_go(step);
                    return;
                }
            }
            std::future::pending().await
        }
    }

    /// What cannot be read is taken for open: its step goes on, and leaves nothing if it is not.
    async fn is_over(&self, run: RunId) -> bool {
        let status = self.pages().read(move |db| {
            db.query_opt(
                "SELECT status FROM runs WHERE id = $1",
                values![run],
                |row| row.get::<RunStatus>(0),
            )
        });
        status
            .await
            .is_ok_and(|status| status.is_none_or(RunStatus::has_ended))
    }
}

/// What ties a run to others.
pub(crate) struct Ties {
    lined: bool,
    deadline: bool,
}

impl Ties {
    /// From the columns `lined` and `deadline_ms`.
    pub(crate) fn of(row: &Row<'_>) -> Result<Ties, SqlError> {
        Ok(Ties {
            lined: row.get(0)?,
            deadline: row.get::<Option<i64>>(1)?.is_some(),
        })
    }
}

/// The step at which a run was stopped: of the open ones, that which did not wait behind others.
pub(crate) struct Stopped {
    step: StepId,
    job: String,
    input: Option<DataclipId>,
    attempt: u32,
    started_ms: Option<i64>,
}

impl Writing<'_> {
    /// The run has ended: others may have its places.
    pub(crate) fn untie(&mut self, run: RunId, ties: Ties) -> Result<(), SqlError> {
        if ties.lined {
            self.leave_lanes(run)?;
        }
        if ties.deadline {
            self.db
                .execute("DELETE FROM deadlines WHERE run = $1", values![run])?;
        }
        Ok(())
    }

    /// Ends an open run with all that is open in it. None if it has ended.
    pub(crate) fn stop_run(
        &mut self,
        run: RunId,
        status: RunStatus,
        at_ms: i64,
    ) -> Result<Option<Stopped>, SqlError> {
        let stopped = self.take_open_steps(run)?;
        let ties = self.db.query_opt(
            "UPDATE runs SET open_steps = 0, status = $2, finished_ms = $3 WHERE id = $1 AND open_steps > 0
             RETURNING lined, deadline_ms, workflow",
            values![run, status, at_ms],
            |row| Ok((Ties::of(row)?, row.get(2)?)),
        )?;
        let Some((ties, workflow)) = ties else {
            return Ok(None);
        };
        self.untie(run, ties)?;
        self.effects.finished.push(run);
        let ended = Happened::RunEnded {
            run,
            workflow,
            status,
        };
        self.effects.journal.tell(ended);
        // A run that is open has an open step.
        stopped.map(Some).ok_or(SqlError::NoRow)
    }

    /// The claimed or queued one first: whoever settles a step takes its row before that of its run, too.
    fn take_open_steps(&mut self, run: RunId) -> Result<Option<Stopped>, SqlError> {
        let queue = self.queue;
        let queued = self.db.query_opt(
            concat!(
                "DELETE FROM queue WHERE run = $1 RETURNING ",
                queue_columns!(),
                ", queue.priority"
            ),
            values![run],
            |row| {
                let queued = QueuedStep::of(row)?;
                let running = queue.is_running(&queued);
                let stopped = Stopped {
                    step: queued.step,
                    input: queued.input.dataclip(),
                    attempt: if running {
                        queued.attempt()
                    } else {
                        queued.attempts
                    },
                    started_ms: queued.claimed_ms,
                    job: queued.job,
                };
                Ok((row.get(AFTER_QUEUE_COLUMNS)?, stopped))
            },
        )?;
        self.db
            .execute("DELETE FROM waiting WHERE run = $1", values![run])?;
        if let Some((priority, stopped)) = queued {
            self.effects.taken_out.push((priority, stopped.step));
            return Ok(Some(stopped));
        }
        let apart = |row: &Row<'_>| {
            Ok(Stopped {
                step: row.get(0)?,
                job: row.get(1)?,
                input: row.get(2)?,
                attempt: row.get(3)?,
                started_ms: None,
            })
        };
        let later = self.db.query_opt(
            "DELETE FROM later WHERE run = $1 RETURNING step, job, dataclip, attempts",
            values![run],
            apart,
        )?;
        match later {
            Some(later) => {
                self.db
                    .execute("DELETE FROM parked WHERE step = $1", values![later.step])?;
                Ok(Some(later))
            }
            // It goes when the run leaves its lanes.
            None => self.db.query_opt(
                "SELECT step, job, dataclip, CAST(0 AS BIGINT) FROM held WHERE run = $1",
                values![run],
                apart,
            ),
        }
    }
}

struct Fail {
    run: RunId,
    failure: RunFailure,
    log: Option<Vec<u8>>,
}

impl Change for Fail {
    type Answer = bool;

    fn weight(&self) -> usize {
        self.failure.error.len()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        let known = writing.db.query_opt(
            "SELECT id FROM runs WHERE id = $1",
            values![self.run],
            |_| Ok(()),
        )?;
        known.ok_or(Failure::Refused(StoreError::NoSuchRun { run: self.run }))?;
        let at_ms = now_ms();
        let Some(stopped) = writing.stop_run(self.run, RunStatus::Failed, at_ms)? else {
            // It has ended; what it left behind must not be looked at for ever.
            writing
                .db
                .execute("DELETE FROM deadlines WHERE run = $1", values![self.run])?;
            return Ok(false);
        };
        dead::add(writing, self.run)?;
        writing.db.execute(
            "INSERT INTO steps (id, run, job, status, attempt, exit_code, error, input, started_ms, finished_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                stopped.step,
                self.run,
                &stopped.job,
                StepStatus::Failed,
                stopped.attempt,
                self.failure.exit_code,
                &self.failure.error,
                stopped.input,
                stopped.started_ms.unwrap_or(at_ms),
                at_ms
            ],
        )?;
        if let Some(log) = &self.log {
            writing.db.execute(
                "INSERT INTO logs (step, lines) VALUES ($1, $2)",
                values![stopped.step, log],
            )?;
        }
        Ok(true)
    }
}
