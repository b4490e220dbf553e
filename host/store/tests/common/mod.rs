//! What the store's tests share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;

use fonio_store::{
    FirstStep, NewMessage, NewRun, Next, RunId, Settlement, StepInput, StepStatus, Store,
    StoreOptions,
};
use tempfile::TempDir;

pub fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

pub fn open(dir: &Path) -> Store {
    Store::open(dir, StoreOptions::default()).expect("the store opens")
}

/// What a host would find on disk had this one been killed now.
pub fn after_a_crash(dir: &TempDir) -> (TempDir, Store) {
    let copy = directory();
    for name in ["fonio.db", "fonio.db-wal"] {
        let from = dir.path().join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).expect("a copy of the files");
        }
    }
    let store = open(copy.path());
    (copy, store)
}

pub fn message(body: &str) -> NewMessage {
    NewMessage {
        source: "inbox".into(),
        content_type: "application/json".into(),
        body: body.into(),
        raw: None,
        request: None,
    }
}

/// What a step that a message started finds.
pub fn sent(body: &str) -> StepInput {
    StepInput::Message {
        body: body.into(),
        request: None,
    }
}

/// A run of the workflow `flow` that starts with `jobs`.
pub fn run_of(jobs: &[&str]) -> NewRun {
    let first = |job: &&str| FirstStep {
        job: (*job).to_owned(),
        input: None,
    };
    NewRun {
        workflow: "flow".to_owned(),
        trigger: "trigger".to_owned(),
        first: jobs.iter().map(first).collect(),
    }
}

/// What follows: these jobs, or if none, a leaf.
pub fn then(next: &[&str]) -> Next {
    if next.is_empty() {
        Next::Leaf("leaf".to_owned())
    } else {
        Next::Jobs(next.iter().map(|job| (*job).to_owned()).collect())
    }
}

pub fn success(output: &str, next: &[&str]) -> Settlement {
    Settlement {
        status: StepStatus::Succeeded,
        exit_code: 0,
        error: None,
        output: Some(output.into()),
        log: Vec::new(),
        next: then(next),
        started_ms: 10,
        finished_ms: 20,
    }
}

pub fn failure(next: &[&str]) -> Settlement {
    Settlement {
        status: StepStatus::Failed,
        exit_code: 1,
        error: Some(r#"{"message":"no"}"#.into()),
        output: None,
        ..success("", next)
    }
}

/// Accepts one message for `job` and returns its run.
pub async fn begin(store: &Store, body: &str, job: &str) -> RunId {
    store
        .accept(message(body), vec![run_of(&[job])])
        .await
        .expect("an accept")
        .runs[0]
}

/// Claims the one step that waits and settles it.
pub async fn settle_next(store: &Store, settlement: Settlement) -> fonio_store::Settled {
    let step = store.claim(1).await.expect("a claim")[0].step;
    store.settle(step, settlement).await.expect("a settlement")
}
