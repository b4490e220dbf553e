//! Hosts that share a database: what two of them do at the same moment, and what one does when another is gone.

const STORE: common::Kind = common::Kind::Postgres;
#[path = "suite/common.rs"]
mod common;

use std::time::Duration;

use common::*;
use fonio_store::{
    Accepted, ClaimedStep, MessageKey, NewMessage, OtherBody, Store, StoreError, StoreOptions,
};
use fonio_test_postgres::Database;
use postgres::{Client, NoTls};

fn database(place: &Place) -> &Database {
    place.database.as_ref().expect("a database")
}

fn keyed(key: &str, body: &str, other_body: OtherBody) -> NewMessage {
    NewMessage {
        key: Some(MessageKey {
            text: key.into(),
            window_ms: 60_000,
            other_body,
        }),
        ..message(body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hosts_that_see_one_tick_one_starts_its_run() {
    const TICKS: i64 = 100;
    let place = directory();
    let beside = place.beside();
    let (one, other) = (open(&place), open(&beside));
    let mut last = None;
    let mut by_one = 0;
    for tick in 1..=TICKS {
        // Each by its own clock: they are never quite the same.
        let (mine, theirs) = (tick * 60_000, tick * 60_000 + 7);
        let (mine, theirs) = tokio::join!(
            one.start_tick("clock", last, mine, run_of(&["a"])),
            other.start_tick("clock", last, theirs, run_of(&["a"]))
        );
        let started = [mine, theirs].map(|started| started.expect("a start").is_some());
        assert!(started[0] != started[1], "tick {tick}: {started:?}");
        by_one += i64::from(started[0]);
        last = one.last_tick("clock").await.expect("a read");
        assert_eq!(last, Some(tick * 60_000 + if started[0] { 0 } else { 7 }));
    }
    println!("{by_one} of {TICKS} were the first host's");
    let counts = other.counts().await.expect("counts");
    assert_eq!((counts.runs, counts.steps_queued), (100, 100));
}

/// What became of one key that was sent to both hosts at once.
fn one_first(answers: [Result<Accepted, StoreError>; 2], same_body: bool) {
    let stored = |answer: &Result<Accepted, StoreError>| {
        answer.as_ref().is_ok_and(|accepted| !accepted.repeated)
    };
    assert!(stored(&answers[0]) != stored(&answers[1]), "{answers:?}");
    match answers {
        [Ok(one), Ok(other)] if same_body => {
            assert_eq!((one.message, one.runs), (other.message, other.runs));
        }
        [Err(refused), Ok(_)] | [Ok(_), Err(refused)] if !same_body => {
            assert!(matches!(refused, StoreError::KeyTaken { .. }), "{refused}");
        }
        answers => panic!("{answers:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hosts_that_are_sent_one_key_at_once_one_stores_its_message() {
    const ROUNDS: usize = 100;
    let place = directory();
    let beside = place.beside();
    let (one, other) = (open(&place), open(&beside));
    let accept = |store: &Store, key: &str, body: &str| {
        let (store, message) = (store.clone(), keyed(key, body, OtherBody::Mistake));
        async move { store.accept(message, vec![run_of(&["a"])]).await }
    };
    for round in 0..ROUNDS {
        let (key, same_body) = (format!("k{round}"), round % 2 == 0);
        let theirs = if same_body { "1" } else { "2" };
        let answers = tokio::join!(accept(&one, &key, "1"), accept(&other, &key, theirs));
        one_first(answers.into(), same_body);
    }
    // In transactions that wait for each other in a circle, too: the server ends one, which is then done message by message.
    let keys = ["x", "y", "z"];
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for (forth, back) in keys.iter().zip(keys.iter().rev()) {
        mine.push((*forth, tokio::spawn(accept(&one, forth, "1"))));
        theirs.push((*back, tokio::spawn(accept(&other, back, "1"))));
    }
    for (key, mine) in mine {
        let at = theirs.iter().position(|(other, _)| *other == key);
        let (_, theirs) = theirs.remove(at.expect("both send every key"));
        let answers = [mine, theirs].map(|sent| async { sent.await.expect("no panic") });
        let [mine, theirs] = answers;
        one_first([mine.await, theirs.await], true);
    }
    let counts = one.counts().await.expect("counts");
    let all = (ROUNDS + keys.len()) as u64;
    assert_eq!((counts.messages, counts.runs), (all, all));
    let rows = database(&place).number("SELECT count(*) FROM fonio_clinic.messages");
    assert_eq!(
        rows.unsigned_abs(),
        all,
        "nothing is left of what was taken back"
    );
}

/// Another host that has a message of the key `k` with this body in its transaction, which is open.
struct Storing(Client);

impl Storing {
    fn begun(place: &Place, body: &str) -> Storing {
        let mut session = Client::connect(&database(place).url(), NoTls).expect("a session");
        let now_ms = now_ms();
        let store = format!(
            "BEGIN; SET search_path = fonio_clinic;
             WITH stored AS (
                 INSERT INTO messages (received_ms, source, content_type, body)
                 VALUES ({now_ms}, 'inbox', 'application/json', '{body}') RETURNING id
             )
             INSERT INTO keys (source, key, message, received_ms, until_ms, digest)
             SELECT 'inbox', 'k', id, {now_ms}, {now_ms} + 60000, sha256('{body}') FROM stored"
        );
        session.batch_execute(&store).expect("a transaction");
        Storing(session)
    }

    fn end(mut self, how: &str) {
        self.0.batch_execute(how).expect("its end");
    }
}

/// The host looks for the key before the other has committed, and comes to remember it after: so its message is stored
/// already, in a transaction that it shares with others.
#[test]
fn a_message_whose_key_another_host_stores_meanwhile_is_taken_back() {
    use OtherBody::{Edit, Mistake};
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    for (body, other_body, end, expected) in [
        ("1", Mistake, "COMMIT", "repeated"),
        ("2", Mistake, "COMMIT", "refused"),
        ("2", Edit, "COMMIT", "stored"),
        ("2", Mistake, "ROLLBACK", "stored"),
    ] {
        let place = directory();
        let store = open(&place);
        let other = Storing::begun(&place, "1");
        let accepting = runtime.spawn({
            let (store, message) = (store.clone(), keyed("k", body, other_body));
            async move { store.accept(message, vec![run_of(&["a"])]).await }
        });
        let waits = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO keys%'";
        while database(&place).number(waits) == 0 {
            std::thread::yield_now();
        }
        other.end(end);
        let accepted = runtime.block_on(accepting).expect("no panic");
        let became = match &accepted {
            Ok(accepted) if accepted.repeated => "repeated",
            Ok(_) => "stored",
            Err(StoreError::KeyTaken { .. }) => "refused",
            Err(error) => panic!("{error}"),
        };
        assert_eq!(became, expected, "body {body}, then {end}: {accepted:?}");

        let stands_for = database(&place).number("SELECT message FROM fonio_clinic.keys");
        if let Ok(accepted) = &accepted {
            assert_eq!(accepted.message.0, stands_for);
        }
        let stored = u64::from(became == "stored");
        let of_the_other = u64::from(end == "COMMIT");
        let rows = database(&place).number("SELECT count(*) FROM fonio_clinic.messages");
        assert_eq!(rows.unsigned_abs(), stored + of_the_other);
        let counts = runtime.block_on(store.counts()).expect("counts");
        assert_eq!((counts.messages, counts.runs), (stored, stored));
    }
}

/// Waits for work, and takes what there is.
async fn next_claim(store: &Store) -> ClaimedStep {
    loop {
        store.wait_for_work().await;
        if let Some(claimed) = store.claim(1).await.expect("a claim").pop() {
            return claimed;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_host_had_begun_is_taken_over_when_its_lease_ends() {
    let place = directory();
    let first = open(&place);
    let run = begin(&first, "1", "a").await;
    first.close().await;
    // A host that has begun the step, and is dead from now on.
    database(&place).execute(
        "SET search_path = fonio_clinic;
         INSERT INTO hosts (name, alive_until) VALUES ('gone', now() + INTERVAL '2 seconds');
         UPDATE queue SET host = (SELECT id FROM hosts), claimed_ms = 1, attempts = 1",
    );
    let ends_ms =
        "SELECT CAST(extract(epoch FROM alive_until) * 1000 AS BIGINT) FROM fonio_clinic.hosts
         WHERE name = 'gone'";
    let ends_ms = database(&place).number(ends_ms);
    // It looks after itself every 20 minutes: only the end of the other's lease can have it look sooner.
    let options = StoreOptions {
        lease: Duration::from_secs(3600),
        ..StoreOptions::default()
    };
    let beside = place.beside();
    let second = beside.open_with(options).expect("the store opens");
    let taken = tokio::time::timeout(Duration::from_secs(60), next_claim(&second));
    let taken = taken.await.expect("long before its own time");
    assert_eq!((taken.run, taken.attempt), (run, 2));
    let now_ms = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    let now_ms = database(&place).number(now_ms);
    assert!(now_ms >= ends_ms, "{now_ms} is before {ends_ms}");
}

fn at_most(queue_max: u64, lease: Duration) -> StoreOptions {
    StoreOptions {
        queue_max,
        lease,
        ..StoreOptions::default()
    }
}

/// Accepts until the queue is full, and tells how many there were.
async fn fill(store: &Store) -> u64 {
    for accepted in 0.. {
        match store.accept(message("1"), vec![run_of(&["a"])]).await {
            Ok(_) => {}
            Err(StoreError::QueueFull { queued, max }) => {
                assert!(queued >= max);
                return accepted;
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("there is a limit")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_host_of_several_takes_no_more_than_may_wait_and_all_of_them_stop() {
    const MAX: u64 = 20;
    let place = directory();
    let places = [place.beside(), place.beside()];
    // They count what waits when they begin, and after that not within the hour.
    let hours = at_most(MAX, Duration::from_secs(3 * 3600));
    let stores = places
        .each_ref()
        .map(|place| place.open_with(hours).expect("the store opens"));
    let (one, other) = tokio::join!(fill(&stores[0]), fill(&stores[1]));
    assert!(
        one <= MAX && other <= MAX && one + other >= MAX,
        "{one} and {other}"
    );
    let waiting = database(&place).number("SELECT count(*) FROM fonio_clinic.queue");
    assert_eq!(waiting.unsigned_abs(), one + other);

    let late = place.open_with(hours).expect("the store opens");
    assert_eq!(fill(&late).await, 0, "one that begins later has counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_learns_with_its_lease_that_others_have_filled_the_queue() {
    const MAX: u64 = 20;
    let place = directory();
    let beside = place.beside();
    let short = at_most(MAX, Duration::from_secs(1));
    let idle = beside.open_with(short).expect("the store opens");
    let busy = place.open_with(short).expect("the store opens");
    // A count that comes while it accepts may have it stop a little sooner, never later.
    let filled = fill(&busy).await;
    while idle.queued() < filled {
        tokio::task::yield_now().await;
    }
    let more = fill(&idle).await;
    assert!(filled + more <= MAX, "{filled} and {more}");
    let message = idle.accept(message("1"), Vec::new()).await;
    assert!(message.is_ok(), "what adds nothing to the queue is taken");
}
