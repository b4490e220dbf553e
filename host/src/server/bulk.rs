//! What a person decides about many runs at once: `POST /api/v1/runs/retry`, `/cancel` and `/discard`, with a filter.
//!
//! A call decides about a bounded number of runs, and says where to go on. Each run is decided about by itself: one that
//! cannot be done again, because its job is gone, holds up no other.

use fonio_access::{Event, Principal, What};
use fonio_store::{AgainFrom, Order, RunDetail, RunId, RunSearch, Standing, StoreError};
use futures_util::stream::{self, StreamExt};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Reply;
use super::decide::{self, From, Refused};
use super::filter::{Filter, Status};
use super::peer::Peer;
use super::routes::Decision;
use crate::host::Host;
use crate::receiver::intake;

/// Runs in one call: what they take fits into a few seconds, and a reply into a few hundred kilobytes.
const RUNS_MAX: usize = 1_000;
/// On their way to the store at once: it commits them together.
const AT_ONCE: usize = 64;

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
    from: Option<Start>,
    /// Only says about which it would be decided.
    dry_run: bool,
    limit: Option<usize>,
    /// From where on, as the reply before said.
    next: Option<RunId>,
}

/// Where runs begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    Failed,
    Start,
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

    /// Those that can be decided about so. The oldest dead letters first: that is the order in which they were to be done.
    /// The newest open runs first: none is to begin because the one before it is ended.
    fn search(&self, decision: Decision) -> Result<RunSearch, Refused> {
        let allowed: &[Status] = match decision {
            Decision::Retry | Decision::Discard => &[Status::Dead, Status::Failed],
            Decision::Cancel => &[Status::Open, Status::Queued, Status::Running],
        };
        if let Some(status) = self.status
            && !allowed.contains(&status)
        {
            return Err(Refused {
                status: StatusCode::BAD_REQUEST,
                said: match decision {
                    Decision::Cancel => "`status` is open (the default), queued or running: what has ended cannot be ended".to_owned(),
                    _ => "`status` is failed or left out: this is for runs that have failed and that nobody has decided about".to_owned(),
                },
            });
        }
        if self.from.is_some() && decision != Decision::Retry {
            let said = "`from` is for a retry".to_owned();
            return Err(Refused {
                status: StatusCode::BAD_REQUEST,
                said,
            });
        }
        let limit = self.limit.unwrap_or(RUNS_MAX).clamp(1, RUNS_MAX);
        let search = match decision {
            Decision::Retry | Decision::Discard => {
                let search = self.filter().search(Order::OldestFirst(self.next), limit);
                RunSearch {
                    standing: Standing::Dead,
                    ..search
                }
            }
            Decision::Cancel => {
                let filter = Filter {
                    status: self.status.or(Some(Status::Open)),
                    ..self.filter()
                };
                filter.search(Order::NewestFirst(self.next), limit)
            }
        };
        Ok(search)
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
    let asked = read(host, request).await?;
    let search = asked.search(decision).map_err(Reply::from)?;
    let found = host.store.search(search).await;
    let found = found.map_err(|error| Reply::from(Refused::from(error)))?;
    let matched: Vec<RunId> = found.runs.iter().map(|run| run.id).collect();
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
            json!(asked.filter())
        );
        record(host, peer, principal, decision, &said);
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "dry_run": asked.dry_run,
            "matched": matched,
            "done": done,
            "skipped": skipped,
            "next": found.next,
        }),
    ))
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
            "this takes nothing, or JSON with any of workflow, job, status, error, since_ms, until_ms, from (\"failed\" or \"start\"), \
             dry_run, limit (1 to {RUNS_MAX}) and next; {error}"
        );
        Reply::problem(StatusCode::BAD_REQUEST, &said)
    })
}

/// In their order: the store commits what comes in the order in which it comes.
async fn retry(host: &Host, asked: &Asked, runs: Vec<RunId>) -> Result<Vec<Decided>, Reply> {
    let live = decide::live(host)?;
    let details = host.store.for_retry(runs).await;
    let details = details.map_err(|error| Reply::from(Refused::from(error)))?;
    let from = |run: &RunDetail| match asked.from {
        Some(Start::Start) => decide::first_steps(&live, run, From::Start, None),
        Some(Start::Failed) | None => decide::first_steps(&live, run, From::Failed, None),
    };
    let each = details.into_iter().map(|run| (run.run.id, from(&run)));
    let each = each.map(|(id, first)| async move {
        match first {
            Ok((first, _)) => again(host, id, first).await,
            Err(refused) => Decided::skipped(id, refused.said),
        }
    });
    Ok(stream::iter(each).buffered(AT_ONCE).collect().await)
}

async fn again(host: &Host, run: RunId, first: Vec<AgainFrom>) -> Decided {
    match host.store.run_dead_again(run, first).await {
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
