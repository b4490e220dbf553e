//! The life of a message: accepted, claimed, settled, followed, finished.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::common::*;
use fonio_store::{
    FINAL_STATE_MAX_BYTES, Item, LogLevel, LogLine, NewMessage, Next, RunId, RunStatus,
    STEPS_PER_RUN_MAX, Settlement, StepId, StepInput, StepState, StepStatus, Store, StoreError,
    StoreOptions, leaf_names,
};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_are_claimed_oldest_first_and_only_once() {
    let dir = directory();
    let store = open(&dir);
    let runs = [
        begin(&store, "1", "a").await,
        begin(&store, "2", "a").await,
        begin(&store, "3", "a").await,
    ];
    let claimed = store.claim(2).await.expect("a claim");
    assert_eq!(
        claimed.iter().map(|step| step.run).collect::<Vec<_>>(),
        runs[..2]
    );
    assert_eq!((store.queued(), store.running()), (1, 2));
    assert_eq!(store.claim(2).await.expect("a claim").len(), 1);
    assert_eq!(store.claim(2).await.expect("a claim"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_steps_than_the_window_holds_all_come_in_order() {
    let dir = directory();
    let store = open(&dir);
    let many = (0..10_050).map(|_| run_of(&["a"])).collect();
    let mut expected = store
        .accept(message("1"), many)
        .await
        .expect("an accept")
        .runs;
    expected.push(begin(&store, "2", "b").await);
    let mut seen = Vec::new();
    while let claimed @ [_, ..] = store.claim(997).await.expect("a claim").as_slice() {
        seen.extend(claimed.iter().map(|step| step.run));
    }
    assert_eq!(seen, expected);
    expected.push(begin(&store, "3", "c").await);
    assert_eq!(
        store.claim(5).await.expect("a claim")[0].job,
        "c",
        "after a refill new steps are seen again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_caller_goes_away_puts_its_steps_back() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    {
        let mut claim = pin!(store.claim(1));
        let poll = claim.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending(), "a claim reads on another thread");
    }
    let claimed = loop {
        store.wait_for_work().await;
        let claimed = store.claim(1).await.expect("a claim");
        if !claimed.is_empty() {
            break claimed;
        }
    };
    assert_eq!(claimed[0].job, "a");
    assert_eq!((store.queued(), store.running()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_what_would_add_to_it_and_nothing_else() {
    let dir = directory();
    let store = dir
        .open_with(StoreOptions {
            queue_max: 2,
            ..StoreOptions::default()
        })
        .expect("the store opens");
    begin(&store, "1", "a").await;
    begin(&store, "2", "a").await;
    let refused = store.accept(message("3"), vec![run_of(&["a"])]).await;
    assert_eq!(refused, Err(StoreError::QueueFull { queued: 2, max: 2 }));
    store
        .accept(message("4"), vec![])
        .await
        .expect("it meets no workflow, so it needs no place");
    store.claim(1).await.expect("a claim");
    begin(&store, "5", "a").await;
    assert_eq!(store.counts().await.expect("counts").messages, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_refuses_more_and_lets_what_it_took_end() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    store.store_at_most(Some(1));
    let refused = store.accept(message("2"), vec![]).await;
    let Err(error @ StoreError::Full { max: 1, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        error
            .to_string()
            .ends_with("no more than 0.0 MiB may be; delete what is not needed, or allow more"),
        "{error}"
    );
    let started = store.start(run_of(&["a"])).await;
    assert!(
        matches!(started, Err(StoreError::Full { .. })),
        "{started:?}"
    );
    let item = Item {
        key: "k".to_owned(),
        value: "1".to_owned(),
    };
    let set = store.set_collection_items("c", vec![item]).await;
    assert!(matches!(set, Err(StoreError::Full { .. })), "{set:?}");
    let settled = settle_next(&store, success("handed on", &["b"])).await;
    assert_eq!(settled.run_status, RunStatus::Running);
    store.store_at_most(None);
    begin(&store, "3", "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_step_gets_the_state_of_this_run() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let settled = settle_next(&store, success("handed on", &["b"])).await;
    assert_eq!(settled.run_status, RunStatus::Running);
    let next = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(
        (next.step, next.run, next.job.as_str()),
        (settled.next.expect("a next step"), settled.run, "b")
    );
    assert_eq!(next.input, StepInput::Dataclip(b"handed on".to_vec()));
    assert_eq!(
        store.dataclip(settled.output.expect("an output")).await,
        Ok(Some(b"handed on".to_vec()))
    );

    let nothing = Settlement {
        output: None,
        ..success("", &["d"])
    };
    store
        .settle(next.step, nothing)
        .await
        .expect("a settlement");
    assert_eq!(
        store.claim(1).await.expect("a claim")[0].input,
        StepInput::Nothing
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_fails_only_if_a_leaf_failed() {
    let dir = directory();
    let store = open(&dir);

    let dealt_with = begin(&store, "1", "a").await;
    settle_next(&store, failure(&["rescue"])).await;
    assert_eq!(
        settle_next(&store, success("2", &[])).await.run_status,
        RunStatus::Succeeded
    );

    let failed = begin(&store, "1", "a").await;
    settle_next(&store, success("2", &["b", "c"])).await;
    assert_eq!(
        settle_next(&store, failure(&[])).await.run_status,
        RunStatus::Running
    );
    assert_eq!(
        settle_next(&store, success("3", &[])).await.run_status,
        RunStatus::Failed
    );

    let open = begin(&store, "1", "a").await;
    let newest = newest_runs(&store, 2, None).await;
    assert_eq!(
        newest
            .iter()
            .map(|run| (run.id, run.status))
            .collect::<Vec<_>>(),
        [(open, RunStatus::Queued), (failed, RunStatus::Failed)]
    );
    let older = newest_runs(&store, 2, Some(failed)).await;
    assert_eq!(
        older
            .iter()
            .map(|run| (run.id, run.status))
            .collect::<Vec<_>>(),
        [(dealt_with, RunStatus::Succeeded)]
    );
    let counts = store.counts().await.expect("counts");
    assert_eq!(
        (
            counts.runs,
            counts.runs_open,
            counts.runs_succeeded,
            counts.runs_failed
        ),
        (3, 1, 1, 1)
    );
}

/// The job of the one step that waits, settled.
async fn settled_job(store: &Store, settlement: Settlement) -> String {
    let mut claimed = store.claim(10).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "the steps of a run go one after another");
    let step = claimed.remove(0);
    store
        .settle(step.step, settlement)
        .await
        .expect("a settlement");
    step.job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_of_a_run_go_one_after_another_and_breadth_first() {
    let dir = directory();
    let store = open(&dir);
    let run = store
        .accept(message("1"), vec![run_of(&["a", "b"])])
        .await
        .expect("an accept")
        .runs[0];
    assert_eq!(settled_job(&store, success("2", &["c", "d"])).await, "a");
    assert_eq!(settled_job(&store, success("3", &[])).await, "b");
    let (_dir, store) = after_a_crash(&dir);
    assert_eq!(settled_job(&store, success("4", &["e"])).await, "c");
    assert_eq!(settled_job(&store, success("5", &[])).await, "d");
    assert_eq!(settled_job(&store, success("6", &[])).await, "e");
    let outcome = store.run_finished(run).await.expect("the run");
    assert_eq!(outcome.status, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_final_state_is_that_of_the_leaf_or_of_several_each_under_its_name() {
    let dir = directory();
    let store = open(&dir);
    let leaf = |name: &str, output: &str| Settlement {
        next: Next::Leaf(name.to_owned()),
        ..success(output, &[])
    };
    let one = begin(&store, "1", "a").await;
    settled_job(&store, success("{}", &["b"])).await;
    settled_job(&store, leaf("b", r#"{"n":1}"#)).await;
    let many = begin(&store, "1", "a").await;
    settled_job(&store, success("{}", &["b", "b", "c"])).await;
    settled_job(&store, leaf("b", r#"{"n":1}"#)).await;
    settled_job(&store, leaf("b", r#"{"n":2}"#)).await;
    let without = Settlement {
        output: None,
        ..leaf("c", "")
    };
    settled_job(&store, without).await;
    for (run, state) in [
        (one, r#"{"n":1}"#),
        (many, r#"{"b":{"n":1},"b-1":{"n":2},"c":null}"#),
    ] {
        let output = store.run_finished(run).await.expect("the run").output;
        let body = store.dataclip(output.expect("a final state")).await;
        assert_eq!(body, Ok(Some(state.into())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_ended_fails_and_nothing_of_it_runs_on() {
    let dir = directory();
    let store = open(&dir);
    let run = store
        .accept(message("1"), vec![run_of(&["a", "b"])])
        .await
        .expect("an accept")
        .runs[0];
    let end = Settlement {
        next: Next::End,
        ..failure(&[])
    };
    let settled = settle_next(&store, end).await;
    assert_eq!(
        (settled.next, settled.run_status),
        (None, RunStatus::Failed)
    );
    assert_eq!(store.queued(), 0);
    let outcome = store.run_finished(run).await.expect("the run");
    assert_eq!(
        (outcome.status, outcome.steps.len()),
        (RunStatus::Failed, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_leads_nowhere_is_a_run_that_has_succeeded() {
    let dir = directory();
    let store = open(&dir);
    let accepted = store
        .accept(message("1"), vec![run_of(&[])])
        .await
        .expect("an accept");
    let outcome = store.run_finished(accepted.runs[0]).await.expect("the run");
    assert_eq!(
        (outcome.status, outcome.steps.len()),
        (RunStatus::Succeeded, 0)
    );
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.runs_open, counts.runs_succeeded), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_learns_when_its_run_began_and_how_its_message_was_sent() {
    let dir = directory();
    let store = open(&dir);
    let message = NewMessage {
        request: Some(br#"{"method":"POST"}"#.to_vec()),
        ..message("1")
    };
    store
        .accept(message, vec![run_of(&["a"])])
        .await
        .expect("an accept");
    let first = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!((first.workflow.as_str(), first.run_used_ms), ("flow", 0));
    let sent = StepInput::Message {
        body: b"1".to_vec(),
        request: Some(br#"{"method":"POST"}"#.to_vec()),
    };
    assert_eq!(first.input, sent);
    store
        .settle(first.step, success("2", &["b"]))
        .await
        .expect("a settlement");
    let second = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(second.run_used_ms, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_settled_once_and_only_by_who_claimed_it() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    assert_eq!(
        store.settle(StepId(1), success("2", &[])).await,
        Err(StoreError::NotClaimed { step: StepId(1) })
    );
    let step = store.claim(1).await.expect("a claim")[0].step;
    let (one, two) = tokio::join!(
        store.settle(step, success("2", &["b"])),
        store.settle(step, success("3", &["b"]))
    );
    assert!(one.is_ok());
    assert_eq!(two, Err(StoreError::NotClaimed { step }));
    assert_eq!((store.queued(), store.running()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_tells_its_steps_and_their_logs() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let log = vec![LogLine {
        level: LogLevel::Warn,
        at_ms: 11,
        message: "hm".into(),
    }];
    settle_next(
        &store,
        Settlement {
            log: log.clone(),
            ..failure(&["b"])
        },
    )
    .await;
    let running = store.claim(1).await.expect("a claim")[0].step;
    let detail = store.run(run).await.expect("a read").expect("the run");
    assert_eq!(
        detail
            .steps
            .iter()
            .map(|step| step.status)
            .collect::<Vec<_>>(),
        [StepState::Failed, StepState::Running]
    );
    assert_eq!(detail.steps[0].log, log);
    assert_eq!(
        detail.steps[0].error.as_deref(),
        Some(r#"{"message":"no"}"#)
    );
    assert!(!detail.truncated);

    store
        .settle(running, success("2", &[]))
        .await
        .expect("a settlement");
    let outcome = store.run_finished(run).await.expect("the run");
    assert_eq!(outcome.status, RunStatus::Succeeded);
    let told: Vec<_> = outcome
        .steps
        .iter()
        .map(|step| (step.job.as_str(), step.status, step.exit_code))
        .collect();
    assert_eq!(
        told,
        [
            ("a", StepStatus::Failed, 1),
            ("b", StepStatus::Succeeded, 0)
        ]
    );
    assert_eq!(outcome.steps[0].log, log);
    assert_eq!(store.run(RunId(99)).await, Ok(None));
    assert_eq!(
        store.run_finished(RunId(99)).await,
        Err(StoreError::NoSuchRun { run: RunId(99) })
    );
}

/// Ends when every waiter has been woken: a lost wake-up hangs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_who_waits_for_a_run_is_woken() {
    let dir = directory();
    let store = open(&dir);
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        workers.spawn(async move {
            loop {
                store.wait_for_work().await;
                let Ok(claimed) = store.claim(3).await else {
                    break;
                };
                for step in claimed {
                    store
                        .settle(step.step, success("2", &[]))
                        .await
                        .expect("a settlement");
                }
            }
        });
    }
    let mut senders = JoinSet::new();
    for _ in 0..300 {
        let store = store.clone();
        senders.spawn(async move {
            let run = begin(&store, "1", "a").await;
            let (one, two) = tokio::join!(store.run_finished(run), store.run_finished(run));
            assert_eq!(one, two);
            one.expect("the run").status
        });
    }
    assert_eq!(senders.join_all().await, [RunStatus::Succeeded; 300]);
    store.close().await;
    workers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_ends_every_wait() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let claimed = store.claim(1).await.expect("a claim");
    let (finished, (), ()) = tokio::join!(
        store.run_finished(run),
        store.wait_for_work(),
        store.close()
    );
    assert_eq!(finished, Err(StoreError::Closed));
    assert_eq!(store.claim(1).await, Err(StoreError::Closed));
    assert_eq!(
        store.settle(claimed[0].step, success("2", &[])).await,
        Err(StoreError::Closed)
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_would_never_end_is_refused_before_anything_is_written() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let many: Vec<&str> = vec!["b"; STEPS_PER_RUN_MAX as usize];
    let refused = store.settle(step, success("2", &many)).await;
    assert_eq!(
        refused,
        Err(StoreError::RunTooLong {
            max: STEPS_PER_RUN_MAX
        })
    );
    let ended = Settlement {
        next: Next::End,
        ..failure(&[])
    };
    let settled = store.settle(step, ended).await.expect("a settlement");
    assert_eq!(settled.run_status, RunStatus::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_that_are_too_large_together_are_refused_before_anything_is_written() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    settle_next(&store, success("{}", &["b", "c"])).await;
    let half = "7".repeat(FINAL_STATE_MAX_BYTES as usize / 2 + 1);
    settle_next(&store, success(&half, &[])).await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let refused = store.settle(step, success(&half, &[])).await;
    let bytes = FINAL_STATE_MAX_BYTES + 2;
    let max = FINAL_STATE_MAX_BYTES;
    assert_eq!(refused, Err(StoreError::FinalStateTooLarge { bytes, max }));
    let settled = store.settle(step, success("1", &[])).await;
    assert_eq!(
        settled.expect("a settlement").run_status,
        RunStatus::Succeeded
    );
}

#[test]
fn a_leaf_that_is_reached_again_takes_no_other_leafs_name() {
    let names =
        |ids: &[&str]| leaf_names(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(&["b", "b", "c", "b"]), ["b", "b-1", "c", "b-2"]);
    assert_eq!(names(&["z", "z", "z-1"]), ["z", "z-2", "z-1"]);
}
