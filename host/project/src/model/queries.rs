//! What the host asks of a project: what starts, what follows, and what a job may reach and use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Condition, Edge, Generation, Job, Project, Source, Trigger, TriggerKind, Workflow};
use crate::credential::Credential;
use crate::criteria;
use crate::grants::{Grants, JobCollections, JobEvents};
use crate::limits::Limits;
use crate::schedule::Schedule;
use crate::suggest::did_you_mean;

/// A workflow that a trigger starts.
#[derive(Clone, Debug)]
pub struct Start<'p> {
    /// Of the trigger.
    pub workflow: &'p Workflow,
    /// What fired.
    pub trigger: &'p Trigger,
    /// The edges to follow, in the order of the file. Conditions are not judged yet.
    pub edges: Vec<&'p Edge>,
}

/// Why a text leads to no job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchJob {
    /// No job has this key or id.
    #[error("there is no job `{name}`{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unknown {
        /// As asked for.
        name: String,
        /// The nearest, or those there are.
        help: Option<String>,
    },
    /// Jobs of several workflows have this id.
    #[error("there are several jobs `{name}`; name one of {}", .keys.join(", "))]
    Ambiguous {
        /// As asked for.
        name: String,
        /// The key of each.
        keys: Vec<String>,
    },
}

impl Generation {
    /// Whether its files are of workflows, in which the names of jobs are unique to each workflow only.
    pub fn has_workflows(self) -> bool {
        match self {
            Generation::V1 | Generation::V2 => false,
            Generation::V3 | Generation::V4 => true,
        }
    }
}

