//! Drafts to the model: names looked up, expressions found; all problems at once.

mod addresses;
mod edges;
mod expressions;
mod jobs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::credential::{self, Credential};
use crate::dotenv::{Environment, Variables};
use crate::draft::{Draft, DraftTrigger, DraftWorkflow, Field};
use crate::grants::CollectionGrants;
use crate::inputs::Inputs;
use crate::model::{Generation, Job, Project, Trigger, TriggerKind, Unfinished, Workflow};
use crate::report::Place;
use crate::settings::{
    SETTINGS_FILE, Settings, refuse_unknown_workflows, settle_clocks, settle_triggers,
};
use crate::suggest::did_you_mean;

use expressions::Expressions;

/// Makes the project of its parts, and besides tells what jobs are left over. Without settings, which could not be read,
/// there is no project, and nothing is said of what they may have said.
pub(crate) fn resolve(
    inputs: &mut Inputs<'_>,
    mut draft: Draft,
    settings: Option<Settings>,
    environment: Environment,
    variables: &Variables<'_>,
) -> (Option<Project>, Vec<Unfinished>) {
    let bodies = std::mem::take(&mut draft.bodies);
    let names = credential::Names {
        declared: &draft.declared,
        used: match settings {
            Some(_) => credentials_used(&draft),
            None => BTreeSet::new(),
        },
    };
    let none = Settings::default();
    let known = settings.as_ref().unwrap_or(&none);
    let (credentials, aliases) = credential::resolve(inputs, bodies, &names, known, variables);
    let mut resolving = Resolving {
        inputs,
        generation: draft.generation,
        settings: settings.as_ref(),
        credentials: &credentials,
        aliases: &aliases,
        expressions: Expressions::default(),
        unfinished: Vec::new(),
    };
    let mut workflows = resolving.workflows(&draft.workflows);
    refuse_shared_keys(resolving.inputs, &workflows);
    addresses::refuse_shared(resolving.inputs, &workflows);
    let (expressions, mut unfinished) = (resolving.expressions, resolving.unfinished);
    expressions.warn_of_unused(inputs, &draft.file);
    let Some(mut settings) = settings else {
        unfinished.extend(workflows.into_iter().flat_map(left_over));
        return (None, unfinished);
    };
    warn_of_unused_adaptors(inputs, &settings, &workflows);
    refuse_unknown_workflows(inputs, &settings, &workflows);
    warn_of_absent_collections(inputs, &settings, &draft.collections);
    let variables = granted_variables(inputs, &settings, variables);
    settle_clocks(inputs, &settings, &mut workflows);
    settle_triggers(inputs, &mut settings, &workflows, &credentials, &aliases);
    let project = Project {
        id: project_id(inputs.dir, &draft, &settings),
        name: draft.name,
        description: draft.description,
        generation: draft.generation,
        dir: inputs.dir.to_owned(),
        file: draft.file,
        workflows,
        collections: draft.collections,
        credentials,
        variables,
        settings,
        environment,
        fingerprint: inputs.fingerprint(),
        credential_files: std::mem::take(&mut inputs.credential_files),
        kept: draft.kept,
    };
    (Some(project), unfinished)
}

/// The jobs of a workflow whose project cannot be had.
fn left_over(workflow: Workflow) -> impl Iterator<Item = Unfinished> {
    let globals = workflow.globals;
    workflow.jobs.into_iter().map(move |job| Unfinished {
        key: job.key,
        expression: job.expression,
        globals: globals.clone(),
        adaptor: Some(job.adaptor),
    })
}

/// By their names.
fn credentials_used(draft: &Draft) -> BTreeSet<&str> {
    let jobs = draft.workflows.iter().flat_map(|workflow| &workflow.jobs);
    jobs.filter_map(|job| match &job.credential {
        Field::Text { text, .. } => Some(text.as_str()),
        Field::Absent | Field::Wrong | Field::Path { .. } => None,
    })
    .filter(|name| !draft.written_out.contains(*name))
    .collect()
}

/// What looking up names needs.
struct Resolving<'r, 'd> {
    inputs: &'r mut Inputs<'d>,
    generation: Generation,
    /// Nothing where they could not be read.
    settings: Option<&'r Settings>,
    credentials: &'r BTreeMap<String, Credential>,
    /// Other names of credentials.
    aliases: &'r BTreeMap<String, String>,
    expressions: Expressions,
    unfinished: Vec<Unfinished>,
}

