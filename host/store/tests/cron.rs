//! Runs that no message started, and the state that a job goes on from.

mod common;

use common::*;
use fonio_store::{DataclipId, Settlement, StepInput, StoreError};

#[tokio::test]
async fn a_cron_job_goes_on_from_its_own_last_success() {
    let dir = directory();
    let store = open(dir.path());
    assert_eq!(store.last_output("tick").await, Ok(None));
    assert_eq!(store.cron_tick("tick").await, Ok(None));
    store
        .record_cron_tick("tick", 60_000)
        .await
        .expect("a tick");
    assert_eq!(store.cron_tick("tick").await, Ok(Some(60_000)));
    assert_eq!(store.has_open_run("tick").await, Ok(false));

    let run = store
        .start_cron("tick", "every-minute", 120_000, None)
        .await
        .expect("a start");
    assert_eq!(store.cron_tick("tick").await, Ok(Some(120_000)));
    assert_eq!(store.has_open_run("tick").await, Ok(true));
    let claimed = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(
        (claimed.run, claimed.trigger.as_str(), &claimed.input),
        (run, "every-minute", &StepInput::Nothing)
    );
    store
        .settle(claimed.step, success("state", &["after"]))
        .await
        .expect("a settlement");
    assert_eq!(
        store.has_open_run("tick").await,
        Ok(true),
        "what it started goes on"
    );
    settle_next(&store, failure(&[])).await;
    assert_eq!(store.has_open_run("tick").await, Ok(false));

    let last = store
        .last_output("tick")
        .await
        .expect("a read")
        .expect("an output");
    store
        .start_cron("tick", "every-minute", 180_000, Some(last))
        .await
        .expect("a start");
    assert_eq!(
        store.claim(1).await.expect("a claim")[0].input,
        StepInput::Dataclip(b"state".to_vec())
    );
}

#[tokio::test]
async fn a_failed_step_does_not_replace_the_last_success() {
    let dir = directory();
    let store = open(dir.path());
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

#[tokio::test]
async fn a_run_is_not_started_from_a_state_that_is_not_stored() {
    let dir = directory();
    let store = open(dir.path());
    let dataclip = DataclipId(7);
    assert_eq!(
        store.start("by hand", "a", Some(dataclip)).await,
        Err(StoreError::NoSuchDataclip { dataclip })
    );
    assert_eq!(store.queued(), 0);
}
