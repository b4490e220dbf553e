//! Hosts that share a database: who is alive, who takes over from the dead, and what they tell each other.
//!
//! Each host has a row with a time until which it is alive, by the clock of the database, and puts it off three times in
//! that span. A host that does not is dead to the others: its row goes, and its claims wait again, in one statement. From
//! then on nothing that it writes about these claims is taken, as they are no longer its own; it notices, forgets them and
//! goes on as a new host.

use std::time::Duration;

use crate::change::Effects;
use crate::ids::{RunId, StepId};
use crate::queue::Queue;
use crate::sql::{Db, SqlError, values};
use crate::store::StoreOptions;

/// What hosts tell each other: that steps wait, which runs have ended, and that the journal has grown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) work: bool,
    pub(crate) finished: Vec<RunId>,
    /// So many runs have ended that they are not named.
    pub(crate) finished_many: bool,
    /// The journal has grown.
    pub(crate) journal: bool,
}

/// A payload may have 8,000 bytes; 300 numbers of up to 19 digits have 6,000.
const NAMED_MAX: usize = 300;

/// Registers a host that is alive for `lease` from now on, and tidies up after those that are gone.
pub(crate) fn join(db: &mut Db, name: &str, lease: Duration) -> Result<i64, SqlError> {
    let host = db.query_one(
        "INSERT INTO hosts (name, alive_until) VALUES ($1, now() + CAST($2 AS BIGINT) * INTERVAL '1 millisecond') RETURNING id",
        values![name, lease.as_millis() as i64],
        |row| row.get(0),
    )?;
    db.execute(
        "DELETE FROM outputs o USING outputs later
         WHERE o.job = later.job AND o.step < later.step AND o.host NOT IN (SELECT id FROM hosts)",
        values![],
    )?;
    db.execute(
        "DELETE FROM final_states f USING final_states later
         WHERE f.workflow = later.workflow AND f.run < later.run AND f.host NOT IN (SELECT id FROM hosts)",
        values![],
    )?;
    Ok(host)
}

/// Puts off the end of the lease. No if the others have taken this host for dead.
pub(crate) fn stay_alive(db: &mut Db, host: i64, lease: Duration) -> Result<bool, SqlError> {
    let alive = db.execute(
        "UPDATE hosts SET alive_until = now() + CAST($2 AS BIGINT) * INTERVAL '1 millisecond' WHERE id = $1",
        values![host, lease.as_millis() as i64],
    )?;
    Ok(alive > 0)
}

/// Takes over from hosts whose lease has ended: how many steps wait again.
pub(crate) fn take_over(db: &mut Db) -> Result<u64, SqlError> {
    db.execute(
        "WITH dead AS (DELETE FROM hosts WHERE alive_until < now() RETURNING id)
         UPDATE queue SET host = NULL, claimed_ms = NULL WHERE host IN (SELECT id FROM dead)",
        values![],
    )
}

/// How long it is, by the clock of the database, until the first lease of another host ends: it may be dead. None if there
/// is no other.
pub(crate) fn next_end(db: &mut Db, host: i64) -> Result<Option<Duration>, SqlError> {
    let ends_in_ms: Option<i64> = db.query_one(
        "SELECT CAST(ceil(extract(epoch FROM min(alive_until) - clock_timestamp()) * 1000) AS BIGINT)
         FROM hosts WHERE id <> $1",
        values![host],
        |row| row.get(0),
    )?;
    // One more: at the very moment that a lease ends its host is alive still.
    Ok(ends_in_ms.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs() + 1)))
}

/// Begins as a host: its queue, which knows what waits already. Else a host would take as much as may wait altogether before
/// its first count.
pub(crate) fn take_part(
    db: &mut Db,
    name: &str,
    channel: &str,
    options: &StoreOptions,
) -> Result<Queue, SqlError> {
    let host = join(db, name, options.lease)?;
    if take_over(db)? > 0 {
        tell_of_work(db, Some(channel))?;
    }
    let (waiting, held) = count_waiting(db, options.queue_max.saturating_add(1))?;
    Ok(Queue::shared(host, waiting, held))
}

