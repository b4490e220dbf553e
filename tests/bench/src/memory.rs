//! What a host holds in memory before, during and after much work, and how fast that work is done from end to end.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::inputs;
use crate::load::{self, Target};
use crate::process::{Memory, Server};
use crate::report::{self, rounded};

const MESSAGES: usize = 10_000;
const CONNECTIONS: usize = 16;
/// For work in the background to end: checkpoints, idle threads, pages given back.
const SETTLE: Duration = Duration::from_secs(2);
const RUN_WITHIN: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Measured {
    rss_idle_mib: f64,
    rss_after_10k_mib: f64,
    /// After as many again: what grows here grows for ever.
    rss_after_20k_mib: f64,
    rss_peak_mib: f64,
    rss_anon_idle_mib: f64,
    rss_anon_after_10k_mib: f64,
    rss_anon_after_20k_mib: f64,
    /// Messages of 100 records each, from the first request until the last run is settled.
    end_to_end_per_s: f64,
    end_to_end_message_bytes: usize,
    /// The same with messages of one record: what forms send.
    end_to_end_one_record_per_s: f64,
    binary_mib: f64,
}

/// Measures all of them on one host.
pub fn measure(program: &Path, work: &Path) -> anyhow::Result<report::Figures> {
    let project = work.join("memory");
    inputs::write_inbox_project(&project)?;
    // The first start compiles the guests and holds pages that a later one never touches.
    Server::fonio(program, &project)?.stop()?;
    let server = Server::fonio(program, &project)?;
    let idle = settled(&server)?;
    let body = inputs::hundred_visits().to_string();
    let target = Target::post(server.address, "/inbox", &body, 202);
    let first = run_through(&server, &target)?;
    let after_10k = settled(&server)?;
    run_through(&server, &target)?;
    let after_20k = settled(&server)?;
    let single = inputs::visits(1).to_string();
    let single = Target::post(server.address, "/inbox", &single, 202);
    let one_record = run_through(&server, &single)?;
    let failed = server.metric("fonio_steps_failed_total")?;
    anyhow::ensure!(failed == 0, "{failed} runs of the mapping job failed");
    server.stop()?;
    report::figures(Measured {
        rss_idle_mib: rounded(idle.rss_mib),
        rss_after_10k_mib: rounded(after_10k.rss_mib),
        rss_after_20k_mib: rounded(after_20k.rss_mib),
        rss_peak_mib: rounded(after_20k.peak_mib),
        rss_anon_idle_mib: rounded(idle.anon_mib),
        rss_anon_after_10k_mib: rounded(after_10k.anon_mib),
        rss_anon_after_20k_mib: rounded(after_20k.anon_mib),
        end_to_end_per_s: rounded(MESSAGES as f64 / first.as_secs_f64()),
        end_to_end_message_bytes: body.len(),
        end_to_end_one_record_per_s: rounded(MESSAGES as f64 / one_record.as_secs_f64()),
        binary_mib: rounded(std::fs::metadata(program)?.len() as f64 / f64::from(1 << 20)),
    })
}

fn settled(server: &Server) -> anyhow::Result<Memory> {
    thread::sleep(SETTLE);
    server.memory()
}

fn run_through(server: &Server, target: &Target) -> anyhow::Result<Duration> {
    eprintln!("{MESSAGES} messages, accepted and run");
    let started = Instant::now();
    let outcome = load::for_count(target, CONNECTIONS, MESSAGES)?;
    anyhow::ensure!(
        outcome.refused == 0,
        "{} messages were refused",
        outcome.refused
    );
    server.wait_until_settled(RUN_WITHIN)?;
    Ok(started.elapsed())
}
