//! Runs as they come and go on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::list::{NAMES, WIDTHS, row};
use super::{Status, Which};
use crate::cli::output::println;
use crate::cli::reach::{Answer, Client};
use crate::cli::rows::{self, Cell};
use crate::cli::{Exit, Failure};

/// Between two looks at a list. A person sees no difference to less, and a host hardly notices.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How many runs are shown at the start.
const AT_FIRST: &str = "20";
/// The runs of one answer, and how many answers are asked for in one look: those that wait furthest back are looked at when
/// the ones before them have ended.
const PART: &str = "500";
const PARTS_MAX: usize = 4;

/// Prints runs whenever they stand elsewhere, for ever.
pub(super) async fn runs(
    client: &Client,
    which: &Which,
    status: Option<Status>,
    json: bool,
) -> Result<Exit, Failure> {
    if client.is_alone() {
        return Err(nothing_to_follow());
    }
    let mut seen = Seen::default();
    if !json {
        rows::line(&NAMES.map(Cell::new), &WIDTHS);
    }
    let first = which.path(&[("limit", AT_FIRST.to_owned())]);
    let first = client.get(&first).await?.json()?;
    let mut changed: Vec<Value> = first["runs"].as_array().cloned().unwrap_or_default();
    changed.reverse();
    loop {
        for run in changed.drain(..).filter(|run| seen.is_news(run)) {
            let stands = run["status"].as_str().unwrap_or_default();
            if status.is_some_and(|status| !status.includes(stands)) {
                continue;
            }
            if json {
                println!("{run}");
            } else {
                rows::line(&row(&run), &WIDTHS);
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        changed = look(client, which, &seen).await?;
    }
}

/// What of a list was printed.
#[derive(Default)]
struct Seen {
    last: i64,
    /// Those that have not ended, and where they stood.
    open: BTreeMap<i64, String>,
}

impl Seen {
    /// Whether it stands elsewhere than before; it is remembered.
    fn is_news(&mut self, run: &Value) -> bool {
        let (Some(id), Some(status)) = (run["id"].as_i64(), run["status"].as_str()) else {
            return false;
        };
        if id <= self.last && self.open.get(&id).is_none_or(|before| before == status) {
            return false;
        }
        self.last = self.last.max(id);
        if matches!(status, "queued" | "running") {
            self.open.insert(id, status.to_owned());
        } else {
            self.open.remove(&id);
        }
        true
    }
}

/// Those that had not ended, and those that came since.
async fn look(client: &Client, which: &Which, seen: &Seen) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut open = seen.open.keys().copied();
    let mut from = open.next().map(|id| id - 1);
    for _ in 0..PARTS_MAX {
        let at = from.unwrap_or(seen.last).min(seen.last);
        let path = which.path(&[("after", at.to_string()), ("limit", PART.to_owned())]);
        let part = client.get(&path).await?.json()?;
        let runs = part["runs"].as_array().cloned().unwrap_or_default();
        let Some(next) = part["next"].as_i64() else {
            found.extend(runs);
            return Ok(found);
        };
        found.extend(runs);
        from = open.find(|id| *id > next).map(|id| id - 1).or(Some(next));
        if at == seen.last {
            return Ok(found);
        }
    }
    Ok(found)
}

/// Asks for a run again and again, calls `tell` with each answer, and gives the last, when the run has ended.
pub(super) async fn run(
    client: &Client,
    id: i64,
    mut tell: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let mut wait_ms = 0;
    loop {
        // The host answers at once when it ends.
        let path = format!("/runs/{id}?wait_ms={wait_ms}");
        let answer = client.get(&path).await?;
        let run = answer.json()?;
        tell(&run)?;
        if client.is_alone() && matches!(run["status"].as_str(), Some("queued" | "running")) {
            return Err(nothing_to_follow());
        }
        if !matches!(run["status"].as_str(), Some("queued" | "running")) {
            return Ok(answer);
        }
        wait_ms = LOOK_AGAIN.as_millis();
    }
}

/// Whoever waits here holds the data, so that no host could start and go on.
fn nothing_to_follow() -> Failure {
    Failure::failed(
        "no host runs here, so nothing goes on that could be followed; start one with `fonio serve`",
    )
}
