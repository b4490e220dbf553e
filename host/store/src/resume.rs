//! A store in a file goes on where the last host left it.

use crate::numbers::{self, Given};
use crate::sql::{Db, SqlError, values};
use crate::turn::Priority;

/// What a file tells about its past when it is opened.
pub(crate) struct Found {
    /// Steps that were claimed and wait again.
    pub(crate) recovered: u64,
    /// Steps that wait, those included, by their priority.
    pub(crate) queued: [u64; 3],
    /// First steps of runs that wait for the end of others.
    pub(crate) held: u64,
    /// The numbers it has given.
    pub(crate) given: Given,
}

/// Puts back what a lost host had claimed, and takes stock.
pub(crate) fn resume(db: &mut Db) -> Result<Found, SqlError> {
    let recovered = db.execute(
        "UPDATE queue SET claimed_ms = NULL WHERE claimed_ms IS NOT NULL",
        values![],
    )?;
    let mut queued = [0; 3];
    for (priority, steps) in db.query(
        "SELECT priority, count(*) FROM queue GROUP BY priority",
        values![],
        |row| Ok((row.get::<Priority>(0)?, row.get::<u64>(1)?)),
    )? {
        queued[priority as usize] = steps;
    }
    let held = db.number("SELECT count(*) FROM held", values![])?;
    Ok(Found {
        recovered,
        queued,
        held: held.unsigned_abs(),
        given: numbers::given(db)?,
    })
}
