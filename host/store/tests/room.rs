//! What is forgotten makes room: a file gives its pages back while it is used, and the tables of a queue that is used for
//! ever do not grow for ever.

const STORE: common::Kind = common::Kind::File;
#[path = "suite/common.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::*;
use fonio_store::{Kept, Store};
use fonio_test_postgres::{Database, Server};
use tempfile::TempDir;
use tokio::task::JoinSet;

const MIB: u64 = 1 << 20;

/// What there is when the pass begins is old; what comes during it is not.
const NOTHING: Kept = Kept {
    messages_ms: 0,
    runs_ms: 0,
    dataclips_ms: 0,
    logs_ms: 0,
};

/// Accepts so many messages of so many bytes, many at once.
async fn accept_all(store: &Store, messages: usize, bytes: usize) {
    let body = format!("\"{}\"", "7".repeat(bytes));
    let mut sending = JoinSet::new();
    for _ in 0..messages {
        let (store, message) = (store.clone(), message(&body));
        sending.spawn(async move { store.accept(message, vec![run_of(&["a"])]).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.expect("no panic").expect("an accept");
    }
}

/// Claims and settles until nothing waits.
async fn settle_all(store: &Store) {
    loop {
        let claimed = store.claim(100).await.expect("a claim");
        if claimed.is_empty() {
            return;
        }
        let mut settling = JoinSet::new();
        for step in claimed {
            let store = store.clone();
            settling.spawn(async move { store.settle(step.step, success("1", &[])).await });
        }
        while let Some(settled) = settling.join_next().await {
            settled.expect("no panic").expect("a settlement");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gives_its_pages_back_while_messages_come() {
    let dir = directory();
    let store = open(&dir);
    let file = dir.path().join("fonio.db");
    accept_all(&store, 1_500, 16 << 10).await;
    settle_all(&store).await;
    // What is in the log still comes into the file with this.
    store.close().await;
    drop(store);
    let size = || file.metadata().expect("the file").len();
    let full = size();
    assert!(full > 24 * MIB, "{full}");

    let store = open(&dir);
    let swept = Arc::new(AtomicBool::new(false));
    let sender = tokio::spawn({
        let (store, swept) = (store.clone(), Arc::clone(&swept));
        async move {
            let mut sent = 0_u64;
            while !swept.load(Ordering::Acquire) {
                store
                    .accept(message("1"), Vec::new())
                    .await
                    .expect("it is taken");
                sent += 1;
            }
            sent
        }
    });
    let erased = store.sweep(NOTHING, Duration::ZERO).await.expect("a pass");
    swept.store(true, Ordering::Release);
    let sent = sender.await.expect("no panic");
    assert_eq!(erased.runs, 1_500);
    assert!(erased.messages >= 1_500, "{erased:?}");
    // A pass is at least this many transactions; between any two of them there is room for a message.
    assert!(sent >= 10, "{sent} messages were taken meanwhile");
    let counts = store.counts().await.expect("counts");
    assert_eq!(counts.messages, 1_500 + sent);
    store.close().await;
    drop(store);
    let left = size();
    assert!(left < 8 * MIB, "{left} of {full} bytes are left");
    assert_eq!(begin(&open(&dir), "1", "a").await.0, 1_501);
}

/// The server's own vacuum, which looks every second here, not every minute: what comes in between is what the tables grow to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_a_queue_in_postgresql_grows_to_what_comes_between_two_vacuums() {
    const AT_ONCE: usize = 4_000;
    const ROUNDS: usize = 8;
    /// Each step takes about 300 bytes: 32,000 of them have 9 MiB if no place is used a second time.
    const AT_MOST: i64 = 5 << 20;
    let server = tokio::task::spawn_blocking(Server::start);
    let server = server.await.expect("no panic").expect("a server");
    let database = Database::on(&server);
    database.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'");
    database.execute("SELECT pg_reload_conf()");
    let place = Place {
        dir: TempDir::new().expect("a temporary directory"),
        database: Some(Arc::new(database)),
    };
    let database = place.database.as_ref().expect("it is there");
    let store = open(&place);
    let vacuums = || {
        database.number(
            "SELECT coalesce(sum(autovacuum_count), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'queue'",
        )
    };
    for _ in 0..ROUNDS {
        let before = vacuums();
        accept_all(&store, AT_ONCE, 1).await;
        settle_all(&store).await;
        while vacuums() == before {
            tokio::task::yield_now().await;
        }
    }
    let bytes = database.number("SELECT pg_total_relation_size('fonio_clinic.queue')");
    assert!(bytes < AT_MOST, "{bytes} bytes for a table without a row");
}
