//! Runs that no message started, and the state that a job goes on from.

use super::common::*;
use fonio_store::{DataclipId, Settlement, StepInput, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cron_job_goes_on_from_its_own_last_success() {
    let dir = directory();
    let store = open(&dir);
    assert_eq!(store.last_output("tick").await, Ok(None));
    assert_eq!(store.last_tick("clock").await, Ok(None));
    store
        .record_tick("clock", None, 60_000)
        .await
        .expect("a tick");
    assert_eq!(store.last_tick("clock").await, Ok(Some(60_000)));
    assert_eq!(store.is_last_tick_open("clock").await, Ok(false));

    let run = store
        .start_tick("clock", Some(60_000), 120_000, run_of(&["tick"]))
        .await
        .expect("a start")
        .expect("nobody came first");
    assert_eq!(store.last_tick("clock").await, Ok(Some(120_000)));
    assert_eq!(store.is_last_tick_open("clock").await, Ok(true));
    store
        .record_tick("clock", Some(120_000), 150_000)
        .await
        .expect("a tick");
    assert_eq!(
        store.is_last_tick_open("clock").await,
        Ok(true),
        "a tick that starts nothing forgets no run"
    );
    let claimed = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(
        (claimed.run, claimed.trigger.as_str(), &claimed.input),
        (run, "trigger", &StepInput::Nothing)
    );
    store
        .settle(claimed.step, success("state", &["after"]))
        .await
        .expect("a settlement");
    assert_eq!(
        store.is_last_tick_open("clock").await,
        Ok(true),
        "what it started goes on"
    );
    settle_next(&store, failure(&[])).await;
    assert_eq!(store.is_last_tick_open("clock").await, Ok(false));

    let last = store
        .last_output("tick")
        .await
        .expect("a read")
        .expect("an output");
    let mut again = run_of(&["tick"]);
    again.first[0].input = Some(last);
    store
        .start_tick("clock", Some(150_000), 180_000, again)
        .await
        .expect("a start");
    assert_eq!(
        store.claim(1).await.expect("a claim")[0].input,
        StepInput::Dataclip(b"state".to_vec())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_step_does_not_replace_the_last_success() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let good = settle_next(&store, success("good", &[])).await.output;
    begin(&store, "2", "a").await;
    settle_next(
        &store,
        Settlement {
            output: Some(b"bad".to_vec()),
            ..failure(&[])
        },
    )
    .await;
    assert_eq!(store.last_output("a").await, Ok(good));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_goes_on_from_the_final_state_of_its_last_run_that_succeeded() {
    let dir = directory();
    let store = open(&dir);
    let tick = async |outcome: Settlement| {
        store.start(run_of(&["a"])).await.expect("a start");
        settle_next(&store, success("half way", &["b"])).await;
        settle_next(&store, outcome).await.output
    };
    assert_eq!(store.last_final_state("flow").await, Ok(None));
    let good = tick(success("good", &[])).await;
    tick(Settlement {
        output: Some(b"bad".to_vec()),
        ..failure(&[])
    })
    .await;
    begin(&store, "1", "a").await;
    settle_next(&store, success("of a message", &[])).await;
    assert_eq!(store.last_final_state("flow").await, Ok(good));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_not_started_from_a_state_that_is_not_stored() {
    let dir = directory();
    let store = open(&dir);
    let dataclip = DataclipId(7);
    let mut run = run_of(&["a"]);
    run.first[0].input = Some(dataclip);
    assert_eq!(
        store.start(run).await,
        Err(StoreError::NoSuchDataclip { dataclip })
    );
    assert_eq!(store.queued(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_that_see_one_tick_the_first_starts_its_run_and_the_others_nothing() {
    let dir = directory();
    let store = open(&dir);
    let tick = |last, at| {
        let store = store.clone();
        async move { store.start_tick("clock", last, at, run_of(&["a"])).await }
    };
    // The first sight of a clock, by two at once.
    let (one, other) = tokio::join!(tick(None, 1), tick(None, 2));
    assert_eq!(
        [one, other].map(|started| started.expect("a start").is_some()),
        [true, false]
    );
    let (one, other) = tokio::join!(tick(Some(1), 60_000), tick(Some(1), 60_007));
    assert_eq!(
        [one, other].map(|started| started.expect("a start").is_some()),
        [true, false]
    );
    assert_eq!(store.last_tick("clock").await, Ok(Some(60_000)));
    store
        .record_tick("clock", Some(1), 61_000)
        .await
        .expect("it is no error to come late");
    assert_eq!(store.last_tick("clock").await, Ok(Some(60_000)));
    assert_eq!(store.claim(10).await.expect("a claim").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_its_run_and_the_state_it_leaves_outlive_a_crash_together() {
    let dir = directory();
    let store = open(&dir);
    store
        .start_tick("clock", None, 60_000, run_of(&["a"]))
        .await
        .expect("a start");
    settle_next(&store, success("cursor", &[])).await;
    store
        .start_tick("clock", Some(60_000), 120_000, run_of(&["a"]))
        .await
        .expect("a start");
    let (_after, store) = after_a_crash(&dir);
    assert_eq!(store.last_tick("clock").await, Ok(Some(120_000)));
    assert_eq!(store.is_last_tick_open("clock").await, Ok(true));
    assert!(store.last_output("a").await.expect("a read").is_some());
    assert!(
        store
            .last_final_state("flow")
            .await
            .expect("a read")
            .is_some()
    );
    assert_eq!(store.counts().await.expect("counts").runs, 2);
}
