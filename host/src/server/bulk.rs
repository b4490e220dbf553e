//! What a person decides about many runs at once: `POST /api/v1/runs/retry`, `/cancel` and `/discard`, with a filter.
//!
//! A call decides about a bounded number of runs, and says where to go on. Each run is decided about by itself: one that
//! cannot be done again, because its job is gone, holds up no other.

use fonio_access::{Event, Principal, What};
use fonio_store::{Order, RunAgain, RunId, RunSearch, RunStatus, Standing, StoreError};
use futures_util::stream::{self, StreamExt};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::Reply;
use super::decide::{self, From, PLACES, Refused};
use super::filter::{Filter, Status};
use super::peer::Peer;
use super::routes::Decision;
use crate::host::Host;
use crate::receiver::intake;

/// Runs in one call: what they take fits into a few seconds, and a reply into a few hundred kilobytes.
const RUNS_MAX: usize = 1_000;
/// On their way to the store at once: it commits them together.
const AT_ONCE: usize = 64;
/// 16 MiB: of a state that somebody has edited, each run that is on its way has a copy.
const BYTES_AT_ONCE: usize = 16 << 20;

/// What is asked for; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    workflow: Option<String>,
    job: Option<String>,
    status: Option<Status>,
    error: Option<String>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// Where each begins again.
    from: Option<From>,
    /// The state that each starts from, in place of its own.
    input: Option<Box<RawValue>>,
    /// How long each waits before it begins.
    delay_ms: u64,
    /// Only says about which it would be decided.
    dry_run: bool,
    limit: Option<usize>,
    /// From where on, as the reply before said.
    next: Option<RunId>,
}

/// What became of one.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Decided {
    Done {
        run: RunId,
        #[serde(skip_serializing_if = "Option::is_none")]
        retried_by: Option<RunId>,
    },
    Skipped {
        run: RunId,
        why: String,
    },
}

impl Decided {
    fn done(run: RunId) -> Decided {
        Decided::Done {
            run,
            retried_by: None,
        }
    }

    fn skipped(run: RunId, why: impl ToString) -> Decided {
        let why = why.to_string();
        Decided::Skipped { run, why }
    }
}

impl Asked {
    fn filter(&self) -> Filter {
        Filter {
            workflow: self.workflow.clone(),
            job: self.job.clone(),
            status: self.status,
            error: self.error.clone(),
            since_ms: self.since_ms,
            until_ms: self.until_ms,
        }
    }

    /// Those that can be decided about so. The oldest first of what has ended: that is the order in which they were to be
    /// done. The newest open runs first: none is to begin because the one before it is ended.
    fn search(&self, decision: Decision) -> Result<RunSearch, Refused> {
        self.check(decision)?;
        let limit = self.limit.unwrap_or(RUNS_MAX).clamp(1, RUNS_MAX);
        let (standing, order) = match decision {
            Decision::Retry if self.does_well_again() => (
                Standing::Is(RunStatus::Succeeded),
                Order::OldestFirst(self.next),
            ),
            Decision::Retry | Decision::Discard => (Standing::Dead, Order::OldestFirst(self.next)),
            Decision::Cancel => {
                let standing = self.status.map_or(Standing::Open, Standing::from);
                (standing, Order::NewestFirst(self.next))
            }
        };
        Ok(RunSearch {
            standing,
            ..self.filter().search(order, limit)
        })
    }

    fn check(&self, decision: Decision) -> Result<(), Refused> {
        let (allowed, said): (&[Status], &str) = match decision {
            Decision::Retry => (
                &[Status::Dead, Status::Failed, Status::Succeeded],
                "`status` is succeeded, or failed or left out: runs that have failed and that nobody has decided about",
            ),
            Decision::Discard => (
                &[Status::Dead, Status::Failed],
                "`status` is failed or left out: this is for runs that have failed and that nobody has decided about",
            ),
            Decision::Cancel => (
                &[Status::Open, Status::Queued, Status::Running],
                "`status` is open (the default), queued or running: what has ended cannot be ended",
            ),
        };
        if self.status.is_some_and(|status| !allowed.contains(&status)) {
            return Err(wrong(said));
        }
        let differs = self.from.is_some() || self.input.is_some() || self.delay_ms > 0;
        if differs && decision != Decision::Retry {
            return Err(wrong("`from`, `input` and `delay_ms` are for a retry"));
        }
        if decision == Decision::Retry
            && self.does_well_again()
            && self.next.is_some()
            && self.until_ms.is_none()
        {
            return Err(wrong(
                "a call that goes on names `until_ms` as the reply before did: what that call began again may have succeeded by now",
            ));
        }
        Ok(())
    }

    /// Whether runs are meant that have succeeded, of which nobody waits for a decision.
    fn does_well_again(&self) -> bool {
        self.status == Some(Status::Succeeded)
    }

    /// For the audit log: which runs, and what differs from their first time.
    fn in_words(&self) -> String {
        let mut words = json!(self.filter()).to_string();
        if let Some(from) = &self.from {
            words += &format!(", {from}");
        }
        if self.input.is_some() {
            words += ", with another state";
        }
        words
    }
}

fn wrong(said: &str) -> Refused {
    Refused {
        status: StatusCode::BAD_REQUEST,
        said: said.to_owned(),
    }
}

/// Decides, and writes down who had it done, to which runs and to how many.
pub async fn answer(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    decision: Decision,
    request: Request<Incoming>,
) -> Reply {
    let decided = decide_about(host, peer, principal, decision, request).await;
    decided.unwrap_or_else(|refusal| refusal)
}

