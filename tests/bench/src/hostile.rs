//! What hostility costs: sealing a credential, in a step of its own; a neighbour's latency beside jobs that take all they
//! can; and memory after very many steps that were stopped.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fonio_project::OpenIn;
use fonio_sandbox::{CredentialSpec, Sandbox, Seals, Vault};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::inputs;
use crate::load::{self, Outcome, Target};
use crate::process::Server;
use crate::report::{self, Figures, Spread, percentile, rounded};
use crate::steps::{self, Steps, micros};

/// How much is done.
#[derive(Clone, Copy)]
pub struct Amount {
    posts: usize,
    stretch: Duration,
    /// Steps that are stopped, in thousands.
    thousands: usize,
}

impl Amount {
    pub const FULL: Amount = Amount {
        posts: 1000,
        stretch: Duration::from_secs(30),
        thousands: 100,
    };
    pub const QUICK: Amount = Amount {
        posts: 200,
        stretch: Duration::from_secs(15),
        thousands: 2,
    };
}

/// Measures all of them.
pub fn measure(program: &Path, work: &Path, amount: Amount) -> anyhow::Result<Figures> {
    let work = work.join("hostile");
    fs::create_dir_all(&work)?;
    let mut figures = report::figures(sealing(program, &work, amount)?)?;
    figures.extend(report::figures(neighbour(program, &work, amount)?)?);
    figures.extend(memory(program, &work, amount)?);
    Ok(figures)
}

#[derive(Serialize)]
struct Sealing {
    /// One POST with a token in a header, first as text, then sealed: minted, opened, and looked for in the reply.
    step_post_plain_us: Spread,
    step_post_sealed_us: Spread,
    /// The difference of the two medians; the step has one request.
    sealed_step_extra_us: f64,
}

/// Plain and sealed in turn, so that whatever else the machine does falls on both alike.
fn sealing(program: &Path, work: &Path, amount: Amount) -> anyhow::Result<Sealing> {
    const WARM_UP: usize = 50;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let far_side = Server::own(&["hello"])?;
    let origin = format!("http://{}", far_side.address);
    let mut credential = Map::new();
    credential.insert("baseUrl".to_owned(), origin.clone().into());
    credential.insert("token".to_owned(), "k3-T/9hT2uY-0f1b7d55aa90".into());
    let spec = CredentialSpec {
        name: "bench".to_owned(),
        origins: vec![origin.parse()?],
        open_in: vec![OpenIn::Headers],
        ..CredentialSpec::default()
    };
    let vault = Arc::new(Vault::new(spec, credential.clone()));
    runtime.block_on(async {
        let sandbox = Sandbox::start(steps::options(program, work)?).await?;
        let http = Arc::new(steps::load_http(&sandbox).await?);
        let steps = Steps::new(&sandbox, inputs::POST_TOKEN, &http, far_side.address).await?;
        eprintln!(
            "{} POSTs with a token, plain and sealed in turn",
            amount.posts
        );
        let (mut plain, mut sealed) = (Vec::new(), Vec::new());
        for turn in 0..WARM_UP + amount.posts {
            let started = Instant::now();
            let state = json!({ "data": {}, "configuration": credential }).to_string();
            steps.run(&sandbox, state, Seals::default()).await?;
            let between = Instant::now();
            let seals = Seals::mint(Arc::clone(&vault))?;
            let state = json!({ "data": {}, "configuration": seals.configuration() }).to_string();
            steps.run(&sandbox, state, seals).await?;
            if turn >= WARM_UP {
                plain.push(micros(between - started));
                sealed.push(micros(between.elapsed()));
            }
        }
        let (plain, sealed) = (Spread::of(&plain)?, Spread::of(&sealed)?);
        Ok(Sealing {
            step_post_plain_us: plain,
            step_post_sealed_us: sealed,
            sealed_step_extra_us: rounded(sealed.p50 - plain.p50),
        })
    })
}

#[derive(Serialize)]
struct Neighbour {
    /// Whether the neighbour and the hostile one are tenants, or jobs of one project.
    neighbour_is_a_tenant: bool,
    neighbour_alone_ms: Spread,
    neighbour_attacked_ms: Spread,
    neighbour_p99_ratio: f64,
    /// Hostile runs that ended meanwhile.
    hostile_runs: u64,
}

/// Each takes what it can until a limit stops it.
const HOSTILE: &[(&str, &str, usize)] = &[
    ("loops", "fn(() => { for (;;) {} })", 4),
    (
        "bombs",
        "fn(() => { const all = []; for (;;) all.push('x'.repeat(1 << 20)); })",
        2,
    ),
    (
        "floods",
        "fn(() => { for (;;) console.log('x'.repeat(10000)); })",
        2,
    ),
];
const QUIET: &str = "fn(state => state)";
/// Short, so that many of them end within a stretch.
const LIMITS: &str = "[limits]\ncpu_time = \"1s\"\n[retry]\nattempts = 1\n";

/// What is measured is what they do to each other, not how their quotas slow both down.
const UNHINDERED: &str = "[quota]\nruns_per_minute = 1000000\ncpu_per_hour = \"256h\"\n";

