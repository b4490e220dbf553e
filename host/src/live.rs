//! The project as it runs: every job compiled, every adaptor loaded, or the reason why not.
//!
//! A reload builds a new [`Live`] beside the old one. What did not change is taken over as it is. What fails to load is
//! reported, and if the old project had a working version of it, that version goes on serving.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use fonio_project::{Job, Limits, Problem, Project, Severity};
use fonio_sandbox::{Collections, CompiledJob, Egress, FailureKind, Sandbox, StepFailure};

use crate::adaptors::Adaptors;
use crate::authored::Authored;
use crate::collections::PassingCollections;
use crate::flow::Conditions;
use crate::oauth::{self, TokensByCredential};
use crate::sealed::{self, Held};
use crate::wants;
use crate::workbench::{TookTooLong, Workbench};

/// A project that runs.
#[derive(Debug)]
pub struct Live {
    /// The model it was made from.
    pub project: Arc<Project>,
    /// What to tell the author.
    pub problems: Vec<Problem>,
    /// The top-level keys of messages that matching looks at; gathered once, not for each message.
    pub looked_at: BTreeSet<String>,
    adaptors: Adaptors,
    /// By the job's key.
    jobs: BTreeMap<String, LiveJob>,
    /// The access tokens that the host gets for its credentials.
    tokens: TokensByCredential,
    /// Of its edges.
    pub conditions: Conditions,
    /// Those of its jobs: in memory, until a host gives it those of its store.
    pub collections: Arc<dyn Collections>,
}

/// A job as it runs.
#[derive(Clone, Debug)]
pub struct LiveJob {
    source: Source,
    code: Result<Arc<CompiledJob>, StepFailure>,
    /// The code is of an earlier version, because the present one does not load.
    pub outdated: bool,
    egress: Egress,
    /// What a step of it may use up.
    pub limits: Limits,
    /// What `state.configuration` is made from.
    pub(crate) credential: Option<Arc<Held>>,
}

/// What a job's code is made from; the same source is not compiled again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    expression: String,
    adaptor: Option<String>,
}

impl LiveJob {
    /// The code to run, or why there is none.
    pub fn ready(&self) -> Result<(Arc<CompiledJob>, Egress), StepFailure> {
        self.code.clone().map(|code| (code, self.egress.clone()))
    }
}

impl Live {
    /// Loads every adaptor and compiles every job of `project`, taking over from `old` what did not change.
    pub async fn load(
        project: Project,
        problems: Vec<Problem>,
        sandbox: &Sandbox,
        old: Option<&Live>,
    ) -> Live {
        let data = oauth::usual_data(&project.dir);
        let work = Workbench::alone(&project.dir, sandbox);
        Live::load_on(&work, project, problems, old, &data).await
    }

    /// As [`Live::load`], on a tenant's or on a project's own workbench, with `data` for what its credentials get to be kept.
    pub(crate) async fn load_on(
        work: &Workbench<'_>,
        project: Project,
        mut problems: Vec<Problem>,
        old: Option<&Live>,
        data: &Path,
    ) -> Live {
        let before = old.map(|old| &old.adaptors);
        let adaptors = Adaptors::load_on(work, before, &mut problems).await;
        Live::load_all((project, problems), adaptors, work, old, data).await
    }

    /// As [`Live::load`], with these adaptors in place of the project's own.
    pub async fn load_with(
        project: Project,
        problems: Vec<Problem>,
        adaptors: Adaptors,
        sandbox: &Sandbox,
        old: Option<&Live>,
    ) -> Live {
        let data = oauth::usual_data(&project.dir);
        let work = Workbench::alone(&project.dir, sandbox);
        Live::load_all((project, problems), adaptors, &work, old, &data).await
    }

    async fn load_all(
        (project, mut problems): (Project, Vec<Problem>),
        adaptors: Adaptors,
        work: &Workbench<'_>,
        old: Option<&Live>,
        data: &Path,
    ) -> Live {
        let looked_at = project.criteria_keys().into_iter().map(str::to_owned);
        let looked_at = looked_at.collect();
        let project = Arc::new(project);
        let before = old.map(|old| (&*old.project, &old.tokens));
        let tokens = oauth::of_project(&project, before, data);
        let mut loading = Loading {
            project: &project,
            adaptors: &adaptors,
            tokens: &tokens,
            work,
            problems: &mut problems,
        };
        let mut jobs = BTreeMap::new();
        for job in project.jobs() {
            let before = old.and_then(|old| old.jobs.get(&job.key));
            jobs.insert(job.key.clone(), loading.job(job, before).await);
        }
        let before = old.map(|old| &old.conditions);
        let conditions = Conditions::load(&project, work, before, &mut problems).await;
        problems.sort_by(|a, b| a.place().cmp(&b.place()));
        Live {
            project,
            looked_at,
            problems,
            adaptors,
            jobs,
            tokens,
            conditions,
            collections: Arc::new(PassingCollections::default()),
        }
    }

