//! A step ends: its result, its final state, its log, the steps that follow and the run's status become durable together.

use rusqlite::OptionalExtension;

use crate::change::{Change, Failure, QueuedInput, Writing};
use crate::error::StoreError;
use crate::ids::{DataclipId, RunId, StepId};
use crate::model::{RunStatus, Settled, Settlement, StepStatus};

/// A step to settle. The log is one row a step, encoded before the writer sees it.
pub(crate) struct Settle {
    pub(crate) step: StepId,
    pub(crate) settlement: Settlement,
    pub(crate) log: Option<Vec<u8>>,
}

/// What the queue knew of the step.
struct Claimed {
    run: RunId,
    job: String,
    attempt: u32,
    input: Option<DataclipId>,
}

impl Change for Settle {
    type Answer = Settled;

    fn weight(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        len(&self.settlement.output) + len(&self.settlement.next_input) + len(&self.log)
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Settled, Failure> {
        let not_claimed = || Failure::Refused(StoreError::NotClaimed { step: self.step });
        if !writing.queue.is_running(self.step) {
            return Err(not_claimed());
        }
        let claimed = self.leave_queue(writing)?.ok_or_else(not_claimed)?;
        let output = match &self.settlement.output {
            Some(output) => Some(writing.add_dataclip(claimed.run, output)?),
            None => None,
        };
        self.record(writing, &claimed, output)?;
        let next = self.queue_next(writing, claimed.run, output)?;
        let run_status = self.advance_run(writing, claimed.run)?;
        writing.effects.settled.push(self.step);
        Ok(Settled {
            run: claimed.run,
            run_status,
            next,
            output,
        })
    }
}

impl Settle {
    fn leave_queue(&self, writing: &Writing<'_>) -> rusqlite::Result<Option<Claimed>> {
        writing
            .conn
            // A step that was quick is not yet marked as claimed, and its attempt not yet counted.
            .prepare_cached(
                "DELETE FROM queue WHERE step = ?1 RETURNING run, job, attempts + (claimed_ms IS NULL), dataclip",
            )?
            .query_row([self.step], |row| {
                Ok(Claimed { run: row.get(0)?, job: row.get(1)?, attempt: row.get(2)?, input: row.get(3)? })
            })
            .optional()
    }

    fn record(
        &self,
        writing: &Writing<'_>,
        claimed: &Claimed,
        output: Option<DataclipId>,
    ) -> rusqlite::Result<()> {
        let Settlement {
            status,
            exit_code,
            error,
            started_ms,
            finished_ms,
            ..
        } = &self.settlement;
        writing
            .conn
            .prepare_cached(
                "INSERT INTO steps
                     (id, run, job, status, attempt, exit_code, error, input, output, started_ms, finished_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute((
                self.step,
                claimed.run,
                &claimed.job,
                status,
                claimed.attempt,
                exit_code,
                error,
                claimed.input,
                output,
                started_ms,
                finished_ms,
            ))?;
        if let Some(log) = &self.log {
            writing
                .conn
                .prepare_cached("INSERT INTO logs (step, lines) VALUES (?1, ?2)")?
                .execute((self.step, log))?;
        }
        if let (StepStatus::Succeeded, Some(output)) = (status, output) {
            writing
                .conn
                .prepare_cached(
                    "INSERT INTO jobs (job, output) VALUES (?1, ?2)
                     ON CONFLICT (job) DO UPDATE SET output = excluded.output",
                )?
                .execute((&claimed.job, output))?;
        }
        Ok(())
    }

    fn queue_next(
        &self,
        writing: &mut Writing<'_>,
        run: RunId,
        output: Option<DataclipId>,
    ) -> rusqlite::Result<Vec<StepId>> {
        if self.settlement.next.is_empty() {
            return Ok(Vec::new());
        }
        let input = match &self.settlement.next_input {
            Some(state) => Some(writing.add_dataclip(run, state)?),
            None => output,
        };
        let input = input.map_or(QueuedInput::Nothing, QueuedInput::Dataclip);
        self.settlement
            .next
            .iter()
            .map(|job| writing.enqueue(run, job, input))
            .collect()
    }

    /// The run fails only if a leaf failed: a failure that a following job deals with is not the run's.
    fn advance_run(&self, writing: &mut Writing<'_>, run: RunId) -> rusqlite::Result<RunStatus> {
        let leaf_failed =
            self.settlement.next.is_empty() && self.settlement.status == StepStatus::Failed;
        let (open, failed): (i64, bool) = writing
            .conn
            .prepare_cached(
                "UPDATE runs SET open_steps = open_steps - 1 + ?2, leaf_failed = leaf_failed OR ?3 WHERE id = ?1
                 RETURNING open_steps, leaf_failed",
            )?
            .query_row((run, self.settlement.next.len() as i64, leaf_failed), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let status = match (open, failed) {
            (1.., _) => RunStatus::Running,
            (_, false) => RunStatus::Succeeded,
            (_, true) => RunStatus::Failed,
        };
        let finished_ms = (status != RunStatus::Running).then_some(self.settlement.finished_ms);
        writing
            .conn
            .prepare_cached("UPDATE runs SET status = ?2, finished_ms = ?3 WHERE id = ?1")?
            .execute((run, status, finished_ms))?;
        match status {
            RunStatus::Succeeded => writing.effects.runs_succeeded += 1,
            RunStatus::Failed => writing.effects.runs_failed += 1,
            RunStatus::Queued | RunStatus::Running => return Ok(status),
        }
        writing.effects.finished.push(run);
        Ok(status)
    }
}
