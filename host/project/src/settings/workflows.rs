//! `[workflows.ID]`: what is different for one workflow, and for single jobs of it.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Retry, SETTINGS_FILE, Settings, Turns, turns};
use crate::inputs::Inputs;
use crate::model::Workflow;
use crate::reading::Reading;
use crate::report::Place;
use crate::suggest::did_you_mean;
use crate::tree::{Key, Node};

/// `[workflows.ID]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowSettings {
    /// In place of `[retry]`.
    pub retry: Option<Retry>,
    /// When its runs have their turn.
    pub turns: Turns,
    /// Whether its steps wait for systems that are out, where there is `[circuit_breaker]`. Default: they do.
    pub circuit_breaker: bool,
    /// `[workflows.ID.jobs.ID]`.
    pub jobs: BTreeMap<String, JobSettings>,
    pub(crate) at: Place,
}

/// `[workflows.ID.jobs.ID]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// In place of the workflow's.
    pub retry: Option<Retry>,
    pub(crate) at: Place,
}

impl Settings {
    /// How the steps of a job, by its id in its workflow, are tried again, if they are.
    pub fn retry_of(&self, workflow: &str, job: &str) -> Option<Retry> {
        let own = self.workflows.get(workflow);
        let jobs = own.and_then(|own| own.jobs.get(job)?.retry);
        jobs.or(own.and_then(|own| own.retry)).or(self.retry)
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
                circuit_breaker: true,
                jobs: BTreeMap::new(),
                at: name.at,
            };
            for (key, value) in self.map(value, &place).unwrap_or_default() {
                match key.text.as_str() {
                    "retry" => settings.retry = Some(self.retry(key, value, "`retry`")),
                    "circuit_breaker" => {
                        let on = self.bool(value, "`circuit_breaker`");
                        settings.circuit_breaker = on.unwrap_or(true);
                    }
                    "jobs" => settings.jobs = self.job_settings(value, &name.text),
                    name if turns::KEYS.contains(&name) => {
                        self.turn(&mut settings.turns, key, value);
                    }
                    _ => {
                        let own = ["retry", "circuit_breaker", "jobs"];
                        self.unknown(key, &place, &[&own, turns::KEYS].concat());
                    }
                }
            }
            workflows.insert(name.text.clone(), settings);
        }
        workflows
    }

    fn job_settings(&mut self, node: &Node, workflow: &str) -> BTreeMap<String, JobSettings> {
        let mut jobs = BTreeMap::new();
        let place = format!("[workflows.{workflow}.jobs]");
        for (name, value) in self.map(node, &place).unwrap_or_default() {
            jobs.insert(name.text.clone(), self.one_job(name, value, workflow));
        }
        jobs
    }

    fn one_job(&mut self, name: &Key, node: &Node, workflow: &str) -> JobSettings {
        let place = format!("[workflows.{workflow}.jobs.{}]", name.text);
        let mut retry = None;
        for (key, value) in self.map(node, &place).unwrap_or_default() {
            match key.text.as_str() {
                "retry" => retry = Some(self.retry(key, value, "`retry`")),
                _ => self.unknown(key, &place, &["retry"]),
            }
        }
        JobSettings { retry, at: name.at }
    }
}

/// A slip in the name of a workflow or job would leave it as it is.
pub(crate) fn refuse_unknown(inputs: &mut Inputs<'_>, settings: &Settings, workflows: &[Workflow]) {
    let file = Path::new(SETTINGS_FILE);
    for (name, own) in &settings.workflows {
        let Some(workflow) = workflows.iter().find(|workflow| workflow.id == *name) else {
            let known = workflows.iter().map(|workflow| workflow.id.as_str());
            let help = did_you_mean(name, "the workflows are", known);
            let said = format!("there is no workflow `{name}`");
            inputs.report.error(file, own.at, said).help = help;
            continue;
        };
        for (job, own) in &own.jobs {
            if workflow.job(job).is_none() {
                let known = workflow.jobs.iter().map(|job| job.id.as_str());
                let help = did_you_mean(job, "its jobs are", known);
                let said = format!("the workflow `{name}` has no job `{job}`");
                inputs.report.error(file, own.at, said).help = help;
            }
        }
    }
}
