//! What it costs to claim and settle a step, by how many runs that have ended are stored: it should not matter.
//!
//! Measured at the store itself, without a sandbox, one step after another; the stores take turns, so that whatever else
//! the machine does falls on all of them alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use fonio_store::{
    FirstStep, NewMessage, NewRun, Next, Settlement, StepStatus, Store, StoreOptions,
};
use fonio_test_postgres::Database;
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::fill;
use crate::report::{self, Figures, Spread, median, rounded};

/// Runs that have ended, in the table.
const STORED: &[u64] = &[1_000, 100_000, 5_000_000];
const STORED_QUICKLY: &[u64] = &[1_000, 100_000];
/// Runs that are really run before they are copied.
const TEMPLATE: u64 = 1_000;
const ROUNDS: usize = 6;
/// Steps of each store in each round. The first round is for caches to fill and statements to be planned.
const STEPS: usize = 200;
const SENDERS: usize = 64;

#[derive(Default, Serialize)]
struct Measured {
    claim_us: BTreeMap<String, BTreeMap<String, Spread>>,
    claim_and_settle_us: BTreeMap<String, BTreeMap<String, Spread>>,
    /// Medians, against those at 1,000 stored runs.
    claim_and_settle_vs_1000: BTreeMap<String, BTreeMap<String, f64>>,
    fill_s: BTreeMap<String, f64>,
}

/// A store with much in it, and how long each step took.
struct Full {
    stored: u64,
    store: Store,
    _dir: TempDir,
    /// It goes when the store is closed.
    _database: Option<Database>,
    claims_us: Vec<f64>,
    both_us: Vec<f64>,
}

/// Measures all of them.
pub fn measure(work: &Path, quick: bool) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut measured = Measured::default();
    let sizes = if quick { STORED_QUICKLY } else { STORED };
    runtime.block_on(stores("file", work, sizes, &mut measured))?;
    if fonio_test_postgres::programs().is_none() {
        eprintln!("PostgreSQL is not on this machine: its claims are not measured");
    } else {
        runtime.block_on(stores("postgres", work, sizes, &mut measured))?;
    }
    report::figures(measured)
}

async fn stores(
    kind: &str,
    work: &Path,
    sizes: &[u64],
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for &stored in sizes {
        eprintln!("filling a store ({kind}) with {stored} runs that have ended");
        let begun = Instant::now();
        all.push(Full::of(kind, work, stored).await?);
        let name = format!("{kind}_{stored}");
        measured
            .fill_s
            .insert(name, rounded(begun.elapsed().as_secs_f64()));
    }
    eprintln!("claiming and settling ({kind})");
    for round in 0..ROUNDS {
        for full in &mut all {
            full.steps(round > 0).await?;
        }
    }
    let least = median(&all[0].both_us)?;
    for full in &all {
        let name = full.stored.to_string();
        let of = |map: &mut BTreeMap<String, BTreeMap<String, Spread>>, spread| {
            map.entry(kind.to_owned())
                .or_default()
                .insert(name.clone(), spread);
        };
        of(&mut measured.claim_us, Spread::of(&full.claims_us)?);
        of(
            &mut measured.claim_and_settle_us,
            Spread::of(&full.both_us)?,
        );
        let ratio = rounded(median(&full.both_us)? / least);
        measured
            .claim_and_settle_vs_1000
            .entry(kind.to_owned())
            .or_default()
            .insert(name, ratio);
    }
    for full in all {
        full.store.close().await;
    }
    Ok(())
}

impl Full {
    async fn of(kind: &str, work: &Path, stored: u64) -> anyhow::Result<Full> {
        let dir = tempfile::Builder::new()
            .prefix("claims-")
            .tempdir_in(work)?;
        let database = (kind == "postgres").then(Database::new);
        let open = || match &database {
            None => Store::open(dir.path(), options()),
            Some(database) => Store::open_shared(&database.url(), "bench", dir.path(), options()),
        };
        let store = open()?;
        accept(&store, TEMPLATE).await?;
        while let Some(claimed) = store.claim(1).await?.pop() {
            store.settle(claimed.step, succeeded()).await?;
        }
        store.close().await;
        drop(store);
        let times = stored / TEMPLATE;
        match &database {
            _ if times == 1 => {}
            None => fill::file(&dir.path().join("fonio.db"), TEMPLATE, times)?,
            Some(database) => fill::database(database, "fonio_bench", TEMPLATE, times),
        }
        let store = open()?;
        let found = store.counts().await?.runs;
        ensure!(found == stored, "{found} runs are stored, not {stored}");
        accept(&store, (ROUNDS * STEPS) as u64 * 2).await?;
        Ok(Full {
            stored,
            store,
            _dir: dir,
            _database: database,
            claims_us: Vec::new(),
            both_us: Vec::new(),
        })
    }

    async fn steps(&mut self, counted: bool) -> anyhow::Result<()> {
        for _ in 0..STEPS {
            let begun = Instant::now();
            let claimed = self.store.claim(1).await?;
            let took = begun.elapsed();
            ensure!(claimed.len() == 1, "{} steps were claimed", claimed.len());
            self.store.settle(claimed[0].step, succeeded()).await?;
            if counted {
                self.claims_us.push(us(took));
                self.both_us.push(us(begun.elapsed()));
            }
        }
        Ok(())
    }
}

fn us(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn options() -> StoreOptions {
    StoreOptions {
        queue_max: u64::MAX,
        ..StoreOptions::default()
    }
}

async fn accept(store: &Store, messages: u64) -> anyhow::Result<()> {
    let mut sending = JoinSet::new();
    for sender in 0..SENDERS as u64 {
        let store = store.clone();
        sending.spawn(async move {
            for _ in (sender..messages).step_by(SENDERS) {
                store.accept(message(), vec![run()]).await?;
            }
            Ok::<(), fonio_store::StoreError>(())
        });
    }
    for sent in sending.join_all().await {
        sent?;
    }
    Ok(())
}

fn message() -> NewMessage {
    NewMessage {
        source: "inbox".to_owned(),
        content_type: "application/json".to_owned(),
        body: br#"{"patient":"p-4711","weight":61.5}"#.to_vec(),
        raw: None,
        request: None,
        key: None,
    }
}

fn run() -> NewRun {
    NewRun {
        workflow: "intake".to_owned(),
        trigger: "intake".to_owned(),
        first: vec![FirstStep {
            job: "register".to_owned(),
            input: None,
        }],
        turn: fonio_store::Turn::default(),
    }
}

fn succeeded() -> Settlement {
    Settlement {
        events: Vec::new(),
        status: StepStatus::Succeeded,
        exit_code: 0,
        error: None,
        output: Some(br#"{"data":{"patient":"p-4711"}}"#.to_vec()),
        log: Vec::new(),
        next: Next::Leaf("register".to_owned()),
        started_ms: 1_000,
        finished_ms: 1_001,
    }
}
