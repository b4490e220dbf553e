//! `fonio messages …`: what has arrived.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::output::println;
use super::reach::Reach;
use super::rows::{self, Cell};
use super::{Exit, Failure, forget, when};

/// Messages: what has arrived, and which runs it started.
#[derive(Debug, Subcommand)]
pub(crate) enum MessagesCommand {
    /// Lists messages, newest first.
    List(List),
    /// Prints a message: its body, as jobs find it in `state.data`.
    Show(Show),
    Export(forget::Export),
    Delete(forget::Delete),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How many, 500 at most.
    #[arg(long, value_name = "MESSAGES", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Only messages older than this one.
    #[arg(long, value_name = "MESSAGE")]
    before: Option<i64>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The message's number.
    message: i64,
    /// All that is known of it, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl MessagesCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            MessagesCommand::List(list) => list.execute().await,
            MessagesCommand::Show(show) => show.execute().await,
            MessagesCommand::Export(export) => export.execute().await,
            MessagesCommand::Delete(delete) => delete.execute().await,
        }
    }
}

impl List {
    async fn execute(self) -> Result<Exit, Failure> {
        let client = self.reach.client().await?;
        let before = self.before.map(|before| format!("&before={before}"));
        let path = format!(
            "/messages?limit={}{}",
            self.limit,
            before.unwrap_or_default()
        );
        let answer = client.get(&path).await;
        client.close().await;
        let answer = answer?;
        if self.json {
            println!("{}", answer.text());
            return Ok(Exit::Success);
        }
        let answer = answer.json()?;
        let messages = answer["messages"].as_array().into_iter().flatten();
        let names = ["MESSAGE", "RECEIVED", "FROM", "TYPE", "BYTES", "RUNS"];
        rows::print(names, messages.map(row).collect());
        Ok(Exit::Success)
    }
}

fn row(message: &Value) -> [Cell; 6] {
    let text = |field: &Value| Cell::new(field.as_str().unwrap_or_default());
    let runs = message["runs"].as_array().into_iter().flatten();
    let runs: Vec<String> = runs.map(ToString::to_string).collect();
    [
        Cell::new(&message["id"]),
        Cell::new(when::short(
            message["received_ms"].as_i64().unwrap_or_default(),
        )),
        text(&message["source"]),
        text(&message["content_type"]),
        Cell::new(&message["bytes"]),
        Cell::new(runs.join(" ")),
    ]
}

impl Show {
    async fn execute(self) -> Result<Exit, Failure> {
        let client = self.reach.client().await?;
        let answer = client.get(&format!("/messages/{}", self.message)).await;
        client.close().await;
        let answer = answer?;
        if self.json {
            println!("{}", answer.text());
        } else {
            let body = &answer.json()?["body"];
            println!("{}", serde_json::to_string_pretty(body).unwrap_or_default());
        }
        Ok(Exit::Success)
    }
}
