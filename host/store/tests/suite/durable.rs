//! What was answered is durable, and is there for whoever opens the store next.

use super::common::*;
use fonio_store::{RunStatus, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_and_its_steps_are_there_after_a_reopen() {
    let dir = directory();
    let store = open(&dir);
    let accepted = store
        .accept(message("1"), vec![run_of(&["a"]), run_of(&["b"])])
        .await
        .expect("an accept");
    store.close().await;
    assert_eq!(
        store.accept(message("2"), vec![]).await,
        Err(StoreError::Closed)
    );

    let store = open(&dir);
    assert_eq!(store.recovered(), 0);
    let stored = store
        .message(accepted.message)
        .await
        .expect("a read")
        .expect("the message");
    assert_eq!(stored.message, message("1"));
    let claimed = store.claim(10).await.expect("a claim");
    assert_eq!(
        claimed.iter().map(|step| step.run).collect::<Vec<_>>(),
        accepted.runs
    );
    assert_eq!(claimed[0].input, sent("1"));
    assert_eq!(
        (claimed[1].job.as_str(), claimed[1].trigger.as_str()),
        ("b", "trigger")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_on_disk_at_that_moment() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let (dir, store) = after_a_crash(&dir);
    assert_eq!(store.counts().await.expect("counts").steps_queued, 1);

    settle_next(&store, success("2", &[])).await;
    let (_dir, store) = after_a_crash(&dir);
    assert_eq!(store.counts().await.expect("counts").steps_queued, 0);
    assert_eq!(
        store.run_finished(run).await.expect("the run").status,
        RunStatus::Succeeded
    );
}
