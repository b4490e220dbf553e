//! Jobs: each with an expression, an adaptor and a trigger that are there.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use super::expressions::Expressions;
use crate::adaptor::AdaptorName;
use crate::credential::Credential;
use crate::inputs::Inputs;
use crate::model::Job;
use crate::report::Report;
use crate::settings::Settings;
use crate::suggest::did_you_mean;
use crate::yaml::{Field, PROJECT_FILE, RawJob, RawProject};

/// The jobs that are right, in the order of the file.
pub(super) fn resolve(
    inputs: &mut Inputs<'_>,
    raw: &RawProject,
    credentials: &BTreeMap<String, Credential>,
    settings: &Settings,
) -> Vec<Job> {
    let mut expressions = Expressions::default();
    let mut jobs = Vec::new();
    for job in &raw.jobs {
        let expression = expressions.find(inputs, raw, job);
        let report = &mut inputs.report;
        let adaptor = adaptor(report, job);
        let trigger = trigger(report, job, raw);
        let credential = credential(report, job, credentials, settings);
        if let (Some(expression), Some(adaptor), Some(trigger), Ok(credential)) =
            (expression, adaptor, trigger, credential)
        {
            let (name, line) = (job.name.text.clone(), job.name.at.line);
            jobs.push(Job {
                name,
                expression,
                adaptor,
                trigger,
                credential,
                line,
            });
        }
    }
    expressions.warn_of_unused(inputs);
    jobs
}

fn adaptor(report: &mut Report, job: &RawJob) -> Option<AdaptorName> {
    let file = Path::new(PROJECT_FILE);
    const HELP: &str = "such as `adaptor: http`; `adaptor: common` is enough for a job that talks to no other system";
    match &job.adaptor {
        Field::Wrong => None,
        Field::Absent => {
            report
                .error(
                    file,
                    job.name.at,
                    format!("the job `{}` has no adaptor", job.name.text),
                )
                .help(HELP);
            None
        }
        Field::Text { text, at, .. } => match AdaptorName::from_str(text) {
            Ok(name) => Some(name),
            Err(error) => {
                report
                    .error(file, *at, format!("`{text}` names no adaptor: {error}"))
                    .help(HELP);
                None
            }
        },
    }
}

fn trigger(report: &mut Report, job: &RawJob, raw: &RawProject) -> Option<String> {
    let file = Path::new(PROJECT_FILE);
    let names = raw
        .triggers
        .iter()
        .map(|trigger| trigger.name.text.as_str());
    match &job.trigger {
        Field::Wrong => None,
        Field::Absent => {
            report.error(file, job.name.at, format!("the job `{}` has no trigger", job.name.text)).help = Some(
                did_you_mean("", "name one of the triggers", names)
                    .unwrap_or_else(|| "add a trigger and name it in the job:\ntriggers:\n  inbox:\n    criteria: '{}'".to_owned()),
            );
            None
        }
        Field::Text { text, .. } if names.clone().any(|name| name == text) => Some(text.clone()),
        Field::Text { text, at, .. } => {
            report
                .error(
                    file,
                    *at,
                    format!(
                        "the job `{}` has the trigger `{text}`, which is not there",
                        job.name.text
                    ),
                )
                .help = did_you_mean(text, "the triggers are", names);
            None
        }
    }
}

/// `Err` if it names one that is not there.
fn credential(
    report: &mut Report,
    job: &RawJob,
    credentials: &BTreeMap<String, Credential>,
    settings: &Settings,
) -> Result<Option<String>, ()> {
    match &job.credential {
        Field::Absent => Ok(None),
        Field::Wrong => Err(()),
        Field::Text { text, .. } if credentials.contains_key(text) => Ok(Some(text.clone())),
        // It was to be read from somewhere and could not be, which has been reported there.
        Field::Text { text, .. }
            if settings
                .credentials
                .get(text)
                .is_some_and(|wanted| wanted.from_at != wanted.at) =>
        {
            Err(())
        }
        Field::Text { text, at, .. } => {
            let message = format!(
                "the job `{}` has the credential `{text}`, which is not there",
                job.name.text
            );
            let add = format!(
                "add it as credentials/{text}.json, or in fonio.toml:\n[credentials.{text}]\nfrom = \"env:NAME\""
            );
            report.error(Path::new(PROJECT_FILE), *at, message).help = did_you_mean(
                text,
                "the credentials are",
                credentials.keys().map(String::as_str),
            )
            .or(Some(add));
            Err(())
        }
    }
}