impl Project {
    /// All jobs, in the order of the workflows.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> + Clone {
        self.workflows.iter().flat_map(|workflow| &workflow.jobs)
    }

    /// All triggers, in the order of the workflows.
    pub fn triggers(&self) -> impl Iterator<Item = (&Workflow, &Trigger)> {
        self.workflows.iter().flat_map(|workflow| {
            workflow
                .triggers
                .iter()
                .map(move |trigger| (workflow, trigger))
        })
    }

    /// The job with this key.
    pub fn job(&self, key: &str) -> Option<&Job> {
        self.jobs().find(|job| job.key == key)
    }

    /// The workflow with this id.
    pub fn workflow(&self, id: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.id == id)
    }

    /// The workflow that `job` is of.
    pub fn workflow_of(&self, job: &Job) -> Option<&Workflow> {
        self.workflow(&job.workflow)
    }

    /// The job that a person means by a key, or by an id that no other job has.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn find_job(&self, text: &str) -> Result<&Job, NoSuchJob> {
        if let Some(job) = self.job(text) {
            return Ok(job);
        }
        let found: Vec<&Job> = self.jobs().filter(|job| job.id == text).collect();
        match found.as_slice() {
            [job] => Ok(job),
            [] => Err(NoSuchJob::Unknown {
                name: text.to_owned(),
                help: did_you_mean(
                    text,
                    "the jobs are",
                    self.jobs().map(|job| job.key.as_str()),
                ),
            }),
            several => Err(NoSuchJob::Ambiguous {
                name: text.to_owned(),
                keys: several.iter().map(|job| job.key.clone()).collect(),
            }),
        }
    }

    /// The top-level key of a message that its runs of a workflow are ordered by, if they are.
    pub fn ordering_field(&self, workflow: &str) -> Option<&str> {
        let field = self.settings.turns_of(workflow)?.ordering_key.as_ref()?;
        Some(field.top())
    }

    /// The top-level keys that the criteria of any trigger compare, by which runs are ordered, and by which messages are told
    /// apart: all that needs to be seen of a message at the inbox.
    pub fn criteria_keys(&self) -> BTreeSet<&str> {
        self.triggers()
            .filter_map(|(_, trigger)| match &trigger.kind {
                TriggerKind::Message { criteria } => Some(criteria),
                TriggerKind::Cron { .. }
                | TriggerKind::Webhook(_)
                | TriggerKind::Event { .. }
                | TriggerKind::Kafka { .. } => None,
            })
            .flat_map(|criteria| criteria.keys().map(String::as_str))
            .chain(
                self.workflows
                    .iter()
                    .filter_map(|workflow| self.ordering_field(&workflow.id)),
            )
            .chain(self.settings.inbox_arrival().and_then(|own| own.top()))
            .collect()
    }

    /// What a message with this body starts: every enabled trigger that matches fires, in the order of the file.
    pub fn starts_for_message(&self, body: &Value) -> Vec<Start<'_>> {
        self.triggers()
            .filter(|(_, trigger)| trigger.enabled)
            .filter(|(_, trigger)| {
                matches!(&trigger.kind, TriggerKind::Message { criteria } if criteria::matches(criteria, body))
            })
            .map(|(workflow, trigger)| workflow.start_by(trigger))
            .collect()
    }

    /// What an event of this name starts: every enabled trigger that waits for it, in the order of the file.
    pub fn starts_for_event(&self, name: &str) -> Vec<Start<'_>> {
        self.triggers()
            .filter(|(_, trigger)| trigger.enabled)
            .filter(|(_, trigger)| {
                matches!(&trigger.kind, TriggerKind::Event { pattern } if pattern.matches(name))
            })
            .map(|(workflow, trigger)| workflow.start_by(trigger))
            .collect()
    }

    /// The webhook at this address, enabled or not: by its `uuid` in OpenFn, by the id of a workflow that has one webhook
    /// only, by `workflow/trigger`, or by an id that no other webhook has.
    pub fn webhook(&self, address: &str) -> Option<(&Workflow, &Trigger)> {
        let webhooks: Vec<(&Workflow, &Trigger)> = self
            .triggers()
            .filter(|(_, trigger)| matches!(trigger.kind, TriggerKind::Webhook(_)))
            .collect();
        let only = |fits: &dyn Fn(&Workflow, &Trigger) -> bool| {
            let mut found = webhooks.iter().filter(|(w, t)| fits(w, t));
            match (found.next(), found.next()) {
                (Some(found), None) => Some(*found),
                _ => None,
            }
        };
        let whole = |workflow: &Workflow, trigger: &Trigger| {
            let rest = address.strip_prefix(workflow.id.as_str());
            rest.and_then(|rest| rest.strip_prefix('/')) == Some(trigger.id.as_str())
        };
        only(&|_, trigger| trigger.uuid() == Some(address))
            .or_else(|| only(&|workflow, _| workflow.id == address))
            .or_else(|| only(&whole))
            .or_else(|| only(&|_, trigger| trigger.id == address))
    }

    /// The enabled triggers of the clock.
    pub fn crons(&self) -> Vec<(&Workflow, &Trigger, &Schedule)> {
        self.triggers()
            .filter(|(_, trigger)| trigger.enabled)
            .filter_map(|(workflow, trigger)| match &trigger.kind {
                TriggerKind::Cron { schedule, .. } => Some((workflow, trigger, schedule)),
                _ => None,
            })
            .collect()
    }

    /// The edges from the job with this key that can be followed, each with the job it leads to.
    pub fn edges_from_job(&self, key: &str) -> Vec<(&Edge, &Job)> {
        let Some(job) = self.job(key) else {
            return Vec::new();
        };
        self.workflow(&job.workflow)
            .map(|workflow| workflow.edges_from_job(&job.id))
            .unwrap_or_default()
    }

    /// The credential that `job` names.
    pub fn credential_for(&self, job: &Job) -> Option<&Credential> {
        self.credentials.get(job.credential.as_deref()?)
    }

    /// What `job` may reach: the list of its adaptor if there is one, else the project's, and its credential's origins.
    pub fn grants_for(&self, job: &Job) -> Grants {
        let credential = self
            .credential_for(job)
            .map(|credential| credential.origins.clone())
            .unwrap_or_default();
        self.settings.grants(&job.adaptor.name, credential)
    }

    /// What `job` may do with the project's collections: what its adaptor's table says, else the project's. Default: read
    /// and write, for its own code.
    pub fn collections_for(&self, job: &Job) -> JobCollections {
        self.settings.collections_with(&job.adaptor.name)
    }

    /// What `job` may publish: what its adaptor's table says, else the project's. Default: any event, for its own code.
    pub fn events_for(&self, job: &Job) -> JobEvents {
        self.settings.events_with(&job.adaptor.name)
    }

    /// The variables that the adaptor of `job` sees, by name.
    pub fn variables_for(&self, job: &Job) -> &[(String, String)] {
        let granted = self.variables.get(&job.adaptor.name);
        granted.map_or(&[], Vec::as_slice)
    }

    /// What one step of `job` may use. Its workflow's options stand in place of the defaults; where fonio.toml sets the
    /// same limit, the smaller counts. A whole run's `timeout` is also the longest that one step may take.
    pub fn limits_for(&self, job: &Job) -> Limits {
        let options = self.workflow_of(job).map(|workflow| &workflow.options);
        options.map_or(self.settings.limits, |options| {
            self.settings.limits_with(options)
        })
    }
}

