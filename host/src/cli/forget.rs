//! `fonio messages export` and `delete`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::confirm::confirm;
use super::output::println;
use super::reach::Reach;
use super::{Exit, Failure, paint, when};
use crate::forget::{self, Selection};

/// Gives out messages with everything that came of them, one JSON object a line: the message, its runs with steps and logs,
/// and their states. In the audit log.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    reach: Reach,
    /// Accepted, as by every command; the lines are JSON anyhow.
    #[arg(long)]
    json: bool,
    /// Where to write, a new file that only you can read [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forgets messages with everything that came of them: runs, states, logs. Runs that have not ended are cancelled. In the
/// audit log, which keeps which field was asked for, but not its value.
///
/// Backups keep what they have.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    reach: Reach,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How many messages and runs went, as JSON.
    #[arg(long)]
    json: bool,
}

/// Which messages.
#[derive(Debug, Args)]
struct Which {
    /// Those with this text in a field of the message, `patient.id=p-1` for instance; several must all fit.
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Those that arrived there: inbox, or a webhook.
    #[arg(long)]
    source: Option<String>,
    /// Those that started a run of this workflow.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Accepted since then: how long ago (90m, 2d), a day (2026-11-21) or a time (2026-11-21T10:30).
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Accepted before then.
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Every message there is.
    #[arg(long)]
    all: bool,
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) => Ok((field.to_owned(), value.to_owned())),
        None => Err("a field and its text are told apart by `=`".to_owned()),
    }
}

impl Which {
    /// What is asked for, as the API has it.
    fn wanted(self) -> Result<Value, Failure> {
        let selection = Selection {
            fields: self.fields.into_iter().collect(),
            source: self.source,
            workflow: self.workflow,
            since_ms: self.since,
            until_ms: self.until,
            all: self.all,
        };
        match selection.check() {
            Ok(_) => Ok(json!(selection)),
            Err(error) => Err(Failure::usage(error.to_string())),
        }
    }
}

impl Export {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let mut wanted = self.which.wanted()?;
        let client = self.reach.client().await?;
        let mut to = Output::new(self.output)?;
        let mut count = 0;
        loop {
            let part = client.look(EXPORT, wanted.to_string()).await?;
            for line in part.text().lines() {
                to.write(line)?;
                count += 1;
            }
            match part.next() {
                Some(next) => wanted["cursor"] = next.into(),
                None => break,
            }
        }
        client.close().await;
        to.finish()?;
        paint::event("exported", &forget::many(count, "message"));
        Ok(Exit::Success)
    }
}

const EXPORT: &str = "/messages/export";
const DELETE: &str = "/messages/delete";

/// Where lines go.
enum Output {
    Standard,
    File(PathBuf, File),
}

impl Output {
    fn new(path: Option<PathBuf>) -> Result<Output, Failure> {
        let Some(path) = path else {
            return Ok(Output::Standard);
        };
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        match file {
            Ok(file) => Ok(Output::File(path, file)),
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Output::Standard => println!("{line}"),
            Output::File(path, file) => {
                writeln!(file, "{line}").map_err(|error| unwritten(path, &error))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Output::Standard => Ok(()),
            Output::File(path, file) => file.sync_all().map_err(|error| unwritten(&path, &error)),
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} cannot be written: {error}", path.display()))
}

impl Delete {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let mut wanted = self.which.wanted()?;
        let client = self.reach.client().await?;
        if !self.yes {
            wanted["dry_run"] = true.into();
            let found = client.look(DELETE, wanted.to_string()).await?.json()?;
            let count = found["messages"].as_u64().unwrap_or_default();
            let messages = forget::many(count, "message");
            let what = format!("{messages} would be deleted with everything that came of them");
            if count > 0 && !confirm(&what)? {
                client.close().await;
                return Err(Failure::failed("nothing is deleted"));
            }
            wanted["dry_run"] = false.into();
        }
        let gone = client.look(DELETE, wanted.to_string()).await?;
        client.close().await;
        if self.json {
            println!("{}", gone.text());
            return Ok(Exit::Success);
        }
        let gone = gone.json()?;
        let number = |name: &str| gone[name].as_u64().unwrap_or_default();
        let (messages, runs) = (number("messages"), number("runs"));
        let said = [forget::many(messages, "message"), forget::many(runs, "run")];
        paint::event("deleted", &said.join(", "));
        Ok(Exit::Success)
    }
}
