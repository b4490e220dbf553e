//! How long a person waits: for the host to start, and for an edit to take effect.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use crate::inputs;
use crate::load::{self, Target};
use crate::process::{Server, wait_until};
use crate::report::{self, median, rounded};

const STARTS: usize = 5;
const EDITS: usize = 7;
const LIVE_WITHIN: Duration = Duration::from_secs(30);
/// Between edits, so that one does not fall into the quiet time after another.
const BETWEEN_EDITS: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct Measured {
    startup_ms: f64,
    reload_ms: f64,
}

/// Measures both on a project with one job that answers while the client waits.
pub fn measure(program: &Path, work: &Path) -> anyhow::Result<report::Figures> {
    let project = work.join("live");
    inputs::write_sync_project(&project, &version(0))?;
    // Fills the code cache.
    Server::fonio(program, &project)?.stop()?;
    eprintln!("starting {STARTS} times");
    let starts = (0..STARTS)
        .map(|_| start(program, &project))
        .collect::<anyhow::Result<Vec<_>>>()?;
    eprintln!("editing a job {EDITS} times");
    let server = Server::fonio(program, &project)?;
    let edits = (1..=EDITS)
        .map(|n| edit(&server, &project, n))
        .collect::<anyhow::Result<Vec<_>>>()?;
    server.stop()?;
    report::figures(Measured {
        startup_ms: rounded(median(&starts)?),
        reload_ms: rounded(median(&edits)?),
    })
}

fn start(program: &Path, project: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let server = Server::fonio(program, project)?;
    let took = started.elapsed();
    server.stop()?;
    Ok(took.as_secs_f64() * 1e3)
}

/// From saving the file until a message is answered by the new version.
fn edit(server: &Server, project: &Path, number: usize) -> anyhow::Result<f64> {
    thread::sleep(BETWEEN_EDITS);
    let target = Target::post(server.address, "/inbox", r#"{"any":1}"#, 201);
    let expected = log_of(number);
    let started = Instant::now();
    inputs::save_job(project, "edited", &version(number))?;
    wait_until(
        LIVE_WITHIN,
        "an edited job to run",
        Duration::from_millis(1),
        || {
            let reply = load::once(&target)?;
            let body: Value =
                serde_json::from_slice(&reply.body).context("the inbox answers in JSON")?;
            anyhow::ensure!(
                reply.status == 201,
                "the inbox answered {} with {body}",
                reply.status
            );
            Ok(body["jobs"][0]["log"].to_string().contains(&expected))
        },
    )?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

fn version(number: usize) -> String {
    format!(
        "fn(state => {{\n  console.log('{}');\n  return state;\n}});\n",
        log_of(number)
    )
}

fn log_of(number: usize) -> String {
    format!("this is version {number}.")
}