/// A neighbour that sends one message after another and waits for each to have run, alone and beside hostile ones.
fn neighbour(program: &Path, work: &Path, amount: Amount) -> anyhow::Result<Neighbour> {
    let (server, is_a_tenant) = serve_both(program, &work.join("neighbour"))?;
    let address = |tenant: &str, name: &str| match is_a_tenant {
        true => format!("/{tenant}/i/{name}"),
        false => format!("/i/{name}"),
    };
    let quiet = Target::post(server.address, &address("quiet", "quiet"), "{}", 201);
    let warm_up = Duration::from_secs(1);
    eprintln!("a neighbour alone");
    let alone = load::for_time(&quiet, 1, warm_up, amount.stretch)?;
    eprintln!("the neighbour under attack");
    let (attacked, hostile_runs) = thread::scope(|scope| -> anyhow::Result<_> {
        let attackers: Vec<_> = HOSTILE
            .iter()
            .map(|(name, _, connections)| {
                // A limit ends each of them, as a failure.
                let path = address("hostile", name);
                let target = Target::post(server.address, &path, "{}", 500);
                scope.spawn(move || load::for_time(&target, *connections, warm_up, amount.stretch))
            })
            .collect();
        let attacked = load::for_time(&quiet, 1, warm_up, amount.stretch)?;
        let mut runs = 0;
        for attacker in attackers {
            let outcome = attacker.join().ok().context("an attacker broke down")??;
            runs += outcome.answered;
        }
        Ok((attacked, runs))
    })?;
    server.stop()?;
    let (alone, attacked) = (milliseconds(&alone)?, milliseconds(&attacked)?);
    Ok(Neighbour {
        neighbour_is_a_tenant: is_a_tenant,
        neighbour_alone_ms: Spread::of(&alone)?,
        neighbour_attacked_ms: Spread::of(&attacked)?,
        neighbour_p99_ratio: rounded(percentile(&attacked, 99.0)? / percentile(&alone, 99.0)?),
        hostile_runs,
    })
}

fn milliseconds(outcome: &Outcome) -> anyhow::Result<Vec<f64>> {
    ensure!(
        outcome.refused == 0,
        "{} of the neighbour's messages were refused or failed",
        outcome.refused
    );
    let all = outcome.latencies_us.iter();
    Ok(all.map(|latency| latency / 1e3).collect())
}

/// As two tenants where the program has tenants; else as workflows of one project.
fn serve_both(program: &Path, dir: &Path) -> anyhow::Result<(Server, bool)> {
    let help = Command::new(program).args(["serve", "--help"]).output()?;
    let hostile: Vec<Value> = HOSTILE
        .iter()
        .map(|(name, code, _)| workflow(name, code))
        .collect();
    let quiet = workflow("quiet", QUIET);
    if String::from_utf8_lossy(&help.stdout).contains("--projects") {
        write(&dir.join("quiet"), vec![quiet], LIMITS)?;
        write(&dir.join("hostile"), hostile, LIMITS)?;
        fs::write(dir.join("tenants.toml"), UNHINDERED)?;
        return Ok((Server::fonio_tenants(program, dir)?, true));
    }
    write(dir, [vec![quiet], hostile].concat(), LIMITS)?;
    Ok((Server::fonio(program, dir)?, false))
}

/// Answers when its run has ended.
fn workflow(name: &str, code: &str) -> Value {
    json!({ "id": name, "steps": [
        { "id": "hook", "type": "webhook", "webhook_reply": "after_completion", "next": "job" },
        { "id": "job", "adaptor": "@openfn/language-common", "expression": code },
    ]})
}

fn write(dir: &Path, workflows: Vec<Value>, settings: &str) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    let project =
        json!({ "schema_version": "4.0", "id": "bench", "name": "bench", "workflows": workflows });
    fs::write(dir.join("project.yaml"), project.to_string())?;
    fs::write(dir.join("fonio.toml"), settings)?;
    Ok(())
}

/// Stopped by the limit of memory as soon as they ask for it: what is measured is what stopping leaves behind.
const STOPPED: &[(&str, &str)] = &[
    ("buffers", "fn(() => new Uint8Array(1 << 27))"),
    ("texts", "fn(() => 'x'.repeat(1 << 27))"),
];
const STOPPED_LIMITS: &str = "[limits]\nmemory = \"16MiB\"\n[retry]\nattempts = 1\n";
const CONNECTIONS: usize = 8;
const SETTLE: Duration = Duration::from_secs(2);
/// Of those that are not counted: the first touch memory that stays.
const FIRST: usize = 200;

fn memory(program: &Path, work: &Path, amount: Amount) -> anyhow::Result<Figures> {
    let dir = work.join("memory");
    let workflows = STOPPED.iter().map(|(name, code)| workflow(name, code));
    write(&dir, workflows.collect(), STOPPED_LIMITS)?;
    let server = Server::fonio(program, &dir)?;
    let run = |steps: usize| -> anyhow::Result<Duration> {
        let started = Instant::now();
        for (name, _) in STOPPED {
            let path = format!("/i/{name}");
            let target = Target::post(server.address, &path, "{}", 500);
            let outcome = load::for_count(&target, CONNECTIONS, steps / STOPPED.len())?;
            ensure!(
                outcome.refused == 0,
                "{} of {} runs of {name} were not stopped",
                outcome.refused,
                outcome.answered
            );
        }
        Ok(started.elapsed())
    };
    run(FIRST)?;
    thread::sleep(SETTLE);
    let before = server.memory()?;
    let steps = amount.thousands * 1000;
    eprintln!("{steps} hostile steps");
    let took = run(steps)?;
    thread::sleep(SETTLE);
    let after = server.memory()?;
    server.stop()?;
    let name = |what: &str| format!("{what}_after_{}k_hostile_mib", amount.thousands);
    let per_s = rounded(steps as f64 / took.as_secs_f64());
    Ok(Figures::from_iter([
        (
            "rss_before_hostile_mib".to_owned(),
            json!(rounded(before.rss_mib)),
        ),
        (name("rss"), json!(rounded(after.rss_mib))),
        (
            "rss_anon_before_hostile_mib".to_owned(),
            json!(rounded(before.anon_mib)),
        ),
        (name("rss_anon"), json!(rounded(after.anon_mib))),
        ("hostile_steps_per_s".to_owned(), json!(per_s)),
    ]))
}
