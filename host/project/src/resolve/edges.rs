//! Edges: from what is there to what is there, and never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::{DraftCondition, DraftEdge, DraftSource, DraftWorkflow, SourceFile};
use crate::expression::{Expression, Placement};
use crate::formats::cycle_message;
use crate::model::{Condition, Edge, Source};
use crate::report::{Place, Report};
use crate::suggest::did_you_mean;
use crate::tree::Key;

/// The edges that are right, in the order of the file.
pub(super) fn resolve(report: &mut Report, workflow: &DraftWorkflow) -> Vec<Edge> {
    let edges = workflow
        .edges
        .iter()
        .filter_map(|edge| resolved(report, workflow, edge))
        .collect();
    if let Some((at, cycle)) = cycle(workflow) {
        report
            .error(&workflow.source.path, at, cycle_message(&cycle))
            .help("remove one of the edges between them; a workflow runs to its end, and a clock can start it again");
    }
    edges
}

fn resolved(report: &mut Report, workflow: &DraftWorkflow, edge: &DraftEdge) -> Option<Edge> {
    let source = &workflow.source;
    let (kind, key) = match &edge.from {
        DraftSource::Trigger(key) => ("trigger", key),
        DraftSource::Job(key) => ("job", key),
    };
    let triggers = || {
        workflow
            .triggers
            .iter()
            .map(|trigger| trigger.id.text.as_str())
    };
    let jobs = || workflow.jobs.iter().map(|job| job.id.text.as_str());
    let from = match &edge.from {
        DraftSource::Trigger(key) => known(report, source, key, kind, "comes from", triggers()),
        DraftSource::Job(key) => known(report, source, key, kind, "comes from", jobs()),
    };
    let to = known(report, source, &edge.to, "job", "leads to", jobs());
    let condition = edge.condition.as_ref().map(|c| condition(source, c));
    if !(from && to) {
        return None;
    }
    Some(Edge {
        from: match &edge.from {
            DraftSource::Trigger(_) => Source::Trigger(key.text.clone()),
            DraftSource::Job(_) => Source::Job(key.text.clone()),
        },
        to: edge.to.text.clone(),
        condition: condition?,
        label: edge.label.clone(),
        enabled: edge.enabled,
        line: edge.at.line,
        kept: edge.kept.clone(),
    })
}

fn known<'a>(
    report: &mut Report,
    source: &SourceFile,
    key: &Key,
    kind: &str,
    relation: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> bool {
    if names.clone().any(|name| name == key.text) {
        return true;
    }
    let message = format!(
        "the edge {relation} the {kind} `{}`, which is not there",
        key.text
    );
    report.error(&source.path, key.at, message).help =
        did_you_mean(&key.text, &format!("the {kind}s are"), names);
    false
}

fn condition(source: &SourceFile, condition: &DraftCondition) -> Condition {
    match condition {
        DraftCondition::Always => Condition::Always,
        DraftCondition::OnSuccess => Condition::OnSuccess,
        DraftCondition::OnFailure => Condition::OnFailure,
        DraftCondition::Never => Condition::Never,
        DraftCondition::JavaScript { text, written_at } => {
            let placement = Placement::of_scalar(&source.text, *written_at, text);
            Condition::JavaScript(Expression::from_scalar(
                &source.path,
                text.clone(),
                placement,
            ))
        }
    }
}

/// The first cycle, in the order in which its jobs would run, and where the edge is that closes it. Edges that are
/// switched off count, too: they wait to be switched on.
fn cycle(workflow: &DraftWorkflow) -> Option<(Place, Vec<&str>)> {
    let mut after: BTreeMap<&str, Vec<(&str, Place)>> = BTreeMap::new();
    for edge in &workflow.edges {
        if let DraftSource::Job(from) = &edge.from {
            let to = (edge.to.text.as_str(), edge.to.at);
            after.entry(&from.text).or_default().push(to);
        }
    }
    let mut ended = BTreeSet::new();
    workflow
        .jobs
        .iter()
        .find_map(|job| cycle_from(&job.id.text, &after, &mut ended))
}

/// Depth first, by a list of its own: a chain may be longer than the stack is deep. `ended` are jobs known to be in no
/// cycle.
fn cycle_from<'a>(
    start: &'a str,
    after: &BTreeMap<&'a str, Vec<(&'a str, Place)>>,
    ended: &mut BTreeSet<&'a str>,
) -> Option<(Place, Vec<&'a str>)> {
    let mut path: Vec<(&str, usize)> = vec![(start, 0)];
    let mut on_path = BTreeSet::from([start]);
    while let Some((job, next)) = path.last_mut() {
        let following = after.get(job).and_then(|following| following.get(*next));
        *next += 1;
        match following {
            None => {
                on_path.remove(job);
                ended.insert(job);
                path.pop();
            }
            Some((to, _)) if ended.contains(to) => {}
            Some((to, at)) if on_path.contains(to) => {
                let cycle = path.iter().map(|(job, _)| *job);
                return Some((*at, cycle.skip_while(|job| job != to).collect()));
            }
            Some((to, _)) => {
                on_path.insert(to);
                path.push((to, 0));
            }
        }
    }
    None
}
