//! A store that moves from a file into PostgreSQL while everything in it is on its way: all of it goes on there, and what
//! comes new gets numbers that nothing has.

const STORE: common::Kind = common::Kind::File;
#[path = "suite/common.rs"]
mod common;

use common::*;
use fonio_store::{
    ClaimedStep, Item, Keep, MessageId, NewMessage, NewRun, Next, Parking, RunDetail, RunFailure,
    RunId, RunRule, RunRules, RunSearch, Settlement, Standing, Store, StoreError, StoreOptions,
    copy_to_server,
};
use fonio_test_postgres::Database;
use tempfile::TempDir;

const ORIGIN: &str = "https://a.example";

/// One run at a time of `single`; those of `timed` have a deadline, which has passed when anybody looks.
fn rules() -> RunRules {
    let single = RunRule {
        concurrency: Some(1),
        ..RunRule::default()
    };
    let timed = RunRule {
        deadline_ms: Some(1),
        ..RunRule::default()
    };
    RunRules::from([("single".to_owned(), single), ("timed".to_owned(), timed)])
}

fn of(workflow: &str, jobs: &[&str]) -> NewRun {
    NewRun {
        workflow: workflow.to_owned(),
        ..run_of(jobs)
    }
}

fn keyed(key: &str, body: &str) -> NewMessage {
    NewMessage {
        key: Some(key.to_owned().into()),
        ..message(body)
    }
}

async fn accept(store: &Store, message: NewMessage, run: NewRun) -> (MessageId, RunId) {
    let accepted = store.accept(message, vec![run]).await.expect("an accept");
    assert!(!accepted.repeated);
    (accepted.message, accepted.runs[0])
}

async fn claim(store: &Store) -> ClaimedStep {
    store.wait_for_work().await;
    store.claim(1).await.expect("a claim").remove(0)
}

async fn seen(store: &Store, run: RunId) -> RunDetail {
    let run = store.run(run).await.expect("a read");
    run.expect("the run")
}

/// One of each thing that can be on its way.
struct Underway {
    put_off: RunId,
    parked: RunId,
    dead: RunId,
    single: RunId,
    held: RunId,
    timed: RunId,
    /// With a second first job behind the first.
    queued: RunId,
    keyed: MessageId,
}

/// `name` tells those that are made before the move from those that come after it.
async fn everything(store: &Store, name: &str) -> Underway {
    store.set_rules(rules()).await.expect("new rules");
    // What ends is written down, to be forgotten.
    store.keep(Keep::Failure);
    let tick = store.start_tick(name, None, 60_000, of("clock", &["tick"]));
    assert!(tick.await.expect("a start").is_some());
    let state = format!("\"cursor of {name}\"");
    let ticked = claim(store).await;
    let settled = store.settle(ticked.step, success(&state, &[])).await;
    settled.expect("a settlement");

    let (_, put_off) = accept(store, message("1"), run_of(&["a"])).await;
    let later = Settlement {
        next: Next::Again { at_ms: 5_000 },
        ..failure(&[])
    };
    store
        .settle(claim(store).await.step, later)
        .await
        .expect("a settlement");
    let (_, parked) = accept(store, message("2"), run_of(&["a"])).await;
    let parking = Parking {
        origin: ORIGIN.to_owned(),
        now_ms: 1_000,
        give_up_ms: 10_000,
        tried: None,
    };
    let step = claim(store).await.step;
    assert_eq!(store.park(step, parking).await, Ok(true));
    let (_, dead) = accept(store, message("3"), run_of(&["a"])).await;
    store
        .settle(claim(store).await.step, failure(&[]))
        .await
        .expect("a settlement");

    let item = Item {
        key: name.to_owned(),
        value: "\"v\"".to_owned(),
    };
    store
        .set_collection_items("c", vec![item])
        .await
        .expect("an item");
    let (_, single) = accept(store, message("4"), of("single", &["a"])).await;
    let (_, held) = accept(store, message("5"), of("single", &["a"])).await;
    let (_, timed) = accept(store, message("6"), of("timed", &["a"])).await;
    let (keyed, queued) = accept(store, keyed(name, "7"), of("pair", &["a", "b"])).await;
    Underway {
        put_off,
        parked,
        dead,
        single,
        held,
        timed,
        queued,
        keyed,
    }
}

/// Everything that is known of every run, what was counted and what was told, in words.
async fn shown(store: &Store) -> String {
    let mut shown = String::new();
    for run in newest_runs(store, 100, None).await {
        shown.push_str(&format!("{:#?}\n", seen(store, run.id).await));
    }
    let counts = store.counts().await.expect("counts");
    shown + &format!("{counts:#?}\n{:#?}", store.journal(0).await)
}

async fn dead(store: &Store) -> Vec<RunId> {
    let search = RunSearch {
        standing: Standing::Dead,
        ..RunSearch::default()
    };
    let found = store.search(search).await.expect("a search").runs;
    found.iter().rev().map(|run| run.id).collect()
}

