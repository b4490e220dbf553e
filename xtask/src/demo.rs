//! `cargo xtask demo`: the main job, on real submissions, with a far side to send to.

use crate::far_side::{self, FarSide};
use crate::guests::{self, Group};
use crate::host::Host;
use crate::progress::{Progress, bold, dim, green, red};
use crate::repo::Repo;
use crate::{build, report};
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

const PROJECT: &str = "examples/clinic-intake";

/// 300 looks, 200 ms apart: a minute for runs that take milliseconds.
const LOOKS: usize = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// A submission and what the host said to it.
pub struct Sent {
    pub file: String,
    pub jobs: Vec<String>,
}

/// Builds everything, serves the example, sends it what clinics send, and shows what happened.
pub fn run(repo: &Repo, once: bool) -> anyhow::Result<()> {
    let mut progress = Progress::of(5);
    let project = repo.root.join(PROJECT);
    progress.step("Guests (the WebAssembly parts)", |progress| {
        guests::build(repo, &[Group::Carried], progress)
    })?;
    progress.step("The program", |progress| build::program(repo, progress))?;
    let far_side = FarSide::start(far_side::address_in(&project)?)?;
    let mut host = progress.step("The host, serving examples/clinic-intake", |progress| {
        let host = Host::serve(repo, &project)?;
        progress.say(format!(
            "at http://{}, log in {}",
            host.address,
            host.log.display()
        ));
        progress.say(format!("the far side at http://{}", far_side.address));
        Ok(host)
    })?;
    let sent = progress.step("Submissions to its inbox", |_| send_all(&host, &project))?;
    let runs = progress.step("Their runs", |_| finished(&mut host, &sent))?;
    report::print(&sent, &runs, &far_side.arrivals());
    judge(&runs)?;
    if once {
        println!("\n{}", green("It works."));
        return host.stop();
    }
    where_next(repo, &host);
    host.keep_serving()
}

fn send_all(host: &Host, project: &Path) -> anyhow::Result<Vec<Sent>> {
    let folder = project.join("submissions");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("no submissions in {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| content_type(file).is_some())
        .collect();
    files.sort();
    files.iter().map(|file| send(host, file)).collect()
}

fn send(host: &Host, file: &Path) -> anyhow::Result<Sent> {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let kind = content_type(file).context("only submissions with a content type are sent")?;
    let reply = host.request("POST", "/inbox", Some((kind, &fs::read(file)?)))?;
    let said = String::from_utf8_lossy(&reply.body);
    if reply.status()? != 202 {
        bail!("the inbox refused {name}: {} {said}", reply.start);
    }
    let answer: Value =
        serde_json::from_str(&said).with_context(|| format!("the inbox answered `{said}`"))?;
    let jobs = answer["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned);
    Ok(Sent {
        file: name,
        jobs: jobs.collect(),
    })
}

fn content_type(file: &Path) -> Option<&'static str> {
    match file.extension()?.to_str()? {
        "json" => Some("application/json"),
        "xml" => Some("text/xml"),
        _ => None,
    }
}

/// Waits until every run that the submissions started has ended, and gives them in the order they began, with their steps.
fn finished(host: &mut Host, sent: &[Sent]) -> anyhow::Result<Vec<Value>> {
    let expected: usize = sent.iter().map(|sent| sent.jobs.len()).sum();
    let mut open = String::new();
    for _ in 0..LOOKS {
        host.check_alive()?;
        let listed = host.json("/api/v1/runs?limit=500")?;
        let runs: Vec<&Value> = listed["runs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|run| !run["message"].is_null())
            .collect();
        let ended = runs
            .iter()
            .filter(|run| matches!(run["status"].as_str(), Some("succeeded" | "failed")))
            .count();
        if runs.len() >= expected && ended == runs.len() {
            let newest_first = runs
                .iter()
                .map(|run| host.json(&format!("/api/v1/runs/{}", run["id"])));
            let mut details = newest_first.collect::<anyhow::Result<Vec<Value>>>()?;
            details.reverse();
            return Ok(details);
        }
        open = format!("{ended} of {expected} runs ended");
        thread::sleep(BETWEEN_LOOKS);
    }
    bail!(
        "after a minute {open}; the host's log is {}",
        host.log.display()
    )
}

/// A failure that a failure job dealt with is part of the demo; a run that ends badly is not.
fn judge(runs: &[Value]) -> anyhow::Result<()> {
    if runs.is_empty() {
        bail!("nothing ran: no job of {PROJECT} wants any of its submissions");
    }
    let failed = runs
        .iter()
        .filter(|run| run["status"] != "succeeded")
        .count();
    if failed > 0 {
        bail!(
            "{}",
            red(&format!("{failed} of {} runs failed", runs.len()))
        );
    }
    Ok(())
}

fn where_next(repo: &Repo, host: &Host) {
    let address = host.address;
    let first = |folder: &str, extension: &str| {
        let entries = fs::read_dir(repo.root.join(PROJECT).join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let name = names.filter(|name| name.ends_with(extension)).min()?;
        Some(format!("{PROJECT}/{folder}/{name}"))
    };
    println!("\n{}", bold("Where next"));
    println!("  See it     http://{address}/");
    if let Some(file) = first("submissions", ".json") {
        println!(
            "  Send one   curl -H 'content-type: application/json' -d @{file} http://{address}/inbox"
        );
    }
    if let Some(file) = first("jobs", ".js") {
        println!("  Change it  edit {file} and send again: what you save is live");
    }
    println!("  Read on    README.md, docs/projects.md, ARCHITECTURE.md");
    println!("\n{}", dim("Serving until Ctrl-C."));
}
