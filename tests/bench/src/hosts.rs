//! Hosts that share one PostgreSQL: messages accepted a second, and messages from end to end by 1, 2 and 4 hosts. All of
//! them, the server and the sender share the machine, so that this says what is lost between them rather than what is won.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fonio_test_postgres::Database;
use serde::Serialize;

use crate::inputs;
use crate::load::{self, Target};
use crate::process::Server;
use crate::report::{self, Figures, PerConnections, Spread, median, rounded};

const HOSTS: [usize; 3] = [1, 2, 4];
const MESSAGES: usize = 4_000;
const MESSAGES_QUICKLY: usize = 400;
/// Together.
const SENDERS: usize = 16;
const CONNECTIONS: [usize; 3] = [1, 16, 256];
const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_millis(300);
const STRETCH: Duration = Duration::from_secs(2);
const RUN_WITHIN: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Measured {
    postgres_accept_per_s: PerConnections<f64>,
    postgres_accept_us: PerConnections<Spread>,
    /// Messages of 100 records each, from the first request until the last run is settled, by how many hosts.
    postgres_end_to_end_per_s: BTreeMap<String, f64>,
    postgres_end_to_end_messages: usize,
    /// On a file, by one host, with the same messages.
    file_end_to_end_per_s: f64,
}

/// Measures all of them.
pub fn measure(program: &Path, work: &Path, quick: bool) -> anyhow::Result<Figures> {
    if fonio_test_postgres::programs().is_none() {
        eprintln!("PostgreSQL is not on this machine: nothing is measured on it");
        return Ok(Figures::default());
    }
    let messages = if quick { MESSAGES_QUICKLY } else { MESSAGES };
    let work = work.join("hosts");
    let (postgres_accept_per_s, postgres_accept_us) = accepts(program, &work)?;
    let mut by_hosts = BTreeMap::new();
    for hosts in HOSTS {
        eprintln!("{messages} messages of 100 records, by {hosts} hosts on one database");
        let database = Database::new();
        let url = Some(database.url());
        let rate = end_to_end(program, &work, hosts, messages, url.as_deref())?;
        by_hosts.insert(format!("h{hosts}"), rate);
    }
    report::figures(Measured {
        postgres_accept_per_s,
        postgres_accept_us,
        postgres_end_to_end_per_s: by_hosts,
        postgres_end_to_end_messages: messages,
        file_end_to_end_per_s: end_to_end(program, &work, 1, messages, None)?,
    })
}

type Accepts = (PerConnections<f64>, PerConnections<Spread>);

fn accepts(program: &Path, work: &Path) -> anyhow::Result<Accepts> {
    let database = Database::new();
    let server = host(program, &work.join("accept"), Some(&database.url()))?;
    let body = inputs::small_message("no-such-kind");
    let target = Target::post(server.address, "/inbox", &body, 202);
    let (mut rates, mut latencies) = (Vec::new(), Vec::new());
    for connections in CONNECTIONS {
        eprintln!("accepting on PostgreSQL, {connections} connections");
        let (mut per_s, mut us) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let outcome = load::for_time(&target, connections, WARM_UP, STRETCH)?;
            ensure!(outcome.refused == 0, "{} were refused", outcome.refused);
            per_s.push(outcome.per_second());
            us.extend(outcome.latencies_us);
        }
        rates.push((connections, rounded(median(&per_s)?)));
        latencies.push((connections, Spread::of(&us)?));
    }
    Ok((rates.into_iter().collect(), latencies.into_iter().collect()))
}

fn host(program: &Path, project: &Path, url: Option<&str>) -> anyhow::Result<Server> {
    inputs::write_inbox_project(project)?;
    std::fs::write(project.join("fonio.toml"), "[project]\nid = \"bench\"\n")?;
    Server::fonio_on(program, project, url)
}

fn end_to_end(
    program: &Path,
    work: &Path,
    hosts: usize,
    messages: usize,
    url: Option<&str>,
) -> anyhow::Result<f64> {
    let kind = url.map_or("file", |_| "postgres");
    let servers: Vec<Server> = (0..hosts)
        .map(|at| host(program, &work.join(format!("{kind}-{at}-of-{hosts}")), url))
        .collect::<Result<_, _>>()?;
    let body = inputs::hundred_visits().to_string();
    let begun = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> = servers
            .iter()
            .map(|server| {
                let target = Target::post(server.address, "/inbox", &body, 202);
                scope.spawn(move || load::for_count(&target, SENDERS / hosts, messages / hosts))
            })
            .collect();
        for sender in senders {
            let outcome = sender.join().ok().context("a sender broke down")??;
            ensure!(outcome.refused == 0, "{} were refused", outcome.refused);
        }
        Ok(())
    })?;
    let first = servers.first().context("there is a host")?;
    first.wait_until_settled(RUN_WITHIN)?;
    let rate = messages as f64 / begun.elapsed().as_secs_f64();
    let mut ran = 0;
    for server in &servers {
        let failed = server.metric("fonio_steps_failed_total")?;
        ensure!(failed == 0, "{failed} runs of the mapping job failed");
        ran += server.metric("fonio_steps_succeeded_total")?;
    }
    ensure!(
        ran == messages as u64,
        "{ran} steps ran for {messages} messages"
    );
    Ok(rounded(rate))
}
