//! A step ends: its result, its final state, its log, the steps that follow and the run's status become durable together.

use crate::bodies::{self, Placed};
use crate::change::{Change, Failure, Writing, len};
use crate::dead;
use crate::ending::Ties;
use crate::error::StoreError;
use crate::ids::{DataclipId, RunId, StepId};
use crate::journal::Happened;
use crate::later;
use crate::model::{
    FINAL_STATE_MAX_BYTES, Next, RunStatus, STEPS_PER_RUN_MAX, Settled, Settlement, StepState,
    StepStatus, leaf_names,
};
use crate::publish::{NewEvent, Publisher};
use crate::queued::{QueuedInput, QueuedStep, queue_columns};
use crate::sql::{SqlError, values};

impl Settlement {
    /// What goes into files where it is large. The data of an event that starts nothing is not kept.
    pub(crate) fn large_values(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        let stored = self
            .events
            .iter_mut()
            .filter(|event| !event.runs.is_empty());
        let payloads = stored.map(|event| &mut event.payload);
        self.output.iter_mut().chain(payloads)
    }
}

/// A step to settle. The log is one row a step, encoded before the writer sees it.
pub(crate) struct Settle {
    pub(crate) step: StepId,
    pub(crate) settlement: Settlement,
    pub(crate) log: Option<Vec<u8>>,
    /// Its output and the data of its events, where these are in files.
    pub(crate) placed: Placed,
}

impl Change for Settle {
    type Answer = Settled;

