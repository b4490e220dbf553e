//! What the API and the console ask for, each bounded.

use crate::bodies;
use crate::collections::{Item, ItemFilter, Items};
use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::lanes::Lane;
use crate::model::{
    AttemptDetail, Counts, LogLine, NewMessage, RUN_LOG_MAX_BYTES, RUN_STEPS_MAX, RunDetail,
    RunOutcome, RunStatus, RunSummary, StepDetail, StepOutcome, StepState, StepStatus,
    StoredMessage,
};
use crate::numbers::Tally;
use crate::queue::Queue;
use crate::queued::{QueuedStep, queue_columns};
use crate::sql::{Db, Row, SqlError, values};

pub(crate) fn message(db: &mut Db, id: MessageId) -> Result<Option<StoredMessage>, SqlError> {
    let stored = db.query_opt(
        "SELECT received_ms, source, content_type, body, raw, request FROM messages WHERE id = $1",
        values![id],
        |row| {
            let message = NewMessage {
                source: row.get(1)?,
                content_type: row.get(2)?,
                body: row.get(3)?,
                raw: row.get(4)?,
                request: row.get(5)?,
                key: None,
            };
            Ok(StoredMessage {
                id,
                received_ms: row.get(0)?,
                message,
            })
        },
    )?;
    let Some(mut stored) = stored else {
        return Ok(None);
    };
    let message = &mut stored.message;
    message.body = bodies::read(db, std::mem::take(&mut message.body))?;
    let raw = message.raw.take();
    message.raw = raw.map(|raw| bodies::read(db, raw)).transpose()?;
    Ok(Some(stored))
}

pub(crate) fn dataclip(db: &mut Db, id: DataclipId) -> Result<Option<Vec<u8>>, SqlError> {
    let stored = db.query_opt(
        "SELECT body FROM dataclips WHERE id = $1",
        values![id],
        |row| row.get(0),
    )?;
    stored.map(|stored| bodies::read(db, stored)).transpose()
}

pub(crate) fn last_output(db: &mut Db, job: &str) -> Result<Option<DataclipId>, SqlError> {
    db.query_opt(
        "SELECT output FROM outputs WHERE job = $1 ORDER BY step DESC LIMIT 1",
        values![job],
        |row| row.get(0),
    )
}

