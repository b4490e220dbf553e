//! Guessing passwords: after five wrong ones for a name, each further try has to wait, twice as long as the one before.
//!
//! A try is counted before its password is looked at, in one transaction, so that a hundred at once are a hundred tries.
//! Names that are not there are counted too, or the wait would tell them from those that are. What was typed as a name is
//! kept as a hash: now and then it is a password.

use std::time::Duration;

use rusqlite::params;

use crate::error::AccessError;
use crate::{Change, milliseconds, now_ms, secret};

/// So many wrong passwords cost nothing but themselves.
const FREE: i64 = 5;
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Tries are forgotten so long after the last one.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);
/// Names that are not there and were tried lately. Beyond it the oldest are forgotten; those that are there never.
const STRANGERS_MAX: i64 = 10_000;

/// Counts a try, or says how long to wait before the next one counts.
pub(crate) fn attempt(
    change: &Change<'_>,
    name: &str,
    known: bool,
) -> Result<Result<(), Duration>, AccessError> {
    let (key, now) = (secret::hash(name), now_ms());
    let found = change.find(
        "SELECT failures, until_ms, last_ms FROM attempts WHERE name = ?",
        [key],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        },
    )?;
    let before = match found {
        Some((_, until, _)) if now < until => {
            return Ok(Err(Duration::from_millis(until.abs_diff(now))));
        }
        Some((failures, _, last)) if now < last + milliseconds(FORGOTTEN) => failures,
        Some(_) => 0,
        None => {
            make_room(change)?;
            0
        }
    };
    let failures = before + 1;
    let until = now + milliseconds(wait_after(failures));
    change.execute(
        "INSERT INTO attempts (name, known, failures, until_ms, last_ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET known = excluded.known, failures = excluded.failures,
         until_ms = excluded.until_ms, last_ms = excluded.last_ms",
        params![key, known, failures, until, now],
    )?;
    Ok(Ok(()))
}

/// The password was right.
pub(crate) fn forgive(change: &Change<'_>, name: &str) -> Result<(), AccessError> {
    change.execute("DELETE FROM attempts WHERE name = ?", [secret::hash(name)])?;
    Ok(())
}

fn make_room(change: &Change<'_>) -> Result<(), AccessError> {
    let count = "SELECT count(*) FROM attempts WHERE known = 0";
    let strangers: Option<i64> = change.find(count, [], |row| row.get(0))?;
    change.execute(
        "DELETE FROM attempts WHERE name IN
         (SELECT name FROM attempts WHERE known = 0 ORDER BY last_ms LIMIT ?)",
        [(strangers.unwrap_or_default() + 1 - STRANGERS_MAX).max(0)],
    )?;
    Ok(())
}

fn wait_after(failures: i64) -> Duration {
    if failures < FREE {
        return Duration::ZERO;
    }
    // 2^20 s is past the longest by far, and no shift can overflow.
    let doubled = u32::try_from((failures - FREE).min(20)).unwrap_or(20);
    (FIRST_WAIT * (1 << doubled)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    #[test]
    fn the_wait_doubles_from_a_second_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (4..17)
            .map(|failures| wait_after(failures).as_secs())
            .collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(wait_after(i64::MAX), LONGEST_WAIT);
    }

    #[test]
    fn a_flood_of_other_names_does_not_make_a_users_tries_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = Access::open(dir.path()).expect("it opens");
        let known = secret::hash("ama");
        let flood = access.write(|change| {
            change.execute("INSERT INTO attempts VALUES (?, 1, 9, 9, 0)", [known])?;
            change.execute(
                "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?)
                 INSERT INTO attempts SELECT CAST(n AS BLOB), 0, 1, 0, n FROM count",
                [STRANGERS_MAX],
            )?;
            let counted = attempt(change, "one more", false)?;
            Ok::<_, AccessError>(counted)
        });
        assert_eq!(flood, Ok(Ok(())));
        let left = access.read(|conn| {
            conn.query_row(
                "SELECT sum(known), count(*), min(last_ms) FILTER (WHERE known = 0) FROM attempts",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
        });
        assert_eq!(left, Ok((1_i64, STRANGERS_MAX + 1, 2_i64)));
    }
}
