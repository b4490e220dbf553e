//! Tests of databases that an older version of this program has made, or a newer one, or several hosts at once.

use std::path::Path;
use std::sync::{Arc, Barrier};

use fonio_test_postgres::Database;
use tempfile::TempDir;

use super::postgres::{MIGRATIONS, prepare, refuse_old};
use crate::common::{Place, begin, message, now_ms, open, run_of, sent, success};
use crate::link::Link;
use crate::server::Server;
use crate::{MessageId, NewMessage, RunId, RunSearch, RunStatus, Standing, Store, StoreError};

/// The schema of the project that the tests open.
const SCHEMA: &str = "fonio_clinic";

fn directory() -> Place {
    Place {
        dir: TempDir::new().expect("a temporary directory"),
        database: Some(Arc::new(Database::new())),
    }
}

/// A database as version `version` has left it: two messages, of which one has a run that waits and one a run that failed.
fn left_by(version: usize) -> Place {
    let place = directory();
    let mut history = format!(
        "CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA};
         CREATE TABLE version (version BIGINT NOT NULL);
         INSERT INTO version VALUES ({version});"
    );
    history.push_str(&MIGRATIONS[..version].concat());
    let now_ms = now_ms();
    history.push_str(&format!(
        "INSERT INTO messages (received_ms, source, content_type, body)
             VALUES ({now_ms}, 'inbox', 'application/json', '1'), ({now_ms}, 'inbox', 'application/json', '2');
         INSERT INTO runs (message, workflow, trigger, job, status, open_steps, leaf_failed, created_ms, finished_ms)
             VALUES (1, 'flow', 'trigger', 'a', 0, 1, 0, 0, NULL), (2, 'flow', 'trigger', 'a', 3, 0, 1, 0, 20);
         INSERT INTO queue (step, run, job, message, attempts) VALUES (nextval('step_numbers'), 1, 'a', 1, 0);
         INSERT INTO keys (source, key, message, received_ms) VALUES ('inbox', 'k', 1, {now_ms});
         INSERT INTO clocks (clock, tick_ms) VALUES ('daily', 60000);
         INSERT INTO collections (collection, key, value, created_ms, updated_ms) VALUES ('c', 'k', '\"v\"', 0, 0);"
    ));
    if version >= 4 {
        history.push_str("UPDATE keys SET until_ms = received_ms + 86400000;");
    }
    if version >= 5 {
        history.push_str("INSERT INTO dead VALUES (2);");
    }
    // Until then each host counted in rows of its own.
    history.push_str(match version < 8 {
        true => "INSERT INTO counted VALUES (0, 1, 1), (0, 2, 1), (1, 1, 2), (3, 2, 1);",
        false => "UPDATE journal_end SET messages = 2, runs = 2, failed = 1;",
    });
    database(&place).execute(&history);
    place
}

fn database(place: &Place) -> &Database {
    place.database.as_ref().expect("a database")
}

/// What was there is there, and goes on.
async fn goes_on(store: &Store) {
    let counts = store.counts().await.expect("counts");
    assert_eq!(
        (counts.messages, counts.runs, counts.runs_failed),
        (2, 2, 1)
    );
    let dead = RunSearch {
        standing: Standing::Dead,
        ..RunSearch::default()
    };
    let dead = store.search(dead).await.expect("a search").runs;
    assert_eq!(dead.iter().map(|run| run.id.0).collect::<Vec<_>>(), [2]);
    let repeated = NewMessage {
        key: Some("k".to_owned().into()),
        ..message("1")
    };
    let repeated = store.accept(repeated, vec![run_of(&["a"])]).await;
    let repeated = repeated.expect("it is known");
    assert_eq!(
        (repeated.message, repeated.runs, repeated.repeated),
        (MessageId(1), vec![RunId(1)], true)
    );
    assert_eq!(store.last_tick("daily").await, Ok(Some(60_000)));
    let value = store.collection_item("c", "k").await;
    assert_eq!(value, Ok(Some("\"v\"".to_owned())));
    let claimed = store.claim(9).await.expect("a claim");
    assert_eq!(
        (claimed.len(), claimed[0].run, &claimed[0].input),
        (1, RunId(1), &sent("1"))
    );
    let settled = store.settle(claimed[0].step, success("2", &[])).await;
    let settled = settled.expect("a settlement");
    assert_eq!(settled.run_status, RunStatus::Succeeded);
    assert_eq!(begin(store, "3", "a").await, RunId(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_every_older_version_is_brought_up_to_date_with_what_it_holds() {
    for version in 1..=MIGRATIONS.len() {
        let place = left_by(version);
        goes_on(&open(&place)).await;
        let now = database(&place).number("SELECT version FROM fonio_clinic.version");
        assert_eq!(now, MIGRATIONS.len() as i64, "it was {version}");
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let place = directory();
    drop(open(&place));
    let known = MIGRATIONS.len() as i64;
    database(&place).execute("UPDATE fonio_clinic.version SET version = 999");
    let refused = place.open_with(crate::StoreOptions::default());
    let refused = refused.expect_err("a refusal");
    assert!(
        matches!(refused, StoreError::NewerSchema { found: 999, known: up_to, .. } if up_to == known),
        "{refused:?}"
    );
    let left = database(&place).number("SELECT version FROM fonio_clinic.version");
    assert_eq!(left, 999);
    let hosts = database(&place).number("SELECT count(*) FROM fonio_clinic.hosts");
    assert_eq!(hosts, 0, "it does not take part");
}

#[test]
fn hosts_that_begin_at_once_make_the_schema_or_bring_it_up_to_date_together() {
    for version in [0, 1, MIGRATIONS.len() - 1] {
        let place = match version {
            0 => directory(),
            older => left_by(older),
        };
        let url = database(&place).url();
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            let hosts = [(); 4].map(|()| {
                scope.spawn(|| {
                    let server = Arc::new(Server::new(&url, "clinic")?);
                    let mut link = Link::to_server(&server)?;
                    start.wait();
                    prepare(&mut link, &server)
                })
            });
            for host in hosts {
                let prepared = host.join().expect("no panic");
                assert_eq!(prepared, Ok(()), "of version {version}");
            }
        });
        let versions = database(&place).texts("SELECT version::text FROM fonio_clinic.version");
        assert_eq!(versions, [MIGRATIONS.len().to_string()]);
    }
}

#[test]
fn a_server_that_is_too_old_is_refused_with_its_version_and_the_one_that_will_do() {
    let name = Path::new("postgres://ama@db/fonio (schema fonio_clinic)");
    for enough in [150_000, 150_004, 170_002] {
        assert_eq!(refuse_old(name, enough), Ok(()));
    }
    for (version, said) in [
        (149_999, "is on PostgreSQL 14,"),
        (90_624, "is on PostgreSQL 9,"),
    ] {
        let refused = refuse_old(name, version).expect_err("a refusal");
        let sentence = refused.to_string();
        assert!(
            sentence.contains("postgres://ama@db/fonio")
                && sentence.contains(said)
                && sentence.contains("15 or later"),
            "{sentence}"
        );
    }
}
