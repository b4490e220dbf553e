//! Large bodies and states: where they are, and that they come and go with their rows.

use std::path::PathBuf;
use std::time::Duration;

use super::STORE;
use super::common::*;
use fonio_store::{
    Kept, MessageFilter, NewEvent, NewMessage, RunStatus, Settlement, StepInput, StoreOptions,
};

/// Larger than what stays in a row.
const LARGE: usize = 100_000;

fn large(digit: &str) -> String {
    digit.repeat(LARGE)
}

/// The files of bodies. In a database there is none.
fn files(place: &Place) -> Vec<PathBuf> {
    let list = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path())
    };
    list(place.path().join("bodies")).flat_map(list).collect()
}

/// So many in a file's folder.
fn expected(files: usize) -> usize {
    match STORE {
        Kind::File => files,
        Kind::Postgres => 0,
    }
}

async fn forget_all(store: &fonio_store::Store) {
    let nothing = Kept {
        messages_ms: -60_000,
        runs_ms: -60_000,
        dataclips_ms: -60_000,
        logs_ms: -60_000,
    };
    let swept = store.sweep(nothing, Duration::ZERO).await;
    swept.expect("a pass");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_what_it_was_wherever_it_is_read() {
    let dir = directory();
    let store = open(&dir);
    let sent_as = NewMessage {
        raw: Some([&[0, 1], large("x").as_bytes()].concat()),
        ..message(&large("7"))
    };
    let accepted = store
        .accept(sent_as.clone(), vec![run_of(&["a", "b"])])
        .await
        .expect("an accept");
    assert_eq!(files(&dir).len(), expected(2));
    let all = MessageFilter {
        limit: 9,
        ..MessageFilter::default()
    };
    let listed = store.messages(all).await.expect("messages").messages;
    assert_eq!(listed[0].bytes, LARGE as u64);
    let stored = store.message(accepted.message).await.expect("a read");
    assert_eq!(stored.expect("the message").message, sent_as);

    let step = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(step.input, sent(&large("7")));
    let settled = store.settle(step.step, success(&large("8"), &[])).await;
    settled.expect("a settlement");
    // The run's final state is put together from its two leaves.
    let settled = settle_next(&store, success("9", &[])).await;
    let run = store.run(settled.run).await.expect("a read");
    let output = run.expect("the run").run.output.expect("a final state");
    let state = store.dataclip(output).await.expect("a read");
    let expected = format!("{{\"leaf\":{},\"leaf-1\":9}}", large("8"));
    assert_eq!(state.expect("the state"), expected.into_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_large_data_of_an_event_is_a_file_if_it_starts_something_and_goes_with_its_message() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let event = |digit: &str, runs| NewEvent {
        id: format!("1.{digit}"),
        name: "heard".into(),
        payload: large(digit).into_bytes(),
        about: b"{}".to_vec(),
        chain: vec!["heard".into()],
        runs,
    };
    let settlement = Settlement {
        events: vec![event("7", vec![run_of(&["b"])]), event("8", Vec::new())],
        ..success("2", &[])
    };
    settle_next(&store, settlement).await;
    assert_eq!(files(&dir).len(), expected(1));
    let step = store.claim(1).await.expect("a claim").remove(0);
    let StepInput::Event { payload, .. } = &step.input else {
        panic!("{:?}", step.input);
    };
    assert!(*payload == large("7").into_bytes());
    let settled = store.settle(step.step, failure(&[])).await;
    settled.expect("a settlement");

    let of = store.run(run).await.expect("a read").expect("the run");
    let message = of.run.message.expect("its message");
    let came_of = store.came_of(message).await.expect("a read");
    assert_eq!(came_of.len(), 1, "what starts nothing is not stored");
    let erased = store.forget(&came_of).await.expect("it goes");
    assert_eq!((erased.messages, erased.runs), (1, 1));
    assert_eq!(files(&dir).len(), 0);
    assert_eq!(store.came_of(message).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_content_is_one_file_and_goes_with_the_last_that_names_it() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, &large("7"), "a").await;
    settle_next(&store, failure(&[])).await;
    begin(&store, &large("7"), "a").await;
    assert_eq!(files(&dir).len(), expected(1));
    forget_all(&store).await;
    assert_eq!(store.run(run).await, Ok(None), "the first is forgotten");
    let step = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(step.input, sent(&large("7")), "the second is there");
    let settled = store.settle(step.step, failure(&[])).await;
    settled.expect("a settlement");
    forget_all(&store).await;
    assert_eq!(files(&dir).len(), 0);
    // The same may come again.
    begin(&store, &large("7"), "a").await;
    let step = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(step.input, sent(&large("7")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_looks_like_a_reference_is_itself() {
    let dir = directory();
    let store = open(&dir);
    for raw in [vec![0, 1, 2], vec![0; 42], [&[0, 1][..], &[7; 40]].concat()] {
        let sent = NewMessage {
            raw: Some(raw),
            ..message("1")
        };
        let accepted = store.accept(sent.clone(), Vec::new()).await;
        let id = accepted.expect("an accept").message;
        let stored = store.message(id).await.expect("a read");
        assert_eq!(stored.expect("the message").message, sent);
    }
    assert_eq!(files(&dir).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_a_crash_left_behind_go_and_the_others_are_read_after_it() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, &large("7"), "a").await;
    if let Some(file) = files(&dir).first() {
        let beside = file.with_file_name("0".repeat(64));
        std::fs::write(beside, "half").expect("a file");
        std::fs::write(file.with_extension("9.new"), "half").expect("a file");
    }
    let (after, store) = after_a_crash(&dir);
    assert_eq!(files(&after).len(), expected(1));
    let step = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(step.input, sent(&large("7")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_lost_fails_its_step_and_does_not_stop_the_next() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, &large("7"), "a").await;
    begin(&store, "8", "a").await;
    let Some(file) = files(&dir).into_iter().next() else {
        return assert!(matches!(STORE, Kind::Postgres));
    };
    std::fs::remove_file(file).expect("it can be deleted");
    let steps = store.claim(2).await.expect("a claim");
    assert!(
        matches!(&steps[0].input, StepInput::Lost(why) if why.contains("bodies")),
        "{:?}",
        steps[0].input
    );
    assert_eq!(steps[1].input, sent("8"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_several_leaves_ends_though_the_state_of_one_is_lost() {
    let dir = directory();
    let store = open(&dir);
    let first = vec![run_of(&["a", "b"])];
    let run = store.accept(message("1"), first).await.expect("it").runs[0];
    settle_next(&store, success(&large("7"), &[])).await;
    let Some(file) = files(&dir).into_iter().next() else {
        return assert!(matches!(STORE, Kind::Postgres));
    };
    std::fs::remove_file(file).expect("it can be deleted");
    settle_next(&store, success("8", &[])).await;
    let ended = store.run_finished(run).await.expect("it has ended");
    assert_eq!(ended.status, RunStatus::Succeeded);
    let state = store.dataclip(ended.output.expect("a final state")).await;
    let state = state.expect("a read").expect("it is there");
    assert_eq!(
        String::from_utf8_lossy(&state),
        r#"{"leaf":null,"leaf-1":8}"#
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_files_counts_as_stored() {
    let dir = directory();
    let store = dir
        .open_with(StoreOptions {
            stored_max: Some(64 << 20),
            ..StoreOptions::default()
        })
        .expect("a store");
    store.accept(message("1"), Vec::new()).await.expect("it");
    let before = store.stored();
    let body = "7".repeat(8 << 20);
    store.accept(message(&body), Vec::new()).await.expect("it");
    store.accept(message("1"), Vec::new()).await.expect("it");
    let more = store.stored() - before;
    let compressed = matches!(STORE, Kind::Postgres);
    assert!(compressed || more >= 8 << 20, "{more}");
    forget_all(&store).await;
    store.accept(message("1"), Vec::new()).await.expect("it");
    assert!(compressed || store.stored().saturating_sub(before) < 1 << 20);
}
