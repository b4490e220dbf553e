//! Triggers: their criteria, schedules and the jobs they follow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use crate::expression::Placement;
use crate::inputs::Inputs;
use crate::model::{Trigger, TriggerKind};
use crate::reading::Reading;
use crate::report::Place;
use crate::schedule::{Schedule, ScheduleError};
use crate::suggest::did_you_mean;
use crate::tree::{Data, Node, parse_json, to_object};
use crate::yaml::{Field, PROJECT_FILE, RawProject, TriggerKey};

/// The triggers that are right.
pub(super) fn resolve(inputs: &mut Inputs<'_>, raw: &RawProject) -> Vec<Trigger> {
    let mut reading = Reading {
        report: &mut inputs.report,
        file: Path::new(PROJECT_FILE),
    };
    let mut triggers = Vec::new();
    for trigger in &raw.triggers {
        let Some((key, node)) = &trigger.kind else {
            continue;
        };
        let name = &trigger.name.text;
        let kind = match key {
            TriggerKey::Criteria => reading
                .criteria(raw, name, node)
                .map(|criteria| TriggerKind::Message { criteria }),
            TriggerKey::Cron => reading
                .schedule(name, node)
                .map(|schedule| TriggerKind::Cron { schedule }),
            TriggerKey::Success => reading
                .upstream(raw, name, node)
                .map(|job| TriggerKind::Success { job }),
            TriggerKey::Failure => reading
                .upstream(raw, name, node)
                .map(|job| TriggerKind::Failure { job }),
        };
        if let Some(kind) = kind {
            triggers.push(Trigger {
                name: name.clone(),
                kind,
                line: trigger.name.at.line,
            });
        }
    }
    triggers
}

impl Reading<'_> {
    /// JSON in a text; a map is clear enough, too.
    fn criteria(
        &mut self,
        raw: &RawProject,
        trigger: &str,
        node: &Node,
    ) -> Option<Map<String, Value>> {
        let text = match &node.data {
            Data::Map(entries) => return Some(to_object(entries)),
            Data::Text(text) => text,
            _ => {
                return self.wrong_kind(
                    node,
                    &format!("`criteria` of the trigger `{trigger}`"),
                    "a JSON object in a text, such as '{\"form\": \"intake\"}'",
                );
            }
        };
        match parse_json(text) {
            Ok(criteria) => Some(criteria),
            Err(error) => {
                let placement = Placement::of_scalar(&raw.text, node.written_at, text);
                let at = placement.place(text, error.at);
                self.error(at, format!("in the criteria of the trigger `{trigger}`: {}", error.message))
                    .help("criteria are a JSON object in a text, such as '{\"form\": \"intake\"}'; '{}' matches every message");
                None
            }
        }
    }

    fn schedule(&mut self, trigger: &str, node: &Node) -> Option<Schedule> {
        let text = self.text(node, &format!("`cron` of the trigger `{trigger}`"))?;
        match Schedule::parse(&text) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let help = match &error {
                    ScheduleError::Malformed(_) => {
                        "five fields: minute hour day month weekday, as in '*/15 8-17 * * 1-5'; times are UTC"
                    }
                    ScheduleError::Never => "no year has this day",
                };
                self.error(node.at, format!("`{text}` is not a schedule: {error}"))
                    .help(help);
                None
            }
        }
    }

    fn upstream(&mut self, raw: &RawProject, trigger: &str, node: &Node) -> Option<String> {
        let job = self.text(
            node,
            &format!("the job that the trigger `{trigger}` follows"),
        )?;
        let names = raw.jobs.iter().map(|job| job.name.text.as_str());
        if names.clone().any(|name| name == job) {
            return Some(job);
        }
        self.error(
            node.at,
            format!("the trigger `{trigger}` follows the job `{job}`, which is not there"),
        )
        .help = did_you_mean(&job, "the jobs are", names);
        None
    }
}

/// Jobs that start each other would never end. Each job has one trigger, so each has at most one job before it.
pub(super) fn check_cycles(inputs: &mut Inputs<'_>, raw: &RawProject, triggers: &[Trigger]) {
    let follows: BTreeMap<&str, &str> = triggers
        .iter()
        .filter_map(|t| Some((t.name.as_str(), followed(&t.kind)?)))
        .collect();
    let before: BTreeMap<&str, &str> = raw
        .jobs
        .iter()
        .filter_map(|job| match &job.trigger {
            Field::Text { text, .. } => {
                Some((job.name.text.as_str(), *follows.get(text.as_str())?))
            }
            Field::Absent | Field::Wrong => None,
        })
        .collect();
    let mut reported = BTreeSet::new();
    for job in &raw.jobs {
        let Some(cycle) = cycle_through(&job.name.text, &before)
            .filter(|_| !reported.contains(job.name.text.as_str()))
        else {
            continue;
        };
        let path: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
        report_cycle(inputs, job.name.at, &path);
        reported.extend(cycle);
    }
}

fn report_cycle(inputs: &mut Inputs<'_>, at: Place, path: &[String]) {
    let message = match path {
        [only] => format!("the job {only} starts itself, and would never end"),
        several => format!(
            "the jobs {} start each other, and would never end",
            several.join(", ")
        ),
    };
    inputs
        .report
        .error(Path::new(PROJECT_FILE), at, message)
        .help("give one of them a trigger with criteria or cron");
}

fn followed(kind: &TriggerKind) -> Option<&str> {
    match kind {
        TriggerKind::Success { job } | TriggerKind::Failure { job } => Some(job),
        TriggerKind::Message { .. } | TriggerKind::Cron { .. } => None,
    }
}

/// The cycle that `start` is part of, in the order in which its jobs run.
fn cycle_through<'a>(start: &'a str, before: &BTreeMap<&'a str, &'a str>) -> Option<Vec<&'a str>> {
    let mut cycle = vec![start];
    let mut job = *before.get(start)?;
    while job != start {
        if cycle.len() > before.len() {
            return None;
        }
        cycle.push(job);
        job = *before.get(job)?;
    }
    cycle[1..].reverse();
    Some(cycle)
}

pub(super) fn warn_of_unused(inputs: &mut Inputs<'_>, raw: &RawProject) {
    let used = |name: &str| {
        raw.jobs
            .iter()
            .any(|job| matches!(&job.trigger, Field::Text { text, .. } if text == name))
    };
    for trigger in raw
        .triggers
        .iter()
        .filter(|trigger| !used(&trigger.name.text))
    {
        inputs
            .report
            .warning(
                Path::new(PROJECT_FILE),
                trigger.name.at,
                format!("the trigger `{}` starts no job", trigger.name.text),
            )
            .help("name it in a job: `trigger: …`, or remove it");
    }
}
