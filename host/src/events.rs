//! Events between the workflows of a project: what a step may publish, and what its events start.

use fonio_project::{Job, Project};
use fonio_sandbox::{PublishedEvent, Publishing};
use fonio_store::{ClaimedStep, NewEvent, NewRun, Turn};
use serde_json::json;

use crate::flow::new_run;
use crate::live::Live;
use crate::turns;

/// What a step of `job` may publish; `chain` is what led to its run.
pub fn may_publish(project: &Project, job: &Job, chain: &[String]) -> Publishing {
    Publishing {
        grants: project.events_for(job),
        chain: chain.to_vec(),
    }
}

/// What a step has published, with the runs that it starts in the project as it is now.
pub fn started(
    live: &Live,
    by: &ClaimedStep,
    published: Vec<PublishedEvent>,
    at_ms: i64,
) -> Vec<NewEvent> {
    let numbered = (1..).zip(published);
    numbered
        .map(|(number, event)| {
            let id = format!("{}.{number}", by.step);
            let about = json!({
                "name": event.name,
                "id": id,
                "at_ms": at_ms,
                "workflow": by.workflow,
                "run": by.run,
            });
            let starts = live.project.starts_for_event(&event.name);
            let runs = starts
                .iter()
                .map(|start| NewRun {
                    turn: turn(&live.project, &start.workflow.id, &event.payload),
                    ..new_run(start.workflow, start.trigger)
                })
                .collect();
            let mut chain = by.chain.clone();
            chain.push(event.name.clone());
            NewEvent {
                id,
                payload: event.payload.into_bytes(),
                about: about.to_string().into_bytes(),
                chain,
                runs,
                name: event.name,
            }
        })
        .collect()
}

/// The payload is taken apart only where runs are told apart by a field of it.
fn turn(project: &Project, workflow: &str, payload: &str) -> Turn {
    if project.ordering_field(workflow).is_none() {
        return Turn::default();
    }
    let body = serde_json::from_str(payload).unwrap_or_default();
    turns::turn(project, workflow, &body, None)
}

/// What the first steps of a run that an event started find. Both parts are JSON already, and are not parsed for this.
pub fn state(payload: &[u8], about: &[u8]) -> String {
    let (payload, about) = (
        String::from_utf8_lossy(payload),
        String::from_utf8_lossy(about),
    );
    format!("{{\"data\":{payload},\"event\":{about}}}")
}