/// Steps that wait, and those that are held; of more than `enough`, that many.
pub(crate) fn count_waiting(db: &mut Db, enough: u64) -> Result<(u64, u64), SqlError> {
    db.query_one(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM queue WHERE host IS NULL LIMIT $1) AS enough),
                (SELECT count(*) FROM (SELECT 1 FROM held LIMIT $1) AS enough)",
        values![i64::try_from(enough).unwrap_or(i64::MAX)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Puts back what this host has claimed and not begun.
pub(crate) fn release(db: &mut Db, host: i64, steps: &[StepId]) -> Result<(), SqlError> {
    for step in steps {
        db.execute(
            "UPDATE queue SET host = NULL, claimed_ms = NULL, attempts = attempts - 1 WHERE step = $1 AND host = $2",
            values![*step, host],
        )?;
    }
    Ok(())
}

/// Puts back what is marked as this host's and is not in `known`: claims whose answer was lost with a connection.
pub(crate) fn release_unknown(
    db: &mut Db,
    host: i64,
    known: impl Fn(StepId) -> bool,
) -> Result<(), SqlError> {
    let claimed: Vec<StepId> = db.query(
        "SELECT step FROM queue WHERE host = $1",
        values![host],
        |row| row.get(0),
    )?;
    let unknown: Vec<StepId> = claimed.into_iter().filter(|step| !known(*step)).collect();
    release(db, host, &unknown)
}

/// Leaves in good order: what it has claimed still waits again at once.
pub(crate) fn leave(db: &mut Db, host: i64) -> Result<(), SqlError> {
    db.execute(
        "WITH gone AS (DELETE FROM hosts WHERE id = $1 RETURNING id)
         UPDATE queue SET host = NULL, claimed_ms = NULL WHERE host IN (SELECT id FROM gone)",
        values![host],
    )?;
    Ok(())
}

/// Tells the other hosts, when the transaction is committed. On a file there are none.
pub(crate) fn tell(db: &mut Db, channel: Option<&str>, effects: &Effects) -> Result<(), SqlError> {
    let (Db::Postgres(session), Some(channel)) = (db, channel) else {
        return Ok(());
    };
    let news = News {
        work: !effects.queued.is_empty() || !effects.woken.is_empty(),
        finished_many: effects.finished.len() > NAMED_MAX,
        finished: effects.finished.iter().copied().take(NAMED_MAX).collect(),
        journal: !effects.journal.is_empty(),
    };
    match news.payload() {
        Some(payload) => session.notify(channel, &payload),
        None => Ok(()),
    }
}

/// Tells the other hosts, and this one, that steps wait which nobody has added just now: a host has given them back.
pub(crate) fn tell_of_work(db: &mut Db, channel: Option<&str>) -> Result<(), SqlError> {
    match (db, channel) {
        (Db::Postgres(session), Some(channel)) => session.notify(channel, "work"),
        _ => Ok(()),
    }
}

impl News {
    fn payload(&self) -> Option<String> {
        if !self.work && self.finished.is_empty() && !self.journal {
            return None;
        }
        let mut payload = String::from(if self.work { "work" } else { "" });
        if self.journal {
            payload.push_str(" journal");
        }
        if self.finished_many {
            payload.push_str(" many");
        } else {
            for run in &self.finished {
                payload.push_str(&format!(" {run}"));
            }
        }
        Some(payload)
    }

    /// What is not understood is no news: a later version may say more.
    pub(crate) fn add(&mut self, payload: &str) {
        for word in payload.split_ascii_whitespace() {
            match word {
                "work" => self.work = true,
                "many" => self.finished_many = true,
                "journal" => self.journal = true,
                number => self.finished.extend(number.parse::<RunId>()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_arrives_as_it_was_told() {
        let runs: Vec<RunId> = (i64::MAX - 300..i64::MAX).map(RunId).collect();
        for (work, finished, finished_many) in [
            (true, Vec::new(), false),
            (false, vec![RunId(7), RunId(8)], false),
            (true, runs, false),
            (true, vec![RunId(1)], true),
        ] {
            let told = News {
                work,
                finished,
                finished_many,
                journal: work,
            };
            let payload = told.payload().expect("there is something to tell");
            assert!(payload.len() < 8000, "PostgreSQL takes no more");
            let mut heard = News::default();
            heard.add(&payload);
            assert_eq!(
                (heard.work, heard.finished_many, heard.journal),
                (told.work, told.finished_many, told.journal)
            );
            if !finished_many {
                assert_eq!(heard.finished, told.finished);
            }
        }
        assert_eq!(News::default().payload(), None);
    }
}
