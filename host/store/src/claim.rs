//! Steps are handed out: taken from the queue, read from the tables, and put back if nobody takes them.

use std::sync::{Arc, mpsc};

use crate::bodies;
use crate::deadline;
use crate::hosts;
use crate::ids::StepId;
use crate::model::{ClaimedStep, RunStatus, StepInput, now_ms};
use crate::publish::chain_of;
use crate::queue::Queue;
use crate::queued::{AFTER_QUEUE_COLUMNS, QueuedInput, QueuedStep, queue_columns};
use crate::sql::{Db, Row, SqlError, values};
use crate::turn::Priority;
use crate::window::Pick;
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
    /// The next of the waiting steps, at most `max`: by priority, and one of ten by age alone.
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
        let by_rank = max - self.queue.by_age(max);
        while self.steps.len() < max && bytes < CLAIM_MAX_BYTES {
            let pick = match self.taken.len() < by_rank {
                true => Pick::Highest,
                false => Pick::Oldest,
            };
            let refill = &mut |priority, after, limit| waiting_steps(db, priority, after, limit);
            let Some(step) = self.queue.take(pick, refill)? else {
                break;
            };
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
        let by_age = self.queue.by_age(max);
        let claimed = mark_claimed(db, host, max, by_age).and_then(|steps| {
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
            StepInput::Message { body, .. }
            | StepInput::Event { payload: body, .. }
            | StepInput::Dataclip(body) => body.len(),
            StepInput::Nothing | StepInput::Lost(_) => 0,
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

/// Ordinary steps are nearly all; the others have an index of their own, in whose words it is asked for.
fn waiting_steps(
    db: &mut Db,
    priority: Priority,
    after: StepId,
    limit: usize,
) -> Result<Vec<StepId>, SqlError> {
    let statement = match priority {
        Priority::High => {
            "SELECT step FROM queue WHERE priority <> 1 AND priority = 0 AND step > $1 ORDER BY step LIMIT $2"
        }
        Priority::Normal => {
            "SELECT step FROM queue WHERE priority = 1 AND step > $1 ORDER BY step LIMIT $2"
        }
        Priority::Low => {
            "SELECT step FROM queue WHERE priority <> 1 AND priority = 2 AND step > $1 ORDER BY step LIMIT $2"
        }
    };
    db.query(statement, values![after, limit as i64], |row| row.get(0))
}

/// Around the steps that a host claims: they and their runs are marked in one statement, because every statement is a way to
/// the server and back.
macro_rules! marked_before {
    () => {
        "WITH taken AS (
             UPDATE queue SET host = $1, claimed_ms = $2, attempts = attempts + 1
             WHERE step = ANY(ARRAY("
    };
}
macro_rules! marked_after {
    () => {
        ")) AND EXISTS (SELECT FROM hosts WHERE id = $1)
             RETURNING step, run),
         begun AS (UPDATE runs SET status = $4 WHERE status = $5 AND id = ANY(ARRAY(SELECT run FROM taken)))
         SELECT step FROM taken ORDER BY step"
    };
}
/// Arrays, not joins: a plan that is made once for any `$3` takes a join with as many rows for the best, and then reads the
/// whole table (14 ms of 200,000 steps, where this takes 0.3).
///
/// Steps that another host is claiming at this moment are passed over, not waited for. A host that the others took for
/// dead claims nothing. The oldest `by_age` of those that the others leave come last.
fn mark_claimed(
    db: &mut Db,
    host: i64,
    max: usize,
    by_age: usize,
) -> Result<Vec<StepId>, SqlError> {
    let by_rank = max - by_age;
    let mut steps = mark(
        db,
        concat!(
            marked_before!(),
            "SELECT step FROM queue WHERE host IS NULL ORDER BY priority, step LIMIT $3 FOR UPDATE SKIP LOCKED",
            marked_after!()
        ),
        host,
        by_rank,
    )?;
    if by_age > 0 && steps.len() == by_rank {
        steps.extend(mark(
            db,
            concat!(
                marked_before!(),
                "SELECT step FROM queue WHERE host IS NULL AND step = ANY(ARRAY(
                     SELECT step FROM (
                         (SELECT step FROM queue WHERE host IS NULL AND priority = 0 ORDER BY step LIMIT $3) UNION ALL
                         (SELECT step FROM queue WHERE host IS NULL AND priority = 1 ORDER BY step LIMIT $3) UNION ALL
                         (SELECT step FROM queue WHERE host IS NULL AND priority = 2 ORDER BY step LIMIT $3)
                     ) AS heads ORDER BY step LIMIT $3))
                 FOR UPDATE SKIP LOCKED",
                marked_after!()
            ),
            host,
            by_age,
        )?);
    }
    Ok(steps)
}

fn mark(
    db: &mut Db,
    statement: &'static str,
    host: i64,
    most: usize,
) -> Result<Vec<StepId>, SqlError> {
    db.query(
        statement,
        values![
            host,
            now_ms(),
            most as i64,
            RunStatus::Running,
            RunStatus::Queued
        ],
        |row| row.get(0),
    )
}

/// The statement that [`claimed`] reads, up to what chooses the steps.
macro_rules! claimed_steps {
    () => {
        concat!(
            "SELECT ",
            queue_columns!(),
            ", r.workflow, r.trigger, r.used_ms, m.body, m.request, d.body, t.deadline_ms, r.created_ms,
                 m.event, r.chain
             FROM queue
             JOIN runs r ON r.id = queue.run
             LEFT JOIN deadlines t ON t.run = r.id
             LEFT JOIN messages m ON m.id = queue.message
             LEFT JOIN dataclips d ON d.id = queue.dataclip
             "
        )
    };
}

fn claimed_step(db: &mut Db, step: StepId) -> Result<Option<ClaimedStep>, SqlError> {
    let found = db.query_opt(
        concat!(claimed_steps!(), "WHERE queue.step = $1"),
        values![step],
        claimed,
    )?;
    let Some(found) = found else { return Ok(None) };
    let mut steps = vec![whole(db, found)?];
    count_down(db, &mut steps)?;
    Ok(steps.pop())
}

/// With what it starts from, wherever that is. A body that is lost must not stop the steps behind it.
fn whole(db: &mut Db, claimed: ClaimedStep) -> Result<ClaimedStep, SqlError> {
    let input = match claimed.input {
        StepInput::Message { body, request } => {
            bodies::read(db, body).map(|body| StepInput::Message { body, request })
        }
        StepInput::Event { payload, about } => {
            bodies::read(db, payload).map(|payload| StepInput::Event { payload, about })
        }
        StepInput::Dataclip(state) => bodies::read(db, state).map(StepInput::Dataclip),
        input => Ok(input),
    };
    let input = match input {
        Err(lost @ SqlError::BodyLost { .. }) => StepInput::Lost(lost.to_string()),
        input => input?,
    };
    Ok(ClaimedStep { input, ..claimed })
}

/// These steps in their order, up to [`CLAIM_MAX_BYTES`] of input and at least one: in one statement, because every
/// statement is a way to the server and back.
fn claimed_steps(db: &mut Db, steps: &[StepId]) -> Result<Vec<ClaimedStep>, SqlError> {
    let numbers: Vec<String> = steps.iter().map(StepId::to_string).collect();
    let numbers = format!("{{{}}}", numbers.join(","));
    let mut steps = db.query(
        concat!(
            claimed_steps!(),
            "JOIN (
                 SELECT n.step, n.place, sum(coalesce(length(d.body), length(m.body), 0)) OVER (ORDER BY n.place)
                     - coalesce(length(d.body), length(m.body), 0) AS before
                 FROM unnest(CAST(CAST($1 AS TEXT) AS BIGINT[])) WITH ORDINALITY AS n(step, place)
                 JOIN queue q ON q.step = n.step
                 LEFT JOIN messages m ON m.id = q.message LEFT JOIN dataclips d ON d.id = q.dataclip
             ) AS sized ON sized.step = queue.step AND sized.before < $2
             ORDER BY sized.place"
        ),
        values![&numbers, CLAIM_MAX_BYTES as i64],
        claimed,
    )?;
    count_down(db, &mut steps)?;
    Ok(steps)
}

/// From a time by the store's clock to what is left until then.
fn count_down(db: &mut Db, steps: &mut [ClaimedStep]) -> Result<(), SqlError> {
    if steps.iter().all(|step| step.deadline_in_ms.is_none()) {
        return Ok(());
    }
    let now = deadline::clock_ms(db, now_ms())?;
    for deadline in steps
        .iter_mut()
        .filter_map(|step| step.deadline_in_ms.as_mut())
    {
        *deadline -= now;
    }
    Ok(())
}

fn claimed(row: &Row<'_>) -> Result<ClaimedStep, SqlError> {
    let queued = QueuedStep::of(row)?;
    Ok(ClaimedStep {
        step: queued.step,
        run: queued.run,
        attempt: queued.attempt(),
        input: match queued.input {
            QueuedInput::Message(_) => match row.get(AFTER_QUEUE_COLUMNS + 8)? {
                Some(about) => StepInput::Event {
                    payload: row.get(AFTER_QUEUE_COLUMNS + 3)?,
                    about,
                },
                None => StepInput::Message {
                    body: row.get(AFTER_QUEUE_COLUMNS + 3)?,
                    request: row.get(AFTER_QUEUE_COLUMNS + 4)?,
                },
            },
            QueuedInput::Dataclip(_) => StepInput::Dataclip(row.get(AFTER_QUEUE_COLUMNS + 5)?),
            QueuedInput::Nothing => StepInput::Nothing,
        },
        workflow: row.get(AFTER_QUEUE_COLUMNS)?,
        trigger: row.get(AFTER_QUEUE_COLUMNS + 1)?,
        run_used_ms: row.get(AFTER_QUEUE_COLUMNS + 2)?,
        deadline_in_ms: row.get(AFTER_QUEUE_COLUMNS + 6)?,
        run_created_ms: row.get(AFTER_QUEUE_COLUMNS + 7)?,
        chain: chain_of(row.get(AFTER_QUEUE_COLUMNS + 9)?),
        job: queued.job,
    })
}