/// Reads on past what does not fit, so that a part is as long as was asked for. A cursor is the last key read.
pub(crate) fn page_of_keys(
    db: &mut Db,
    collection: &str,
    filter: &ItemFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Items, SqlError> {
    let mut after = cursor.unwrap_or_default().to_owned();
    let mut items: Vec<Item> = Vec::new();
    loop {
        let rows = keys_after(db, collection, filter, &after)?;
        let more = rows.len() == ROWS_AT_A_TIME;
        after = rows.last().map(|item| item.key.clone()).unwrap_or_default();
        for item in rows.into_iter().filter(|item| filter.fits_key(&item.key)) {
            if items.len() == limit {
                let cursor = items.last().map(|item| item.key.clone());
                return Ok(Items { items, cursor });
            }
            items.push(item);
        }
        if !more || !after.starts_with(filter.prefix()) {
            return Ok(Items {
                items,
                cursor: None,
            });
        }
    }
}

/// A part of what may fit, so that no more is in memory than a page or two.
const ROWS_AT_A_TIME: usize = 500;

fn keys_after(
    db: &mut Db,
    collection: &str,
    filter: &ItemFilter,
    after: &str,
) -> Result<Vec<Item>, SqlError> {
    // No key is empty, so every key is greater than that.
    db.query(
        "SELECT key, value FROM collections
         WHERE collection = $1 AND key >= $2 AND key > $3
             AND created_ms < $4 AND created_ms >= $5 AND updated_ms < $6 AND updated_ms >= $7
         ORDER BY key LIMIT $8",
        values![
            collection,
            filter.prefix(),
            after,
            filter.created_before_ms.unwrap_or(i64::MAX),
            filter.created_after_ms.unwrap_or(i64::MIN),
            filter.updated_before_ms.unwrap_or(i64::MAX),
            filter.updated_after_ms.unwrap_or(i64::MIN),
            ROWS_AT_A_TIME as i64
        ],
        |row| {
            Ok(Item {
                key: row.get(0)?,
                value: row.get(1)?,
            })
        },
    )
}

pub(crate) fn last_final_state(
    db: &mut Db,
    workflow: &str,
) -> Result<Option<DataclipId>, SqlError> {
    db.query_opt(
        "SELECT output FROM final_states WHERE workflow = $1 ORDER BY run DESC LIMIT 1",
        values![workflow],
        |row| row.get(0),
    )
}

pub(crate) fn last_tick(db: &mut Db, clock: &str) -> Result<Option<i64>, SqlError> {
    let tick = db.query_opt(
        "SELECT tick_ms FROM clocks WHERE clock = $1",
        values![clock],
        |row| row.get::<Option<i64>>(0),
    )?;
    Ok(tick.flatten())
}

pub(crate) fn is_last_tick_open(db: &mut Db, clock: &str) -> Result<bool, SqlError> {
    let open = db.query_opt(
        "SELECT r.id FROM clocks c JOIN runs r ON r.id = c.tick_run WHERE c.clock = $1 AND r.open_steps > 0",
        values![clock],
        |_| Ok(()),
    )?;
    Ok(open.is_some())
}

/// What [`summary`] reads, of the table that is called so.
macro_rules! summaries {
    ($r:literal) => {
        concat!(
            "SELECT ",
            $r,
            ".id, ",
            $r,
            ".message, ",
            $r,
            ".workflow, ",
            $r,
            ".trigger, ",
            $r,
            ".job, ",
            $r,
            ".status, ",
            $r,
            ".created_ms, ",
            $r,
            ".finished_ms, ",
            $r,
            ".output, ",
            $r,
            ".retry_of, ",
            $r,
            ".retried_by, ",
            $r,
            ".due_ms, ",
            $r,
            ".deadline_ms, (SELECT held.lane FROM held WHERE held.run = ",
            $r,
            ".id)"
        )
    };
}
pub(crate) use summaries;

pub(crate) fn summary_of(db: &mut Db, id: RunId) -> Result<Option<RunSummary>, SqlError> {
    db.query_opt(
        concat!(summaries!("r"), " FROM runs r WHERE id = $1"),
        values![id],
        summary,
    )
}

pub(crate) fn run(db: &mut Db, queue: &Queue, id: RunId) -> Result<Option<RunDetail>, SqlError> {
    // One snapshot: otherwise a step settled between the reads would show twice or not at all.
    db.at_one_moment(|db| {
        let Some(run) = summary_of(db, id)? else {
            return Ok(None);
        };
        let (mut steps, mut truncated) = settled_steps(db, id)?;
        if matches!(run.status, RunStatus::Queued | RunStatus::Running) {
            steps.extend(open_steps(db, queue, id)?);
            steps.extend(waiting_steps(db, id)?);
            steps.extend(held_step(db, id)?);
            truncated |= steps.len() > RUN_STEPS_MAX;
            steps.truncate(RUN_STEPS_MAX);
            steps.sort_by_key(|step| step.id);
        }
        // Also of the first attempt: it may have been parked, and another has taken its number.
        for step in &mut steps {
            step.earlier = earlier_attempts(db, step.id, &mut truncated)?;
        }
        Ok(Some(RunDetail {
            run,
            steps,
            truncated,
        }))
    })
}

/// What became of a run: nothing is known of it, it is still open, or it has ended so.
pub(crate) enum Outcome {
    NoSuchRun,
    Open,
    Finished(RunOutcome),
}

pub(crate) fn outcome(db: &mut Db, id: RunId) -> Result<Outcome, SqlError> {
    let found = db.query_opt(
        "SELECT status, output, workflow FROM runs WHERE id = $1",
        values![id],
        |row| Ok((row.get::<RunStatus>(0)?, row.get(1)?, row.get(2)?)),
    )?;
    match found {
        None => Ok(Outcome::NoSuchRun),
        Some((RunStatus::Queued | RunStatus::Running, _, _)) => Ok(Outcome::Open),
        Some((status, output, workflow)) => {
            let (steps, _) = settled_steps(db, id)?;
            let steps = steps.into_iter().filter_map(step_outcome).collect();
            Ok(Outcome::Finished(RunOutcome {
                run: id,
                workflow,
                status,
                output,
                steps,
            }))
        }
    }
}

pub(crate) fn counts(db: &mut Db, queue: &Queue) -> Result<Counts, SqlError> {
    let tally = Tally::of(db)?;
    let (steps_queued, steps_running, steps_held) = match db {
        Db::Sqlite(_) => (queue.queued(), queue.running(), queue.held()),
        Db::Postgres(_) => db.query_one(
            "SELECT count(*) FILTER (WHERE host IS NULL) + (SELECT count(*) FROM held),
                    count(*) FILTER (WHERE host IS NOT NULL), (SELECT count(*) FROM held) FROM queue",
            values![],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?,
    };
    let steps_waiting = db.query_one("SELECT count(*) FROM later", values![], |row| row.get(0))?;
    let ended = tally.succeeded + tally.failed + tally.cancelled;
    Ok(Counts {
        messages: tally.messages.unsigned_abs(),
        runs: tally.runs.unsigned_abs(),
        runs_open: (tally.runs - ended).max(0).unsigned_abs(),
        runs_succeeded: tally.succeeded.unsigned_abs(),
        runs_failed: tally.failed.unsigned_abs(),
        runs_cancelled: tally.cancelled.unsigned_abs(),
        steps_queued,
        steps_held,
        steps_running,
        steps_waiting,
    })
}

pub(crate) fn summary(row: &Row<'_>) -> Result<RunSummary, SqlError> {
    Ok(RunSummary {
        id: row.get(0)?,
        message: row.get(1)?,
        workflow: row.get(2)?,
        trigger: row.get(3)?,
        job: row.get(4)?,
        status: row.get(5)?,
        created_ms: row.get(6)?,
        finished_ms: row.get(7)?,
        output: row.get(8)?,
        retry_of: row.get(9)?,
        retried_by: row.get(10)?,
        due_ms: row.get(11)?,
        deadline_ms: row.get(12)?,
        held: row.get::<Option<String>>(13)?.map(Lane::holds_by),
    })
}

/// The settled steps of a run with their logs, and whether something had to be left out.
fn settled_steps(db: &mut Db, run: RunId) -> Result<(Vec<StepDetail>, bool), SqlError> {
    let (mut log_bytes, mut truncated) = (0, false);
    let mut found = db.query(
        "SELECT s.id, s.job, s.status, s.attempt, s.exit_code, s.error, s.input, s.output, s.started_ms, s.finished_ms,
                CAST(length(l.lines) AS BIGINT)
         FROM steps s LEFT JOIN logs l ON l.step = s.id
         WHERE s.run = $1 ORDER BY s.id LIMIT $2",
        values![run, RUN_STEPS_MAX as i64 + 1],
        |row| {
            let bytes = row.get::<Option<i64>>(10)?;
            Ok((settled_step(row)?, bytes.map(|bytes| bytes.unsigned_abs() as usize)))
        },
    )?;
    truncated |= found.len() > RUN_STEPS_MAX;
    found.truncate(RUN_STEPS_MAX);
    let mut steps = Vec::with_capacity(found.len());
    for (mut step, log) in found {
        log_bytes += log.unwrap_or_default();
        if log.is_some() && log_bytes <= RUN_LOG_MAX_BYTES {
            let lines = db.query_opt(
                "SELECT lines FROM logs WHERE step = $1",
                values![step.id],
                |row| row.get::<Vec<u8>>(0),
            )?;
            step.log = log_lines(&lines.unwrap_or_default())?;
        } else {
            truncated |= log.is_some();
        }
        steps.push(step);
    }
    Ok((steps, truncated))
}

pub(crate) fn settled_step(row: &Row<'_>) -> Result<StepDetail, SqlError> {
    let status = match row.get(2)? {
        StepStatus::Succeeded => StepState::Succeeded,
        StepStatus::Failed => StepState::Failed,
    };
    Ok(StepDetail {
        id: row.get(0)?,
        job: row.get(1)?,
        status,
        attempt: row.get(3)?,
        exit_code: Some(row.get(4)?),
        error: row.get(5)?,
        input: row.get(6)?,
        output: row.get(7)?,
        started_ms: Some(row.get(8)?),
        finished_ms: Some(row.get(9)?),
        due_ms: None,
        parked_on: None,
        log: Vec::new(),
        earlier: Vec::new(),
    })
}

/// Reads the whole queue: about 5 ms at 100,000 waiting steps, and only for a run that is open.
fn open_steps(db: &mut Db, queue: &Queue, run: RunId) -> Result<Vec<StepDetail>, SqlError> {
    db.query(
        concat!(
            "SELECT ",
            queue_columns!(),
            " FROM queue WHERE run = $1 ORDER BY step LIMIT $2"
        ),
        values![run, RUN_STEPS_MAX as i64 + 1],
        |row| {
            let queued = QueuedStep::of(row)?;
            let (status, attempt) = if queue.is_running(&queued) {
                (StepState::Running, queued.attempt())
            } else {
                (StepState::Queued, queued.attempts)
            };
            Ok(StepDetail {
                id: queued.step,
                status,
                attempt,
                exit_code: None,
                error: None,
                input: queued.input.dataclip(),
                output: None,
                started_ms: queued.claimed_ms,
                finished_ms: None,
                due_ms: None,
                parked_on: None,
                log: Vec::new(),
                earlier: Vec::new(),
                job: queued.job,
            })
        },
    )
}

/// The first step of a run that waits for the end of others.
fn held_step(db: &mut Db, run: RunId) -> Result<Option<StepDetail>, SqlError> {
    db.query_opt(
        "SELECT step, job, dataclip FROM held WHERE run = $1",
        values![run],
        |row| {
            Ok(StepDetail {
                id: row.get(0)?,
                job: row.get(1)?,
                status: StepState::Held,
                attempt: 0,
                exit_code: None,
                error: None,
                input: row.get(2)?,
                output: None,
                started_ms: None,
                finished_ms: None,
                due_ms: None,
                parked_on: None,
                log: Vec::new(),
                earlier: Vec::new(),
            })
        },
    )
}

/// Steps that wait for their time or their next attempt.
fn waiting_steps(db: &mut Db, run: RunId) -> Result<Vec<StepDetail>, SqlError> {
    db.query(
        "SELECT l.step, l.job, l.attempts, l.dataclip, l.due_ms, p.origin
         FROM later l LEFT JOIN parked p ON p.step = l.step WHERE l.run = $1 ORDER BY l.step LIMIT $2",
        values![run, RUN_STEPS_MAX as i64 + 1],
        |row| {
            let parked_on: Option<String> = row.get(5)?;
            Ok(StepDetail {
                id: row.get(0)?,
                job: row.get(1)?,
                status: StepState::Waiting,
                attempt: row.get::<u32>(2)? + 1,
                exit_code: None,
                error: None,
                input: row.get(3)?,
                output: None,
                started_ms: None,
                finished_ms: None,
                due_ms: Some(row.get(4)?),
                parked_on,
                log: Vec::new(),
                earlier: Vec::new(),
            })
        },
    )
}

/// Without logs longer than 80 KiB: a hundred of 1 MiB would be too large an answer.
fn earlier_attempts(
    db: &mut Db,
    step: StepId,
    truncated: &mut bool,
) -> Result<Vec<AttemptDetail>, SqlError> {
    let log_max = (RUN_LOG_MAX_BYTES / 100) as i64;
    db.query(
        "SELECT attempt, exit_code, error, started_ms, finished_ms,
                CASE WHEN length(lines) <= $2 THEN lines END, lines IS NOT NULL AND length(lines) > $2
         FROM attempts WHERE step = $1 ORDER BY attempt",
        values![step, log_max],
        |row| {
            let lines: Option<Vec<u8>> = row.get(5)?;
            *truncated |= row.get::<bool>(6)?;
            Ok(AttemptDetail {
                attempt: row.get(0)?,
                exit_code: row.get(1)?,
                error: row.get(2)?,
                started_ms: row.get(3)?,
                finished_ms: row.get(4)?,
                log: log_lines(&lines.unwrap_or_default())?,
            })
        },
    )
}

fn step_outcome(step: StepDetail) -> Option<StepOutcome> {
    let status = match step.status {
        StepState::Succeeded => StepStatus::Succeeded,
        StepState::Failed => StepStatus::Failed,
        StepState::Held | StepState::Queued | StepState::Running | StepState::Waiting => {
            return None;
        }
    };
    Some(StepOutcome {
        job: step.job,
        status,
        exit_code: step.exit_code?,
        log: step.log,
    })
}

/// One row holds a step's whole log, as JSON.
pub(crate) fn encode_log(lines: &[LogLine]) -> Option<Vec<u8>> {
    if lines.is_empty() {
        None
    } else {
        serde_json::to_vec(lines).ok()
    }
}

fn log_lines(stored: &[u8]) -> Result<Vec<LogLine>, SqlError> {
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(stored).map_err(|error| SqlError::Unreadable {
        column: 10,
        found: error.to_string(),
    })
}
