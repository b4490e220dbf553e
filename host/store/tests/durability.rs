//! Nothing is acknowledged before it is durable; nothing durable is forgotten.

const STORE: common::Kind = common::Kind::File;
#[path = "suite/common.rs"]
mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::*;
use fonio_store::{MessageId, RunStatus, Store, StoreError, StoreOptions};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_step_claimed_by_a_lost_host_waits_again_and_counts_its_attempt() {
    let dir = directory();
    let store = open(&dir);
    let run = begin(&store, "1", "a").await;
    begin(&store, "2", "b").await;
    let lost = store.claim(1).await.expect("a claim").remove(0);
    assert_eq!(lost.attempt, 1);
    // The claim is written within 20 ms; the run's status tells when.
    while newest_runs(&store, 100, None)
        .await
        .iter()
        .all(|seen| seen.id != run || seen.status != RunStatus::Running)
    {
        tokio::task::yield_now().await;
    }

    let (_copy, next) = after_a_crash(&dir);
    assert_eq!(next.recovered(), 1);
    let steps = next.claim(10).await.expect("a claim");
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].step, steps[0].attempt), (lost.step, 2));
    assert_eq!(steps[1].attempt, 1);
    let settled = next
        .settle(lost.step, success("3", &[]))
        .await
        .expect("a settlement");
    let detail = next
        .run(settled.run)
        .await
        .expect("a read")
        .expect("the run");
    assert_eq!(detail.steps[0].attempt, 2);
}

/// The data directory of the process that is killed; in every other there is none.
const TO_BE_KILLED: &str = "FONIO_STORE_TEST_DIR";

async fn accept_until_killed(dir: &Path) {
    let store = Store::open(dir, StoreOptions::default()).expect("the store opens");
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        senders.spawn(async move {
            loop {
                let accepted = store
                    .accept(message("1"), vec![run_of(&["a"])])
                    .await
                    .expect("an accept");
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nack {}", accepted.message)
                    .and_then(|()| out.flush())
                    .expect("the parent reads");
            }
        });
    }
    senders.join_all().await;
}

/// It begins once more, in a process of its own that does nothing but accept, and that this one kills.
#[tokio::test]
async fn a_killed_host_keeps_every_message_it_acknowledged() {
    if let Some(dir) = std::env::var_os(TO_BE_KILLED) {
        return accept_until_killed(dir.as_ref()).await;
    }
    let dir = directory();
    let mut host = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "a_killed_host_keeps_every_message_it_acknowledged",
            "--nocapture",
        ])
        .env(TO_BE_KILLED, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a host");
    let mut lines = BufReader::new(host.stdout.take().expect("its output"))
        .lines()
        .map_while(Result::ok);
    let number = |line: String| {
        line.strip_prefix("ack ")
            .and_then(|number| number.parse::<MessageId>().ok())
    };
    let mut acknowledged: Vec<MessageId> = lines.by_ref().filter_map(number).take(200).collect();
    host.kill().expect("a kill");
    host.wait().expect("its end");
    acknowledged.extend(lines.filter_map(number));
    assert!(
        acknowledged.len() >= 200,
        "the host stopped by itself after {}",
        acknowledged.len()
    );

    let store = open(&dir);
    for id in &acknowledged {
        assert!(
            store.message(*id).await.expect("a read").is_some(),
            "message {id} was acknowledged and is gone"
        );
    }
    assert!(store.queued() >= acknowledged.len() as u64);
}

#[test]
fn two_hosts_cannot_open_one_directory_and_the_second_learns_who_has_it() {
    let dir = directory();
    let store = open(&dir);
    let refused = Store::open(dir.path(), StoreOptions::default()).expect_err("a refusal");
    assert_eq!(
        refused,
        StoreError::InUse {
            dir: dir.path().to_owned(),
            pid: Some(std::process::id())
        }
    );
    assert!(
        refused
            .to_string()
            .contains(&format!("(process {})", std::process::id())),
        "{refused}"
    );
    drop(store);
    open(&dir);
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let dir = directory();
    drop(open(&dir));
    let file = dir.path().join("fonio.db");
    let edit = |version: i64| {
        let conn = rusqlite::Connection::open(&file).expect("the file");
        let before: i64 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a version");
        conn.pragma_update(None, "user_version", version)
            .expect("a version");
        before
    };
    let known = edit(999);
    let refused = Store::open(dir.path(), StoreOptions::default()).expect_err("a refusal");
    assert!(
        matches!(refused, StoreError::NewerSchema { found: 999, .. }),
        "{refused}"
    );
    edit(known);
    open(&dir);
}

#[test]
fn a_file_that_is_no_store_is_refused_with_its_path() {
    let dir = directory();
    let file = dir.path().join("fonio.db");
    std::fs::write(
        &file,
        "not a database, and longer than the header of one ".repeat(100),
    )
    .expect("a file");
    let refused = Store::open(dir.path(), StoreOptions::default()).expect_err("a refusal");
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");
    assert!(refused.to_string().contains("fonio.db"), "{refused}");
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let dir = directory();
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let refused = Store::open(&file.join("data"), StoreOptions::default()).expect_err("a refusal");
    assert!(
        matches!(refused, StoreError::Directory { .. }),
        "{refused:?}"
    );
}
