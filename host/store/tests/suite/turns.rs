//! Which runs go first, which one after another, and which later.

use super::common::*;
use fonio_store::{
    ClaimedStep, HeldBy, Next, Priority, RunDetail, RunFailure, RunId, RunRule, RunRules,
    RunStatus, Settlement, StepState, Store, StoreError, StoreOptions, Turn,
};

fn rules(rule: RunRule) -> RunRules {
    RunRules::from([("flow".to_owned(), rule)])
}

async fn ruled(store: &Store, rule: RunRule) {
    store.set_rules(rules(rule)).await.expect("new rules");
}

fn one_at_a_time() -> RunRule {
    RunRule {
        concurrency: Some(1),
        ..RunRule::default()
    }
}

fn ordered() -> RunRule {
    RunRule {
        ordered: true,
        ..RunRule::default()
    }
}

/// So many at a time, and one of each key.
fn ordered_and(concurrency: u32) -> RunRule {
    RunRule {
        concurrency: Some(concurrency),
        ..ordered()
    }
}

async fn begin_in_turn(store: &Store, turn: Turn) -> RunId {
    let run = fonio_store::NewRun {
        turn,
        ..run_of(&["a"])
    };
    let accepted = store.accept(message("1"), vec![run]).await;
    accepted.expect("an accept").runs[0]
}

async fn begin_keyed(store: &Store, key: &str) -> RunId {
    let ordering_key = Some(key.to_owned());
    let turn = Turn {
        ordering_key,
        ..Turn::default()
    };
    begin_in_turn(store, turn).await
}

async fn claimed(store: &Store) -> Vec<ClaimedStep> {
    store.claim(100).await.expect("a claim")
}

async fn claimed_runs(store: &Store) -> Vec<RunId> {
    claimed(store).await.iter().map(|step| step.run).collect()
}

async fn end(store: &Store, step: &ClaimedStep) {
    let settled = store.settle(step.step, success("2", &[])).await;
    settled.expect("a settlement");
}

async fn seen(store: &Store, run: RunId) -> RunDetail {
    let found = store.run(run).await.expect("a read");
    found.expect("the run")
}

