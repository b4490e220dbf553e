//! v1 and v2 to workflows: each job has one trigger, so the jobs are a forest, and each of its trees is a workflow.
//!
//! The root of a tree is a trigger of messages, of the clock or of events, whose name is the workflow's id. Jobs that follow others
//! by `success` and `failure` are joined to them by edges.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Map;

use super::flat::{Flat, FlatJob, FlatTrigger, TriggerKey};
use crate::draft::{
    Draft, DraftCondition, DraftEdge, DraftJob, DraftSource, DraftTrigger, DraftWorkflow, Field,
    SourceFile, Without,
};
use crate::model::{AfterCrash, Generation, TriggerKind};
use crate::reading::Reading;
use crate::suggest::did_you_mean;
use crate::tree::Key;

/// Makes workflows of jobs and triggers. Jobs whose trigger is wrong are in none, which has been reported.
pub(super) fn fold(
    reading: &mut Reading<'_>,
    flat: Flat,
    source: Rc<SourceFile>,
    generation: Generation,
) -> Draft {
    check_cycles(reading, &flat);
    warn_of_unused(reading, &flat);
    let workflows = workflows(reading, &flat, &source);
    Draft {
        id: flat.id,
        name: flat.name,
        description: flat.description,
        workflows,
        collections: flat.collections,
        bodies: flat.credentials,
        kept: flat.kept,
        ..Draft::new(generation, &source.path)
    }
}

fn workflows(
    reading: &mut Reading<'_>,
    flat: &Flat,
    source: &Rc<SourceFile>,
) -> Vec<DraftWorkflow> {
    let mut triggers = BTreeMap::new();
    for job in &flat.jobs {
        if let Some(trigger) = find_trigger(reading, job, flat) {
            triggers.insert(job.name.text.as_str(), trigger);
        }
    }
    let roots: Vec<Option<&str>> = flat
        .jobs
        .iter()
        .map(|job| root(flat.jobs.len(), &triggers, &job.name.text))
        .collect();
    let jobs_of = |root: Option<&str>| -> Vec<&FlatJob> {
        let jobs = flat.jobs.iter().zip(&roots);
        jobs.filter(|(_, found)| **found == root)
            .map(|(job, _)| job)
            .collect()
    };
    let mut workflows = Vec::new();
    for trigger in &flat.triggers {
        let kind = kind_of(reading, flat, trigger);
        if upstream(trigger).is_some() {
            continue;
        }
        let jobs = jobs_of(Some(&trigger.name.text));
        let edges = jobs
            .iter()
            .filter_map(|job| edge(flat, job, triggers.get(job.name.text.as_str())?))
            .collect();
        let trigger = draft_trigger(trigger, kind);
        workflows.push(workflow(
            source,
            trigger.id.clone(),
            vec![trigger],
            &jobs,
            edges,
        ));
    }
    // Stable: triggers that start nothing come last, in their order.
    let order = |workflow: &DraftWorkflow| {
        let id = Some(workflow.id.text.as_str());
        roots
            .iter()
            .position(|root| *root == id)
            .unwrap_or(usize::MAX)
    };
    workflows.sort_by_key(order);
    let lost = jobs_of(None);
    if let Some(first) = lost.first() {
        // Something is wrong with what starts them, and more may be wrong with themselves.
        let id = Key {
            text: String::new(),
            at: first.name.at,
        };
        workflows.push(workflow(source, id, Vec::new(), &lost, Vec::new()));
    }
    workflows
}

fn workflow(
    source: &Rc<SourceFile>,
    id: Key,
    triggers: Vec<DraftTrigger>,
    jobs: &[&FlatJob],
    edges: Vec<DraftEdge>,
) -> DraftWorkflow {
    DraftWorkflow {
        triggers,
        jobs: jobs.iter().map(|job| draft_job(job)).collect(),
        edges,
        after_crash: AfterCrash::Continue,
        ..DraftWorkflow::new(source, id)
    }
}

fn draft_trigger(trigger: &FlatTrigger, kind: Option<TriggerKind>) -> DraftTrigger {
    DraftTrigger {
        id: trigger.name.clone(),
        enabled: true,
        kind,
        cursor_job: None,
        kept: Map::new(),
    }
}

fn draft_job(job: &FlatJob) -> DraftJob {
    DraftJob {
        expression: job.expression.clone(),
        adaptor: job.adaptor.clone(),
        adaptor_optional: job.adaptor_optional,
        credential: job.credential.clone(),
        ..DraftJob::new(job.name.clone(), Without::FileOfName)
    }
}

/// Of the kinds that start a workflow; those that follow a job are edges.
fn kind_of(reading: &mut Reading<'_>, flat: &Flat, trigger: &FlatTrigger) -> Option<TriggerKind> {
    let (key, node) = trigger.kind.as_ref()?;
    let name = &trigger.name.text;
    match key {
        TriggerKey::Criteria => {
            let criteria = reading.criteria(name, node)?;
            Some(TriggerKind::Message { criteria })
        }
        TriggerKey::Cron => {
            let schedule = reading.schedule(name, "cron", node)?;
            Some(TriggerKind::Cron {
                schedule,
                cursor_job: None,
            })
        }
        TriggerKey::Event => reading.event_trigger(name, node),
        TriggerKey::Success | TriggerKey::Failure => {
            let job = reading.text(node, &format!("the job that the trigger `{name}` follows"))?;
            let names = flat.jobs.iter().map(|job| job.name.text.as_str());
            if !names.clone().any(|name| name == job) {
                reading
                    .error(
                        node.at,
                        format!("the trigger `{name}` follows the job `{job}`, which is not there"),
                    )
                    .help = did_you_mean(&job, "the jobs are", names);
            }
            None
        }
    }
}

