//! `fonio messages …`: what has arrived.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::println;
use super::reach::{Client, Reach};
use super::rows::{self, Cell};
use super::{Exit, Failure, forget, numbers, paint, when};

/// The most in one answer of the API.
const PART_MAX: usize = 500;

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
    /// Only those that arrived there: inbox, or a webhook.
    #[arg(long)]
    source: Option<String>,
    /// Accepted since then: how long ago (90m, 2d), a day (2026-11-21) or a time (2026-11-21T10:30).
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Accepted before then.
    #[arg(long, value_name = "TIME", value_parser = when::parse, allow_hyphen_values = true)]
    until: Option<i64>,
    /// How many.
    #[arg(long, value_name = "MESSAGES", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only messages older than this one; the last line of a listing says which number to give.
    #[arg(long, value_name = "MESSAGE", value_parser = numbers::message)]
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
    #[arg(value_parser = numbers::message)]
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
        let client = self.reach.clone().client().await?;
        let listed = self.listed(&client).await;
        client.close().await;
        let (messages, next) = listed?;
        if self.json {
            println!("{}", json!({ "messages": messages, "next": next }));
            return Ok(Exit::Success);
        }
        let names = ["MESSAGE", "RECEIVED", "FROM", "TYPE", "BYTES", "RUNS"];
        rows::print(names, messages.iter().map(row).collect());
        if let Some(next) = next {
            paint::note(&format!("there may be more: --before {next}"));
        }
        Ok(Exit::Success)
    }

    /// Part by part, until there are as many as are asked for; and before which there may be more.
    async fn listed(&self, client: &Client) -> Result<(Vec<Value>, Option<i64>), Failure> {
        let (limit, mut before) = (self.limit as usize, self.before);
        let mut messages = Vec::new();
        loop {
            let path = self.path(limit - messages.len(), before);
            let mut part = client.get(&path).await?.json()?;
            if let Value::Array(part) = part["messages"].take() {
                messages.extend(part);
            }
            before = part["next"].as_i64();
            if before.is_none() || messages.len() >= limit {
                return Ok((messages, before));
            }
        }
    }

    fn path(&self, limit: usize, before: Option<i64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.min(PART_MAX).to_string());
        let numbers = [
            ("before", before),
            ("since_ms", self.since),
            ("until_ms", self.until),
        ];
        for (name, number) in numbers {
            query.extend_pairs(number.map(|number| (name, number.to_string())));
        }
        query.extend_pairs(self.source.as_ref().map(|source| ("source", source)));
        format!("/messages?{}", query.finish())
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
