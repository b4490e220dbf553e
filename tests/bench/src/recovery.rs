//! How soon a host works again after one was killed with 100,000 steps in flight.
//!
//! A host itself has eight in flight. So the messages are accepted by a host, which is killed; all that wait are claimed by
//! a process that does nothing else (`in-flight`), and that is killed too.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fonio_store::{Store, StoreOptions};
use fonio_test_postgres::Database;
use serde::Serialize;

use crate::inputs;
use crate::load::{self, Target};
use crate::process::Server;
use crate::report::{self, Figures, rounded};
use crate::silent::Silent;

const STEPS: usize = 100_000;
const STEPS_QUICKLY: usize = 10_000;
const CONNECTIONS: usize = 256;
/// A lease, and what is done after it.
const WITHIN: Duration = Duration::from_secs(60);

/// Claims become durable up to 20 ms after they were made.
const MARKED: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct Measured {
    recovery_steps_in_flight: usize,
    recovery_ready_ms: f64,
    recovery_first_step_ms: f64,
    /// On PostgreSQL the steps wait until the lease of the one that is gone has ended: up to 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_postgres_ready_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_postgres_first_step_ms: Option<f64>,
}

/// Measures all of them.
pub fn measure(program: &Path, work: &Path, quick: bool) -> anyhow::Result<Figures> {
    let steps = if quick { STEPS_QUICKLY } else { STEPS };
    let (ready, first) = recovery(program, &work.join("recovery"), steps, None)?;
    let shared = match fonio_test_postgres::programs() {
        None => None,
        Some(_) => {
            let url = Database::new();
            Some(recovery(
                program,
                &work.join("recovery-postgres"),
                steps,
                Some(&url),
            )?)
        }
    };
    report::figures(Measured {
        recovery_steps_in_flight: steps,
        recovery_ready_ms: ready,
        recovery_first_step_ms: first,
        recovery_postgres_ready_ms: shared.map(|(ready, _)| ready),
        recovery_postgres_first_step_ms: shared.map(|(_, first)| first),
    })
}

/// Milliseconds from the start until ready, and until the first step has begun.
fn recovery(
    program: &Path,
    project: &Path,
    steps: usize,
    database: Option<&Database>,
) -> anyhow::Result<(f64, f64)> {
    let silent = Silent::begin()?;
    inputs::write_stuck_project(project, silent.address)?;
    let url = database.map(Database::url);
    let serve = || Server::fonio_on(program, project, url.as_deref());
    let server = serve()?;
    let body = inputs::small_message("stuck");
    let target = Target::post(server.address, "/inbox", &body, 202);
    eprintln!("{steps} messages are accepted, and claimed by a process that is killed");
    let outcome = load::for_count(&target, CONNECTIONS, steps)?;
    ensure!(outcome.refused == 0, "{} were refused", outcome.refused);
    drop(server);
    claim_and_be_killed(&project.join(".fonio"), steps, url.as_deref())?;
    silent.forget();
    let begun = Instant::now();
    let server = serve()?;
    let ready = begun.elapsed();
    let first = silent.next(WITHIN)?.saturating_duration_since(begun);
    drop(server);
    let ms = |time: Duration| rounded(time.as_secs_f64() * 1e3);
    Ok((ms(ready), ms(first)))
}

fn claim_and_be_killed(data: &Path, steps: usize, url: Option<&str>) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("in-flight").arg(data).arg(steps.to_string());
    command.args(url);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let said = child.stdout.take().context("its output is piped")?;
    let read = BufReader::new(said).read_line(&mut line);
    child.kill()?;
    child.wait()?;
    read?;
    ensure!(line == "claimed\n", "the steps were not claimed: {line:?}");
    Ok(())
}

/// A host that was killed in a database keeps its few for as long as its lease.
const OF_THE_HOST: usize = 100;

/// Claims every step of the store in `data`, about so many; says so, and waits to be killed.
pub fn in_flight(data: &Path, steps: usize, url: Option<&str>) -> anyhow::Result<()> {
    let options = StoreOptions {
        queue_max: u64::MAX,
        ..StoreOptions::default()
    };
    let store = match url {
        None => Store::open(data, options)?,
        Some(url) => Store::open_shared(url, inputs::STUCK_PROJECT, data, options)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut claimed = 0;
        loop {
            let more = store.claim(1_000).await?.len();
            if more == 0 {
                break;
            }
            claimed += more;
        }
        ensure!(claimed + OF_THE_HOST >= steps, "only {claimed} steps wait");
        tokio::time::sleep(MARKED).await;
        println!("claimed");
        std::future::pending::<()>().await;
        Ok(())
    })
}
