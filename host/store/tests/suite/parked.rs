//! Steps that wait for a system that is out.

use super::common::*;
use fonio_store::{
    Next, ParkedAttempt, Parking, RunId, RunStatus, Settlement, StepDetail, StepState, Store,
    StoreError,
};

const GIVE_UP: i64 = 10_000;

fn parking(now_ms: i64, tried: bool) -> Parking {
    Parking {
        origin: "https://a.example".into(),
        now_ms,
        give_up_ms: GIVE_UP,
        tried: tried.then(|| ParkedAttempt {
            exit_code: 1,
            error: Some(r#"{"message":"no"}"#.into()),
            log: Vec::new(),
            started_ms: 10,
            finished_ms: 20,
        }),
    }
}

async fn step_of(store: &Store, run: RunId) -> StepDetail {
    let run = store.run(run).await.expect("a read").expect("the run");
    run.steps[0].clone()
}

/// Begins a run of a job, claims its step, and parks it.
async fn park_one(store: &Store, now_ms: i64) -> RunId {
    let run = begin(store, "1", "a").await;
    let claimed = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!((claimed.run, claimed.attempt), (run, 1));
    let parked = store.park(claimed.step, parking(now_ms, true)).await;
    assert_eq!(parked, Ok(true));
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_step_waits_without_an_attempt_and_is_woken_by_what_it_waits_for() {
    let dir = directory();
    let store = open(&dir);
    let run = park_one(&store, 1_000).await;
    store.put_off().await;
    assert_eq!(store.running(), 0);
    let waiting = step_of(&store, run).await;
    assert_eq!(
        (waiting.status, waiting.attempt, waiting.due_ms),
        (StepState::Waiting, 1, Some(1_000 + GIVE_UP))
    );
    assert_eq!(waiting.parked_on.as_deref(), Some("https://a.example"));
    assert_eq!(waiting.earlier.len(), 1, "what it met is shown");
    let parked = store.parked().await.expect("a read");
    assert_eq!(parked.len(), 1);
    assert_eq!(
        (parked[0].job.as_str(), parked[0].steps, parked[0].since_ms),
        ("a", 1, 1_000)
    );
    assert_eq!(store.wake_due(1_000 + GIVE_UP - 1).await, Ok(0));
    assert_eq!(store.wake_parked("https://b.example", 9).await, Ok(0));
    assert_eq!(store.wake_parked("https://a.example", 9).await, Ok(1));
    assert_eq!(store.wake_parked("https://a.example", 9).await, Ok(0));
    assert!(store.parked().await.expect("a read").is_empty());
    let again = store.claim(9).await.expect("a claim").remove(0);
    assert_eq!((again.run, again.attempt, again.input), (run, 1, sent("1")));
    store
        .settle(again.step, success("2", &[]))
        .await
        .expect("a settlement");
    let ended = store.run(run).await.expect("a read").expect("the run");
    assert_eq!(ended.run.status, RunStatus::Succeeded);
    assert_eq!(ended.steps[0].attempt, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_are_woken_first_and_no_more_than_asked_for() {
    let dir = directory();
    let store = open(&dir);
    let runs = [park_one(&store, 1).await, park_one(&store, 2).await];
    assert_eq!(store.wake_parked("https://a.example", 1).await, Ok(1));
    let claimed = store.claim(9).await.expect("a claim");
    assert_eq!((claimed.len(), claimed[0].run), (1, runs[0]));
    assert_eq!(store.parked().await.expect("a read")[0].since_ms, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_parked_again_and_again_but_not_for_longer_than_it_may() {
    let dir = directory();
    let store = open(&dir);
    let run = park_one(&store, 1_000).await;
    let park_again = async |now_ms, tried| {
        store
            .wake_parked("https://a.example", 9)
            .await
            .expect("a change");
        let step = store.claim(1).await.expect("a claim")[0].step;
        store.park(step, parking(now_ms, tried)).await
    };
    assert_eq!(park_again(5_000, true).await, Ok(true));
    assert_eq!(park_again(6_000, false).await, Ok(true));
    let waiting = step_of(&store, run).await;
    assert_eq!(
        (waiting.attempt, waiting.due_ms, waiting.earlier.len()),
        (1, Some(1_000 + GIVE_UP), 1)
    );
    // It is due by itself when it has waited for as long as it may.
    assert_eq!(store.wake_due(1_000 + GIVE_UP).await, Ok(1));
    let step = store.claim(1).await.expect("a claim")[0].step;
    assert_eq!(
        store.park(step, parking(1_000 + GIVE_UP, true)).await,
        Ok(false)
    );
    store
        .settle(step, failure(&[]))
        .await
        .expect("it is claimed still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_makes_no_wait_longer() {
    const DAY: i64 = 24 * 3600 * 1000;
    let dir = directory();
    let store = open(&dir);
    let run = park_one(&store, DAY).await;
    store
        .wake_parked("https://a.example", 9)
        .await
        .expect("a change");
    let step = store.claim(1).await.expect("a claim")[0].step;
    assert_eq!(store.park(step, parking(1_000, false)).await, Ok(true));
    assert_eq!(step_of(&store, run).await.due_ms, Some(1_000 + GIVE_UP));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_outlives_a_crash() {
    let dir = directory();
    let store = open(&dir);
    let run = park_one(&store, 1_000).await;
    let (_after, store) = after_a_crash(&dir);
    let parked = store.parked().await.expect("a read");
    assert_eq!((parked[0].steps, parked[0].since_ms), (1, 1_000));
    assert_eq!(store.wake_parked("https://a.example", 9).await, Ok(1));
    assert_eq!(store.claim(9).await.expect("a claim")[0].run, run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_ended_waits_for_nothing_and_what_is_not_claimed_is_not_parked() {
    let dir = directory();
    let store = open(&dir);
    let run = park_one(&store, 1_000).await;
    assert_eq!(store.cancel(run).await, Ok(true));
    assert!(store.parked().await.expect("a read").is_empty());
    assert_eq!(store.wake_parked("https://a.example", 9).await, Ok(0));
    begin(&store, "2", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    store
        .settle(step, success("2", &[]))
        .await
        .expect("a settlement");
    assert_eq!(
        store.park(step, parking(1_000, true)).await,
        Err(StoreError::NotClaimed { step })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_off_before_the_clock_was_set_back_can_be_woken() {
    const DAY: i64 = 24 * 3600 * 1000;
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let step = store.claim(1).await.expect("a claim")[0].step;
    let put_off = Settlement {
        next: Next::Again { at_ms: DAY + 2_000 },
        started_ms: DAY,
        finished_ms: DAY,
        ..failure(&[])
    };
    store.settle(step, put_off).await.expect("a settlement");
    assert_eq!(store.wake_due(1_000).await, Ok(0));
    assert_eq!(store.wake_tried_after(DAY).await, Ok(0));
    assert_eq!(store.wake_tried_after(1_000).await, Ok(1));
    assert_eq!(store.wake_tried_after(1_000).await, Ok(0));
    let again = store.claim(9).await.expect("a claim");
    assert_eq!((again[0].step, again[0].attempt), (step, 2));
}