impl Workflow {
    /// The job with this id.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// The trigger with this id.
    pub fn trigger(&self, id: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.id == id)
    }

    /// The edges from this trigger that can be followed, each with the job it leads to.
    pub fn edges_from_trigger(&self, id: &str) -> Vec<(&Edge, &Job)> {
        self.edges_from(|from| matches!(from, Source::Trigger(trigger) if trigger == id))
    }

    /// The edges from this job that can be followed, each with the job it leads to.
    pub fn edges_from_job(&self, id: &str) -> Vec<(&Edge, &Job)> {
        self.edges_from(|from| matches!(from, Source::Job(job) if job == id))
    }

    /// What `trigger`, one of its own, starts.
    pub fn start_by<'p>(&'p self, trigger: &'p Trigger) -> Start<'p> {
        let followed = self.edges_from_trigger(&trigger.id);
        Start {
            workflow: self,
            trigger,
            edges: followed.into_iter().map(|(edge, _)| edge).collect(),
        }
    }

    /// The jobs that it starts with when a person runs it: its `start`, or what that trigger's edges lead to.
    pub fn first_jobs(&self) -> Vec<&Job> {
        let Some(start) = self.start.as_deref() else {
            return Vec::new();
        };
        if self.trigger(start).is_some() {
            let followed = self.edges_from_trigger(start);
            return followed.into_iter().map(|(_, job)| job).collect();
        }
        self.job(start).into_iter().collect()
    }

    /// The jobs after which nothing can follow, in the order of the file.
    pub fn leaves(&self) -> Vec<&Job> {
        self.jobs
            .iter()
            .filter(|job| self.edges_from_job(&job.id).is_empty())
            .collect()
    }

    fn edges_from(&self, wanted: impl Fn(&Source) -> bool) -> Vec<(&Edge, &Job)> {
        self.edges
            .iter()
            .filter(|edge| wanted(&edge.from) && self.is_followed(edge))
            .filter_map(|edge| Some((edge, self.job(&edge.to)?)))
            .collect()
    }

    /// Whether a run can ever follow this edge.
    pub(super) fn is_followed(&self, edge: &Edge) -> bool {
        let leads_on = || self.job(&edge.to).is_some_and(|job| job.enabled);
        edge.enabled && edge.condition != Condition::Never && leads_on()
    }
}

impl Trigger {
    /// Its id in the OpenFn that it was exported from, by which its webhook was called there.
    pub fn uuid(&self) -> Option<&str> {
        self.kept.get("openfn")?.get("uuid")?.as_str()
    }
}
