//! A whole workflow: which one is meant, and how its run is shown.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fonio_project::{
    ENVIRONMENT, Loaded, Origin, Problem, Project, SETTINGS_FILE, Workflow, origins_of_credential,
};
use fonio_sandbox::Listener;
use serde_json::Value;

use super::listener::ToPerson;
use super::walk::{Range, Walk, Watch};
use super::{Run, advice, allow, load_dir_or_file, origins};
use crate::bring::word;
use crate::cli::{Exit, Failure, paint, sandbox};
use crate::flow::{Ended, Given};
use crate::host::load_project_file;
use crate::live::Live;
use crate::runner::sentence;

/// A workflow to run, in a project that holds no other.
pub(super) struct OneWorkflow {
    project: Project,
    problems: Vec<Problem>,
    id: String,
}

impl Run {
    /// The workflow that is meant, if one is: by file, or by name in a project in which no job has that name.
    pub(super) async fn workflow(
        &self,
        allowed: &[Origin],
    ) -> Result<Option<OneWorkflow>, Failure> {
        let file = Path::new(&self.job);
        let loaded = match &self.project {
            Some(project) => load_dir_or_file(project).await,
            None if is_plan(file) && file.exists() => load_project_file(file).await,
            None => return Ok(None),
        };
        let named = self.project.is_some().then_some(self.job.as_str());
        if named.is_some_and(|name| is_whole_job(&loaded, name)) {
            return Ok(None);
        }
        let Some((problems, mut project)) = understood(loaded, self)? else {
            return Ok(None);
        };
        allow(&mut project, allowed);
        let id = match named {
            Some(name) => match find_workflow(&project, name) {
                Some(workflow) => workflow.id.clone(),
                None => return Ok(None),
            },
            None => only_workflow(&project, file)?,
        };
        project.workflows.retain(|workflow| workflow.id == id);
        Ok(Some(OneWorkflow {
            project,
            problems,
            id,
        }))
    }
}

/// Whether a file of this name holds a workflow or a project.
pub(crate) fn is_plan(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("json" | "yaml" | "yml"))
}

/// By its id, or by what people call it.
pub(crate) fn find_workflow<'p>(project: &'p Project, name: &str) -> Option<&'p Workflow> {
    let by_name = || project.workflows.iter().find(|found| found.name == name);
    project.workflow(name).or_else(by_name)
}

/// Nothing when the project cannot be loaded at all: then whoever asks next says why.
fn understood(loaded: Loaded, run: &Run) -> Result<Option<(Vec<Problem>, Project)>, Failure> {
    if !loaded.has_errors() {
        return Ok(loaded.project.map(|project| (loaded.problems, project)));
    }
    for problem in &loaded.problems {
        paint::problem(problem);
    }
    let what = &run.job;
    let said = match &run.project {
        None => format!("{what} could not be loaded"),
        Some(dir) => format!(
            "{what} was not run: the project has errors in {}; to see all there are: fonio check {}",
            files_with_errors(&loaded.problems),
            word(&dir.display().to_string())
        ),
    };
    Err(Failure(Exit::NotLoaded, said))
}

/// Whether a person names a job that has all it needs, and that the project's settings are as they were meant. Then what is
/// wrong with other jobs is no reason not to run it: `serve` is for whole projects, and this for trying one job.
fn is_whole_job(loaded: &Loaded, name: &str) -> bool {
    let Some(project) = &loaded.project else {
        return false;
    };
    let job = project.find_job(name).ok();
    let of_this_key = |key: &str| project.jobs().filter(|job| job.key == key).count();
    let there = job.is_some_and(|job| of_this_key(&job.key) == 1);
    let settings = [SETTINGS_FILE, ENVIRONMENT, ".env"].map(Path::new);
    let errors = || loaded.problems.iter().filter(|problem| problem.is_error());
    there && !errors().any(|problem| settings.contains(&problem.file.as_path()))
}

/// Each once.
pub(super) fn files_with_errors(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error());
    let files: BTreeSet<String> = errors
        .map(|problem| problem.file.display().to_string())
        .collect();
    files.into_iter().collect::<Vec<_>>().join(", ")
}

fn only_workflow(project: &Project, file: &Path) -> Result<String, Failure> {
    match project.workflows.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(Failure::usage("there is no workflow in this file")),
        several => Err(Failure::usage(format!(
            "there are several workflows in this file; name one: fonio run NAME --project {}, NAME being one of {}",
            file.display(),
            ids(several).join(", ")
        ))),
    }
}

/// What a person can name.
pub(crate) fn ids(workflows: &[Workflow]) -> Vec<&str> {
    let ids = workflows.iter().map(|workflow| workflow.id.as_str());
    ids.collect()
}

impl OneWorkflow {
    pub(super) async fn run(mut self, run: Run, state: Value) -> Result<Exit, Failure> {
        let sandbox = sandbox::start().await?;
        let given = run.given_credential(&state)?;
        let allowed = origins(&run.allow)?;
        let given = given.as_ref().map(|body| Given {
            body,
            origins: &allowed,
        });
        if let Some(given) = &given {
            allow(&mut self.project, &origins_of_credential(given.body));
        }
        let live = Live::load(self.project, self.problems, &sandbox, None).await;
        for problem in &live.problems {
            paint::problem(problem);
        }
        let workflow = live.project.workflow(&self.id);
        let (Some(workflow), false) = (workflow, live.problems.iter().any(Problem::is_error))
        else {
            return Err(Failure(
                Exit::NotLoaded,
                format!("{} could not be loaded", self.id),
            ));
        };
        let walk = Walk {
            sandbox: &sandbox,
            live: &live,
            workflow,
            range: Range::default(),
            given,
        };
        let finished = walk.run(&state, &mut Console { live: &live }).await;
        let worst = finished.stopped.as_ref().or(finished.failed.as_ref());
        let exit = worst.map_or(Exit::Success, Exit::of_step);
        run.give(&finished.state())?;
        Ok(exit)
    }
}

/// Shows the steps to whoever ran them.
struct Console<'l> {
    live: &'l Live,
}

impl Watch for Console<'_> {
    fn listener(&self) -> Arc<dyn Listener> {
        Arc::new(ToPerson)
    }

    fn starts(&mut self, id: &str) {
        paint::event("step", id);
    }

    fn ended(&mut self, key: &str, _: &str, ended: &Ended, _: Duration) {
        if let Some(failure) = &ended.failure {
            paint::error(&(sentence(self.live, key, failure) + &advice(failure)));
        }
    }
}
