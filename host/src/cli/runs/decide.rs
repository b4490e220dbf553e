//! `fonio runs retry` and `cancel`, and of many at once with `fonio dead`.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Status, Which};
use crate::cli::output::println;
use crate::cli::reach::{Client, Reach};
use crate::cli::{Exit, Failure, paint};

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Retry,
    Cancel,
    Discard,
}

impl What {
    fn path(self) -> &'static str {
        match self {
            What::Retry => "retry",
            What::Cancel => "cancel",
            What::Discard => "discard",
        }
    }

    fn done(self) -> &'static str {
        match self {
            What::Retry => "begun again",
            What::Cancel => "ended",
            What::Discard => "discarded",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The runs' numbers.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<i64>,
    /// Where they begin again: `failed`, `start`, or the number of a step [default: from the step that failed, or from the
    /// start if none did].
    #[arg(long, value_name = "FROM", value_parser = from)]
    from: Option<From>,
    /// The state to start from, in place of the one that the step started from: JSON, or a file of it.
    #[arg(long, value_name = "JSON|FILE")]
    input: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Where a run begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Failed,
    Start,
    Step(i64),
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "failed" => Ok(From::Failed),
        "start" => Ok(From::Start),
        number => number
            .parse()
            .map(From::Step)
            .map_err(|_| "it takes failed, start, or the number of a step".to_owned()),
    }
}

impl Retry {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let mut body = Map::new();
        match self.from {
            None | Some(From::Failed) => {}
            Some(From::Start) => _ = body.insert("from".to_owned(), "start".into()),
            Some(From::Step(step)) => _ = body.insert("from".to_owned(), step.into()),
        }
        if let Some(input) = &self.input {
            body.insert("input".to_owned(), state(input)?);
        }
        let body = Value::Object(body).to_string();
        let one_by_one = OneByOne {
            runs: self.runs,
            what: What::Retry,
            body,
            json: self.json,
        };
        one_by_one.execute(self.reach).await
    }
}

/// JSON, or a file of it.
fn state(given: &str) -> Result<Value, Failure> {
    if let Ok(state) = serde_json::from_str(given) {
        return Ok(state);
    }
    let text = crate::cli::run::read(Path::new(given))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{given} is no JSON: {error}")))
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Of those that the options choose, only these [default: open].
    #[arg(long, value_enum, hide_possible_values = true)]
    status: Option<Status>,
    #[command(flatten)]
    decide: Decide,
}

impl Cancel {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let status = self.status.map(|status| ("status", status.word().into()));
        self.decide.execute(What::Cancel, status.into_iter()).await
    }
}