/// Settles these steps and all that can be begun after them; their runs in the order in which they were begun.
async fn settle_all(store: &Store, mut claimed: Vec<ClaimedStep>) -> Vec<RunId> {
    let mut settled = Vec::new();
    loop {
        claimed.extend(store.claim(100).await.expect("a claim"));
        if claimed.is_empty() {
            return settled;
        }
        for step in claimed.drain(..) {
            settled.push(step.run);
            let done = store.settle(step.step, success("8", &[])).await;
            done.expect("a settlement");
        }
    }
}

/// Each of them, made there or here, goes on.
async fn goes_on(store: &Store, name: &str, all: &Underway) {
    let repeated = store.accept(keyed(name, "7"), vec![run_of(&["a"])]).await;
    let repeated = repeated.expect("it is known");
    assert_eq!(
        (repeated.message, repeated.repeated, repeated.runs),
        (all.keyed, true, vec![all.queued])
    );
    let other = store.accept(keyed(name, "8"), vec![run_of(&["a"])]).await;
    assert!(
        matches!(other, Err(StoreError::KeyTaken { .. })),
        "{other:?}"
    );
    let item = store.collection_item("c", name).await;
    assert_eq!(item, Ok(Some("\"v\"".to_owned())));
    assert_eq!(store.last_tick(name).await, Ok(Some(60_000)));
    assert_eq!(store.is_last_tick_open(name).await, Ok(false));
    let again = store.discard(vec![all.dead]).await;
    assert_eq!(again, Ok(vec![all.dead]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_in_a_file_goes_on_in_postgresql_and_new_things_are_numbered_after_it() {
    let dir = directory();
    let store = open(&dir);
    let old = everything(&store, "old").await;
    let before = shown(&store).await;
    let told = store.journal(0).await.expect("a journal").newest;
    store.close().await;
    drop(store);
    let database = Database::new();
    let (from, url) = (dir.path().to_owned(), database.url());
    let copied = tokio::task::spawn_blocking(move || copy_to_server(&from, &url, "clinic", |_| {}));
    copied.await.expect("no panic").expect("a copy");

    let data = TempDir::new().expect("a temporary directory");
    let store = Store::open_shared(
        &database.url(),
        "clinic",
        data.path(),
        StoreOptions::default(),
    );
    let store = store.expect("the store opens");
    assert_eq!(shown(&store).await, before);
    assert_eq!(
        store.queued(),
        4,
        "single, the one behind it, timed and the pair"
    );
    let cursor = store.last_final_state("clock").await.expect("a read");
    let cursor = store.dataclip(cursor.expect("a state")).await;
    assert_eq!(cursor, Ok(Some(b"\"cursor of old\"".to_vec())));
    assert_eq!(
        store.last_output("tick").await,
        store.last_final_state("clock").await
    );
    assert_eq!(dead(&store).await, [old.dead]);

    // While what has moved is there: a number that was drawn a second time would meet the first.
    let mut begun = store.claim(100).await.expect("a claim");
    let runs: Vec<RunId> = begun.iter().map(|step| step.run).collect();
    assert_eq!(runs, [old.single, old.timed, old.queued]);
    let new = everything(&store, "new").await;
    let news = store.journal(told).await.expect("a journal");
    let numbers: Vec<i64> = news.entries.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (told + 1..=news.newest).collect::<Vec<_>>());
    assert!(numbers.len() > 10, "{numbers:?}");
    assert_eq!(
        new.put_off.0,
        old.queued.0 + 2,
        "one of the clock is between"
    );
    assert_eq!(dead(&store).await, [old.dead, new.dead]);
    for (name, all) in [("old", &old), ("new", &new)] {
        goes_on(&store, name, all).await;
    }

    let overdue = store.overdue(now_ms()).await.expect("a read");
    let overdue: Vec<RunId> = overdue.iter().map(|overdue| overdue.run).collect();
    assert_eq!(overdue, [old.timed, new.timed]);
    for run in overdue {
        let failure = RunFailure {
            exit_code: 1,
            error: "{}".to_owned(),
            log: Vec::new(),
        };
        assert_eq!(store.fail(run, failure).await, Ok(true));
        begun.retain(|step| step.run != run);
    }
    // One after another, in the order in which they came, before the move or after it.
    let order: Vec<RunId> = settle_all(&store, begun).await;
    let singles = [old.single, old.held, new.single, new.held];
    let singles_in = order.iter().filter(|run| singles.contains(run)).copied();
    assert_eq!(singles_in.collect::<Vec<_>>(), singles);
    for pair in [old.queued, new.queued] {
        assert_eq!(order.iter().filter(|run| **run == pair).count(), 2);
    }
    assert_eq!(store.wake_due(5_000).await, Ok(2));
    assert_eq!(
        settle_all(&store, Vec::new()).await,
        [old.put_off, new.put_off]
    );
    assert_eq!(seen(&store, old.put_off).await.steps[0].attempt, 2);
    assert_eq!(store.wake_parked(ORIGIN, 9).await, Ok(2));
    assert_eq!(
        settle_all(&store, Vec::new()).await,
        [old.parked, new.parked]
    );

    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.messages, counts.runs), (14, 16));
    assert_eq!((counts.runs_succeeded, counts.runs_failed), (12, 4));
    assert_eq!((counts.runs_open, counts.steps_waiting), (0, 0));
}
