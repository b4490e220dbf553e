//! Triggers that could not be told apart by whoever sends to them.

use std::collections::BTreeMap;

use crate::inputs::Inputs;
use crate::model::{Trigger, TriggerKind, Workflow};
use crate::report::Place;

/// An address that leads to two webhooks leads to neither, and so does an id of OpenFn's: both are of one trigger. A copy of
/// a workflow is how there come to be two.
pub(super) fn refuse_shared(inputs: &mut Inputs<'_>, workflows: &[Workflow]) {
    let mut known: BTreeMap<String, (&Workflow, &Trigger)> = BTreeMap::new();
    for workflow in workflows {
        for trigger in &workflow.triggers {
            let Some((address, help)) = address(workflow, trigger) else {
                continue;
            };
            if let Some(first) = known.get(&address) {
                refuse(inputs, &address, *first, (workflow, trigger), help);
            } else {
                known.insert(address, (workflow, trigger));
            }
        }
    }
}

/// What is the trigger's alone, in words that follow `the`, and how to make it so.
fn address(workflow: &Workflow, trigger: &Trigger) -> Option<(String, &'static str)> {
    if let Some(uuid) = trigger.uuid() {
        let help = "take the uuid out of the copy; its webhook is then called by the workflow's id and its own";
        return Some((format!("uuid {uuid}"), help));
    }
    let path = format!("address /i/{}/{}", workflow.id, trigger.id);
    let help = "give one of the workflows or triggers an id without a slash";
    matches!(trigger.kind, TriggerKind::Webhook(_)).then_some((path, help))
}

fn refuse(
    inputs: &mut Inputs<'_>,
    address: &str,
    (first_in, first): (&Workflow, &Trigger),
    (workflow, trigger): (&Workflow, &Trigger),
    help: &str,
) {
    // One that is there twice in a workflow has been told of.
    if workflow.id == first_in.id && trigger.id == first.id {
        return;
    }
    let message = format!(
        "the trigger `{}` of the workflow `{}` has the {address}, which is that of the trigger `{}` of the workflow `{}` at \
         {}:{}",
        trigger.id,
        workflow.id,
        first.id,
        first_in.id,
        first_in.file.display(),
        first.line
    );
    let at = Place {
        line: trigger.line,
        column: 1,
    };
    inputs.report.error(&workflow.file, at, message).help(help);
}
