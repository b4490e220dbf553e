//! `[workflows.ID]`: what is different for one workflow.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Retry, SETTINGS_FILE, Settings, Turns, turns};
use crate::inputs::Inputs;
use crate::model::Workflow;
use crate::reading::Reading;
use crate::report::Place;
use crate::suggest::did_you_mean;
use crate::tree::Node;

/// `[workflows.ID]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowSettings {
    /// In place of `[retry]`.
    pub retry: Option<Retry>,
    /// When its runs have their turn.
    pub turns: Turns,
    pub(crate) at: Place,
}

impl Settings {
    /// How the steps of a workflow are tried again, if they are.
    pub fn retry_of(&self, workflow: &str) -> Option<Retry> {
        let own = self.workflows.get(workflow).and_then(|own| own.retry);
        own.or(self.retry)
    }

    /// When the runs of a workflow have their turn, if the file says.
    pub fn turns_of(&self, workflow: &str) -> Option<&Turns> {
        Some(&self.workflows.get(workflow)?.turns)
    }
}

impl Reading<'_> {
    pub(super) fn workflow_settings(&mut self, node: &Node) -> BTreeMap<String, WorkflowSettings> {
        let mut workflows = BTreeMap::new();
        for (name, value) in self.map(node, "[workflows]").unwrap_or_default() {
            let place = format!("[workflows.{}]", name.text);
            let mut settings = WorkflowSettings {
                retry: None,
                turns: Turns::default(),
                at: name.at,
            };
            for (key, value) in self.map(value, &place).unwrap_or_default() {
                match key.text.as_str() {
                    "retry" => settings.retry = Some(self.retry(key, value, "`retry`")),
                    name if turns::KEYS.contains(&name) => {
                        self.turn(&mut settings.turns, key, value);
                    }
                    _ => self.unknown(key, &place, &[&["retry"], turns::KEYS].concat()),
                }
            }
            workflows.insert(name.text.clone(), settings);
        }
        workflows
    }
}

/// A slip in the name of a workflow would leave it as it is.
pub(crate) fn refuse_unknown(inputs: &mut Inputs<'_>, settings: &Settings, workflows: &[Workflow]) {
    for (name, own) in &settings.workflows {
        if workflows.iter().any(|workflow| workflow.id == *name) {
            continue;
        }
        let known = workflows.iter().map(|workflow| workflow.id.as_str());
        let help = did_you_mean(name, "the workflows are", known);
        let said = format!("there is no workflow `{name}`");
        inputs
            .report
            .error(Path::new(SETTINGS_FILE), own.at, said)
            .help = help;
    }
}