/// Some runs by their numbers, or many by what they have in common.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The runs' numbers; or narrow down which with the options below.
    #[arg(value_name = "RUN", conflicts_with_all = ["workflow", "job", "error", "since", "until", "all", "dry_run", "limit"])]
    runs: Vec<i64>,
    #[command(flatten)]
    which: Which,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Only says which it would be.
    #[arg(long)]
    dry_run: bool,
    /// At most so many.
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Decide {
    pub(crate) async fn execute(
        self,
        what: What,
        more: impl Iterator<Item = (&'static str, Value)>,
    ) -> Result<Exit, Failure> {
        let more: Map<String, Value> = more.map(|(name, value)| (name.to_owned(), value)).collect();
        if !self.runs.is_empty() {
            let from = more.get("from").filter(|from| *from != "failed");
            let body = from.map_or_else(String::new, |from| json!({ "from": from }).to_string());
            let one_by_one = OneByOne {
                runs: self.runs,
                what,
                body,
                json: self.json,
            };
            return one_by_one.execute(self.reach).await;
        }
        if self.which.is_all() && more.get("status").is_none() && !self.all {
            return Err(Failure::usage(
                "name runs by their numbers, say which (--workflow, --job, --error, --since, --until), or say --all",
            ));
        }
        let client = self.reach.clone().client().await?;
        let decided = self.decide(&client, what, more).await;
        let alone = client.is_alone();
        client.close().await;
        let decided = decided?;
        if self.json {
            println!("{}", json!(decided));
        } else {
            decided.tell(what, self.dry_run);
        }
        if alone && what == What::Retry && !decided.done.is_empty() {
            later();
        }
        Ok(decided.exit())
    }

    /// Part by part.
    async fn decide(
        &self,
        client: &Client,
        what: What,
        more: Map<String, Value>,
    ) -> Result<Decided, Failure> {
        let mut body = self.which.body();
        body.extend(more);
        body.insert("dry_run".to_owned(), self.dry_run.into());
        let mut decided = Decided {
            dry_run: self.dry_run,
            ..Decided::default()
        };
        loop {
            if let Some(limit) = self.limit {
                let left = (limit as usize).saturating_sub(decided.matched.len());
                if left == 0 {
                    return Ok(decided);
                }
                body.insert("limit".to_owned(), left.min(PART_MAX).into());
            }
            let path = format!("/runs/{}", what.path());
            let text = Value::Object(body.clone()).to_string();
            let part = client.post(&path, text).await?;
            let part: Decided = serde_json::from_str(part.text()).map_err(Failure::failed)?;
            decided.matched.extend(part.matched);
            decided.done.extend(part.done);
            decided.skipped.extend(part.skipped);
            decided.next = part.next;
            match part.next {
                Some(next) => _ = body.insert("next".to_owned(), next.into()),
                None => return Ok(decided),
            }
        }
    }
}

/// The most in one call.
const PART_MAX: usize = 1_000;

/// What became of many.
#[derive(Debug, Default, serde::Deserialize, serde::Serialize)]
struct Decided {
    dry_run: bool,
    matched: Vec<i64>,
    done: Vec<Value>,
    skipped: Vec<Value>,
    next: Option<i64>,
}

impl Decided {
    fn tell(&self, what: What, dry_run: bool) {
        for skipped in &self.skipped {
            let why = skipped["why"].as_str().unwrap_or_default();
            paint::event("skipped", &format!("run {}: {why}", skipped["run"]));
        }
        if dry_run {
            let runs: Vec<String> = self.matched.iter().map(ToString::to_string).collect();
            println!("{}", runs.join("\n"));
            let count = paint::count(self.matched.len(), "run");
            paint::event("would be", &format!("{}: {count}", what.done()));
            return;
        }
        for done in &self.done {
            told(what, &done["run"], &done["retried_by"]);
        }
        paint::event(what.done(), &paint::count(self.done.len(), "run"));
    }

    fn exit(&self) -> Exit {
        if self.skipped.is_empty() {
            Exit::Success
        } else {
            Exit::Failed
        }
    }
}

fn told(what: What, run: &Value, by: &Value) {
    match by.as_i64() {
        Some(by) => println!("run {run} begun again as run {by}"),
        None => println!("run {run} {}", what.done()),
    }
}

fn later() {
    paint::note("no host runs on this data: what is begun again runs when one is started");
}

/// Runs by their numbers: each is decided about although another cannot be.
struct OneByOne {
    runs: Vec<i64>,
    what: What,
    body: String,
    json: bool,
}

impl OneByOne {
    async fn execute(self, reach: Reach) -> Result<Exit, Failure> {
        let client = reach.client().await?;
        let mut exit = Exit::Success;
        let mut decided = Decided::default();
        for run in &self.runs {
            let path = format!("/runs/{run}/{}", self.what.path());
            let answer = client.post(&path, self.body.clone()).await;
            let answer = answer.and_then(|answer| answer.json());
            decided.matched.push(*run);
            match answer.map(|answer| self.outcome(*run, &answer)) {
                Ok(Ok(done)) => decided.done.push(done),
                Ok(Err(why)) => decided.skipped.push(json!({ "run": run, "why": why })),
                Err(Failure(how, why)) => {
                    exit = how;
                    decided.skipped.push(json!({ "run": run, "why": why }));
                }
            }
        }
        let alone = client.is_alone();
        client.close().await;
        if self.json {
            println!("{}", json!(decided));
        } else {
            for done in &decided.done {
                told(self.what, &done["run"], &done["retried_by"]);
            }
            for skipped in &decided.skipped {
                let why = skipped["why"].as_str().unwrap_or_default();
                paint::error(&format!("run {}: {why}", skipped["run"]));
            }
        }
        if alone && self.what == What::Retry && !decided.done.is_empty() {
            later();
        }
        Ok(match exit {
            Exit::Success => decided.exit(),
            exit => exit,
        })
    }

    /// What became of one, or why nothing did.
    fn outcome(&self, run: i64, answer: &Value) -> Result<Value, &'static str> {
        match self.what {
            What::Retry => Ok(json!({ "run": run, "retried_by": answer["run_id"] })),
            What::Cancel if answer["cancelled"] == true => Ok(json!({ "run": run })),
            What::Cancel => Err("it has ended before"),
            What::Discard if answer["discarded"] == true => Ok(json!({ "run": run })),
            What::Discard => Err("it is no dead letter"),
        }
    }
}
