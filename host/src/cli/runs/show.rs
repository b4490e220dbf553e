//! `fonio runs show` and `fonio runs logs`.

use std::collections::BTreeSet;

use clap::Args;
use fonio_project::in_a_line;
use fonio_sandbox::Level;
use serde_json::Value;

use super::follow;
use crate::cli::output::{println, tell};
use crate::cli::reach::{Client, Reach};
use crate::cli::rows::{self, Cell};
use crate::cli::{Exit, Failure, numbers, paint, when};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run's number.
    #[arg(value_parser = numbers::run)]
    run: i64,
    /// Tells of each step as it ends, until the run has ended.
    #[arg(long)]
    follow: bool,
    /// As the API shows it, in JSON; with --follow, when it has ended.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The run's number.
    #[arg(value_parser = numbers::run)]
    run: i64,
    /// Only of this job, by its id.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Prints the log of each step as it ends, until the run has ended.
    #[arg(long)]
    follow: bool,
    /// As JSON, a line each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Show {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let client = self.reach.clone().client().await?;
        let shown = self.show(&client).await;
        client.close().await;
        shown
    }

    async fn show(&self, client: &Client) -> Result<Exit, Failure> {
        let mut told = BTreeSet::new();
        let answer = if self.follow {
            let tell_of = |run: &Value| {
                for step in ended_steps(run).filter(|step| told.insert(attempt(step))) {
                    if !self.json {
                        let said = format!("{} {}", text(&step["job"]), failure(&step));
                        paint::event(text(&step["status"]), said.trim_end());
                    }
                }
                Ok(())
            };
            follow::run(client, self.run, tell_of).await?
        } else {
            client.get(&format!("/runs/{}", self.run)).await?
        };
        let run = answer.json()?;
        if self.json {
            println!("{}", answer.text());
        } else {
            print(&run);
        }
        Ok(if self.follow {
            exit_of(&run)
        } else {
            Exit::Success
        })
    }
}

impl Logs {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let client = self.reach.clone().client().await?;
        let shown = self.show(&client).await;
        client.close().await;
        shown
    }

    async fn show(&self, client: &Client) -> Result<Exit, Failure> {
        let mut printed = BTreeSet::new();
        let mut print = |run: &Value| {
            for step in ended_steps(run).filter(|step| printed.insert(attempt(step))) {
                self.print(&step);
            }
            if run["truncated"] == true {
                paint::note("some of it is left out: a run's logs are shown up to 8 MiB");
            }
            Ok(())
        };
        if self.follow {
            let answer = follow::run(client, self.run, print).await?;
            return Ok(exit_of(&answer.json()?));
        }
        print(&client.get(&format!("/runs/{}", self.run)).await?.json()?)?;
        Ok(Exit::Success)
    }

    fn print(&self, step: &Value) {
        let job = text(&step["job"]);
        if self.job.as_deref().is_some_and(|wanted| wanted != job) {
            return;
        }
        for line in step["log"].as_array().into_iter().flatten() {
            if self.json {
                let mut line = line.clone();
                line["job"] = job.into();
                line["step"] = step["id"].clone();
                println!("{line}");
                continue;
            }
            let at = when::short(line["at_ms"].as_i64().unwrap_or_default());
            let level = match text(&line["level"]) {
                "debug" => Level::Debug,
                "warn" => Level::Warn,
                "error" => Level::Error,
                _ => Level::Info,
            };
            let said = text(&line["message"]);
            paint::line_of_log(level, &format!("{at} {job}"), said);
        }
    }
}

/// The steps that have ended, each behind its earlier attempts, with the same fields.
fn ended_steps(run: &Value) -> impl Iterator<Item = Value> {
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    steps.into_iter().flat_map(|step| {
        let earlier = step["earlier"].as_array().cloned().unwrap_or_default();
        let earlier = earlier.into_iter().map({
            let (id, job) = (step["id"].clone(), step["job"].clone());
            move |mut attempt| {
                attempt["id"] = id.clone();
                attempt["job"] = job.clone();
                attempt["status"] = "failed".into();
                attempt
            }
        });
        let ended = matches!(text(&step["status"]), "succeeded" | "failed");
        earlier.chain(ended.then_some(step)).collect::<Vec<_>>()
    })
}

/// By which it is known.
fn attempt(step: &Value) -> (i64, i64) {
    let number = |field: &Value| field.as_i64().unwrap_or_default();
    (number(&step["id"]), number(&step["attempt"]))
}

fn text(field: &Value) -> &str {
    field.as_str().unwrap_or_default()
}

/// Why it failed, in a line.
fn failure(step: &Value) -> String {
    let error = &step["error"];
    let (name, message) = (text(&error["name"]), text(&error["message"]));
    match (name, message) {
        ("", message) => message.to_owned(),
        (name, message) => format!("{name}: {message}"),
    }
}

fn print(run: &Value) {
    let begun = run["created_ms"].as_i64().unwrap_or_default();
    let mut about = format!("begun {}", when::short(begun));
    if let Some(ended) = run["finished_ms"].as_i64() {
        about += &format!(", took {}", when::took(ended - begun));
    }
    for (field, words) in [
        ("message", "of message"),
        ("retry_of", "does again run"),
        ("retried_by", "done again by run"),
        ("output", "left dataclip"),
    ] {
        if let Some(id) = run[field].as_i64() {
            about += &format!(", {words} {id}");
        }
    }
    let (workflow, trigger) = (text(&run["workflow"]), text(&run["trigger"]));
    let status = text(&run["status"]);
    tell!("run {}: {status}", run["id"]);
    tell!(
        "{}",
        in_a_line(&format!("{workflow}, by {trigger}; {about}"))
    );
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    let rows = steps.iter().map(|step| {
        let (started, ended) = (step["started_ms"].as_i64(), step["finished_ms"].as_i64());
        let took = started.zip(ended).map(|(from, to)| when::took(to - from));
        let then = match step["due_ms"].as_i64() {
            Some(due) if step["parked_on"].is_string() => format!(
                "{} is out; given up at {}",
                text(&step["parked_on"]),
                when::short(due)
            ),
            Some(due) => format!("again at {}", when::short(due)),
            None => failure(step),
        };
        [
            Cell::new(&step["id"]),
            Cell::status(text(&step["status"])),
            Cell::new(text(&step["job"])),
            Cell::new(&step["attempt"]),
            Cell::new(took.unwrap_or_default()),
            Cell::new(then),
        ]
    });
    let names = ["STEP", "STATUS", "JOB", "ATTEMPT", "TOOK", "ERROR"];
    rows::print(names, rows.collect());
}

/// As the run ended: of one that failed, as its last step that did.
fn exit_of(run: &Value) -> Exit {
    if run["status"] == "succeeded" {
        return Exit::Success;
    }
    let mut steps = run["steps"].as_array().into_iter().flatten();
    let failed = steps.rfind(|step| step["status"] == "failed");
    match failed.and_then(|step| step["exit_code"].as_i64()) {
        Some(3) => Exit::Stopped,
        Some(10) => Exit::NotLoaded,
        _ => Exit::Failed,
    }
}
