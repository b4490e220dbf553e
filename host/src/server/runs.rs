//! `GET /api/v1/runs` and `/api/v1/runs/<id>`.

use std::collections::BTreeMap;
use std::time::Duration;

use fonio_project::excerpt;
use fonio_store::{RunDetail, RunId, RunStatus, RunSummary, StepState, StoreError};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Reply, filter};
use crate::flow::id_of;
use crate::host::Host;

/// The longest that a request waits for a run to end.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Those that the query asks for, newest first unless it says otherwise.
pub async fn list(host: &Host, query: Option<&str>) -> Result<Reply, StoreError> {
    let search = match filter::of_query(query.unwrap_or_default()) {
        Ok(search) => search,
        Err(said) => return Ok(Reply::problem(StatusCode::BAD_REQUEST, &said)),
    };
    let found = host.store.search(search).await?;
    let failures = failures(host, &found.runs).await?;
    let runs = found.runs.iter().map(|run| {
        let mut shown = with_ids(json!(run));
        shown["failure"] = failures.get(&run.id).cloned().unwrap_or_default();
        shown
    });
    let runs: Vec<Value> = runs.collect();
    let body = json!({ "runs": runs, "next": found.next });
    Ok(Reply::json(StatusCode::OK, &body))
}

/// Of those that failed, which job did and what it said, in short.
async fn failures(host: &Host, runs: &[RunSummary]) -> Result<BTreeMap<RunId, Value>, StoreError> {
    let failed = runs.iter().filter(|run| run.status == RunStatus::Failed);
    let failed: Vec<RunId> = failed.map(|run| run.id).collect();
    if failed.is_empty() {
        return Ok(BTreeMap::new());
    }
    let details = host.store.for_retry(failed, None).await?;
    let short = |run: &RunDetail| {
        let steps = run.steps.iter().rev();
        let step = steps
            .into_iter()
            .find(|step| step.status == StepState::Failed)?;
        let error: Value = serde_json::from_str(step.error.as_deref()?).ok()?;
        let said = error["message"].as_str().unwrap_or_default();
        let job = id_of(&run.run.workflow, &step.job);
        Some((run.run.id, json!({ "job": job, "message": excerpt(said) })))
    };
    Ok(details.iter().filter_map(short).collect())
}

/// One; with `wait`, when it has ended or that time is over.
pub async fn show(host: &Host, id: &str, query: Option<&str>) -> Result<Reply, StoreError> {
    let Ok(id) = id.parse::<RunId>() else {
        let said = "a run's id is a number";
        return Ok(Reply::problem(StatusCode::NOT_FOUND, said));
    };
    match wait(query.unwrap_or_default()) {
        Ok(Duration::ZERO) => {}
        Ok(wait) => end_of(host, id, wait).await,
        Err(said) => return Ok(Reply::problem(StatusCode::BAD_REQUEST, &said)),
    }
    Ok(match host.store.run(id).await? {
        Some(mut run) => {
            host.progress.add_to(&mut run.steps);
            Reply::json(StatusCode::OK, &with_ids(json!(run)))
        }
        None => Reply::problem(StatusCode::NOT_FOUND, "there is no run of that id"),
    })
}

/// Resolves when the run has ended, and in any case after `wait`, or at once where as many wait already as may.
async fn end_of(host: &Host, id: RunId, wait: Duration) {
    let Ok(_place) = host.waiting.try_acquire() else {
        return;
    };
    tokio::select! {
        _ = host.store.run_finished(id) => {}
        () = tokio::time::sleep(wait) => {}
        () = host.stopping() => {}
    }
}

fn wait(query: &str) -> Result<Duration, String> {
    let mut wait = Duration::ZERO;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.parse::<u64>()) {
            ("wait_ms", Ok(asked)) => wait = Duration::from_millis(asked).min(WAIT_MAX),
            _ => {
                let most = WAIT_MAX.as_millis();
                return Err(format!(
                    "a run takes wait_ms (how long to wait for its end, {most} at most), not {name}={value}"
                ));
            }
        }
    }
    Ok(wait)
}

/// People know a job by its id; its key in the store may carry the workflow's.
fn with_ids(mut run: Value) -> Value {
    let workflow = run["workflow"].as_str().unwrap_or_default().to_owned();
    let rename = |holder: &mut Value| {
        if let Some(key) = holder["job"].as_str() {
            holder["job"] = id_of(&workflow, key).to_owned().into();
        }
    };
    rename(&mut run);
    // To ask for what is not there by its name would put it there.
    let steps = run.get_mut("steps").and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        rename(step);
    }
    run
}
