//! `fonio runs list`, and `fonio dead list`.

use clap::Args;
use serde_json::{Value, json};

use super::follow;
use super::{Status, Which};
use crate::cli::output::println;
use crate::cli::reach::{Client, Reach};
use crate::cli::rows::{self, Cell};
use crate::cli::{Exit, Failure, numbers, paint, when};

/// The most in one answer of the API.
const PART_MAX: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only runs of this status; `open` is queued or running [possible values: queued, running, succeeded, failed, cancelled, open, dead].
    #[arg(long, value_enum, hide_possible_values = true)]
    status: Option<Status>,
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        self.listing.execute(self.status).await
    }
}

/// What is listed of runs that stand somewhere, and how.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    which: Which,
    /// How many.
    #[arg(long, value_name = "RUNS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only runs older than this one; the last line of a listing says which number to give.
    #[arg(long, value_name = "RUN", value_parser = numbers::run, conflicts_with = "follow")]
    before: Option<i64>,
    /// Prints each run again whenever it stands elsewhere, and those that come, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// As JSON: one document; with --follow, one run a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Listing {
    pub(crate) async fn execute(self, status: Option<Status>) -> Result<Exit, Failure> {
        let client = self.reach.clone().client().await?;
        if self.follow {
            return follow::runs(&client, &self.which, status, self.json).await;
        }
        let listed = self.listed(&client, status).await;
        client.close().await;
        let (runs, next) = listed?;
        if self.json {
            println!("{}", json!({ "runs": runs, "next": next }));
            return Ok(Exit::Success);
        }
        rows::print(NAMES, runs.iter().map(row).collect());
        if let Some(next) = next.as_i64() {
            paint::note(&format!("there may be more: --before {next}"));
        }
        Ok(Exit::Success)
    }

    /// Part by part, until there are as many as are asked for.
    async fn listed(
        &self,
        client: &Client,
        status: Option<Status>,
    ) -> Result<(Vec<Value>, Value), Failure> {
        let (limit, mut before) = (self.limit as usize, self.before);
        let mut runs = Vec::new();
        loop {
            let wanted = (limit - runs.len()).min(PART_MAX);
            let mut more = vec![("limit", wanted.to_string())];
            more.extend(status.map(|status| ("status", status.word().to_owned())));
            more.extend(before.map(|before| ("before", before.to_string())));
            let mut part = client.get(&self.which.path(&more)).await?.json()?;
            if let Value::Array(part) = part["runs"].take() {
                runs.extend(part);
            }
            before = part["next"].as_i64();
            if before.is_none() || runs.len() >= limit {
                return Ok((runs, part["next"].take()));
            }
        }
    }
}

/// The columns of a list.
pub(super) const NAMES: [&str; 7] = ["RUN", "STATUS", "WORKFLOW", "JOB", "BEGUN", "TOOK", "ERROR"];
/// Where rows come one after another.
pub(super) const WIDTHS: [usize; 7] = [6, 9, 16, 16, 16, 6, 0];

/// A run in a list: of one that failed, the job that did.
pub(super) fn row(run: &Value) -> [Cell; 7] {
    let text = |field: &Value| Cell::new(field.as_str().unwrap_or_default());
    let failure = &run["failure"];
    let job = failure["job"].as_str().or(run["job"].as_str());
    let begun = run["created_ms"].as_i64().unwrap_or_default();
    let ended = run["finished_ms"].as_i64();
    [
        Cell::new(&run["id"]),
        Cell::status(run["status"].as_str().unwrap_or_default()),
        text(&run["workflow"]),
        Cell::new(job.unwrap_or_default()),
        Cell::new(when::short(begun)),
        Cell::new(ended.map_or_else(String::new, |ended| when::took(ended - begun))),
        text(&failure["message"]),
    ]
}
