//! Steps that are tried again, runs that are done again, and runs that somebody ends.

use super::common::*;
use fonio_store::{
    AgainFrom, AgainInput, Next, RunId, RunStatus, Settlement, StepInput, StepState, Store,
    StoreError,
};

fn put_off(at_ms: i64) -> Settlement {
    Settlement {
        next: Next::Again { at_ms },
        ..failure(&[])
    }
}

async fn status(store: &Store, run: RunId) -> RunStatus {
    let run = store.run(run).await.expect("a read").expect("the run");
    run.run.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_is_put_off_waits_for_its_time_and_starts_from_what_it_started_from() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let settled = store.settle(step, put_off(5_000)).await;
    assert_eq!(
        settled.expect("a settlement").run_status,
        RunStatus::Running
    );
    store.put_off().await;
    assert_eq!(store.next_due().await, Ok(Some(5_000)));
    assert_eq!(store.wake_due(4_999).await, Ok(0));
    assert!(store.claim(1).await.expect("a claim").is_empty());
    let detail = store.run(run).await.expect("a read").expect("the run");
    let waiting = &detail.steps[0];
    assert_eq!(
        (waiting.status, waiting.attempt, waiting.due_ms),
        (StepState::Waiting, 2, Some(5_000))
    );
    assert_eq!(waiting.earlier.len(), 1);
    assert_eq!(store.counts().await.expect("counts").steps_waiting, 1);

    assert_eq!(store.wake_due(5_000).await, Ok(1));
    assert_eq!(store.next_due().await, Ok(None));
    let again = store.claim(9).await.expect("a claim");
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].step, again[0].attempt), (step, 2));
    assert_eq!(again[0].input, sent("1"));
    store
        .settle(step, success("2", &[]))
        .await
        .expect("a settlement");
    let ended = store.run(run).await.expect("a read").expect("the run");
    assert_eq!(ended.run.status, RunStatus::Succeeded);
    let earlier = &ended.steps[0].earlier;
    assert_eq!((ended.steps[0].attempt, earlier.len()), (2, 1));
    assert_eq!(earlier[0].error.as_deref(), Some(r#"{"message":"no"}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_outlives_a_crash_and_keeps_its_number() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    store
        .settle(step, put_off(5_000))
        .await
        .expect("a settlement");
    let (_dir, store) = after_a_crash(&dir);
    begin(&store, "2", "a").await;
    let newer = store.claim(1).await.expect("a claim")[0].step;
    assert!(newer > step, "no number is given twice");
    assert_eq!(store.wake_due(5_000).await, Ok(1));
    assert_eq!(store.claim(1).await.expect("a claim")[0].step, step);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_are_woken_among_many_that_wait_all_come() {
    let dir = directory();
    let store = open(&dir);
    for _ in 0..30 {
        begin(&store, "1", "a").await;
    }
    let first = store.claim(10).await.expect("a claim");
    for claimed in &first {
        store
            .settle(claimed.step, put_off(1))
            .await
            .expect("a settlement");
    }
    assert_eq!(store.claim(5).await.expect("a claim").len(), 5);
    assert_eq!(store.wake_due(2).await, Ok(10));
    let rest = store.claim(100).await.expect("a claim");
    assert_eq!(
        rest.len(),
        25,
        "those that were woken and those that had not been taken"
    );
    let woken: Vec<_> = rest.iter().take(10).map(|claimed| claimed.step).collect();
    let put_off: Vec<_> = first.iter().map(|claimed| claimed.step).collect();
    assert_eq!(woken, put_off, "the oldest come first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_has_ended_is_done_again_from_its_message_a_state_or_one_that_is_written() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let state = settle_next(&store, success("2", &["b"])).await.output;
    let open_still = store.run_again(run, Vec::new()).await;
    assert_eq!(open_still, Err(StoreError::RunOpen { run }));
    settle_next(&store, failure(&[])).await;
    assert_eq!(status(&store, run).await, RunStatus::Failed);
    for (input, expected) in [
        (AgainInput::Message, sent("1")),
        (
            AgainInput::Dataclip(state.expect("a state")),
            StepInput::Dataclip(b"2".to_vec()),
        ),
        (
            AgainInput::Edited(b"3".to_vec()),
            StepInput::Dataclip(b"3".to_vec()),
        ),
    ] {
        let job = "b".to_owned();
        let again = store.run_again(run, vec![AgainFrom { job, input }]).await;
        let again = again.expect("a new run");
        let claimed = store.claim(1).await.expect("a claim").remove(0);
        assert_eq!((claimed.run, claimed.input), (again, expected));
        store
            .settle(claimed.step, success("4", &[]))
            .await
            .expect("a settlement");
        let old = store.run(run).await.expect("a read").expect("the run").run;
        let new = store
            .run(again)
            .await
            .expect("a read")
            .expect("the run")
            .run;
        assert_eq!((old.retried_by, new.retry_of), (Some(again), Some(run)));
        assert_eq!((&new.workflow, new.message), (&old.workflow, old.message));
    }
    let nothing = store.run_again(RunId(99), Vec::new()).await;
    assert_eq!(nothing, Err(StoreError::NoSuchRun { run: RunId(99) }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_ended_whether_it_waits_runs_or_is_put_off() {
    let dir = directory();
    let store = open(&dir);
    let runs = [
        begin(&store, "1", "a").await,
        begin(&store, "2", "a").await,
        begin(&store, "3", "a").await,
        begin(&store, "4", "a").await,
    ];
    let claimed = store.claim(2).await.expect("a claim");
    store
        .settle(claimed[1].step, put_off(5_000))
        .await
        .expect("a settlement");
    for run in &runs[..3] {
        assert_eq!(store.cancel(*run).await, Ok(true));
        assert_eq!(store.cancel(*run).await, Ok(false), "it has ended");
        assert_eq!(status(&store, *run).await, RunStatus::Cancelled);
        let outcome = store.run_finished(*run).await.expect("it has ended");
        assert_eq!(outcome.status, RunStatus::Cancelled);
    }
    let late = store.settle(claimed[0].step, success("5", &[])).await;
    assert_eq!(
        late,
        Err(StoreError::NotClaimed {
            step: claimed[0].step
        })
    );
    assert_eq!(store.wake_due(5_000).await, Ok(0));
    let rest = store.claim(9).await.expect("a claim");
    assert_eq!(
        rest.iter().map(|step| step.run).collect::<Vec<_>>(),
        [runs[3]]
    );
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.runs_open, counts.runs_cancelled), (1, 3));
    assert_eq!((counts.steps_queued, counts.steps_running), (0, 1));
    assert_eq!(
        store.cancel(RunId(99)).await,
        Err(StoreError::NoSuchRun { run: RunId(99) })
    );
}