async fn decide_about(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    decision: Decision,
    request: Request<Incoming>,
) -> Result<Reply, Reply> {
    let mut asked = read(host, request).await?;
    let search = asked.search(decision).map_err(Reply::from)?;
    if asked.does_well_again() {
        // What is begun from here on may succeed before the next part is asked for, and is not meant.
        asked.until_ms = asked.until_ms.or_else(|| Some(crate::runner::now_ms()));
    }
    let found = host.store.search(search).await;
    let found = found.map_err(|error| Reply::from(Refused::from(error)))?;
    let meant = found
        .runs
        .iter()
        .filter(|run| !asked.does_well_again() || run.retried_by.is_none());
    let matched: Vec<RunId> = meant.map(|run| run.id).collect();
    let decided = if asked.dry_run || matched.is_empty() {
        Vec::new()
    } else {
        match decision {
            Decision::Retry => retry(host, &asked, matched.clone()).await?,
            Decision::Cancel => cancel(host, &matched).await,
            Decision::Discard => discard(host, &matched).await?,
        }
    };
    let (done, skipped): (Vec<Decided>, Vec<Decided>) = decided
        .into_iter()
        .partition(|decided| matches!(decided, Decided::Done { .. }));
    if !asked.dry_run {
        let said = format!(
            "{} of {} runs with {}",
            done.len(),
            matched.len(),
            asked.in_words()
        );
        record(host, peer, principal, decision, &said);
    }
    let mut said = json!({
        "dry_run": asked.dry_run,
        "matched": matched,
        "done": done,
        "skipped": skipped,
        "next": found.next,
    });
    if asked.does_well_again() {
        said["until_ms"] = json!(asked.until_ms);
    }
    Ok(Reply::json(StatusCode::OK, &said))
}

async fn read(host: &Host, request: Request<Incoming>) -> Result<Asked, Reply> {
    let bytes = intake::read(&host.intake, request.into_body()).await?;
    if bytes.is_empty() {
        return Ok(Asked::default());
    }
    // An array would be taken for the same in their order, and an empty one for no filter.
    let asked = if bytes.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    } else {
        Err("this is no object".to_owned())
    };
    asked.map_err(|error| {
        let said = format!(
            "this takes nothing, or JSON with any of workflow, job, status, error, since_ms, until_ms, from ({PLACES}), \
             input, delay_ms, dry_run, limit (1 to {RUNS_MAX}) and next; {error}"
        );
        Reply::problem(StatusCode::BAD_REQUEST, &said)
    })
}

/// In their order: the store commits what comes in the order in which it comes.
async fn retry(host: &Host, asked: &Asked, runs: Vec<RunId>) -> Result<Vec<Decided>, Reply> {
    let live = decide::live(host)?;
    let from = asked.from.clone().unwrap_or(From::Failed);
    let not_before_ms = decide::not_before(asked.delay_ms).map_err(Reply::from)?;
    let job = match &from {
        From::Job(job) => Some(job.clone()),
        _ => None,
    };
    let details = host.store.for_retry(runs, job).await;
    let details = details.map_err(|error| Reply::from(Refused::from(error)))?;
    let input = asked.input.as_deref();
    let each = details.into_iter().map(|run| {
        let first = decide::first_steps(&live, &run, &from, input);
        async move {
            match first {
                Ok((first, _)) => {
                    let how = RunAgain {
                        first,
                        not_before_ms,
                    };
                    again(host, asked, run.run.id, how).await
                }
                Err(refused) => Decided::skipped(run.run.id, refused.said),
            }
        }
    });
    let bytes = input.map_or(0, |input| input.get().len());
    let at_once = (BYTES_AT_ONCE / bytes.max(1)).clamp(1, AT_ONCE);
    Ok(stream::iter(each).buffered(at_once).collect().await)
}

async fn again(host: &Host, asked: &Asked, run: RunId, how: RunAgain) -> Decided {
    let begun = if asked.does_well_again() {
        host.store.run_again_once(run, how).await
    } else {
        host.store.run_dead_again(run, how).await
    };
    match begun {
        Ok(Some(by)) => Decided::Done {
            run,
            retried_by: Some(by),
        },
        Ok(None) => Decided::skipped(run, "somebody else has decided about it"),
        Err(error) => Decided::skipped(run, error),
    }
}

async fn cancel(host: &Host, runs: &[RunId]) -> Vec<Decided> {
    let each = runs.iter().copied().map(|run| async move {
        match host.store.cancel(run).await {
            Ok(true) => Decided::done(run),
            Ok(false) => Decided::skipped(run, "it has ended meanwhile"),
            Err(error) => Decided::skipped(run, error),
        }
    });
    stream::iter(each).buffered(AT_ONCE).collect().await
}

async fn discard(host: &Host, runs: &[RunId]) -> Result<Vec<Decided>, Reply> {
    let gone: Result<Vec<RunId>, StoreError> = host.store.discard(runs.to_vec()).await;
    let gone = gone.map_err(|error| Reply::from(Refused::from(error)))?;
    Ok(runs
        .iter()
        .map(|&run| {
            if gone.contains(&run) {
                Decided::done(run)
            } else {
                Decided::skipped(run, "somebody else has decided about it")
            }
        })
        .collect())
}

fn record(host: &Host, peer: &Peer, principal: &Principal, decision: Decision, detail: &str) {
    let what = match decision {
        Decision::Retry => What::Retry,
        Decision::Cancel => What::Cancel,
        Decision::Discard => What::Discard,
    };
    let (who, tenant) = (principal.who().to_string(), host.name());
    let event = Event::new(&who, what).in_tenant(&tenant);
    if let Err(error) = peer.doors.access.record(&event.of("runs", detail)) {
        tracing::error!(%error, "what was decided about runs could not be written into the audit log");
    }
}
