//! Steps are handed out: taken from the queue in memory, read from the tables, and put back if nobody takes them.

use std::sync::Arc;

use rusqlite::Connection;

use crate::ids::StepId;
use crate::model::{ClaimedStep, StepInput};
use crate::queue::Queue;
use crate::queued::{AFTER_QUEUE_COLUMNS, QueuedInput, QueuedStep, queue_columns};

/// 8 MiB: how much input one claim may bring into memory before it leaves the rest to the next.
const CLAIM_MAX_BYTES: usize = 8 << 20;

/// Claimed steps on their way to the caller. Until they are kept, dropping this puts them back, so a caller that is
/// cancelled between asking and receiving loses nothing.
pub(crate) struct Claim {
    queue: Arc<Queue>,
    taken: Vec<StepId>,
    steps: Vec<ClaimedStep>,
}

impl Claim {
    /// The oldest waiting steps, at most `max`.
    pub(crate) fn take(
        queue: Arc<Queue>,
        max: usize,
        conn: &Connection,
    ) -> rusqlite::Result<Claim> {
        let mut claim = Claim {
            queue,
            taken: Vec::new(),
            steps: Vec::new(),
        };
        let mut bytes = 0;
        while claim.steps.len() < max && bytes < CLAIM_MAX_BYTES {
            let Some(step) = claim
                .queue
                .take(|after, limit| waiting_steps(conn, after, limit))?
            else {
                break;
            };
            claim.taken.push(step);
            let claimed = claimed_step(conn, step)?;
            bytes += match &claimed.input {
                StepInput::Message { body, .. } | StepInput::Dataclip(body) => body.len(),
                StepInput::Nothing => 0,
            };
            claim.steps.push(claimed);
        }
        Ok(claim)
    }

    /// The steps, for good.
    pub(crate) fn keep(mut self) -> Vec<ClaimedStep> {
        self.taken.clear();
        std::mem::take(&mut self.steps)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        for &step in &self.taken {
            self.queue.release(step);
        }
    }
}

fn waiting_steps(conn: &Connection, after: StepId, limit: usize) -> rusqlite::Result<Vec<StepId>> {
    conn.prepare_cached("SELECT step FROM queue WHERE step > ?1 ORDER BY step LIMIT ?2")?
        .query_map((after, limit as i64), |row| row.get(0))?
        .collect()
}

fn claimed_step(conn: &Connection, step: StepId) -> rusqlite::Result<ClaimedStep> {
    conn.prepare_cached(concat!(
        "SELECT ",
        queue_columns!(),
        ", r.workflow, r.trigger, r.used_ms, m.body, m.request, d.body
         FROM queue
         JOIN runs r ON r.id = queue.run
         LEFT JOIN messages m ON m.id = queue.message
         LEFT JOIN dataclips d ON d.id = queue.dataclip
         WHERE queue.step = ?1"
    ))?
    .query_row([step], |row| {
        let queued = QueuedStep::of(row)?;
        Ok(ClaimedStep {
            step,
            run: queued.run,
            attempt: queued.attempt(),
            input: match queued.input {
                QueuedInput::Message(_) => StepInput::Message {
                    body: row.get(AFTER_QUEUE_COLUMNS + 3)?,
                    request: row.get(AFTER_QUEUE_COLUMNS + 4)?,
                },
                QueuedInput::Dataclip(_) => StepInput::Dataclip(row.get(AFTER_QUEUE_COLUMNS + 5)?),
                QueuedInput::Nothing => StepInput::Nothing,
            },
            workflow: row.get(AFTER_QUEUE_COLUMNS)?,
            trigger: row.get(AFTER_QUEUE_COLUMNS + 1)?,
            run_used_ms: row.get(AFTER_QUEUE_COLUMNS + 2)?,
            job: queued.job,
        })
    })
}
