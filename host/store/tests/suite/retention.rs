//! What is older than it is kept is forgotten, and nothing that is needed.

use std::time::Duration;

use super::common::*;
use fonio_store::{
    AgainFrom, AgainInput, Erased, FirstStep, Keep, Kept, LogLevel, LogLine, MessageFilter,
    MessageId, NewMessage, NewRun, Next, RunId, RunStatus, Settlement, Store, StoreError,
};

/// So long is for ever: the runs of `success` ended in 1970.
const EVER: i64 = 1 << 60;

const FOR_EVER: Kept = Kept {
    messages_ms: EVER,
    runs_ms: EVER,
    dataclips_ms: EVER,
    logs_ms: EVER,
};

/// Older than a moment is what there is now.
const MOMENT: i64 = -60_000;

async fn sweep(store: &Store, kept: Kept) -> Erased {
    let swept = store.sweep(kept, Duration::ZERO).await;
    swept.expect("a pass")
}

fn with_log(settlement: Settlement) -> Settlement {
    let line = LogLine {
        level: LogLevel::Info,
        at_ms: 15,
        message: "hello".to_owned(),
    };
    Settlement {
        log: vec![line],
        ..settlement
    }
}

async fn message_ids(store: &Store) -> Vec<MessageId> {
    let all = MessageFilter {
        limit: 1000,
        ..MessageFilter::default()
    };
    let found = store.messages(all).await.expect("messages");
    let messages = found.messages;
    messages.iter().rev().map(|message| message.id).collect()
}

