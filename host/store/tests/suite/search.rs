//! Runs that are looked for by what is known of them, and dead letters.

use super::common::*;
use fonio_store::{
    AgainFrom, AgainInput, FirstStep, MessageFilter, MessageId, NewMessage, NewRun, Order, RunId,
    RunSearch, RunStatus, Standing, Store, StoreError, Turn,
};

/// A run of this workflow that has ended with a step of this job.
async fn ended(store: &Store, workflow: &str, job: &str, error: Option<&str>) -> RunId {
    let run = NewRun {
        workflow: workflow.to_owned(),
        trigger: "trigger".to_owned(),
        first: vec![FirstStep {
            job: job.to_owned(),
            input: None,
        }],
        turn: Turn::default(),
    };
    let accepted = store.accept(message("1"), vec![run]).await;
    let run = accepted.expect("an accept").runs[0];
    let settlement = match error {
        None => success("2", &[]),
        Some(error) => fonio_store::Settlement {
            error: Some(error.to_owned()),
            ..failure(&[])
        },
    };
    settle_next(store, settlement).await;
    run
}

async fn found(store: &Store, search: RunSearch) -> Vec<RunId> {
    let found = store.search(search).await.expect("a search");
    assert_eq!(found.next, None);
    found.runs.iter().map(|run| run.id).collect()
}

fn standing(standing: Standing) -> RunSearch {
    RunSearch {
        standing,
        ..RunSearch::default()
    }
}

