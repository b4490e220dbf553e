//! Steps are handed out: taken from the queue, read from the tables, and put back if nobody takes them.

use std::sync::{Arc, mpsc};

use crate::hosts;
use crate::ids::StepId;
use crate::model::{ClaimedStep, RunStatus, StepInput, now_ms};
use crate::queue::Queue;
use crate::queued::{AFTER_QUEUE_COLUMNS, QueuedInput, QueuedStep, queue_columns};
use crate::sql::{Db, Row, SqlError, values};
use crate::writer::Order;

/// 8 MiB: how much input one claim may bring into memory before it leaves the rest to the next.
const CLAIM_MAX_BYTES: usize = 8 << 20;

/// Claimed steps on their way to the caller. Until they are kept, dropping this puts them back, so a caller that is
/// cancelled between asking and receiving loses nothing.
pub(crate) struct Claim {
    queue: Arc<Queue>,
    orders: mpsc::Sender<Order>,
    taken: Vec<StepId>,
    steps: Vec<ClaimedStep>,
}

impl Claim {
    /// The oldest waiting steps, at most `max`.
    pub(crate) fn take(
        queue: &Arc<Queue>,
        orders: &mpsc::Sender<Order>,
        max: usize,
        db: &mut Db,
    ) -> Result<Claim, SqlError> {
        let mut claim = Claim {
            queue: Arc::clone(queue),
            orders: orders.clone(),
            taken: Vec::new(),
            steps: Vec::new(),
        };
        match db {
            Db::Sqlite(_) => claim.take_from_window(max, db)?,
            Db::Postgres(_) => claim.take_from_table(max, db)?,
        }
        Ok(claim)
    }

    /// A file has one host, which knows what it has handed out: a claim writes nothing.
    fn take_from_window(&mut self, max: usize, db: &mut Db) -> Result<(), SqlError> {
        let mut bytes = 0;
        while self.steps.len() < max && bytes < CLAIM_MAX_BYTES {
            let taken = self
                .queue
                .take(|after, limit| waiting_steps(db, after, limit))?;
            let Some(step) = taken else { break };
            self.taken.push(step);
            bytes += self.read(step, db)?;
        }
        Ok(())
    }

    /// Hosts that share a table see each other's claims in it.
    fn take_from_table(&mut self, max: usize, db: &mut Db) -> Result<(), SqlError> {
        let (host, look) = (self.queue.host(), self.queue.look());
        if self.queue.is_doubtful() {
            hosts::release_unknown(db, host, |step| self.queue.has_claimed(step))?;
            self.queue.is_certain();
        }
        db.begin()?;
        let claimed = mark_claimed(db, host, max).and_then(|steps| {
            let committed = db.commit();
            if committed.is_err() {
                // It may have come through all the same.
                self.queue.doubt();
            }
            committed.map(|()| steps)
        });
        match claimed {
            Ok(steps) => {
                self.queue.took(&look, &steps, steps.len() < max);
                self.taken = steps;
            }
            Err(error) => {
                db.roll_back();
                return Err(error);
            }
        }
        if self.taken.is_empty() {
            return Ok(());
        }
        self.steps = claimed_steps(db, &self.taken)?;
        let kept: Vec<StepId> = self.steps.iter().map(|claimed| claimed.step).collect();
        let rest = std::mem::replace(&mut self.taken, kept.clone());
        let rest: Vec<StepId> = rest
            .into_iter()
            .filter(|step| !kept.contains(step))
            .collect();
        if !rest.is_empty() {
            // Beyond what one claim may bring; or somebody has ended their runs in between, and there is nothing to put back.
            let _ = self.orders.send(Order::Release(rest));
        }
        Ok(())
    }

    /// Adds a claimed step; the size of what it starts from.
    fn read(&mut self, step: StepId, db: &mut Db) -> Result<usize, SqlError> {
        let Some(claimed) = claimed_step(db, step)? else {
            // Somebody has ended its run in between.
            self.taken.retain(|taken| *taken != step);
            self.queue.settled(&[step]);
            return Ok(0);
        };
        let bytes = match &claimed.input {
            StepInput::Message { body, .. } | StepInput::Dataclip(body) => body.len(),
            StepInput::Nothing => 0,
        };
        self.steps.push(claimed);
        Ok(bytes)
    }