fn find_trigger<'f>(
    reading: &mut Reading<'_>,
    job: &FlatJob,
    flat: &'f Flat,
) -> Option<&'f FlatTrigger> {
    let names = flat
        .triggers
        .iter()
        .map(|trigger| trigger.name.text.as_str());
    let name = &job.name.text;
    match &job.trigger {
        Field::Wrong | Field::Path { .. } => None,
        Field::Absent => {
            reading.error(job.name.at, format!("the job `{name}` has no trigger")).help = Some(
                did_you_mean("", "name one of the triggers", names)
                    .unwrap_or_else(|| "add a trigger and name it in the job:\ntriggers:\n  inbox:\n    criteria: '{}'".to_owned()),
            );
            None
        }
        Field::Text { text, at, .. } => {
            let found = flat.triggers.iter().find(|t| t.name.text == *text);
            if found.is_none() {
                reading
                    .error(
                        *at,
                        format!("the job `{name}` has the trigger `{text}`, which is not there"),
                    )
                    .help = did_you_mean(text, "the triggers are", names);
            }
            found
        }
    }
}

/// The job that this trigger follows, and when.
fn upstream(trigger: &FlatTrigger) -> Option<(String, DraftCondition)> {
    let (key, node) = trigger.kind.as_ref()?;
    match key {
        TriggerKey::Criteria | TriggerKey::Cron | TriggerKey::Event => None,
        TriggerKey::Success => Some((node.as_text()?, DraftCondition::OnSuccess)),
        TriggerKey::Failure => Some((node.as_text()?, DraftCondition::OnFailure)),
    }
}

/// The name of the trigger that `job` goes back to. Nothing if it goes back to none, or to itself.
fn root<'f>(jobs: usize, triggers: &BTreeMap<&str, &'f FlatTrigger>, job: &str) -> Option<&'f str> {
    let mut trigger = *triggers.get(job)?;
    for _ in 0..=jobs {
        match upstream(trigger) {
            None => return Some(&trigger.name.text),
            Some((job, _)) => trigger = triggers.get(job.as_str())?,
        }
    }
    None
}

fn edge(flat: &Flat, job: &FlatJob, trigger: &FlatTrigger) -> Option<DraftEdge> {
    let (from, condition) = match upstream(trigger) {
        None => (
            DraftSource::Trigger(trigger.name.clone()),
            DraftCondition::Always,
        ),
        Some((upstream, condition)) => {
            let upstream = flat.jobs.iter().find(|job| job.name.text == upstream)?;
            (DraftSource::Job(upstream.name.clone()), condition)
        }
    };
    Some(DraftEdge {
        at: trigger.name.at,
        from,
        to: job.name.clone(),
        condition: Some(condition),
        label: None,
        enabled: true,
        kept: Map::new(),
    })
}

/// Jobs that start each other would never end. Each job has one trigger, so each has at most one job before it.
fn check_cycles(reading: &mut Reading<'_>, flat: &Flat) {
    let follows: BTreeMap<&str, String> = flat
        .triggers
        .iter()
        .filter_map(|trigger| Some((trigger.name.text.as_str(), upstream(trigger)?.0)))
        .collect();
    let before: BTreeMap<&str, &str> = flat
        .jobs
        .iter()
        .filter_map(|job| match &job.trigger {
            Field::Text { text, .. } => {
                Some((job.name.text.as_str(), follows.get(text.as_str())?.as_str()))
            }
            Field::Absent | Field::Wrong | Field::Path { .. } => None,
        })
        .collect();
    let mut reported = BTreeSet::new();
    for job in &flat.jobs {
        let Some(cycle) = cycle_through(&job.name.text, &before)
            .filter(|_| !reported.contains(job.name.text.as_str()))
        else {
            continue;
        };
        reading
            .error(job.name.at, cycle_message(&cycle))
            .help("give one of them a trigger with criteria or cron");
        reported.extend(cycle);
    }
}

/// `cycle` is in the order in which its jobs run.
pub(crate) fn cycle_message(cycle: &[&str]) -> String {
    let names: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [only] => format!("the job {only} starts itself, and would never end"),
        several => format!(
            "the jobs {} start each other, and would never end",
            several.join(", ")
        ),
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

fn warn_of_unused(reading: &mut Reading<'_>, flat: &Flat) {
    let used = |name: &str| {
        flat.jobs
            .iter()
            .any(|job| matches!(&job.trigger, Field::Text { text, .. } if text == name))
    };
    for trigger in flat.triggers.iter().filter(|t| !used(&t.name.text)) {
        reading
            .warning(
                trigger.name.at,
                format!("the trigger `{}` starts no job", trigger.name.text),
            )
            .help("name it in a job: `trigger: …`, or remove it");
    }
}