impl Resolving<'_, '_> {
    fn workflows(&mut self, drafts: &[DraftWorkflow]) -> Vec<Workflow> {
        let mut seen = BTreeSet::new();
        for draft in drafts {
            if !seen.insert(&draft.id.text) {
                self.inputs
                    .report
                    .error(
                        &draft.source.path,
                        draft.id.at,
                        format!("the workflow `{}` is there twice", draft.id.text),
                    )
                    .help("give one of the two another id");
            }
        }
        drafts.iter().map(|draft| self.workflow(draft)).collect()
    }

    fn workflow(&mut self, draft: &DraftWorkflow) -> Workflow {
        self.check_names(draft);
        let globals = self
            .expressions
            .of_field(self.inputs, &draft.source, &draft.globals);
        let jobs: Vec<Job> = draft
            .jobs
            .iter()
            .filter_map(|job| self.job(draft, globals.as_ref(), job))
            .collect();
        let triggers = draft
            .triggers
            .iter()
            .filter_map(|trigger| self.trigger(draft, trigger))
            .collect();
        let edges = edges::resolve(&mut self.inputs.report, draft);
        Workflow {
            id: draft.id.text.clone(),
            name: draft.name.clone().unwrap_or_else(|| draft.id.text.clone()),
            start: self.start(draft),
            triggers,
            jobs,
            edges,
            options: draft.options.clone(),
            globals,
            after_crash: draft.after_crash,
            file: draft.source.path.clone(),
            line: draft.id.at.line,
            kept: draft.kept.clone(),
        }
    }

    fn trigger(&mut self, draft: &DraftWorkflow, trigger: &DraftTrigger) -> Option<Trigger> {
        let mut kind = trigger.kind.clone()?;
        if let (TriggerKind::Cron { cursor_job, .. }, Some(key)) = (&mut kind, &trigger.cursor_job)
        {
            let jobs = draft.jobs.iter().map(|job| job.id.text.as_str());
            if jobs.clone().any(|id| id == key.text) {
                *cursor_job = Some(key.text.clone());
            } else {
                let message = format!(
                    "the trigger `{}` takes its cursor from the job `{}`, which is not there",
                    trigger.id.text, key.text
                );
                let report = &mut self.inputs.report;
                report.error(&draft.source.path, key.at, message).help =
                    did_you_mean(&key.text, "the jobs are", jobs);
            }
        }
        Some(Trigger {
            id: trigger.id.text.clone(),
            workflow: draft.id.text.clone(),
            enabled: trigger.enabled,
            kind,
            line: trigger.id.at.line,
            kept: trigger.kept.clone(),
        })
    }

    /// As written, or the first trigger, or the first job that no edge leads to.
    fn start(&mut self, draft: &DraftWorkflow) -> Option<String> {
        let triggers = draft.triggers.iter().map(|trigger| &trigger.id.text);
        let jobs = draft.jobs.iter().map(|job| &job.id.text);
        if let Some(start) = &draft.start {
            let names = triggers.clone().chain(jobs.clone()).map(String::as_str);
            if !names.clone().any(|id| id == start.text) {
                let message = format!(
                    "the workflow `{}` starts with `{}`, which is not there",
                    draft.id.text, start.text
                );
                let report = &mut self.inputs.report;
                report.error(&draft.source.path, start.at, message).help =
                    did_you_mean(&start.text, "its steps are", names);
            }
            return Some(start.text.clone());
        }
        let reached: BTreeSet<&str> = draft
            .edges
            .iter()
            .map(|edge| edge.to.text.as_str())
            .collect();
        let first = triggers.clone().next();
        first
            .or_else(|| jobs.clone().find(|id| !reached.contains(id.as_str())))
            .cloned()
    }

    /// Every id once among the jobs and once among the triggers; names once among the jobs, because people go by them.
    fn check_names(&mut self, draft: &DraftWorkflow) {
        let source = &draft.source;
        let report = &mut self.inputs.report;
        let (mut jobs, mut triggers, mut names) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for job in &draft.jobs {
            if !jobs.insert(&job.id.text) {
                report
                    .error(
                        &source.path,
                        job.id.at,
                        format!("the job `{}` is there twice", job.id.text),
                    )
                    .help("give one of the two another id");
            } else if let Some(name) = job.name.as_ref().filter(|name| !names.insert(*name)) {
                report
                    .warning(
                        &source.path,
                        job.id.at,
                        format!("two jobs have the name `{name}`"),
                    )
                    .help("their ids tell them apart; logs show the ids");
            }
        }
        for trigger in &draft.triggers {
            if !triggers.insert(&trigger.id.text) {
                report
                    .error(
                        &source.path,
                        trigger.id.at,
                        format!("the trigger `{}` is there twice", trigger.id.text),
                    )
                    .help("give one of the two another id");
            }
        }
    }
}