async fn run_ids(store: &Store) -> Vec<RunId> {
    let runs = newest_runs(store, 1000, None).await;
    runs.iter().rev().map(|run| run.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_is_forgotten_in_its_own_time() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let settled = settle_next(&store, with_log(success("2", &[]))).await;
    let output = settled.output.expect("a state");
    begin(&store, "3", "a").await;
    settle_next(&store, with_log(success("4", &[]))).await;
    assert!(sweep(&store, FOR_EVER).await.is_nothing());

    let logs = Kept {
        logs_ms: MOMENT,
        ..FOR_EVER
    };
    let swept = sweep(&store, logs).await;
    assert_eq!((swept.logs, swept.dataclips, swept.runs), (2, 0, 0));
    let detail = store.run(run).await.expect("a read").expect("the run");
    assert!(detail.steps[0].log.is_empty());
    assert_eq!(detail.steps[0].output, Some(output));

    let dataclips = Kept {
        dataclips_ms: MOMENT,
        ..FOR_EVER
    };
    let swept = sweep(&store, dataclips).await;
    assert_eq!(swept.dataclips, 1, "the job's last state stays");
    assert_eq!(store.dataclip(output).await, Ok(None));
    let last = store.last_output("a").await.expect("a read");
    let last = store.dataclip(last.expect("a state")).await;
    assert_eq!(last.expect("a read").expect("the state"), b"4");

    let runs = Kept {
        runs_ms: MOMENT,
        ..FOR_EVER
    };
    assert_eq!(sweep(&store, runs).await.runs, 2);
    assert_eq!(store.run(run).await, Ok(None));
    assert_eq!(message_ids(&store).await.len(), 2);
    let messages = Kept {
        messages_ms: MOMENT,
        ..FOR_EVER
    };
    assert_eq!(sweep(&store, messages).await.messages, 2);
    assert!(message_ids(&store).await.is_empty());
    let counts = store.counts().await.expect("counts");
    assert_eq!(
        (counts.messages, counts.runs, counts.runs_succeeded),
        (2, 2, 2)
    );
}

const NOTHING: Kept = Kept {
    messages_ms: MOMENT,
    runs_ms: MOMENT,
    dataclips_ms: MOMENT,
    logs_ms: MOMENT,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_open_run_needs_stays() {
    let dir = directory();
    let store = open(&dir);
    let open_run = begin(&store, "1", "a").await;
    settle_next(&store, success("2", &["b"])).await;
    for n in 0..3 {
        begin(&store, &n.to_string(), "c").await;
        let step = store.claim(9).await.expect("a claim");
        let last = step
            .iter()
            .find(|step| step.job == "c")
            .expect("the newest");
        store
            .settle(last.step, success("9", &[]))
            .await
            .expect("a settlement");
        // What was claimed with it is the open run's step, once.
        if n == 0 {
            assert_eq!(step[0].job, "b");
        }
    }
    let swept = sweep(&store, NOTHING).await;
    assert_eq!((swept.messages, swept.runs), (3, 3));
    assert_eq!(run_ids(&store).await, [open_run]);
    let detail = store.run(open_run).await.expect("a read").expect("it");
    let step = detail.steps[1].id;
    let settled = store.settle(step, success("3", &[])).await;
    assert_eq!(
        settled.expect("a settlement").run_status,
        RunStatus::Succeeded
    );
}

/// Accepts and ends a run that no message started.
async fn tick(store: &Store, input: Option<fonio_store::DataclipId>) -> RunId {
    let run = NewRun {
        workflow: "clock".to_owned(),
        trigger: "daily".to_owned(),
        first: vec![FirstStep {
            job: "sum".to_owned(),
            input,
        }],
        turn: fonio_store::Turn::default(),
    };
    store.start(run).await.expect("a run")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_goes_on_from_a_state_whose_run_is_forgotten() {
    let dir = directory();
    let store = open(&dir);
    tick(&store, None).await;
    settle_next(&store, success("1", &[])).await;
    assert_eq!(sweep(&store, NOTHING).await.runs, 1);
    let cursor = store.last_final_state("clock").await.expect("a read");
    assert!(cursor.is_some());
    // The next run begins with it; another replaces it as the workflow's last state before the first has ended.
    tick(&store, cursor).await;
    let first = store.claim(1).await.expect("a claim");
    tick(&store, None).await;
    settle_next(&store, success("2", &[])).await;
    sweep(&store, NOTHING).await;
    let cursor = cursor.expect("it is there");
    assert!(
        store.dataclip(cursor).await.expect("a read").is_some(),
        "an open run began with it"
    );
    let ended = store.settle(first[0].step, success("3", &[])).await;
    ended.expect("a settlement");
    sweep(&store, NOTHING).await;
    sweep(&store, NOTHING).await;
    assert_eq!(store.dataclip(cursor).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_never_given_twice() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let settled = store.settle(step, failure(&[])).await;
    settled.expect("a settlement");
    let message = message_ids(&store).await[0];
    let swept = sweep(&store, NOTHING).await;
    assert_eq!((swept.messages, swept.runs), (1, 1));
    store.close().await;
    drop(store);
    let store = open(&dir);
    assert!(begin(&store, "1", "a").await > run);
    assert!(message_ids(&store).await[0] > message);
    assert!(store.claim(1).await.expect("a claim")[0].step > step);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_fits_a_transaction_is_forgotten_in_several() {
    let dir = directory();
    let store = open(&dir);
    let held = begin(&store, "0", "held").await;
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..1200 {
        let store = store.clone();
        sending.spawn(async move { store.accept(message("1"), Vec::new()).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.expect("no panic").expect("an accept");
    }
    assert_eq!(sweep(&store, NOTHING).await.messages, 1200);
    let left = message_ids(&store).await;
    assert_eq!(left.len(), 1, "that of run {held}, which is open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_is_begun_once_in_its_time() {
    let dir = directory();
    let store = open(&dir);
    let hour = Duration::from_secs(3600);
    store.accept(message("1"), Vec::new()).await.expect("it");
    assert_eq!(store.sweep(NOTHING, hour).await.expect("one").messages, 1);
    store.accept(message("2"), Vec::new()).await.expect("it");
    let again = store.sweep(NOTHING, hour).await.expect("another");
    assert!(again.is_nothing());
    assert_eq!(sweep(&store, NOTHING).await.messages, 1);
}

/// Sweeps until something goes: what a run leaves stays a few seconds.
async fn sweep_until_something_goes(store: &Store) -> Erased {
    loop {
        let swept = sweep(store, FOR_EVER).await;
        if !swept.is_nothing() {
            return swept;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_failures_are_kept_what_succeeded_leaves_its_status() {
    let dir = directory();
    let store = open(&dir);
    store.keep(Keep::Failure);
    let good = begin(&store, "1", "a").await;
    let settled = settle_next(&store, with_log(success("2", &[]))).await;
    let output = settled.output.expect("a state");
    let bad = begin(&store, "3", "b").await;
    settle_next(&store, with_log(failure(&[]))).await;
    // The job's last state would stay for a clock.
    begin(&store, "4", "a").await;
    let last = store.claim(1).await.expect("a claim")[0].step;

    let swept = sweep_until_something_goes(&store).await;
    assert_eq!((swept.messages, swept.runs, swept.logs), (1, 0, 1));
    let detail = store.run(good).await.expect("a read").expect("the run");
    assert_eq!(detail.run.status, RunStatus::Succeeded);
    assert_eq!((detail.run.output, detail.steps[0].output), (None, None));
    assert!(detail.steps[0].log.is_empty());
    assert!(store.dataclip(output).await.expect("a read").is_some());
    let detail = store.run(bad).await.expect("a read").expect("the run");
    assert_eq!(detail.steps[0].log.len(), 1);
    let message = detail.run.message.expect("a message");
    assert!(store.message(message).await.expect("a read").is_some());
    let settled = store.settle(last, success("5", &[])).await;
    settled.expect("a settlement");

    let from = vec![AgainFrom {
        job: "a".to_owned(),
        input: AgainInput::Message,
    }];
    let again = store.run_again(good, from).await;
    assert!(
        matches!(again, Err(StoreError::NoSuchMessage { .. })),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_kept_a_failure_leaves_its_status_and_a_repetition_is_known() {
    let dir = directory();
    let store = open(&dir);
    store.keep(Keep::Never);
    let sent = NewMessage {
        key: Some("k".to_owned().into()),
        ..message("1")
    };
    let first = store.accept(sent.clone(), vec![run_of(&["a"])]).await;
    let first = first.expect("an accept");
    settle_next(&store, with_log(failure(&[]))).await;
    store.accept(message("2"), Vec::new()).await.expect("it");
    let mut swept = sweep_until_something_goes(&store).await;
    while swept.messages < 2 {
        swept += sweep_until_something_goes(&store).await;
    }
    let detail = store.run(first.runs[0]).await.expect("a read");
    let detail = detail.expect("the run");
    assert_eq!(detail.run.status, RunStatus::Failed);
    assert_eq!(detail.steps[0].error, None);
    assert!(message_ids(&store).await.is_empty());
    let again = store.accept(sent.clone(), vec![run_of(&["a"])]).await;
    let again = again.expect("it is known");
    assert!(again.repeated);
    assert_eq!(again.runs, first.runs);
    let other = NewMessage {
        body: b"3".to_vec(),
        ..sent
    };
    let other = store.accept(other, vec![run_of(&["a"])]).await;
    assert!(
        matches!(other, Err(StoreError::KeyTaken { .. })),
        "{other:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_go_with_the_logs() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let again = Settlement {
        next: Next::Again { at_ms: 1 },
        ..with_log(failure(&[]))
    };
    store.settle(step, again).await.expect("a settlement");
    store.wake_due(2).await.expect("it is due");
    settle_next(&store, success("2", &[])).await;
    let logs = Kept {
        logs_ms: MOMENT,
        ..FOR_EVER
    };
    assert_eq!(sweep(&store, logs).await.logs, 1);
    let detail = store.run(run).await.expect("a read").expect("the run");
    assert!(detail.steps[0].earlier.is_empty());
}
