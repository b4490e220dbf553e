//! What the demo shows: which message started which jobs, how they ended, and what arrived at the far side.

use crate::demo::Sent;
use crate::far_side::Arrival;
use crate::progress::{bold, dim, duration, green, red};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// So much of a body tells what it is, on a line of a usual terminal.
const BODY_SHOWN: usize = 72;

pub fn print(sent: &[Sent], runs: &[Value], arrivals: &[Arrival]) {
    println!("\n{}", bold("What happened"));
    // Messages are numbered as they arrive, and only those that some job wants have runs.
    let messages: BTreeSet<u64> = runs
        .iter()
        .filter_map(|run| run["message"].as_u64())
        .collect();
    let mut messages = messages.into_iter();
    for sent in sent {
        println!("  {}", sent.file);
        if sent.jobs.is_empty() {
            println!("    {}", dim("no job wants it"));
            continue;
        }
        let message = messages.next();
        for run in runs
            .iter()
            .filter(|run| message.is_some() && run["message"].as_u64() == message)
        {
            print_steps(run);
        }
    }
    println!("\n{}", bold("What arrived at the far side"));
    for arrival in arrivals {
        println!(
            "  {:<6} {}\n         {}",
            arrival.method,
            arrival.path,
            dim(&abbreviated(&arrival.body))
        );
    }
    if arrivals.is_empty() {
        println!("  nothing");
    }
}

fn print_steps(run: &Value) {
    for step in run["steps"].as_array().into_iter().flatten() {
        let status = step["status"].as_str().unwrap_or("?");
        let padded = format!("{status:<10}");
        let coloured = if status == "succeeded" {
            green(&padded)
        } else {
            red(&padded)
        };
        println!(
            "    {:<28} {coloured} {}",
            step["job"].as_str().unwrap_or("?"),
            dim(&took(step))
        );
        if let Some(error) = message_of(&step["error"]) {
            println!("      {}", red(&error));
        }
    }
}

fn took(step: &Value) -> String {
    match (step["started_ms"].as_u64(), step["finished_ms"].as_u64()) {
        (Some(started), Some(finished)) => {
            duration(Duration::from_millis(finished.saturating_sub(started)))
        }
        _ => String::new(),
    }
}

/// An error is stored as the text of an object with a message.
fn message_of(error: &Value) -> Option<String> {
    let text = error.as_str()?;
    let object: Value = serde_json::from_str(text).unwrap_or_default();
    Some(object["message"].as_str().unwrap_or(text).to_owned())
}

fn abbreviated(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= BODY_SHOWN {
        return line;
    }
    let kept: String = line.chars().take(BODY_SHOWN).collect();
    format!("{kept}… ({} bytes)", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_by_its_message_or_else_whole() {
        let stored = Value::from(r#"{"kind":"job","message":"no case","position":[8,29]}"#);
        assert_eq!(message_of(&stored).as_deref(), Some("no case"));
        assert_eq!(message_of(&Value::from("plain")).as_deref(), Some("plain"));
        assert_eq!(message_of(&Value::Null), None);
    }

    #[test]
    fn a_long_body_is_cut_at_a_character_and_its_size_told() {
        assert_eq!(abbreviated("{\n  \"a\": 1\n}"), "{ \"a\": 1 }");
        let long = "é".repeat(100);
        assert_eq!(
            abbreviated(&long),
            format!("{}… (200 bytes)", "é".repeat(BODY_SHOWN))
        );
    }
}
