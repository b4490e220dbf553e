//! What the store's tests share. Who includes it says with `STORE` which store they are for.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fonio_store::{
    FirstStep, NewMessage, NewRun, Next, Order, RunId, RunSearch, RunSummary, Settlement,
    StepInput, StepStatus, Store, StoreError, StoreOptions, Turn,
};
use fonio_test_postgres::Database;
use tempfile::TempDir;

use super::STORE;

/// Which store.
#[derive(Clone, Copy)]
pub enum Kind {
    File,
    Postgres,
}

/// Where a store is.
pub struct Place {
    pub dir: TempDir,
    pub database: Option<Arc<Database>>,
}

impl Place {
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn open_with(&self, options: StoreOptions) -> Result<Store, StoreError> {
        match &self.database {
            None => Store::open(self.path(), options),
            Some(database) => Store::open_shared(&database.url(), "clinic", self.path(), options),
        }
    }

    /// The files as they are now, elsewhere: what a host would find that begins after one that was killed.
    pub fn copied(&self) -> Place {
        let copy = Place {
            dir: TempDir::new().expect("a temporary directory"),
            database: None,
        };
        for name in ["fonio.db", "fonio.db-wal"] {
            let from = self.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).expect("a copy of the files");
            }
        }
        copy_folder(&self.path().join("bodies"), &copy.path().join("bodies"));
        copy
    }

    /// The same place for the next host; for a store in a file the caller has closed it.
    pub fn again(&self) -> Place {
        match &self.database {
            None => self.copied(),
            Some(_) => self.beside(),
        }
    }

    /// Another host's place: beside a file there is none.
    pub fn beside(&self) -> Place {
        Place {
            dir: TempDir::new().expect("a temporary directory"),
            database: Some(self.database.clone().expect("a database that hosts share")),
        }
    }
}

pub fn directory() -> Place {
    Place {
        dir: TempDir::new().expect("a temporary directory"),
        database: match STORE {
            Kind::File => None,
            Kind::Postgres => Some(Arc::new(Database::new())),
        },
    }
}

pub fn open(place: &Place) -> Store {
    place
        .open_with(StoreOptions::default())
        .expect("the store opens")
}

/// What a host would find had this one been killed now: its files as they are, or a database in which its lease has ended.
pub fn after_a_crash(place: &Place) -> (Place, Store) {
    let after = match &place.database {
        None => place.copied(),
        Some(database) => {
            database
                .execute("UPDATE fonio_clinic.hosts SET alive_until = now() - INTERVAL '1 second'");
            place.beside()
        }
    };
    let store = open(&after);
    (after, store)
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_millis() as i64
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).into_iter().flatten() {
        let entry = entry.expect("an entry").path();
        let to = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy_folder(&entry, &to);
        } else {
            let folder = to.parent().expect("a folder");
            std::fs::create_dir_all(folder).expect("a folder");
            std::fs::copy(&entry, &to).expect("a copy of the file");
        }
    }
}

pub fn message(body: &str) -> NewMessage {
    NewMessage {
        source: "inbox".into(),
        content_type: "application/json".into(),
        body: body.into(),
        raw: None,
        request: None,
        key: None,
    }
}

/// What a step that a message started finds.
pub fn sent(body: &str) -> StepInput {
    StepInput::Message {
        body: body.into(),
        request: None,
    }
}

/// A run of the workflow `flow` that starts with `jobs`.
pub fn run_of(jobs: &[&str]) -> NewRun {
    let first = |job: &&str| FirstStep {
        job: (*job).to_owned(),
        input: None,
    };
    NewRun {
        workflow: "flow".to_owned(),
        trigger: "trigger".to_owned(),
        first: jobs.iter().map(first).collect(),
        turn: Turn::default(),
    }
}

/// What follows: these jobs, or if none, a leaf.
pub fn then(next: &[&str]) -> Next {
    if next.is_empty() {
        Next::Leaf("leaf".to_owned())
    } else {
        Next::Jobs(next.iter().map(|job| (*job).to_owned()).collect())
    }
}

pub fn success(output: &str, next: &[&str]) -> Settlement {
    Settlement {
        status: StepStatus::Succeeded,
        exit_code: 0,
        error: None,
        output: Some(output.into()),
        log: Vec::new(),
        events: Vec::new(),
        next: then(next),
        started_ms: 10,
        finished_ms: 20,
    }
}

pub fn failure(next: &[&str]) -> Settlement {
    Settlement {
        status: StepStatus::Failed,
        exit_code: 1,
        error: Some(r#"{"message":"no"}"#.into()),
        output: None,
        ..success("", next)
    }
}

/// Accepts one message for `job` and returns its run.
pub async fn begin(store: &Store, body: &str, job: &str) -> RunId {
    store
        .accept(message(body), vec![run_of(&[job])])
        .await
        .expect("an accept")
        .runs[0]
}

/// Claims the one step that waits and settles it.
pub async fn settle_next(store: &Store, settlement: Settlement) -> fonio_store::Settled {
    let step = store.claim(1).await.expect("a claim")[0].step;
    store.settle(step, settlement).await.expect("a settlement")
}

/// So many of the newest runs, or of those older than one.
pub async fn newest_runs(store: &Store, limit: usize, before: Option<RunId>) -> Vec<RunSummary> {
    let search = RunSearch {
        order: Order::NewestFirst(before),
        limit,
        ..RunSearch::default()
    };
    store.search(search).await.expect("a search").runs
}
