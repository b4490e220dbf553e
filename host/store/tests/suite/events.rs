//! What steps publish, and the journal of what happened.

use super::common::*;
use fonio_store::{
    ClaimedStep, Happened, JOURNAL_MAX, JournalEntry, NewEvent, NewRun, Next, RunStatus,
    Settlement, StepInput, StepState, Store,
};

fn event(name: &str, chain: &[&str], runs: Vec<NewRun>) -> NewEvent {
    NewEvent {
        id: "7.1".into(),
        name: name.into(),
        payload: br#"{"n":1}"#.to_vec(),
        about: br#"{"name":"a"}"#.to_vec(),
        chain: chain.iter().map(|&name| name.to_owned()).collect(),
        runs,
    }
}

async fn claimed(store: &Store) -> ClaimedStep {
    let mut steps = store.claim(1).await.expect("a claim");
    steps.pop().expect("a step waits")
}

/// Everything that the journal has, in order.
async fn told(store: &Store) -> Vec<(i64, JournalEntry)> {
    let mut told: Vec<(i64, JournalEntry)> = Vec::new();
    loop {
        let after = told.last().map_or(0, |(number, _)| *number);
        let page = store.journal(after).await.expect("a read");
        if page.entries.is_empty() {
            return told;
        }
        told.extend(page.entries);
    }
}

fn kinds(told: &[(i64, JournalEntry)]) -> Vec<&'static str> {
    told.iter().map(|(_, entry)| entry.what.kind()).collect()
}

#[tokio::test]
async fn an_event_and_its_runs_become_durable_with_the_step_that_published_it() {
    let place = directory();
    let store = open(&place);
    begin(&store, "1", "a").await;
    let step = claimed(&store).await;
    assert!(step.chain.is_empty());
    let events = vec![
        event("heard", &["heard"], vec![run_of(&["b"]), run_of(&["c"])]),
        event("unheard", &["unheard"], Vec::new()),
    ];
    let settlement = Settlement {
        events,
        ..success("{}", &[])
    };
    store.settle(step.step, settlement).await.expect("it ends");
    drop(store);
    let (_after, store) = after_a_crash(&place);
    for job in ["b", "c"] {
        let step = claimed(&store).await;
        assert_eq!(
            (step.job.as_str(), &step.chain[..]),
            (job, &["heard".to_owned()][..])
        );
        let StepInput::Event { payload, about } = &step.input else {
            panic!("{:?}", step.input);
        };
        assert_eq!(
            (&payload[..], &about[..]),
            (&br#"{"n":1}"#[..], &br#"{"name":"a"}"#[..])
        );
    }
    let published: Vec<usize> = told(&store)
        .await
        .into_iter()
        .filter_map(|(_, entry)| match entry.what {
            Happened::EventPublished { runs, .. } => Some(runs),
            _ => None,
        })
        .collect();
    assert_eq!(published, [2, 0]);
    let messages = store.counts().await.expect("counts").messages;
    assert_eq!(messages, 2, "what nobody waits for is not stored");
}

#[tokio::test]
async fn a_run_that_is_done_again_has_the_same_event_and_the_same_chain() {
    let place = directory();
    let store = open(&place);
    begin(&store, "1", "a").await;
    let step = claimed(&store).await;
    let events = vec![event("heard", &["first", "heard"], vec![run_of(&["b"])])];
    let settlement = Settlement {
        events,
        ..success("{}", &[])
    };
    store.settle(step.step, settlement).await.expect("it ends");
    let of_event = claimed(&store).await;
    let failed = store
        .settle(of_event.step, failure(&[]))
        .await
        .expect("it fails");
    let from = fonio_store::AgainFrom {
        job: "b".into(),
        input: fonio_store::AgainInput::Message,
    };
    store
        .run_again(failed.run, vec![from])
        .await
        .expect("it begins again");
    let again = claimed(&store).await;
    assert_eq!(again.chain, ["first", "heard"]);
    assert_eq!(again.input, of_event.input);
}

#[tokio::test]
async fn an_attempt_that_is_made_again_publishes_nothing() {
    let place = directory();
    let store = open(&place);
    begin(&store, "1", "a").await;
    let step = claimed(&store).await;
    let settlement = Settlement {
        next: Next::Again { at_ms: i64::MAX },
        events: vec![event("heard", &["heard"], vec![run_of(&["b"])])],
        ..failure(&[])
    };
    store.settle(step.step, settlement).await.expect("it waits");
    assert_eq!(store.queued(), 0);
    let told = told(&store).await;
    assert_eq!(
        kinds(&told),
        ["message.accepted", "run.begun", "step.ended"]
    );
    let Happened::StepEnded { status, .. } = &told[2].1.what else {
        panic!("{told:?}");
    };
    assert_eq!(*status, StepState::Waiting);
}

#[tokio::test]
async fn the_journal_tells_what_happened_in_order_without_gaps() {
    let place = directory();
    let store = open(&place);
    let mut heard = store.told();
    let run = begin(&store, "1", "a").await;
    heard.changed().await.expect("the store is open");
    let step = claimed(&store).await;
    store
        .settle(step.step, success("{}", &["b"]))
        .await
        .expect("it ends");
    let step = claimed(&store).await;
    store
        .settle(step.step, failure(&[]))
        .await
        .expect("it ends");
    let run2 = begin(&store, "2", "a").await;
    store.cancel(run2).await.expect("it is ended");
    store.tell_reloaded(3).await.expect("it is told");
    let told = told(&store).await;
    assert_eq!(
        kinds(&told),
        [
            "message.accepted",
            "run.begun",
            "step.ended",
            "step.ended",
            "run.ended",
            "message.accepted",
            "run.begun",
            "run.ended",
            "project.reloaded",
        ]
    );
    let numbers: Vec<i64> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<i64>>());
    let ended = |at: usize| match &told[at].1.what {
        Happened::RunEnded {
            run,
            status,
            workflow,
        } => (*run, *status, workflow.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(ended(4), (run, RunStatus::Failed, "flow".to_owned()));
    assert_eq!(ended(7), (run2, RunStatus::Cancelled, "flow".to_owned()));
    let page = store.journal(7).await.expect("a read");
    assert_eq!((page.entries.len(), page.oldest, page.newest), (2, 1, 9));
}

#[tokio::test]
async fn old_entries_are_forgotten_and_the_numbers_go_on() {
    let place = directory();
    let store = open(&place);
    begin(&store, "1", "a").await;
    // Each event without a run is one entry, and they share a row: so as few commits as there can be pass the mark.
    let many = 60_000;
    for _ in 0..2 {
        let step = claimed(&store).await;
        let events = (0..many).map(|_| event("e", &["e"], Vec::new())).collect();
        let settlement = Settlement {
            events,
            ..success("{}", &["a"])
        };
        store.settle(step.step, settlement).await.expect("it ends");
    }
    let page = store.journal(0).await.expect("a read");
    // 2 of the message, and twice one of the step beside its events.
    assert_eq!(page.newest, 2 * many + 4);
    assert!(page.oldest > 1, "the first row is gone");
    assert!(page.newest - page.oldest < JOURNAL_MAX + many);
    assert_eq!(page.entries[0].0, page.oldest);
}