    /// The job with this key.
    pub fn job(&self, key: &str) -> Option<&LiveJob> {
        self.jobs.get(key)
    }

    /// The project's adaptors.
    pub fn adaptors(&self) -> &Adaptors {
        &self.adaptors
    }
}

/// What the jobs of a project are loaded with.
struct Loading<'l> {
    project: &'l Project,
    adaptors: &'l Adaptors,
    tokens: &'l TokensByCredential,
    work: &'l Workbench<'l>,
    problems: &'l mut Vec<Problem>,
}

impl Loading<'_> {
    async fn job(&mut self, job: &Job, before: Option<&LiveJob>) -> LiveJob {
        let refused = wants::refusal(self.adaptors, self.project, job);
        let (source, code) = match &refused {
            Some(refusal) => self.refuse(job, refusal),
            None => self.compile(job, before).await,
        };
        let (source, code, outdated) = match (&code, before) {
            (
                Err(_),
                Some(LiveJob {
                    source: old,
                    code: Ok(working),
                    ..
                }),
            ) if refused.is_none() && self.adaptors.have(old.adaptor.as_ref()) => {
                (old.clone(), Ok(Arc::clone(working)), true)
            }
            _ => (source, code, false),
        };
        let own = job
            .state
            .as_ref()
            .and_then(|state| state.get("configuration")?.as_object());
        let adaptor = self.adaptors.find(&job.adaptor).ok().flatten();
        let adaptor = adaptor.map(|found| found.adaptor.as_ref());
        let credential = self.project.credential_for(job);
        let tokens = credential.and_then(|credential| self.tokens.get(&credential.name));
        let credential = sealed::of_job(credential, own, adaptor, tokens.cloned());
        // A grant may have been taken back: connections made under the old one must not live on.
        let egress = Egress::new(self.project.grants_for(job));
        LiveJob {
            source,
            code,
            outdated,
            egress,
            limits: self.project.limits_for(job),
            credential: credential.map(Arc::new),
        }
    }

    /// A job that is not loaded, for this reason and with this to do about it.
    fn refuse(
        &mut self,
        job: &Job,
        (message, help): &(String, String),
    ) -> (Source, Result<Arc<CompiledJob>, StepFailure>) {
        let said = format!("{message}\n  = {help}");
        let failure = StepFailure::new(FailureKind::Load, "LoadError", said);
        self.problems
            .push(at_job(job, message.clone(), help.clone()));
        let expression = Authored::new(job, self.project.workflow_of(job)).source();
        let adaptor = None;
        (
            Source {
                expression,
                adaptor,
            },
            Err(failure),
        )
    }

    async fn compile(
        &mut self,
        job: &Job,
        before: Option<&LiveJob>,
    ) -> (Source, Result<Arc<CompiledJob>, StepFailure>) {
        let authored = Authored::new(job, self.project.workflow_of(job));
        let expression = authored.source();
        let found = match self.adaptors.find(&job.adaptor) {
            Ok(found) => found,
            Err(unknown) => return self.refuse(job, &unknown),
        };
        let source = Source {
            expression,
            adaptor: found.map(|found| found.digest.clone()),
        };
        if let Some(LiveJob {
            source: same,
            code: Ok(code),
            ..
        }) = before
            && *same == source
        {
            return (source, Ok(Arc::clone(code)));
        }
        let adaptor = found.map(|found| Arc::clone(&found.adaptor));
        let load = self
            .work
            .sandbox
            .load_job(&job.id, &source.expression, adaptor);
        let loaded = match self.work.turn(load).await {
            Ok(loaded) => loaded,
            Err(over) => {
                let said = (over.to_string(), TookTooLong::HELP.to_owned());
                return self.refuse(job, &said);
            }
        };
        match loaded {
            Ok(compiled) => {
                self.problems.extend(
                    compiled
                        .warnings
                        .iter()
                        .map(|warning| authored.problem(&job.key, warning, Severity::Warning)),
                );
                (source, Ok(Arc::new(compiled)))
            }
            Err(found) => {
                let found: Vec<Problem> = found
                    .iter()
                    .map(|problem| authored.problem(&job.key, problem, Severity::Error))
                    .collect();
                let sentence = found
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n");
                self.problems.extend(found);
                (
                    source,
                    Err(StepFailure::new(FailureKind::Load, "LoadError", sentence)),
                )
            }
        }
    }
}

fn at_job(job: &Job, message: String, help: String) -> Problem {
    Problem {
        severity: Severity::Error,
        file: job.file.clone(),
        line: job.line,
        column: 1,
        message: format!("job {}: {message}", job.key),
        help: Some(help),
        source_line: None,
    }
}