fn put_off(at_ms: i64) -> Settlement {
    Settlement {
        next: Next::Again { at_ms },
        ..failure(&[])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_workflow_of_one_at_a_time_keep_their_order_also_across_retries() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, one_at_a_time()).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(begin(&store, "1", "a").await);
    }
    for run in runs {
        let first = claimed(&store).await;
        assert_eq!(
            first.iter().map(|step| step.run).collect::<Vec<_>>(),
            [run],
            "the others are held"
        );
        store
            .settle(first[0].step, put_off(5_000))
            .await
            .expect("a settlement");
        assert_eq!(claimed_runs(&store).await, [], "a run that waits is open");
        store.wake_due(5_000).await.expect("a wake");
        let again = claimed(&store).await;
        assert_eq!((again.len(), again[0].run), (1, run));
        end(&store, &again[0]).await;
    }
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.runs_succeeded, counts.steps_held), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_with_one_key_go_one_after_another_and_others_side_by_side() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, ordered()).await;
    let one = begin_keyed(&store, "p-1").await;
    let after_one = begin_keyed(&store, "p-1").await;
    let other = begin_keyed(&store, "p-2").await;
    let keyless = [begin(&store, "1", "a").await, begin(&store, "1", "a").await];
    let first = claimed(&store).await;
    let runs: Vec<_> = first.iter().map(|step| step.run).collect();
    assert_eq!(runs, [one, other, keyless[0], keyless[1]]);
    let held = seen(&store, after_one).await;
    assert_eq!(held.run.held, Some(HeldBy::OrderingKey));
    assert_eq!((held.run.status, held.steps.len()), (RunStatus::Queued, 1));
    assert_eq!(held.steps[0].status, StepState::Held);
    end(&store, &first[0]).await;
    assert_eq!(claimed_runs(&store).await, [after_one]);
    let begun = seen(&store, after_one).await;
    assert_eq!(begun.run.held, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_of_both_has_no_more_runs_open_than_it_may_and_one_of_each_key() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, ordered_and(2)).await;
    let mut runs = Vec::new();
    // The key alone, then both, then neither holds them back.
    for key in ["x", "x", "x", "y", "z", "y"] {
        runs.push(begin_keyed(&store, key).await);
    }
    let held = |at: usize| {
        let (store, run) = (store.clone(), runs[at]);
        async move { seen(&store, run).await.run.held }
    };
    assert_eq!(held(1).await, Some(HeldBy::OrderingKey));
    assert_eq!(held(4).await, Some(HeldBy::Concurrency));
    let mut open = claimed(&store).await;
    let mut begun = Vec::new();
    while !open.is_empty() {
        assert!(open.len() <= 2);
        begun.extend(
            open.iter()
                .map(|step| step.run)
                .filter(|run| !begun.contains(run))
                .collect::<Vec<_>>(),
        );
        end(&store, &open.remove(0)).await;
        open.extend(claimed(&store).await);
    }
    let order = [0, 3, 1, 4, 2, 5].map(|at: usize| runs[at]);
    assert_eq!(begun, order, "whoever has waited longest, and may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_moves_on_by_new_rules() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, one_at_a_time()).await;
    for _ in 0..6 {
        begin(&store, "1", "a").await;
    }
    let mut open = claimed(&store).await;
    assert_eq!(open.len(), 1);
    let three = RunRule {
        concurrency: Some(3),
        ..RunRule::default()
    };
    ruled(&store, three).await;
    open.extend(claimed(&store).await);
    assert_eq!(open.len(), 3, "two more");
    ruled(&store, one_at_a_time()).await;
    for _ in 0..2 {
        end(&store, &open.remove(0)).await;
        assert_eq!(claimed_runs(&store).await, [], "as many as may are open");
    }
    end(&store, &open.remove(0)).await;
    open = claimed(&store).await;
    assert_eq!(open.len(), 1);
    store.set_rules(RunRules::new()).await.expect("new rules");
    open.extend(claimed(&store).await);
    assert_eq!(open.len(), 3, "all that there are");
    for step in &open {
        end(&store, step).await;
    }
    ruled(&store, one_at_a_time()).await;
    begin(&store, "1", "a").await;
    begin(&store, "1", "a").await;
    assert_eq!(
        claimed(&store).await.len(),
        1,
        "it was counted right all along"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_outlives_a_crash_and_keeps_its_order() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, one_at_a_time()).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(begin(&store, "1", "a").await);
    }
    assert_eq!(claimed_runs(&store).await, runs[..1]);
    let (_dir, store) = after_a_crash(&dir);
    ruled(&store, one_at_a_time()).await;
    runs.push(begin(&store, "1", "a").await);
    let mut numbers = Vec::new();
    for run in runs {
        let open = claimed(&store).await;
        assert_eq!((open.len(), open[0].run), (1, run));
        numbers.push(open[0].step);
        end(&store, &open[0]).await;
    }
    assert!(numbers.is_sorted(), "no number is given twice: {numbers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_cancelled_gives_its_place_up_wherever_it_is() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, ordered_and(1)).await;
    let running = begin_keyed(&store, "x").await;
    let behind_key = begin_keyed(&store, "x").await;
    let behind_both = begin_keyed(&store, "y").await;
    let behind_that = begin_keyed(&store, "y").await;
    let last = begin_keyed(&store, "x").await;
    assert_eq!(claimed_runs(&store).await, [running]);
    for run in [behind_both, behind_key] {
        assert_eq!(store.cancel(run).await, Ok(true));
    }
    assert_eq!(claimed_runs(&store).await, []);
    assert_eq!(store.cancel(running).await, Ok(true));
    assert_eq!(claimed_runs(&store).await, [behind_that]);
    assert_eq!(store.cancel(behind_that).await, Ok(true));
    assert_eq!(claimed_runs(&store).await, [last]);
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.steps_queued, counts.steps_held), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_steps_count_as_queued_ones() {
    let dir = directory();
    let options = StoreOptions {
        queue_max: 2,
        ..StoreOptions::default()
    };
    let store = dir.open_with(options).expect("the store opens");
    ruled(&store, one_at_a_time()).await;
    begin(&store, "1", "a").await;
    begin(&store, "1", "a").await;
    let refused = store.accept(message("3"), vec![run_of(&["a"])]).await;
    assert_eq!(refused, Err(StoreError::QueueFull { queued: 2, max: 2 }));
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.steps_queued, counts.steps_held), (2, 1));
    assert_eq!(claimed(&store).await.len(), 1);
    begin(&store, "3", "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_done_again_lines_up_with_the_key_of_the_first() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, ordered()).await;
    let first = begin_keyed(&store, "x").await;
    end(&store, &claimed(&store).await[0]).await;
    let other = begin_keyed(&store, "x").await;
    let from = fonio_store::AgainFrom {
        job: "a".to_owned(),
        input: fonio_store::AgainInput::Message,
    };
    let again = store.run_again(first, vec![from]).await.expect("a new run");
    let open = claimed(&store).await;
    assert_eq!((open.len(), open[0].run), (1, other));
    end(&store, &open[0]).await;
    assert_eq!(claimed_runs(&store).await, [again]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_a_higher_priority_come_first_and_every_tenth_is_the_oldest() {
    let dir = directory();
    let store = open(&dir);
    let of = |priority| RunRule {
        priority,
        ..RunRule::default()
    };
    let mut expected = Vec::new();
    for (priority, many) in [
        (Priority::Low, 3),
        (Priority::Normal, 3),
        (Priority::High, 20),
    ] {
        ruled(&store, of(priority)).await;
        let mut runs = Vec::new();
        for _ in 0..many {
            runs.push(begin(&store, "1", "a").await);
        }
        expected.push(runs);
    }
    let [low, normal, high] = expected.as_slice() else {
        panic!("three priorities");
    };
    let expected = [
        &high[..9],
        &low[..1],
        &high[9..18],
        &low[1..2],
        &high[18..],
        &normal[..],
        &low[2..],
    ]
    .concat();
    let mut seen = Vec::new();
    while let [step] = store.claim(1).await.expect("a claim").as_slice() {
        seen.push(step.run);
    }
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_put_off_waits_for_its_time_and_is_in_nobodys_way() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, one_at_a_time()).await;
    // A day ahead of the store's clock, and past by a clock that is two days ahead.
    let due = now_ms() + 86_400_000;
    let turn = Turn {
        not_before_ms: Some(due),
        ..Turn::default()
    };
    let late = begin_in_turn(&store, turn).await;
    let prompt = begin(&store, "1", "a").await;
    assert_eq!(store.next_due().await, Ok(Some(due)));
    let open = claimed(&store).await;
    assert_eq!((open.len(), open[0].run), (1, prompt));
    let waits = seen(&store, late).await;
    assert_eq!((waits.run.due_ms, waits.run.held), (Some(due), None));
    assert_eq!(waits.steps[0].status, StepState::Waiting);
    assert_eq!(store.wake_due(due).await, Ok(1));
    assert_eq!(claimed_runs(&store).await, [], "it is held now");
    end(&store, &open[0]).await;
    assert_eq!(claimed_runs(&store).await, [late]);
    let delayed = RunRule {
        delay_ms: 86_400_000,
        ..RunRule::default()
    };
    ruled(&store, delayed).await;
    let by_rule = begin(&store, "1", "a").await;
    let at_once = Turn {
        not_before_ms: Some(0),
        ..Turn::default()
    };
    let at_once = begin_in_turn(&store, at_once).await;
    assert_eq!(claimed_runs(&store).await, [at_once]);
    assert_eq!(store.cancel(by_rule).await, Ok(true));
    assert_eq!(store.next_due().await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_deadline_has_passed_is_ended_wherever_it_is() {
    let dir = directory();
    let store = open(&dir);
    let deadline = RunRule {
        deadline_ms: Some(1),
        ..one_at_a_time()
    };
    ruled(&store, deadline).await;
    let running = begin(&store, "1", "a").await;
    let held = begin(&store, "1", "a").await;
    let later = Turn {
        not_before_ms: Some(now_ms() + 2),
        ..Turn::default()
    };
    let later = begin_in_turn(&store, later).await;
    let step = claimed(&store).await.remove(0);
    assert_eq!(step.run, running);
    let mut overdue = Vec::new();
    while overdue.len() < 3 {
        overdue = store.overdue(now_ms()).await.expect("a look");
    }
    assert!(store.next_deadline_in(now_ms()).await.expect("a look") <= Some(0));
    let failure = RunFailure {
        exit_code: 3,
        error: r#"{"name":"DeadlineError"}"#.to_owned(),
        log: Vec::new(),
    };
    for run in [held, later, running] {
        assert!(overdue.iter().any(|overdue| overdue.run == run));
        assert_eq!(store.fail(run, failure.clone()).await, Ok(true));
        assert_eq!(store.fail(run, failure.clone()).await, Ok(false));
        let ended = seen(&store, run).await;
        assert_eq!(
            (ended.run.status, ended.steps.len()),
            (RunStatus::Failed, 1)
        );
        let of_step = (ended.steps[0].exit_code, ended.steps[0].error.clone());
        assert_eq!(of_step, (Some(3), Some(failure.error.clone())));
    }
    let late = store.settle(step.step, success("2", &[])).await;
    assert_eq!(late, Err(StoreError::NotClaimed { step: step.step }));
    assert_eq!(store.next_deadline_in(now_ms()).await, Ok(None));
    assert_eq!(store.wake_due(i64::MAX).await, Ok(0));
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.runs_failed, counts.runs_open), (3, 0));
    assert_eq!((counts.steps_queued, counts.steps_running), (0, 0));
    let nobody = RunId(99);
    assert_eq!(
        store.fail(nobody, failure).await,
        Err(StoreError::NoSuchRun { run: nobody })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_in_time_has_no_deadline_any_more_and_a_jump_of_the_clock_moves_those_there_are()
 {
    let dir = directory();
    let store = open(&dir);
    let deadline = RunRule {
        deadline_ms: Some(3_600_000),
        ..RunRule::default()
    };
    ruled(&store, deadline).await;
    begin(&store, "1", "a").await;
    let step = claimed(&store).await.remove(0);
    assert!(
        step.deadline_in_ms
            .is_some_and(|left| (1..=3_600_000).contains(&left))
    );
    store
        .move_deadlines(86_400_000, now_ms())
        .await
        .expect("a move");
    let left = store.next_deadline_in(now_ms()).await.expect("a look");
    let jumped = left.is_some_and(|left| left > 86_400_000);
    assert_eq!(
        jumped,
        dir.database.is_none(),
        "by the database's clock they stay"
    );
    end(&store, &step).await;
    assert_eq!(store.next_deadline_in(now_ms()).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_knows_the_rules_nobody_is_let_in_until_somebody_does() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, one_at_a_time()).await;
    let runs = [
        begin(&store, "1", "a").await,
        begin(&store, "1", "a").await,
        begin(&store, "1", "a").await,
    ];
    store.close().await;
    drop(store);
    let dir = dir.again();
    let store = open(&dir);
    assert!(store.cancel(runs[0]).await.expect("it ends"));
    assert_eq!(claimed_runs(&store).await, [], "both wait");
    ruled(&store, one_at_a_time()).await;
    assert_eq!(claimed_runs(&store).await, [runs[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_key_goes_on_when_its_workflow_has_keys_no_more() {
    let dir = directory();
    let store = open(&dir);
    ruled(&store, ordered()).await;
    let one = begin_keyed(&store, "p-1").await;
    let held = [
        begin_keyed(&store, "p-1").await,
        begin_keyed(&store, "p-1").await,
    ];
    assert_eq!(claimed_runs(&store).await, [one]);
    ruled(&store, RunRule::default()).await;
    assert_eq!(claimed_runs(&store).await, held);
}
