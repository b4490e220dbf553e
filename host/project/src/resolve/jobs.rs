//! Jobs: each with an expression, an adaptor and a credential that are there.

use std::str::FromStr;

use super::Resolving;
use crate::adaptor::AdaptorName;
use crate::draft::{DraftJob, DraftWorkflow, Field, SourceFile};
use crate::expression::Expression;
use crate::model::{Job, Unfinished};
use crate::report::Report;
use crate::suggest::did_you_mean;

/// What a job has that names no adaptor, in the formats that leave it out.
const COMMON: &str = "@openfn/language-common";

impl Resolving<'_, '_> {
    /// The job, unless something about it is wrong; its expression is remembered all the same.
    pub(super) fn job(
        &mut self,
        workflow: &DraftWorkflow,
        globals: Option<&Expression>,
        job: &DraftJob,
    ) -> Option<Job> {
        let source = &workflow.source;
        let expression = self.expressions.find(self.inputs, source, job);
        let adaptor = adaptor(&mut self.inputs.report, source, job);
        let credential = self.credential(source, job);
        let id = job.id.text.clone();
        let key = if self.generation.has_workflows() {
            format!("{}/{id}", workflow.id.text)
        } else {
            id.clone()
        };
        let (expression, adaptor, credential) = match (expression?, adaptor, credential) {
            (expression, Some(adaptor), Ok(credential)) => (expression, adaptor, credential),
            (expression, adaptor, _) => {
                self.unfinished.push(Unfinished {
                    key,
                    expression,
                    globals: globals.cloned(),
                    adaptor,
                });
                return None;
            }
        };
        Some(Job {
            key,
            name: job.name.clone().unwrap_or_else(|| id.clone()),
            id,
            workflow: workflow.id.text.clone(),
            enabled: job.enabled,
            expression,
            adaptor,
            credential,
            state: job.state.clone(),
            file: source.path.clone(),
            line: job.id.at.line,
            kept: job.kept.clone(),
        })
    }

    /// `Err` if it names one that is not there.
    fn credential(&mut self, source: &SourceFile, job: &DraftJob) -> Result<Option<String>, ()> {
        let (text, at) = match &job.credential {
            Field::Absent => return Ok(None),
            Field::Wrong => return Err(()),
            Field::Text { text, at, .. } | Field::Path { text, at } => (text, *at),
        };
        if let Some(known) = self
            .aliases
            .get(text)
            .or_else(|| self.credentials.get_key_value(text).map(|(name, _)| name))
        {
            return Ok(Some(known.clone()));
        }
        // It was to be read from somewhere and could not be, which has been reported there.
        let unread = self.settings.is_none_or(|settings| {
            let wanted = settings.credentials.get(text);
            wanted.is_some_and(|wanted| wanted.from_at != wanted.at)
        });
        if unread {
            return Err(());
        }
        let message = format!(
            "the job `{}` has the credential `{text}`, which is not there",
            job.id.text
        );
        let add = format!(
            "add it as credentials/{text}.json, or in fonio.toml:\n[credentials.{text}]\nfrom = \"env:NAME\""
        );
        let names = self.credentials.keys().map(String::as_str);
        let help = did_you_mean(text, "the credentials are", names).or(Some(add));
        self.inputs.report.error(&source.path, at, message).help = help;
        Err(())
    }
}

fn adaptor(report: &mut Report, source: &SourceFile, job: &DraftJob) -> Option<AdaptorName> {
    const HELP: &str = "such as `adaptor: http`; `adaptor: common` is enough for a job that talks to no other system";
    match &job.adaptor {
        Field::Wrong | Field::Path { .. } => None,
        Field::Absent if job.adaptor_optional => COMMON.parse().ok(),
        Field::Absent => {
            report
                .error(
                    &source.path,
                    job.id.at,
                    format!("the job `{}` has no adaptor", job.id.text),
                )
                .help(HELP);
            None
        }
        Field::Text { text, at, .. } => match AdaptorName::from_str(text) {
            Ok(name) => Some(name),
            Err(error) => {
                report
                    .error(
                        &source.path,
                        *at,
                        format!("`{text}` names no adaptor: {error}"),
                    )
                    .help(HELP);
                None
            }
        },
    }
}
