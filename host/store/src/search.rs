//! Runs by what is known of them, a part at a time. However many are stored, one call looks at a bounded number of them, and
//! says from where to go on.

use crate::error::StoreError;
use crate::ids::RunId;
use crate::model::{RUNS_MAX, RunStatus, RunSummary};
use crate::read::{summaries, summary};
use crate::sql::{Db, SqlError, Value, values};
use crate::store::Store;

/// So many runs are looked at in one call: what 100,000 take with their steps, about 0.2 s, is what a list for a person may
/// hold up others.
const LOOKED_AT_MAX: i64 = 100_000;

/// Numbers follow time, but for clocks that are set back and hosts whose clocks differ. What was begun so long before the
/// time that is asked for ends the search.
pub(crate) const CLOCKS_DIFFER_MS: i64 = 24 * 3600 * 1000;

/// Which runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSearch {
    /// Where they stand.
    pub standing: Standing,
    /// Of this workflow.
    pub workflow: Option<String>,
    /// In which a step of this job has ended, named by its key or its id; of [`Standing::Dead`] and failed runs, has failed.
    pub job: Option<String>,
    /// In which a step has failed with this in its error, as JSON; capital and small letters are the same.
    pub error: Option<String>,
    /// Begun at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Begun before this time.
    pub until_ms: Option<i64>,
    /// In which order, and from where on.
    pub order: Order,
    /// At most so many; more than [`RUNS_MAX`] is taken as that.
    pub limit: usize,
}

/// Where runs stand that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Anywhere.
    Any,
    /// Here.
    Is(RunStatus),
    /// They have not ended.
    Open,
    /// They have failed, and nobody has done them again or discarded them.
    Dead,
}

/// In which order runs are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Only those older than this one, if it is named.
    NewestFirst(Option<RunId>),
    /// Only those newer than this one, if it is named.
    OldestFirst(Option<RunId>),
}

/// A part of what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRuns {
    /// In the order that was asked for.
    pub runs: Vec<RunSummary>,
    /// Where to go on, in the same order; none at the end. There may be more though few or none were found.
    pub next: Option<RunId>,
}

impl Default for RunSearch {
    /// The 50 newest.
    fn default() -> RunSearch {
        RunSearch {
            standing: Standing::Any,
            workflow: None,
            job: None,
            error: None,
            since_ms: None,
            until_ms: None,
            order: Order::NewestFirst(None),
            limit: 50,
        }
    }
}

impl Store {
    /// A part of the runs that fit.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn search(&self, search: RunSearch) -> Result<FoundRuns, StoreError> {
        self.pages().read(move |db| found(db, &search)).await
    }
}

/// `$1` and `$2` are the numbers between which runs lie.
macro_rules! search {
    ($from:literal, $direction:literal) => {
        concat!(
            summaries!("r"),
            $from,
            " AND r.id > $1 AND r.id < $2
              AND r.status BETWEEN $3 AND $4
              AND (CAST($5 AS TEXT) IS NULL OR r.workflow = $5)
              AND r.created_ms >= $6 AND r.created_ms < $7
              AND ($8 = 0 OR EXISTS (
                  SELECT 1 FROM steps s WHERE s.run = r.id AND s.status BETWEEN $9 AND 3
                      AND (CAST($10 AS TEXT) IS NULL OR s.job = $10 OR s.job = r.workflow || '/' || $10)
                      AND (CAST($11 AS TEXT) IS NULL OR lower(s.error) LIKE lower($11) ESCAPE '\\')))
              ORDER BY r.id ",
            $direction,
            " LIMIT $12"
        )
    };
}

/// The statements for one kind of search.
struct Statements {
    search: &'static str,
    /// The first that is not looked at, when `$3` are, from those between `$1` and `$2`.
    beyond: &'static str,
}

// A table of their own and no index over the status, which would be written at every start and end of a run.
const DEAD_FIRST: Statements = Statements {
    search: search!(" FROM dead d CROSS JOIN runs r WHERE r.id = d.run", "ASC"),
    beyond: "SELECT run FROM dead WHERE run > $1 AND run < $2 ORDER BY run LIMIT 1 OFFSET $3",
};
const DEAD_LAST: Statements = Statements {
    search: search!(" FROM dead d CROSS JOIN runs r WHERE r.id = d.run", "DESC"),
    beyond: "SELECT run FROM dead WHERE run > $1 AND run < $2 ORDER BY run DESC LIMIT 1 OFFSET $3",
};
// By their numbers: skipping rows one by one would take longer than the list itself.
const ANY_FIRST: Statements = Statements {
    search: search!(" FROM runs r WHERE 1 = 1", "ASC"),
    beyond:
        "SELECT id FROM runs WHERE id < $2 AND id >= (SELECT min(id) FROM runs WHERE id > $1) + $3
             ORDER BY id LIMIT 1",
};
const ANY_LAST: Statements = Statements {
    search: search!(" FROM runs r WHERE 1 = 1", "DESC"),
    beyond:
        "SELECT id FROM runs WHERE id > $1 AND id <= (SELECT max(id) FROM runs WHERE id < $2) - $3
             ORDER BY id DESC LIMIT 1",
};

