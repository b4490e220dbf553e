//! What a host holds in memory while a million messages wait, and how it starts again with them.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use crate::inputs;
use crate::load::{self, Target};
use crate::process::Server;
use crate::report::{self, Figures, rounded};
use crate::silent::Silent;

const MESSAGES: usize = 1_000_000;
const MESSAGES_QUICKLY: usize = 50_000;
const CONNECTIONS: usize = 256;
/// For checkpoints and idle threads to end.
const SETTLE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Measured {
    queued_messages: u64,
    queued_accept_per_s: f64,
    rss_queued_mib: f64,
    rss_queued_anon_mib: f64,
    rss_queued_peak_mib: f64,
    queued_restart_ready_ms: f64,
    rss_queued_restarted_mib: f64,
}

/// Measures all of them.
pub fn measure(program: &Path, work: &Path, quick: bool) -> anyhow::Result<Figures> {
    let messages = if quick { MESSAGES_QUICKLY } else { MESSAGES };
    let project = work.join("queued");
    let silent = Silent::begin()?;
    inputs::write_stuck_project(&project, silent.address)?;
    let server = Server::fonio(program, &project)?;
    let target = Target::post(
        server.address,
        "/inbox",
        &inputs::small_message("stuck"),
        202,
    );
    eprintln!("{messages} messages are accepted and wait");
    let outcome = load::for_count(&target, CONNECTIONS, messages)?;
    ensure!(outcome.refused == 0, "{} were refused", outcome.refused);
    thread::sleep(SETTLE);
    let queued = server.metric("fonio_steps_queued")?;
    ensure!(queued + 100 > messages as u64, "only {queued} wait");
    let memory = server.memory()?;
    // As it would be after a power cut.
    drop(server);
    let begun = Instant::now();
    let server = Server::fonio(program, &project)?;
    let ready = begun.elapsed();
    thread::sleep(SETTLE);
    report::figures(Measured {
        queued_messages: queued,
        queued_accept_per_s: rounded(outcome.per_second()),
        rss_queued_mib: rounded(memory.rss_mib),
        rss_queued_anon_mib: rounded(memory.anon_mib),
        rss_queued_peak_mib: rounded(memory.peak_mib),
        queued_restart_ready_ms: rounded(ready.as_secs_f64() * 1e3),
        rss_queued_restarted_mib: rounded(server.memory()?.rss_mib),
    })
}
