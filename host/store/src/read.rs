//! What the API and the console ask for, each bounded.

use rusqlite::{Connection, OptionalExtension, Row, types::Type};

use crate::collections::{Item, ItemFilter, Items};
use crate::ids::{DataclipId, MessageId, RunId};
use crate::model::{
    Counts, LogLine, MESSAGES_MAX, MessageFilter, MessageSummary, NewMessage, RUN_LOG_MAX_BYTES,
    RUN_STEPS_MAX, RUNS_MAX, RunDetail, RunFilter, RunOutcome, RunStatus, RunSummary, StepDetail,
    StepOutcome, StepState, StepStatus, StoredMessage,
};
use crate::queue::Queue;
use crate::queued::{QueuedStep, queue_columns};

pub(crate) fn message(conn: &Connection, id: MessageId) -> rusqlite::Result<Option<StoredMessage>> {
    conn.prepare_cached(
        "SELECT received_ms, source, content_type, body, raw, request FROM messages WHERE id = ?1",
    )?
    .query_row([id], |row| {
        let message = NewMessage {
            source: row.get(1)?,
            content_type: row.get(2)?,
            body: row.get(3)?,
            raw: row.get(4)?,
            request: row.get(5)?,
        };
        Ok(StoredMessage {
            id,
            received_ms: row.get(0)?,
            message,
        })
    })
    .optional()
}

