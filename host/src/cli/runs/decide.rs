//! `fonio runs retry` and `cancel`, and of many at once with `fonio dead`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use fonio_project::parse_duration;
use serde_json::{Map, Value, json};

use super::{Status, Which};
use crate::cli::confirm::confirm;
use crate::cli::output::println;
use crate::cli::reach::{Answer, Client, Reach};
use crate::cli::{Exit, Failure, numbers, paint};

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

    /// Only what is done again needs a project to do it with.
    async fn ask(self, client: &Client, path: &str, body: String) -> Result<Answer, Failure> {
        match self {
            What::Retry => client.post(path, body).await,
            What::Cancel | What::Discard => client.look(path, body).await,
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
    /// Of those that the options choose, only these: `failed`, which nobody has decided about, or `succeeded`
    /// [default: failed].
    #[arg(long, value_enum, hide_possible_values = true, conflicts_with = "runs")]
    status: Option<Status>,
    /// Do not ask whether runs that succeeded are to be done again.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    decide: Decide,
}

/// Where runs begin again, and with what.
#[derive(Debug, Args)]
pub(crate) struct Again {
    /// Where they begin again: `failed`, `start`, the id of a job, or of one run the number of a step [default: from the
    /// steps that failed, or from the start if none did].
    #[arg(long, value_name = "FROM")]
    from: Option<String>,
    /// The state to start from, the same for all, in place of the one that the step started from: JSON, or a file of it.
    #[arg(long, visible_alias = "state", value_name = "JSON|FILE")]
    input: Option<String>,
    /// How long they wait before they begin, 90s, 10m or 2d for instance; 366 days at most.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    delay: Option<Duration>,
}

impl Again {
    /// As the API takes it; `one_by_one` if runs are named by their numbers.
    fn body(&self, one_by_one: bool) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        let from = match self.from.as_deref() {
            None | Some("failed") => None,
            Some("start") => Some("start".into()),
            Some(place) => match place.parse::<i64>() {
                Ok(step) if one_by_one => Some(step.into()),
                Ok(step) => {
                    return Err(Failure::usage(format!(
                        "step {step} is of one run: name that run, or the job of the step"
                    )));
                }
                Err(_) => Some(json!({ "job": place })),
            },
        };
        body.extend(from.map(|from| ("from".to_owned(), from)));
        if let Some(input) = &self.input {
            body.insert("input".to_owned(), state(input)?);
        }
        if let Some(delay) = self.delay {
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            body.insert("delay_ms".to_owned(), delay_ms.into());
        }
        Ok(body)
    }
}

impl Retry {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let mut body = self.again.body(self.decide.is_one_by_one())?;
        if let Some(status) = self.status {
            body.insert("status".to_owned(), status.word().into());
        }
        if self.status == Some(Status::Succeeded) && !self.yes && !self.decide.dry_run {
            let until = self.decide.ask_about_done_well(&body).await?;
            body.extend(until.map(|until| ("until_ms".to_owned(), until.into())));
        }
        self.decide.execute(What::Retry, body).await
    }
}

/// `fonio dead retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryDead {
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    decide: Decide,
}

impl RetryDead {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let body = self.again.body(self.decide.is_one_by_one())?;
        self.decide.execute(What::Retry, body).await
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
    #[arg(long, value_enum, hide_possible_values = true, conflicts_with = "runs")]
    status: Option<Status>,
    #[command(flatten)]
    decide: Decide,
}

impl Cancel {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let status = self.status.map(|status| status.word().into());
        let body = status.map(|status| ("status".to_owned(), status));
        let body = body.into_iter().collect();
        self.decide.execute(What::Cancel, body).await
    }
}

/// Some runs by their numbers, or many by what they have in common.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The runs' numbers; or narrow down which with the options below.
    #[arg(value_name = "RUN", value_parser = numbers::run, conflicts_with_all = ["workflow", "job", "error", "since", "until", "all", "dry_run", "limit"])]
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
    /// Of those that are named, or by what they have in common; `more` is for each, or narrows down further.
    pub(crate) async fn execute(
        self,
        what: What,
        more: Map<String, Value>,
    ) -> Result<Exit, Failure> {
        if self.is_one_by_one() {
            let body = match more.is_empty() {
                true => String::new(),
                false => Value::Object(more).to_string(),
            };
            let one_by_one = OneByOne {
                runs: self.runs,
                what,
                body,
                json: self.json,
            };
            return one_by_one.execute(self.reach).await;
        }
        self.require_which(&more)?;
        let client = self.reach.clone().client().await?;
        let decided = self.decide(&client, what, more, self.dry_run).await;
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

    fn is_one_by_one(&self) -> bool {
        !self.runs.is_empty()
    }

    fn require_which(&self, more: &Map<String, Value>) -> Result<(), Failure> {
        if self.all || !self.which.is_all() || more.contains_key("status") {
            return Ok(());
        }
        Err(Failure::usage(
            "name runs by their numbers, say which (--workflow, --job, --error, --since, --until), or say --all",
        ))
    }

    /// Nobody waits for runs that succeeded, and what they sent is sent again. Gives the time before which those were begun
    /// that were counted.
    async fn ask_about_done_well(&self, more: &Map<String, Value>) -> Result<Option<i64>, Failure> {
        let client = self.reach.clone().client().await?;
        let found = self.decide(&client, What::Retry, more.clone(), true).await;
        client.close().await;
        let found = found?;
        let count = found.matched.len();
        let runs = paint::count(count, "run");
        let what = format!("{runs} that succeeded would be done again, with all that they send");
        if count == 0 || confirm(&what)? {
            return Ok(found.until_ms);
        }
        Err(Failure::failed("nothing is begun again"))
    }

    /// Part by part.
    async fn decide(
        &self,
        client: &Client,
        what: What,
        more: Map<String, Value>,
        dry_run: bool,
    ) -> Result<Decided, Failure> {
        let mut body = self.which.body();
        body.extend(more);
        body.insert("dry_run".to_owned(), dry_run.into());
        let mut decided = Decided {
            dry_run,
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
            let part = what.ask(client, &path, text).await?;
            let part: Decided = serde_json::from_str(part.text()).map_err(Failure::failed)?;
            decided.matched.extend(part.matched);
            decided.done.extend(part.done);
            decided.skipped.extend(part.skipped);
            (decided.next, decided.until_ms) = (part.next, part.until_ms);
            if let Some(until) = part.until_ms {
                body.insert("until_ms".to_owned(), until.into());
            }
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
    /// What the next call is to say, lest it find what this one began.
    #[serde(skip_serializing)]
    until_ms: Option<i64>,
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
            let answer = self.what.ask(&client, &path, self.body.clone()).await;
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
