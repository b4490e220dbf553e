//! A system's clock that jumps: nothing is lost by it, nothing runs twice, and no time is negative.

use super::common::*;
use fonio_store::{Next, RunRule, RunRules, RunStatus, Settlement, Turn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_back_during_a_step_takes_nothing_from_the_time_of_its_run() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let ended = |started_ms, finished_ms, next: &[&str]| Settlement {
        started_ms,
        finished_ms,
        ..success("2", next)
    };
    settle_next(&store, ended(1_000, 1_250, &["b"])).await;
    settle_next(&store, ended(5_000, 2_000, &["c"])).await;
    let claimed = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(claimed.run_used_ms, 250);
    let last = store.settle(claimed.step, ended(900, 800, &[])).await;
    assert_eq!(last.expect("a settlement").run_status, RunStatus::Succeeded);
    assert_eq!(
        store.run_finished(run).await.expect("it has ended").run,
        run
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_comes_once_however_the_clock_jumps() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let later = |at_ms| Settlement {
        next: Next::Again { at_ms },
        ..failure(&[])
    };
    settle_next(&store, later(60_000)).await;
    for (now_ms, woken) in [
        (59_999, 0),
        (1_000, 0),
        (i64::MIN, 0),
        (90_000, 1),
        (90_000, 0),
    ] {
        assert_eq!(store.wake_due(now_ms).await, Ok(woken), "at {now_ms}");
    }
    // Put off while the clock was an hour ahead: it comes when the right clock says so, and not before.
    settle_next(&store, later(3_600_000)).await;
    assert_eq!(store.wake_due(120_000).await, Ok(0));
    assert_eq!(store.next_due().await, Ok(Some(3_600_000)));
    assert_eq!(store.wake_due(3_600_000).await, Ok(1));
    assert_eq!(store.claim(9).await.expect("a claim").len(), 1);
}

/// The order of runs is that of their numbers; a claim asks no clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_from_a_clock_that_was_ahead_is_remembered_once() {
    let dir = directory();
    let store = open(&dir);
    let first = store.start_tick("c", None, 9_000_000, run_of(&["a"])).await;
    assert!(first.expect("a start").is_some());
    // The clock is right again: a host that goes by the last tick finds it, and compares with that one only.
    let behind = store.start_tick("c", Some(1_000), 2_000, run_of(&["a"]));
    assert_eq!(behind.await, Ok(None));
    let set_right = store.start_tick("c", Some(9_000_000), 2_000, run_of(&["a"]));
    assert!(set_right.await.expect("a start").is_some());
    assert_eq!(store.last_tick("c").await, Ok(Some(2_000)));
    assert_eq!(store.counts().await.expect("counts").runs, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_put_off_has_its_deadline_after_its_time_however_the_clock_jumps() {
    let dir = directory();
    if dir.database.is_some() {
        // There deadlines go by the database's clock, and stay.
        return;
    }
    let store = open(&dir);
    const HOUR: i64 = 3_600_000;
    let rule = RunRule {
        deadline_ms: Some(HOUR),
        ..RunRule::default()
    };
    let rules = RunRules::from([("flow".to_owned(), rule)]);
    store.set_rules(rules).await.expect("new rules");
    let due = now_ms() + HOUR;
    let turn = Turn {
        not_before_ms: Some(due),
        ..Turn::default()
    };
    let run = fonio_store::NewRun {
        turn,
        ..run_of(&["a"])
    };
    let run = store.accept(message("1"), vec![run]).await;
    let run = run.expect("an accept").runs[0];
    for (by, now, deadline) in [
        (-5 * HOUR, due - 6 * HOUR, due + HOUR),
        (2 * HOUR, due - 4 * HOUR, due + HOUR),
        // Its time is skipped: it comes late, and has its hour.
        (7 * HOUR, due + 3 * HOUR, due + 4 * HOUR),
    ] {
        store.move_deadlines(by, now).await.expect("a move");
        assert_eq!(store.next_deadline_in(now).await, Ok(Some(deadline - now)));
        let seen = store.run(run).await.expect("a read").expect("the run");
        assert_eq!(seen.run.deadline_ms, Some(deadline));
    }
    assert_eq!(store.wake_due(due + 3 * HOUR).await, Ok(1));
    store
        .move_deadlines(HOUR, due + 4 * HOUR)
        .await
        .expect("a move");
    let left = store.next_deadline_in(due + 4 * HOUR).await;
    assert_eq!(
        left,
        Ok(Some(HOUR)),
        "once it is in the queue its deadline jumps along"
    );
}