    /// The steps, for good.
    pub(crate) fn keep(mut self) -> Vec<ClaimedStep> {
        self.taken.clear();
        std::mem::take(&mut self.steps)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            let taken = std::mem::take(&mut self.taken);
            // If the writer is gone the store is closed, and whoever opens it next finds them waiting.
            let _ = self.orders.send(Order::Release(taken));
        }
    }
}

fn waiting_steps(db: &mut Db, after: StepId, limit: usize) -> Result<Vec<StepId>, SqlError> {
    db.query(
        "SELECT step FROM queue WHERE step > $1 ORDER BY step LIMIT $2",
        values![after, limit as i64],
        |row| row.get(0),
    )
}

/// Steps that another host is claiming at this moment are passed over, not waited for. A host that the others took for
/// dead claims nothing.
fn mark_claimed(db: &mut Db, host: i64, max: usize) -> Result<Vec<StepId>, SqlError> {
    db.query(
        "WITH taken AS (
             UPDATE queue SET host = $1, claimed_ms = $2, attempts = attempts + 1
             WHERE step IN (SELECT step FROM queue WHERE host IS NULL ORDER BY step LIMIT $3 FOR UPDATE SKIP LOCKED)
                 AND EXISTS (SELECT FROM hosts WHERE id = $1)
             RETURNING step, run),
         begun AS (UPDATE runs SET status = $4 WHERE status = $5 AND id IN (SELECT run FROM taken))
         SELECT step FROM taken ORDER BY step",
        values![
            host,
            now_ms(),
            max as i64,
            RunStatus::Running,
            RunStatus::Queued
        ],
        |row| row.get(0),
    )
}

/// The statement that [`claimed`] reads, up to its condition.
macro_rules! claimed_steps {
    () => {
        concat!(
            "SELECT ",
            queue_columns!(),
            ", r.workflow, r.trigger, r.used_ms, m.body, m.request, d.body
             FROM queue
             JOIN runs r ON r.id = queue.run
             LEFT JOIN messages m ON m.id = queue.message
             LEFT JOIN dataclips d ON d.id = queue.dataclip
             "
        )
    };
}

fn claimed_step(db: &mut Db, step: StepId) -> Result<Option<ClaimedStep>, SqlError> {
    db.query_opt(
        concat!(claimed_steps!(), "WHERE queue.step = $1"),
        values![step],
        claimed,
    )
}

/// These steps, oldest first, up to [`CLAIM_MAX_BYTES`] of input and at least one: in one statement, because every
/// statement is a way to the server and back.
fn claimed_steps(db: &mut Db, steps: &[StepId]) -> Result<Vec<ClaimedStep>, SqlError> {
    let numbers: Vec<String> = steps.iter().map(StepId::to_string).collect();
    let numbers = format!("{{{}}}", numbers.join(","));
    db.query(
        concat!(
            claimed_steps!(),
            "WHERE queue.step IN (
                 SELECT sized.step FROM (
                     SELECT q.step, sum(coalesce(length(d.body), length(m.body), 0)) OVER (ORDER BY q.step)
                         - coalesce(length(d.body), length(m.body), 0) AS before
                     FROM queue q LEFT JOIN messages m ON m.id = q.message LEFT JOIN dataclips d ON d.id = q.dataclip
                     WHERE q.step = ANY(CAST(CAST($1 AS TEXT) AS BIGINT[]))
                 ) AS sized WHERE sized.before < $2
             ) ORDER BY queue.step"
        ),
        values![&numbers, CLAIM_MAX_BYTES as i64],
        claimed,
    )
}

fn claimed(row: &Row<'_>) -> Result<ClaimedStep, SqlError> {
    let queued = QueuedStep::of(row)?;
    Ok(ClaimedStep {
        step: queued.step,
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
}