pub(crate) fn messages(
    conn: &Connection,
    filter: MessageFilter,
) -> rusqlite::Result<Vec<MessageSummary>> {
    let before = filter.before.unwrap_or(MessageId(i64::MAX));
    let mut messages: Vec<MessageSummary> = conn
        .prepare_cached(
            "SELECT id, received_ms, source, content_type, length(body) FROM messages
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?
        .query_map((before, filter.limit.min(MESSAGES_MAX) as i64), |row| {
            Ok(MessageSummary {
                id: row.get(0)?,
                received_ms: row.get(1)?,
                source: row.get(2)?,
                content_type: row.get(3)?,
                bytes: row.get::<_, i64>(4)?.unsigned_abs(),
                runs: Vec::new(),
            })
        })?
        .collect::<Result<_, _>>()?;
    for message in &mut messages {
        message.runs = conn
            .prepare_cached("SELECT id FROM runs WHERE message = ?1 ORDER BY id")?
            .query_map([message.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
    }
    Ok(messages)
}

pub(crate) fn dataclip(conn: &Connection, id: DataclipId) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT body FROM dataclips WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

pub(crate) fn last_output(conn: &Connection, job: &str) -> rusqlite::Result<Option<DataclipId>> {
    let output = conn
        .prepare_cached("SELECT output FROM jobs WHERE job = ?1")?
        .query_row([job], |row| row.get::<_, Option<DataclipId>>(0))
        .optional()?;
    Ok(output.flatten())
}

/// Reads on past what does not fit, so that a part is as long as was asked for. A cursor is the last key read.
pub(crate) fn page_of_keys(
    conn: &Connection,
    collection: &str,
    filter: &ItemFilter,
    limit: usize,
    cursor: Option<&str>,
) -> rusqlite::Result<Items> {
    let prefix = filter.prefix();
    let mut statement = conn.prepare_cached(
        "SELECT key, value, created_ms, updated_ms FROM collections
         WHERE collection = ?1 AND key >= ?2 AND key > ?3 ORDER BY key",
    )?;
    // No key is empty, so every key is greater than that.
    let mut rows = statement.query((collection, prefix, cursor.unwrap_or_default()))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        if !filter.fits(&key, row.get(2)?, row.get(3)?) {
            continue;
        }
        if items.len() == limit {
            let cursor = items.last().map(|item: &Item| item.key.clone());
            return Ok(Items { items, cursor });
        }
        let value = row.get(1)?;
        items.push(Item { key, value });
    }
    Ok(Items {
        items,
        cursor: None,
    })
}

pub(crate) fn last_final_state(
    conn: &Connection,
    workflow: &str,
) -> rusqlite::Result<Option<DataclipId>> {
    conn.prepare_cached("SELECT output FROM workflows WHERE workflow = ?1")?
        .query_row([workflow], |row| row.get(0))
        .optional()
}

pub(crate) fn last_tick(conn: &Connection, clock: &str) -> rusqlite::Result<Option<i64>> {
    let tick = conn
        .prepare_cached("SELECT tick_ms FROM clocks WHERE clock = ?1")?
        .query_row([clock], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(tick.flatten())
}

pub(crate) fn is_last_tick_open(conn: &Connection, clock: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM clocks c JOIN runs r ON r.id = c.tick_run
                        WHERE c.clock = ?1 AND r.open_steps > 0)",
    )?
    .query_row([clock], |row| row.get(0))
}

/// What [`summary`] reads.
macro_rules! summaries {
    () => {
        "SELECT id, message, workflow, trigger, job, status, created_ms, finished_ms, output FROM runs"
    };
}

pub(crate) fn runs(conn: &Connection, filter: RunFilter) -> rusqlite::Result<Vec<RunSummary>> {
    let before = filter.before.unwrap_or(RunId(i64::MAX));
    conn.prepare_cached(concat!(
        summaries!(),
        " WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
    ))?
    .query_map((before, filter.limit.min(RUNS_MAX) as i64), summary)?
    .collect()
}

pub(crate) fn run(
    conn: &Connection,
    queue: &Queue,
    id: RunId,
) -> rusqlite::Result<Option<RunDetail>> {
    // One snapshot: otherwise a step settled between the reads would show twice or not at all.
    let snapshot = conn.unchecked_transaction()?;
    let run = snapshot
        .prepare_cached(concat!(summaries!(), " WHERE id = ?1"))?
        .query_row([id], summary)
        .optional()?;
    let Some(run) = run else { return Ok(None) };
    let (mut steps, mut truncated) = settled_steps(&snapshot, id)?;
    if matches!(run.status, RunStatus::Queued | RunStatus::Running) {
        steps.extend(open_steps(&snapshot, queue, id)?);
        truncated |= steps.len() > RUN_STEPS_MAX;
        steps.truncate(RUN_STEPS_MAX);
        steps.sort_by_key(|step| step.id);
    }
    Ok(Some(RunDetail {
        run,
        steps,
        truncated,
    }))
}

/// What became of a run: nothing is known of it, it is still open, or it has ended so.
pub(crate) enum Outcome {
    NoSuchRun,
    Open,
    Finished(RunOutcome),
}

pub(crate) fn outcome(conn: &Connection, id: RunId) -> rusqlite::Result<Outcome> {
    let found = conn
        .prepare_cached("SELECT status, output, workflow FROM runs WHERE id = ?1")?
        .query_row([id], |row| {
            Ok((row.get::<_, RunStatus>(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    match found {
        None => Ok(Outcome::NoSuchRun),
        Some((RunStatus::Queued | RunStatus::Running, _, _)) => Ok(Outcome::Open),
        Some((status, output, workflow)) => {
            let (steps, _) = settled_steps(conn, id)?;
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

pub(crate) fn counts(conn: &Connection, queue: &Queue) -> rusqlite::Result<Counts> {
    // Numbers are drawn in sequence, so the highest is how many there ever were; counting rows would read them all.
    let [messages, runs, runs_succeeded, runs_failed] = conn
        .prepare_cached(
            "SELECT (SELECT coalesce(max(id), 0) FROM messages),
                    (SELECT coalesce(max(id), 0) FROM runs),
                    (SELECT runs FROM totals WHERE run_status = 2),
                    (SELECT runs FROM totals WHERE run_status = 3)",
        )?
        .query_row([], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })?
        .map(i64::unsigned_abs);
    Ok(Counts {
        messages,
        runs,
        runs_open: runs.saturating_sub(runs_succeeded + runs_failed),
        runs_succeeded,
        runs_failed,
        steps_queued: queue.queued(),
        steps_running: queue.running(),
    })
}

fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
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
    })
}

/// The settled steps of a run with their logs, and whether something had to be left out.
fn settled_steps(conn: &Connection, run: RunId) -> rusqlite::Result<(Vec<StepDetail>, bool)> {
    let mut statement = conn.prepare_cached(
        "SELECT s.id, s.job, s.status, s.attempt, s.exit_code, s.error, s.input, s.output, s.started_ms, s.finished_ms,
                l.lines
         FROM steps s LEFT JOIN logs l ON l.step = s.id
         WHERE s.run = ?1 ORDER BY s.id LIMIT ?2",
    )?;
    let mut rows = statement.query((run, RUN_STEPS_MAX as i64 + 1))?;
    let mut steps = Vec::new();
    let (mut log_bytes, mut truncated) = (0, false);
    while let Some(row) = rows.next()? {
        if steps.len() == RUN_STEPS_MAX {
            return Ok((steps, true));
        }
        let lines = row.get_ref(10)?.as_blob_or_null()?.unwrap_or_default();
        log_bytes += lines.len();
        let fits = log_bytes <= RUN_LOG_MAX_BYTES;
        truncated |= !fits;
        steps.push(settled_step(row, if fits { lines } else { &[] })?);
    }
    Ok((steps, truncated))
}

fn settled_step(row: &Row<'_>, lines: &[u8]) -> rusqlite::Result<StepDetail> {
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
        log: log_lines(lines)?,
    })
}

/// Reads the whole queue: about 5 ms at 100,000 waiting steps, and only for a run that is open.
fn open_steps(conn: &Connection, queue: &Queue, run: RunId) -> rusqlite::Result<Vec<StepDetail>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        queue_columns!(),
        " FROM queue WHERE run = ?1 ORDER BY step LIMIT ?2"
    ))?
    .query_map((run, RUN_STEPS_MAX as i64 + 1), |row| {
        let queued = QueuedStep::of(row)?;
        let (status, attempt) = if queue.is_running(queued.step) {
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
            log: Vec::new(),
            job: queued.job,
        })
    })?
    .collect()
}

fn step_outcome(step: StepDetail) -> Option<StepOutcome> {
    let status = match step.status {
        StepState::Succeeded => StepStatus::Succeeded,
        StepState::Failed => StepStatus::Failed,
        StepState::Queued | StepState::Running => return None,
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

fn log_lines(stored: &[u8]) -> rusqlite::Result<Vec<LogLine>> {
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(stored)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(10, Type::Blob, Box::new(error)))
}