fn warn_of_unused_adaptors(inputs: &mut Inputs<'_>, settings: &Settings, workflows: &[Workflow]) {
    let jobs = || workflows.iter().flat_map(|workflow| &workflow.jobs);
    for (name, adaptor) in &settings.adaptors {
        if !jobs().any(|job| job.adaptor.name == *name) {
            let used = jobs().map(|job| job.adaptor.short());
            inputs
                .report
                .warning(
                    Path::new(SETTINGS_FILE),
                    adaptor.at,
                    format!("no job has the adaptor `{}`", adaptor.written),
                )
                .help = did_you_mean(&adaptor.written, "the jobs have", used);
        }
    }
}

/// The values of the variables that adaptors see.
fn granted_variables(
    inputs: &mut Inputs<'_>,
    settings: &Settings,
    variables: &Variables<'_>,
) -> BTreeMap<String, Vec<(String, String)>> {
    let mut granted: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (adaptor, own) in &settings.adaptors {
        for name in &own.environment {
            let Some((value, ..)) = variables.get(&name.text) else {
                let message = format!("the variable `{}` is not set", name.text);
                let report = &mut inputs.report;
                report
                    .error(Path::new(SETTINGS_FILE), name.at, message)
                    .help("set it in the environment or in .env, or take it out of `environment`");
                continue;
            };
            inputs.note(&format!("variable {}", name.text), value.as_bytes());
            let seen = granted.entry(adaptor.clone()).or_default();
            seen.push((name.text.clone(), value));
        }
    }
    granted
}

fn warn_of_absent_collections(inputs: &mut Inputs<'_>, settings: &Settings, there: &[String]) {
    let of_adaptors = settings.adaptors.values().map(|own| &own.collections);
    for grants in of_adaptors.chain([&settings.collections]).flatten() {
        let CollectionGrants::Named { named, at } = grants else {
            continue;
        };
        for name in named.keys().filter(|name| !there.contains(name)) {
            let (line, column) = *at;
            let message = format!("the project has no collection `{name}`");
            let report = &mut inputs.report;
            report
                .warning(Path::new(SETTINGS_FILE), Place { line, column }, message)
                .help = did_you_mean(name, "it has", there.iter().map(String::as_str));
        }
    }
}

fn project_id(dir: &Path, draft: &Draft, settings: &Settings) -> String {
    if let Some(id) = &settings.project_id {
        return id.clone();
    }
    let directory = dir
        .canonicalize()
        .ok()
        .and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let named = [draft.id.clone(), draft.name.clone(), directory]
        .into_iter()
        .flatten()
        .map(|name| slug(&name))
        .find(|slug| !slug.is_empty());
    named.unwrap_or_else(|| "project".to_owned())
}

/// A name in the letters of an id: `My Clinic (test)` is `my-clinic-test`.
fn slug(name: &str) -> String {
    let letters = name.to_lowercase();
    let words: Vec<&str> = letters
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .collect();
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .trim_matches(['.', '_'])
        .to_owned()
}

/// A job is known to the store by its workflow and its id; with slashes in them, two could be known as the same.
fn refuse_shared_keys(inputs: &mut Inputs<'_>, workflows: &[Workflow]) {
    let mut known = BTreeMap::new();
    for (workflow, job) in workflows
        .iter()
        .flat_map(|workflow| workflow.jobs.iter().map(move |job| (workflow, job)))
    {
        let Some(other) = known.insert(job.key.as_str(), workflow) else {
            continue;
        };
        if other.id != workflow.id {
            let at = Place {
                line: job.line,
                column: 1,
            };
            inputs
                .report
                .error(
                    &job.file,
                    at,
                    format!(
                        "the job `{}` of the workflow `{}` and one of the workflow `{}` are both known as `{}`",
                        job.id, workflow.id, other.id, job.key
                    ),
                )
                .help("give one of the workflows or jobs an id without a slash");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_name_becomes_an_id() {
        assert_eq!(slug("My Clinic (test)"), "my-clinic-test");
        assert_eq!(slug("7d2c0e9a-1b"), "7d2c0e9a-1b");
        assert_eq!(slug("…"), "");
    }
}