    fn weight(&self) -> usize {
        let events = self.settlement.events.iter().map(NewEvent::weight);
        let inside = len(&self.settlement.output) + len(&self.log) + events.sum::<usize>();
        inside + self.placed.bytes()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Settled, Failure> {
        self.check(writing)?;
        let claimed = leave_queue(writing, self.step)?.ok_or(SqlError::NoRow)?;
        if let Next::Again { at_ms } = self.settlement.next {
            self.put_off(writing, &claimed, at_ms)?;
            return Ok(Settled {
                run: claimed.run,
                run_status: RunStatus::Running,
                next: None,
                output: None,
            });
        }
        let output = match &self.settlement.output {
            Some(output) => Some(writing.add_dataclip(claimed.run, output)?),
            None => None,
        };
        self.record(writing, &claimed, output)?;
        let (next, run_status) = self.advance(writing, &claimed, output)?;
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
    /// Refuses a step that is not claimed, and what would let a run grow without end. Nothing is written yet.
    fn check(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let not_claimed = || Failure::Refused(StoreError::NotClaimed { step: self.step });
        if !writing.queue.has_claimed(self.step) {
            return Err(not_claimed());
        }
        let claimed: Option<(RunId, i64, i64, u64)> = writing.db.query_opt(
            "SELECT r.id, r.open_steps, r.leaves, r.steps FROM queue q JOIN runs r ON r.id = q.run
             WHERE q.step = $1 AND coalesce(q.host, 0) = $2",
            values![self.step, writing.host],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?;
        let Some((run, open, leaves, steps)) = claimed else {
            // Settled a moment ago, in this very transaction or in one whose answer was lost; or another host has taken
            // it over. However that may be, it is no longer this host's.
            writing.effects.settled.push(self.step);
            return Err(not_claimed());
        };
        match &self.settlement.next {
            Next::Jobs(jobs) if steps + jobs.len() as u64 >= STEPS_PER_RUN_MAX => {
                Err(Failure::Refused(StoreError::RunTooLong {
                    max: STEPS_PER_RUN_MAX,
                }))
            }
            Next::Leaf(_) if open == 1 && leaves > 0 => {
                let own = self.settlement.output.as_ref();
                let own = own.map_or(0, |own| bodies::length(own.len() as u64, Some(own)));
                let bytes = length_of_leaves(writing, run)? + own;
                if bytes <= FINAL_STATE_MAX_BYTES {
                    return Ok(());
                }
                let max = FINAL_STATE_MAX_BYTES;
                Err(Failure::Refused(StoreError::FinalStateTooLarge {
                    bytes,
                    max,
                }))
            }
            Next::Jobs(_) | Next::Leaf(_) | Next::End | Next::Again { .. } => Ok(()),
        }
    }

    /// The attempt is over; the step waits for its next one.
    fn put_off(
        &self,
        writing: &mut Writing<'_>,
        claimed: &QueuedStep,
        at_ms: i64,
    ) -> Result<(), SqlError> {
        later::put_off(writing, claimed, claimed.attempt(), at_ms)?;
        let Settlement {
            exit_code,
            error,
            started_ms,
            finished_ms,
            ..
        } = &self.settlement;
        let tried = Tried {
            exit_code: *exit_code,
            error: error.as_deref(),
            log: self.log.as_ref(),
            started_ms: *started_ms,
            finished_ms: *finished_ms,
        };
        let workflow = record_attempt(writing, claimed, &tried)?;
        self.tell_ended(writing, claimed, &workflow, StepState::Waiting);
        Ok(())
    }

    fn tell_ended(
        &self,
        writing: &mut Writing<'_>,
        claimed: &QueuedStep,
        workflow: &str,
        status: StepState,
    ) {
        writing.effects.journal.tell(Happened::StepEnded {
            run: claimed.run,
            workflow: workflow.to_owned(),
            step: self.step,
            job: claimed.job.clone(),
            attempt: claimed.attempt(),
            status,
            exit_code: self.settlement.exit_code,
        });
    }

    fn record(
        &self,
        writing: &mut Writing<'_>,
        claimed: &QueuedStep,
        output: Option<DataclipId>,
    ) -> Result<(), SqlError> {
        let Settlement {
            status,
            exit_code,
            error,
            started_ms,
            finished_ms,
            ..
        } = &self.settlement;
        let leaf = match &self.settlement.next {
            Next::Leaf(name) => Some(name),
            Next::Jobs(_) | Next::End | Next::Again { .. } => None,
        };
        writing.db.execute(
            "INSERT INTO steps
                 (id, run, job, status, attempt, exit_code, error, input, output, started_ms, finished_ms, leaf)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            values![
                self.step,
                claimed.run,
                &claimed.job,
                *status,
                claimed.attempt(),
                *exit_code,
                error,
                claimed.input.dataclip(),
                output,
                *started_ms,
                *finished_ms,
                leaf
            ],
        )?;
        if let Some(log) = &self.log {
            writing.db.execute(
                "INSERT INTO logs (step, lines) VALUES ($1, $2)",
                values![self.step, log],
            )?;
        }
        if let (StepStatus::Succeeded, Some(output)) = (status, output) {
            writing.db.execute(
                "INSERT INTO outputs (job, host, step, output) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (job, host) DO UPDATE SET step = excluded.step, output = excluded.output",
                values![&claimed.job, writing.host, self.step, output],
            )?;
        }
        Ok(())
    }

    /// Lets the run go on: its next step is queued, or it has ended.
    fn advance(
        &self,
        writing: &mut Writing<'_>,
        claimed: &QueuedStep,
        output: Option<DataclipId>,
    ) -> Result<(Option<StepId>, RunStatus), SqlError> {
        let run = claimed.run;
        let advanced = self.count(writing, run, output)?;
        let ended = match self.settlement.status {
            StepStatus::Succeeded => StepState::Succeeded,
            StepStatus::Failed => StepState::Failed,
        };
        self.tell_ended(writing, claimed, &advanced.workflow, ended);
        let next = self.queue_next(writing, run, output, advanced.waited)?;
        let publisher = Publisher {
            run,
            workflow: &advanced.workflow,
            step: self.step,
            at_ms: self.settlement.finished_ms,
        };
        writing.publish(&publisher, &self.settlement.events)?;
        let status = match (advanced.open, advanced.failed) {
            (1.., _) => return Ok((next, RunStatus::Running)),
            (_, false) => RunStatus::Succeeded,
            (_, true) => RunStatus::Failed,
        };
        if advanced.leaves > 1 {
            let together = final_state_of_leaves(writing, run)?;
            let together = writing.add_dataclip(run, &together)?;
            writing.db.execute(
                "UPDATE runs SET output = $2 WHERE id = $1",
                values![run, together],
            )?;
        }
        self.end(writing, run, status)?;
        let workflow = advanced.workflow;
        let ended = Happened::RunEnded {
            run,
            workflow,
            status,
        };
        writing.effects.journal.tell(ended);
        Ok((next, status))
    }

    /// The run fails only if a leaf failed, or if it was ended: a failure that a following job deals with is not the
    /// run's.
    fn count(
        &self,
        writing: &mut Writing<'_>,
        run: RunId,
        output: Option<DataclipId>,
    ) -> Result<Advanced, SqlError> {
        let failed = self.settlement.status == StepStatus::Failed;
        let (opened, leaves, failed) = match &self.settlement.next {
            Next::Jobs(jobs) => (jobs.len() as i64, 0, false),
            Next::Leaf(_) => (0, 1, failed),
            Next::End | Next::Again { .. } => (0, 0, true),
        };
        let final_state = (leaves > 0).then_some(output).flatten();
        let took_ms = (self.settlement.finished_ms - self.settlement.started_ms).max(0);
        let mut advanced = writing.db.query_one(
            "UPDATE runs SET open_steps = open_steps - 1 + $2, leaves = leaves + $3, leaf_failed = leaf_failed | $4,
                 output = coalesce($5, output), used_ms = used_ms + $6, steps = steps + 1, status = 1
             WHERE id = $1 RETURNING open_steps, leaves, leaf_failed, workflow",
            values![run, opened, leaves, failed, final_state, took_ms],
            |row| {
                let open: i64 = row.get(0)?;
                Ok(Advanced { open, waited: open - opened, leaves: row.get(1)?, failed: row.get(2)?, workflow: row.get(3)? })
            },
        )?;
        if self.settlement.next == Next::End {
            writing
                .db
                .execute("DELETE FROM waiting WHERE run = $1", values![run])?;
            advanced.open = 0;
            advanced.waited = 0;
        }
        Ok(advanced)
    }

    /// Of the steps that are open now, the one that has waited longest goes to the queue.
    fn queue_next(
        &self,
        writing: &mut Writing<'_>,
        run: RunId,
        output: Option<DataclipId>,
        waited: i64,
    ) -> Result<Option<StepId>, SqlError> {
        let jobs = match &self.settlement.next {
            Next::Jobs(jobs) => jobs.as_slice(),
            Next::Leaf(_) | Next::End | Next::Again { .. } => &[],
        };
        let input = output.map_or(QueuedInput::Nothing, QueuedInput::Dataclip);
        // Nearly every run has one step at a time: it never passes through the table of those that wait.
        let (first, others) = match jobs.split_first() {
            Some((first, others)) if waited == 0 => {
                (Some(writing.enqueue(run, first, input)?), others)
            }
            _ => (None, jobs),
        };
        for job in others {
            writing.hold_back(run, job, input)?;
        }
        match first {
            Some(step) => Ok(Some(step)),
            None if waited > 0 => queue_longest_waiting(writing, run),
            None => Ok(None),
        }
    }

    fn end(
        &self,
        writing: &mut Writing<'_>,
        run: RunId,
        status: RunStatus,
    ) -> Result<(), SqlError> {
        let ties = writing.db.query_one(
            "UPDATE runs SET open_steps = 0, status = $2, finished_ms = $3 WHERE id = $1 RETURNING lined, deadline_ms",
            values![run, status, self.settlement.finished_ms],
            Ties::of,
        )?;
        writing.untie(run, ties)?;
        if status == RunStatus::Succeeded {
            // Only a clock asks for it, so only its own runs pay for it.
            writing.db.execute(
                "INSERT INTO final_states (workflow, host, run, output)
                 SELECT workflow, $2, id, output FROM runs WHERE id = $1 AND message IS NULL AND output IS NOT NULL
                 ON CONFLICT (workflow, host) DO UPDATE SET run = excluded.run, output = excluded.output",
                values![run, writing.host],
            )?;
        } else {
            dead::add(writing, run)?;
        }
        writing.effects.finished.push(run);
        Ok(())
    }
}

/// Takes a step out of the queue that this host has claimed; none if it has not.
pub(crate) fn leave_queue(
    writing: &mut Writing<'_>,
    step: StepId,
) -> Result<Option<QueuedStep>, SqlError> {
    writing.db.query_opt(
        concat!(
            "DELETE FROM queue WHERE step = $1 AND coalesce(host, 0) = $2 RETURNING ",
            queue_columns!()
        ),
        values![step, writing.host],
        QueuedStep::of,
    )
}

/// An attempt that is over and was not the last.
pub(crate) struct Tried<'t> {
    pub(crate) exit_code: i32,
    pub(crate) error: Option<&'t str>,
    pub(crate) log: Option<&'t Vec<u8>>,
    pub(crate) started_ms: i64,
    pub(crate) finished_ms: i64,
}

/// Keeps what came of an attempt, and tells of which workflow. One that did not count is forgotten for the next of its number.
pub(crate) fn record_attempt(
    writing: &mut Writing<'_>,
    claimed: &QueuedStep,
    tried: &Tried<'_>,
) -> Result<String, SqlError> {
    writing.db.execute(
        "INSERT INTO attempts (step, attempt, exit_code, error, lines, started_ms, finished_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (step, attempt) DO UPDATE SET exit_code = excluded.exit_code, error = excluded.error,
             lines = excluded.lines, started_ms = excluded.started_ms, finished_ms = excluded.finished_ms",
        values![
            claimed.step,
            claimed.attempt(),
            tried.exit_code,
            tried.error,
            tried.log,
            tried.started_ms,
            tried.finished_ms
        ],
    )?;
    let took_ms = (tried.finished_ms - tried.started_ms).max(0);
    writing.db.query_one(
        "UPDATE runs SET used_ms = used_ms + $2, status = 1 WHERE id = $1 RETURNING workflow",
        values![claimed.run, took_ms],
        |row| row.get(0),
    )
}

/// Where a run stands after a step.
struct Advanced {
    open: i64,
    /// Of those, how many were open before the step was settled.
    waited: i64,
    leaves: i64,
    failed: bool,
    /// Of the run.
    workflow: String,
}

fn queue_longest_waiting(
    writing: &mut Writing<'_>,
    run: RunId,
) -> Result<Option<StepId>, SqlError> {
    let waiting = writing.db.query_opt(
        "DELETE FROM waiting WHERE id = (SELECT min(id) FROM waiting WHERE run = $1)
         RETURNING job, message, dataclip",
        values![run],
        |row| {
            let job: String = row.get(0)?;
            Ok((job, QueuedInput::of(row.get(1)?, row.get(2)?)))
        },
    )?;
    waiting
        .map(|(job, input)| writing.enqueue(run, &job, input))
        .transpose()
}

fn length_of_leaves(writing: &mut Writing<'_>, run: RunId) -> Result<u64, SqlError> {
    let lengths: Vec<u64> = writing.db.query(
        concat!(
            "SELECT CAST(length(d.body) AS BIGINT), ",
            bodies::reference!("d.body"),
            " FROM steps s JOIN dataclips d ON d.id = s.output WHERE s.run = $1 AND s.leaf IS NOT NULL"
        ),
        values![run],
        |row| {
            let reference: Option<Vec<u8>> = row.get(1)?;
            Ok(bodies::length(row.get(0)?, reference.as_deref()))
        },
    )?;
    Ok(lengths.iter().sum())
}

/// As OpenFn has it: `{"a": …, "b": …}`, see [`leaf_names`].
fn final_state_of_leaves(writing: &mut Writing<'_>, run: RunId) -> Result<Vec<u8>, SqlError> {
    let ended: Vec<(String, Option<Vec<u8>>)> = writing.db.query(
        "SELECT s.leaf, d.body FROM steps s LEFT JOIN dataclips d ON d.id = s.output
         WHERE s.run = $1 AND s.leaf IS NOT NULL ORDER BY s.id",
        values![run],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let ids: Vec<String> = ended.iter().map(|(id, _)| id.clone()).collect();
    let mut state = b"{".to_vec();
    for (name, (_, body)) in leaf_names(&ids).iter().zip(ended) {
        let body = match body.map(|body| bodies::read(writing.db, body)) {
            // The run must end all the same; whoever looks at the state of that step is told the same.
            Some(Err(lost @ SqlError::BodyLost { .. })) => {
                tracing::error!(%run, leaf = %name, "the final state has null for a state that is lost: {lost}");
                None
            }
            body => body.transpose()?,
        };
        let key = serde_json::Value::from(name.as_str())
            .to_string()
            .into_bytes();
        if state.len() > 1 {
            state.push(b',');
        }
        state.extend(key);
        state.push(b':');
        state.extend(body.as_deref().unwrap_or(b"null"));
    }
    state.push(b'}');
    Ok(state)
}
