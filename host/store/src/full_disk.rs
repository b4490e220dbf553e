//! Tests of a disk that is full, played by SQLite's own limit on the pages of a file.

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::common::{message, run_of, success};
use crate::lock::DirectoryLock;
use crate::model::{LogLevel, LogLine, NewMessage, RunStatus, Settlement};
use crate::sql::Db;
use crate::{Store, StoreError, StoreOptions, schema};

/// 64 pages of 4 KiB are left: room for small messages, not for a megabyte.
fn nearly_full() -> (TempDir, Store) {
    let dir = TempDir::new().expect("a temporary directory");
    let lock = DirectoryLock::take(dir.path()).expect("the directory is new");
    let file = dir.path().join("fonio.db");
    let mut link = schema::sqlite::open_writer(&file).expect("a new store");
    let Ok(Db::Sqlite(conn)) = link.db() else {
        panic!("a file is SQLite's");
    };
    let pages: i64 = conn
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .expect("a page count");
    conn.pragma_update(None, "max_page_count", pages + 64)
        .expect("a limit");
    let store = Store::of_file(link, &file, lock, StoreOptions::default()).expect("an open store");
    (dir, store)
}

/// A message with a request so large, which is in its row at any size.
fn sent(bytes: usize) -> NewMessage {
    NewMessage {
        request: Some(sevens(bytes).into_bytes()),
        ..message("1")
    }
}

/// A settlement with a log so large, likewise.
fn settled(bytes: usize) -> Settlement {
    let line = LogLine {
        level: LogLevel::Info,
        at_ms: 1,
        message: sevens(bytes),
    };
    Settlement {
        log: vec![line],
        ..success("1", &["b"])
    }
}

/// So many bytes of JSON.
fn sevens(bytes: usize) -> String {
    "7".repeat(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_its_neighbours_are_stored() {
    let (dir, store) = nearly_full();
    let mut sending = JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        sending.spawn(async move {
            let large = n % 10 == 5;
            (
                large,
                store
                    .accept(sent(if large { 1 << 20 } else { 20 }), vec![run_of(&["a"])])
                    .await,
            )
        });
    }
    let mut stored = Vec::new();
    while let Some(sent) = sending.join_next().await {
        match sent.expect("no panic") {
            (true, answer) => {
                assert!(
                    matches!(answer, Err(StoreError::DiskFull { .. })),
                    "a large body answered {answer:?}"
                );
            }
            (false, answer) => stored.push(answer.expect("a small body fits").message),
        }
    }
    assert_eq!(store.queued(), 36, "what was refused is not in the queue");
    drop(store);
    let store = Store::open(dir.path(), StoreOptions::default()).expect("the store opens again");
    for id in stored {
        assert!(
            store.message(id).await.expect("a read").is_some(),
            "message {id} was acknowledged and is gone"
        );
    }
    assert_eq!(store.counts().await.expect("counts").messages, 36);
}

#[tokio::test]
async fn a_settlement_that_does_not_fit_leaves_the_step_claimed_and_the_run_as_it_was() {
    let (_dir, store) = nearly_full();
    let accepted = store
        .accept(sent(20), vec![run_of(&["a"])])
        .await
        .expect("a small body fits");
    let step = store.claim(1).await.expect("a claim")[0].step;

    let refused = store.settle(step, settled(1 << 20)).await;
    assert!(
        matches!(refused, Err(StoreError::DiskFull { .. })),
        "{refused:?}"
    );
    assert_eq!((store.queued(), store.running()), (0, 1));
    let run = store
        .run(accepted.runs[0])
        .await
        .expect("a read")
        .expect("the run");
    assert_eq!(
        run.steps.len(),
        1,
        "nothing of the refused settlement is there: {run:?}"
    );
    assert_eq!(run.steps[0].output, None);

    let settled = store
        .settle(step, settled(20))
        .await
        .expect("a smaller state fits");
    assert_eq!(settled.run_status, RunStatus::Running);
    assert!(settled.next.is_some());
    assert_eq!(store.queued(), 1);
}
