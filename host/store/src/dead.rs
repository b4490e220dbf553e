//! Dead letters: runs that have failed, until somebody does them again or discards them. A run, its message and its states
//! stay as they are; what is kept here is that somebody has yet to decide.

use crate::again::{Again, RunAgain};
use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::RunId;
use crate::model::{RunDetail, StepDetail};
use crate::read;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// The run has failed, and waits for somebody's decision.
pub(crate) fn add(writing: &mut Writing<'_>, run: RunId) -> Result<(), SqlError> {
    writing
        .db
        .execute("INSERT INTO dead (run) VALUES ($1)", values![run])?;
    Ok(())
}

/// It is decided. No if it was before, or never waited for that.
pub(crate) fn remove(writing: &mut Writing<'_>, run: RunId) -> Result<bool, SqlError> {
    let gone = writing.db.query_opt(
        "DELETE FROM dead WHERE run = $1 RETURNING run",
        values![run],
        |_| Ok(()),
    )?;
    Ok(gone.is_some())
}

impl Store {
    /// Does a run again if it is a dead letter, and else nothing: of two who decide at the same moment only one does.
    ///
    /// # Errors
    /// As [`Store::run_again`].
    pub async fn run_dead_again(
        &self,
        of: RunId,
        again: impl Into<RunAgain>,
    ) -> Result<Option<RunId>, StoreError> {
        let again = self.again(of, again.into()).await?;
        self.change(DeadAgain(again)).await
    }

    /// Takes runs off the dead letters, and gives those that were.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn discard(&self, runs: Vec<RunId>) -> Result<Vec<RunId>, StoreError> {
        self.change(Discard(runs)).await
    }

    /// Runs with those of their steps that a retry begins from: the first, those that failed and what followed these, and
    /// those of `job`, named by its key or its id; without their logs. Runs that are not there are left out.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn for_retry(
        &self,
        runs: Vec<RunId>,
        job: Option<String>,
    ) -> Result<Vec<RunDetail>, StoreError> {
        let each = move |db: &mut Db| {
            let found = runs.iter().map(|run| ends(db, *run, job.as_deref()));
            let found: Result<Vec<_>, SqlError> = found.collect();
            Ok(found?.into_iter().flatten().collect())
        };
        self.pages().read(each).await
    }
}

fn ends(db: &mut Db, id: RunId, job: Option<&str>) -> Result<Option<RunDetail>, SqlError> {
    let Some(run) = read::summary_of(db, id)? else {
        return Ok(None);
    };
    let key = job.map(|job| format!("{}/{job}", run.workflow));
    let steps: Vec<StepDetail> = db.query(
        "SELECT id, job, status, attempt, exit_code, error, input, output, started_ms, finished_ms FROM steps
         WHERE run = $1 AND (status = 3 OR id = (SELECT min(id) FROM steps WHERE run = $1)
             OR input IN (SELECT output FROM steps WHERE run = $1 AND status = 3)
             OR job = CAST($2 AS TEXT) OR job = CAST($3 AS TEXT)) ORDER BY id",
        values![id, job, &key],
        read::settled_step,
    )?;
    Ok(Some(RunDetail {
        run,
        steps,
        truncated: false,
    }))
}

struct DeadAgain(Again);

impl Change for DeadAgain {
    type Answer = Option<RunId>;

    fn weight(&self) -> usize {
        self.0.weight()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Option<RunId>, Failure> {
        let dead = writing.db.query_opt(
            "SELECT run FROM dead WHERE run = $1",
            values![self.0.of],
            |_| Ok(()),
        )?;
        dead.map(|()| self.0.apply(writing)).transpose()
    }
}

struct Discard(Vec<RunId>);

impl Change for Discard {
    type Answer = Vec<RunId>;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Vec<RunId>, Failure> {
        let mut discarded = Vec::new();
        for &run in &self.0 {
            if remove(writing, run)? {
                discarded.push(run);
            }
        }
        Ok(discarded)
    }
}
