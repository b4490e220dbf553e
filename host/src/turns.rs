//! When runs have their turn: from what fonio.toml says, and what came with a message, to what the store goes by.

use std::time::Duration;

use fonio_project::{Project, Turns};
use fonio_store::{Priority, RunRule, RunRules, Turn};
use serde_json::Value;

/// What holds for the runs of each workflow that fonio.toml has something to say about.
pub fn rules(project: &Project) -> RunRules {
    let workflows = project.workflows.iter();
    let ruled = workflows.filter_map(|workflow| {
        let turns = project.settings.turns_of(&workflow.id)?;
        Some((workflow.id.clone(), rule(turns)))
    });
    ruled.collect()
}

fn rule(turns: &Turns) -> RunRule {
    RunRule {
        concurrency: turns.concurrency,
        ordered: turns.ordering_key.is_some(),
        priority: match turns.priority {
            fonio_project::Priority::High => Priority::High,
            fonio_project::Priority::Normal => Priority::Normal,
            fonio_project::Priority::Low => Priority::Low,
        },
        delay_ms: milliseconds(turns.delay),
        deadline_ms: turns.deadline.map(milliseconds),
    }
}

/// What a run of `workflow` brings for its turn: the key in its message, and a time before which it does not begin.
pub fn turn(project: &Project, workflow: &str, body: &Value, not_before_ms: Option<i64>) -> Turn {
    let turns = project.settings.turns_of(workflow);
    let field = turns.and_then(|turns| turns.ordering_key.as_ref());
    Turn {
        ordering_key: field.and_then(|field| field.find_text(body)),
        not_before_ms,
    }
}

/// As the store counts time.
pub fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