fn found(db: &mut Db, search: &RunSearch) -> Result<FoundRuns, SqlError> {
    let statements = match (search.standing, search.order) {
        (Standing::Dead, Order::OldestFirst(_)) => &DEAD_FIRST,
        (Standing::Dead, Order::NewestFirst(_)) => &DEAD_LAST,
        (_, Order::OldestFirst(_)) => &ANY_FIRST,
        (_, Order::NewestFirst(_)) => &ANY_LAST,
    };
    db.at_one_moment(|db| {
        let all = match search.order {
            Order::NewestFirst(before) => (0, before.map_or(i64::MAX, |run| run.0)),
            Order::OldestFirst(after) => (after.map_or(0, |run| run.0), i64::MAX),
        };
        // The first that this call does not look at.
        let beyond = db.query_opt(
            statements.beyond,
            values![all.0, all.1, LOOKED_AT_MAX],
            |row| row.get::<i64>(0),
        )?;
        let part = match (search.order, beyond) {
            (_, None) => all,
            (Order::NewestFirst(_), Some(beyond)) => (beyond, all.1),
            (Order::OldestFirst(_), Some(beyond)) => (all.0, beyond),
        };
        let limit = search.limit.min(RUNS_MAX);
        let mut runs = runs(db, statements, search, part, limit + 1)?;
        if runs.len() > limit {
            runs.truncate(limit);
            let next = runs.last().map(|run| run.id);
            return Ok(FoundRuns { runs, next });
        }
        let next = match (search.order, beyond) {
            (_, None) => None,
            (Order::NewestFirst(_), Some(beyond)) => {
                let older = is_before(db, beyond, search.since_ms)?;
                (!older).then_some(RunId(beyond + 1))
            }
            (Order::OldestFirst(_), Some(beyond)) => Some(RunId(beyond - 1)),
        };
        Ok(FoundRuns { runs, next })
    })
}

fn runs(
    db: &mut Db,
    statements: &Statements,
    search: &RunSearch,
    (after, before): (i64, i64),
    limit: usize,
) -> Result<Vec<RunSummary>, SqlError> {
    let (from, to) = match search.standing {
        Standing::Any | Standing::Dead => (RunStatus::Queued, RunStatus::Cancelled),
        Standing::Is(status) => (status, status),
        Standing::Open => (RunStatus::Queued, RunStatus::Running),
    };
    let failed = matches!(
        search.standing,
        Standing::Dead | Standing::Is(RunStatus::Failed)
    );
    let step_status = if failed || search.error.is_some() {
        3
    } else {
        0
    };
    let error = search.error.as_deref().map(pattern);
    let values: &[Value<'_>] = values![
        after,
        before,
        from,
        to,
        &search.workflow,
        search.since_ms.unwrap_or(i64::MIN),
        search.until_ms.unwrap_or(i64::MAX),
        search.job.is_some() || error.is_some(),
        step_status,
        &search.job,
        &error,
        limit as i64
    ];
    db.query(statements.search, values, summary)
}

fn is_before(db: &mut Db, run: i64, since_ms: Option<i64>) -> Result<bool, SqlError> {
    let Some(since_ms) = since_ms else {
        return Ok(false);
    };
    let begun = db.query_opt(
        "SELECT created_ms FROM runs WHERE id = $1",
        values![run],
        |row| row.get::<i64>(0),
    )?;
    Ok(begun.is_some_and(|begun| begun < since_ms.saturating_sub(CLOCKS_DIFFER_MS)))
}

/// For LIKE: this text, as it is within a text of JSON, with anything around it.
fn pattern(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let within = &quoted[1..quoted.len() - 1];
    let mut pattern = String::from("%");
    for letter in within.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_patterns_and_in_json_stands_for_itself() {
        assert_eq!(pattern("refused"), "%refused%");
        assert_eq!(pattern("100%_\\"), "%100\\%\\_\\\\\\\\%");
        assert_eq!(pattern("no \"x\""), "%no \\\\\"x\\\\\"%");
    }

    const STORED: &str = "
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 250001)
        INSERT INTO runs (id, trigger, job, status, open_steps, leaf_failed, created_ms, workflow)
            SELECT n, 't', 'j', 3, 0, 1, n * 60000, CASE n WHEN 120000 THEN 'rare' ELSE 'w' END FROM numbers;
        INSERT INTO dead SELECT id FROM runs;";

    fn stored() -> (tempfile::TempDir, crate::link::Link) {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("fonio.db");
        let mut link = crate::schema::sqlite::open_writer(&file).expect("a file");
        match link.db().expect("a connection") {
            Db::Sqlite(conn) => conn.execute_batch(STORED).expect("many runs"),
            Db::Postgres(_) => unreachable!("it is a file"),
        }
        (dir, link)
    }

    #[test]
    fn one_call_looks_at_a_bounded_number_of_runs_and_the_next_goes_on() {
        let (_dir, mut link) = stored();
        for standing in [Standing::Any, Standing::Dead] {
            for order in [Order::NewestFirst, Order::OldestFirst] {
                let (mut at, mut calls, mut seen) = (None, 0, Vec::new());
                loop {
                    let search = RunSearch {
                        standing,
                        workflow: Some("rare".to_owned()),
                        order: order(at),
                        ..RunSearch::default()
                    };
                    let part = link
                        .ask("be read", |db| found(db, &search))
                        .expect("a part");
                    calls += 1;
                    seen.extend(part.runs.iter().map(|run| run.id.0));
                    at = part.next;
                    if at.is_none() {
                        break;
                    }
                }
                assert_eq!((calls, seen), (3, vec![120_000]), "{standing:?}");
            }
        }
    }

    #[test]
    fn what_began_long_before_the_time_that_is_asked_for_is_not_looked_at() {
        let (_dir, mut link) = stored();
        let search = RunSearch {
            workflow: Some("rare".to_owned()),
            since_ms: Some(249_000 * 60_000),
            ..RunSearch::default()
        };
        let part = link
            .ask("be read", |db| found(db, &search))
            .expect("a part");
        assert_eq!((part.runs, part.next), (Vec::new(), None));
    }
}
