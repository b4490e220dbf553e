//! A store in a file goes on where the last host left it.

use crate::ids::StepId;
use crate::sql::{Db, SqlError, values};

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
pub(crate) fn resume(db: &mut Db) -> Result<Found, SqlError> {
    let recovered = db.execute(
        "UPDATE queue SET claimed_ms = NULL WHERE claimed_ms IS NOT NULL",
        values![],
    )?;
    let queued = db.number("SELECT count(*) FROM queue", values![])?;
    let last_step = db.number(
        "SELECT max((SELECT coalesce(max(step), 0) FROM queue), (SELECT coalesce(max(step), 0) FROM later),
                    (SELECT coalesce(max(id), 0) FROM steps))",
        values![],
    )?;
    Ok(Found {
        recovered,
        queued: queued.unsigned_abs(),
        next_step: StepId(last_step + 1),
    })
}
