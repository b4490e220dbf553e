//! `fonio runs show` and `fonio runs logs`.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Prints what the steps write, as they write it, until the run has ended.
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
        let mut printed = Printed::default();
        let mut print = |run: &Value| {
            for step in ended_steps(run) {
                self.print(&step, printed.rest_of(&step));
            }
            for step in steps(run).filter(|step| step["status"] == "running") {
                self.print(step, printed.more_of(step));
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

    fn print(&self, step: &Value, lines: &[Value]) {
        let job = text(&step["job"]);
        if self.job.as_deref().is_some_and(|wanted| wanted != job) {
            return;
        }
        for line in lines {
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

/// What of a run's logs was printed.
#[derive(Default)]
struct Printed {
    ended: BTreeSet<Attempt>,
    /// Of steps that run, how many lines.
    running: BTreeMap<(i64, i64), usize>,
}

impl Printed {
    /// The lines of an attempt that has ended which were not printed while it ran; nothing the next time.
    fn rest_of<'s>(&mut self, step: &'s Value) -> &'s [Value] {
        let attempt = attempt(step);
        if !self.ended.insert(attempt) {
            return &[];
        }
        let before = self.running.remove(&(attempt.step, attempt.number));
        let lines = lines(step);
        lines.get(before.unwrap_or_default()..).unwrap_or_default()
    }

    /// The lines that a step which runs has written since it was last looked at.
    fn more_of<'s>(&mut self, step: &'s Value) -> &'s [Value] {
        let attempt = attempt(step);
        let before = self.running.entry((attempt.step, attempt.number));
        let before = before.or_default();
        let lines = lines(step);
        let more = lines.get(*before..).unwrap_or_default();
        *before += more.len();
        more
    }
}

fn steps(run: &Value) -> impl Iterator<Item = &Value> {
    run["steps"].as_array().into_iter().flatten()
}

fn lines(step: &Value) -> &[Value] {
    step["log"].as_array().map_or(&[], Vec::as_slice)
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

/// By which an attempt is known. One that did not count, because a system was out, has the number of the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Attempt {
    step: i64,
    number: i64,
    /// Once it has ended.
    ended_ms: i64,
}

fn attempt(step: &Value) -> Attempt {
    let number = |field: &str| step[field].as_i64().unwrap_or_default();
    Attempt {
        step: number("id"),
        number: number("attempt"),
        ended_ms: number("finished_ms"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(ended_ms: Option<i64>, log: &[&str]) -> Value {
        json!({ "id": 7, "attempt": 1, "finished_ms": ended_ms, "log": log })
    }

    #[test]
    fn lines_are_printed_once_also_where_an_attempt_has_the_number_of_the_one_before() {
        let mut printed = Printed::default();
        assert_eq!(printed.more_of(&step(None, &["a"])), ["a"]);
        assert_eq!(printed.more_of(&step(None, &["a", "b"])), ["b"]);
        let parked = step(Some(1), &["a", "b", "out"]);
        assert_eq!(printed.rest_of(&parked), ["out"]);
        // It runs again, and its log is not there yet, or not here.
        assert!(printed.more_of(&step(None, &[])).is_empty());
        assert_eq!(printed.more_of(&step(None, &["a"])), ["a"]);
        assert!(printed.rest_of(&parked).is_empty());
        assert!(printed.more_of(&step(None, &[])).is_empty());
        assert_eq!(printed.rest_of(&step(Some(2), &["a", "end"])), ["end"]);
        let not_kept = step(Some(3), &[]);
        assert!(printed.rest_of(&not_kept).is_empty());
    }
}