fn from_message(job: &str) -> Vec<AgainFrom> {
    vec![AgainFrom {
        job: job.to_owned(),
        input: AgainInput::Message,
    }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_found_by_workflow_job_status_error_and_time() {
    let dir = directory();
    let store = open(&dir);
    let well = ended(&store, "a", "send", None).await;
    let refused = ended(
        &store,
        "a",
        "send",
        Some(r#"{"message":"Connection REFUSED"}"#),
    )
    .await;
    let quoted = ended(
        &store,
        "b",
        "b/send",
        Some(r#"{"message":"no \"Ama\" at 100%"}"#),
    )
    .await;
    let open = begin(&store, "1", "keep").await;
    let all = RunSearch::default;
    assert_eq!(found(&store, all()).await, [open, quoted, refused, well]);
    let named = |what: &str| Some(what.to_owned());
    let cases = [
        (
            RunSearch {
                workflow: named("a"),
                ..all()
            },
            vec![refused, well],
        ),
        (
            RunSearch {
                job: named("send"),
                ..all()
            },
            vec![quoted, refused, well],
        ),
        (
            RunSearch {
                job: named("send"),
                ..standing(Standing::Is(RunStatus::Failed))
            },
            vec![quoted, refused],
        ),
        (standing(Standing::Is(RunStatus::Succeeded)), vec![well]),
        (standing(Standing::Open), vec![open]),
        (standing(Standing::Dead), vec![quoted, refused]),
        (
            RunSearch {
                error: named("connection refused"),
                ..all()
            },
            vec![refused],
        ),
        (
            RunSearch {
                error: named("no \"Ama\" at 100%"),
                ..all()
            },
            vec![quoted],
        ),
        (
            RunSearch {
                error: named("100_"),
                ..all()
            },
            vec![],
        ),
        (
            RunSearch {
                since_ms: Some(i64::MAX),
                ..all()
            },
            vec![],
        ),
        (
            RunSearch {
                until_ms: Some(1_000),
                ..all()
            },
            vec![],
        ),
        (
            RunSearch {
                since_ms: Some(1_000),
                until_ms: Some(i64::MAX),
                workflow: named("b"),
                ..all()
            },
            vec![quoted],
        ),
    ];
    for (search, expected) in cases {
        assert_eq!(found(&store, search.clone()).await, expected, "{search:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_on_from_where_it_ended_in_either_order() {
    let dir = directory();
    let store = open(&dir);
    let mut runs = Vec::new();
    for at in 0..5 {
        let error = (at % 2 == 0).then_some("{}");
        runs.push(ended(&store, "a", "send", error).await);
    }
    let dead = vec![runs[0], runs[2], runs[4]];
    for (standing, expected) in [(Standing::Any, runs), (Standing::Dead, dead)] {
        for newest_first in [true, false] {
            let (mut at, mut seen) = (None, Vec::new());
            loop {
                let search = RunSearch {
                    standing,
                    limit: 2,
                    order: if newest_first {
                        Order::NewestFirst(at)
                    } else {
                        Order::OldestFirst(at)
                    },
                    ..RunSearch::default()
                };
                let part = store.search(search).await.expect("a search");
                assert!(part.runs.len() <= 2);
                seen.extend(part.runs.iter().map(|run| run.id));
                match part.next {
                    Some(next) => at = Some(next),
                    None => break,
                }
            }
            if newest_first {
                seen.reverse();
            }
            assert_eq!(seen, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_one_until_it_is_done_again_or_discarded_and_only_once() {
    let dir = directory();
    let store = open(&dir);
    let (first, second) = (
        ended(&store, "a", "send", Some("{}")).await,
        ended(&store, "a", "send", Some("{}")).await,
    );
    let well = ended(&store, "a", "send", None).await;
    let again = store.run_dead_again(first, from_message("send")).await;
    let again = again.expect("a retry").expect("it was dead");
    let twice = store.run_dead_again(first, from_message("send")).await;
    assert_eq!(twice, Ok(None));
    assert_eq!(
        store.run_dead_again(well, from_message("send")).await,
        Ok(None)
    );
    assert_eq!(
        found(&store, standing(Standing::Dead)).await,
        [second],
        "it is decided"
    );
    settle_next(&store, failure(&[])).await;
    assert_eq!(
        found(&store, standing(Standing::Dead)).await,
        [again, second],
        "it has failed again"
    );
    let discarded = store.discard(vec![second, well, RunId(999)]).await;
    assert_eq!(discarded, Ok(vec![second]));
    let by_hand = store.run_again(again, from_message("send")).await;
    by_hand.expect("a retry");
    let (_dir, store) = after_a_crash(&dir);
    assert_eq!(found(&store, standing(Standing::Dead)).await, []);
    let kept = store.run(second).await.expect("a read").expect("the run");
    assert_eq!(
        kept.run.status,
        RunStatus::Failed,
        "what is discarded is kept"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_found_by_where_and_when_they_arrived() {
    let dir = directory();
    let store = open(&dir);
    for source in ["inbox", "hook", "inbox", "inbox"] {
        let sent = NewMessage {
            source: source.to_owned(),
            ..message("1")
        };
        store.accept(sent, Vec::new()).await.expect("an accept");
    }
    let found = async |filter: MessageFilter| {
        let found = store.messages(filter).await.expect("messages");
        let ids: Vec<i64> = found.messages.iter().map(|message| message.id.0).collect();
        (ids, found.next)
    };
    let of_inbox = |limit, before: Option<i64>| MessageFilter {
        limit,
        before: before.map(MessageId),
        source: Some("inbox".to_owned()),
        ..MessageFilter::default()
    };
    assert_eq!(found(of_inbox(9, None)).await, (vec![4, 3, 1], None));
    assert_eq!(
        found(of_inbox(2, None)).await,
        (vec![4, 3], Some(MessageId(3)))
    );
    assert_eq!(found(of_inbox(2, Some(3))).await, (vec![1], None));
    let second = store.message(MessageId(2)).await.expect("a read");
    let at = second.expect("it was accepted").received_ms;
    for (since_ms, until_ms, expected) in [
        (Some(at), None, true),
        (Some(i64::MAX), None, false),
        (None, Some(at), false),
        (None, Some(at + 1), true),
    ] {
        let filter = MessageFilter {
            limit: 9,
            since_ms,
            until_ms,
            ..MessageFilter::default()
        };
        let (ids, _) = found(filter).await;
        assert_eq!(ids.contains(&2), expected, "{since_ms:?} {until_ms:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_retry_the_first_step_and_the_last_that_failed_are_read() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    settle_next(&store, success("2", &["b"])).await;
    let mut log = failure(&["c"]);
    log.log = vec![fonio_store::LogLine {
        level: fonio_store::LogLevel::Info,
        at_ms: 1,
        message: "much".to_owned(),
    }];
    settle_next(&store, log).await;
    settle_next(&store, success("3", &[])).await;
    let found = store.for_retry(vec![run, RunId(999)], None).await;
    let found = found.expect("a read");
    assert_eq!(found.len(), 1);
    let jobs: Vec<&str> = found[0].steps.iter().map(|step| &*step.job).collect();
    assert_eq!(jobs, ["a", "b"]);
    assert!(found[0].steps[1].log.is_empty());
    for job in ["c", "flow/c"] {
        let found = store.for_retry(vec![run], Some(job.to_owned())).await;
        let found = found.expect("a read").remove(0);
        let jobs: Vec<&str> = found.steps.iter().map(|step| &*step.job).collect();
        let expected: &[&str] = match job {
            "c" => &["a", "b", "c"],
            _ => &["a", "b"],
        };
        assert_eq!(jobs, expected, "{job} is no key of a job here");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_succeeded_is_done_again_by_one_of_those_who_decide_at_once() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    let open_still = store.run_again_once(run, from_message("a")).await;
    assert!(
        matches!(open_still, Err(StoreError::RunOpen { .. })),
        "{open_still:?}"
    );
    settle_next(&store, success("2", &[])).await;
    let (one, other) = tokio::join!(
        store.run_again_once(run, from_message("a")),
        store.run_again_once(run, from_message("a")),
    );
    let begun = [one, other].map(|begun| begun.expect("it is asked for rightly"));
    assert_eq!(begun.iter().flatten().count(), 1, "{begun:?}");
    let none = store.run_again_once(RunId(999), from_message("a")).await;
    assert_eq!(none, Ok(None));
}
