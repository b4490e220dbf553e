//! What somebody has forgotten is nowhere any more.

use super::common::*;
use fonio_store::{AgainFrom, AgainInput, MessageId, NewMessage, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_goes_with_its_runs_states_logs_and_key_and_its_neighbours_stay() {
    let dir = directory();
    let store = open(&dir);
    let sent = NewMessage {
        key: Some("k".to_owned().into()),
        ..message(r#"{"who":"ama"}"#)
    };
    let first = store.accept(sent.clone(), vec![run_of(&["a"])]).await;
    let first = first.expect("an accept");
    let output = settle_next(&store, success("1", &[])).await.output;
    let edited = AgainFrom {
        job: "a".to_owned(),
        input: AgainInput::Edited(b"2".to_vec()),
    };
    let again = store.run_again(first.runs[0], vec![edited]).await;
    let again = again.expect("it runs again");
    let other = begin(&store, "3", "b").await;

    let open_run = store.forget(&[first.message]).await;
    assert_eq!(open_run, Err(StoreError::RunOpen { run: again }));
    assert_eq!(
        store.runs_of(first.message).await,
        Ok(vec![first.runs[0], again])
    );
    assert_eq!(store.cancel(again).await, Ok(true));
    let erased = store.forget(&[first.message]).await.expect("it goes");
    assert_eq!((erased.messages, erased.runs, erased.dataclips), (1, 2, 2));
    assert_eq!(store.message(first.message).await, Ok(None));
    assert_eq!(store.run(first.runs[0]).await, Ok(None));
    assert_eq!(store.dataclip(output.expect("a state")).await, Ok(None));
    assert_eq!(store.last_output("a").await, Ok(None), "nor for a clock");

    assert!(store.run(other).await.expect("a read").is_some());
    assert_eq!(store.claim(9).await.expect("a claim").len(), 1);
    let anew = store.accept(sent, vec![run_of(&["a"])]).await;
    assert!(!anew.expect("an accept").repeated, "its key is gone, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_come_oldest_first_and_say_whether_they_are_of_a_workflow() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let hook = NewMessage {
        source: "webhook".to_owned(),
        ..message("2")
    };
    store.accept(hook, Vec::new()).await.expect("an accept");
    let found = |workflow: Option<&str>, after: i64| {
        let (store, workflow) = (store.clone(), workflow.map(str::to_owned));
        async move {
            let found = store.candidates(MessageId(after), workflow).await;
            let found = found.expect("a read").into_iter();
            found
                .map(|it| (it.id.0, it.source, it.of_workflow))
                .collect::<Vec<_>>()
        }
    };
    let (inbox, webhook) = ("inbox".to_owned(), "webhook".to_owned());
    assert_eq!(
        found(Some("flow"), 0).await,
        [(1, inbox.clone(), true), (2, webhook.clone(), false)]
    );
    assert_eq!(found(None, 1).await, [(2, webhook, true)]);
    assert_eq!(found(Some("other"), 0).await[0], (1, inbox, false));
}
