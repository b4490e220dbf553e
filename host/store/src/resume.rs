//! A store goes on where the last host left it.

use rusqlite::Connection;

use crate::ids::StepId;

/// What a file tells about its past when it is opened.
pub(crate) struct Found {
    /// Steps that were claimed and wait again.
    pub(crate) recovered: u64,
    /// Steps that wait, those included.
    pub(crate) queued: u64,
    /// The first number that no step has had.
    pub(crate) next_step: StepId,
}

/// Puts back what a lost host had claimed, and takes stock.
pub(crate) fn resume(conn: &Connection) -> rusqlite::Result<Found> {
    let recovered = conn.execute(
        "UPDATE queue SET claimed_ms = NULL WHERE claimed_ms IS NOT NULL",
        [],
    )?;
    let queued = conn.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0))?;
    let last_step: i64 = conn.query_row(
        "SELECT max((SELECT coalesce(max(step), 0) FROM queue), (SELECT coalesce(max(id), 0) FROM steps))",
        [],
        |row| row.get(0),
    )?;
    Ok(Found {
        recovered: recovered as u64,
        queued: queued.unsigned_abs(),
        next_step: StepId(last_step + 1),
    })
}
