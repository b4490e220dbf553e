//! What PATH means: always a project of one workflow in the end, a job being the only step of its own.

use std::path::{Path, PathBuf};

use fonio_project::{
    AfterCrash, Expression, Generation, Job, Loaded, Problem, Project, Settings, Workflow,
    WorkflowOptions, load_environment, load_settings,
};
use serde_json::Map;

use super::adaptors::Asked;
use super::options::Execute;
use crate::bring::holds_project;
use crate::cli::run::workflow::{find_workflow, ids, is_plan};
use crate::cli::{Exit, Failure, run};
use crate::host::{load_project, load_project_file};

/// A folder's own job.
const JOB_FILE: &str = "job.js";
/// What OpenFn calls a step that has no id.
const ONLY_STEP: &str = "job-1";

/// What is to run.
pub(super) struct Input {
    /// It holds the one workflow.
    pub project: Project,
    pub problems: Vec<Problem>,
    /// Where its output goes.
    pub folder: PathBuf,
    /// Whose `adaptors/` count.
    pub adaptors: PathBuf,
}

impl Input {
    pub async fn find(execute: &Execute, asked: &Asked) -> Result<Input, Failure> {
        let path = Path::new(&execute.path);
        if let Some(file) = job_at(path) {
            if let Some(workflow) = &execute.workflow {
                return Err(Failure::usage(format!(
                    "{} is a job, and {workflow} can be no workflow in it",
                    file.display()
                )));
            }
            return Input::of_job(&file, asked);
        }
        let (loaded, named) = if is_plan(path) {
            if !path.is_file() {
                return Err(missing("workflow", path));
            }
            (load_project_file(path).await, execute.workflow.as_deref())
        } else if path.is_dir() {
            if !holds_project(path) {
                return Err(Failure::usage(format!(
                    "there is nothing to run in {}: no {JOB_FILE}, no openfn.yaml and no project.yaml",
                    path.display()
                )));
            }
            (load_project(path).await, execute.workflow.as_deref())
        } else {
            (workspace(execute).await?, Some(execute.path.as_str()))
        };
        Input::of_workflow(loaded, named, path)
    }

    fn of_workflow(loaded: Loaded, named: Option<&str>, path: &Path) -> Result<Input, Failure> {
        if loaded.has_errors() {
            return Err(not_loaded(path, &loaded.problems));
        }
        let Some(mut project) = loaded.project else {
            return Err(not_loaded(path, &loaded.problems));
        };
        let id = which(&project, named, path)?;
        project.workflows.retain(|workflow| workflow.id == id);
        let here = project
            .workflows
            .first()
            .map(|workflow| project.dir.join(&workflow.file));
        let folder = beside(&here.unwrap_or_default());
        let own = settings_folder(&project.dir);
        if own != project.dir {
            project.settings = settings(&own)?;
        }
        Ok(Input {
            adaptors: adaptors_folder(&project.dir),
            problems: loaded.problems,
            folder,
            project,
        })
    }

    fn of_job(file: &Path, asked: &Asked) -> Result<Input, Failure> {
        if !file.is_file() {
            return Err(missing("job", file));
        }
        let source = run::read(file)?;
        let folder = folder_of(file);
        let settings = settings(&settings_folder(&folder))?;
        Ok(Input {
            adaptors: adaptors_folder(&folder),
            problems: Vec::new(),
            project: only_job(file, source, asked, settings)?,
            folder: beside(file),
        })
    }
}

/// The job that a path leads to, if it is a job's: by its ending, or by what is in the folder.
pub(super) fn job_at(path: &Path) -> Option<PathBuf> {
    if path.extension().is_some_and(|ending| ending == "js") {
        return Some(path.to_owned());
    }
    Some(path.join(JOB_FILE)).filter(|file| file.is_file())
}

async fn workspace(execute: &Execute) -> Result<Loaded, Failure> {
    let dir = &execute.workspace;
    if !holds_project(dir) {
        return Err(Failure::usage(format!(
            "{} is neither a file nor a folder, and there is no openfn.yaml in {} of which it could be a workflow",
            execute.path,
            dir.display()
        )));
    }
    Ok(load_project(dir).await)
}

fn which(project: &Project, named: Option<&str>, path: &Path) -> Result<String, Failure> {
    let workflows = &project.workflows;
    match (named, workflows.as_slice()) {
        (Some(name), _) => match find_workflow(project, name) {
            Some(workflow) => Ok(workflow.id.clone()),
            None => Err(Failure::usage(format!(
                "there is no workflow {name}; there are {}",
                ids(workflows).join(", ")
            ))),
        },
        (None, [only]) => Ok(only.id.clone()),
        (None, []) => Err(Failure::usage(format!(
            "there is no workflow in {}",
            path.display()
        ))),
        (None, several) => Err(Failure::usage(format!(
            "there are several workflows in {}; name one: openfn {0} NAME, NAME being one of {}",
            path.display(),
            ids(several).join(", ")
        ))),
    }
}

/// A project of one job, which is the only step of its workflow.
pub(super) fn only_job(
    file: &Path,
    source: String,
    asked: &Asked,
    settings: Settings,
) -> Result<Project, Failure> {
    let stem = file.file_stem().unwrap_or_default();
    let id = stem.to_string_lossy().into_owned();
    let dir = folder_of(file);
    let job = Job {
        key: format!("{id}/{ONLY_STEP}"),
        id: ONLY_STEP.to_owned(),
        name: ONLY_STEP.to_owned(),
        workflow: id.clone(),
        enabled: true,
        expression: Expression::from_file(file, source),
        adaptor: asked.of_job()?,
        credential: None,
        state: None,
        file: file.to_owned(),
        line: 1,
        kept: Map::new(),
    };
    let workflow = Workflow {
        id: id.clone(),
        name: id.clone(),
        triggers: Vec::new(),
        jobs: vec![job],
        edges: Vec::new(),
        start: Some(ONLY_STEP.to_owned()),
        options: WorkflowOptions::default(),
        globals: None,
        after_crash: AfterCrash::Stop,
        file: file.to_owned(),
        line: 1,
        kept: Map::new(),
    };
    Ok(Project {
        variables: std::collections::BTreeMap::new(),
        id,
        name: None,
        description: None,
        generation: Generation::V4,
        environment: load_environment(&dir, &|_| None),
        dir,
        file: file.to_owned(),
        workflows: vec![workflow],
        collections: Vec::new(),
        credentials: std::collections::BTreeMap::new(),
        settings,
        fingerprint: String::new(),
        credential_files: std::collections::BTreeSet::new(),
        kept: Map::new(),
    })
}

/// The folder of a file as a person would write it: nothing for the current directory.
fn beside(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    folder.strip_prefix(".").unwrap_or(folder).to_owned()
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The first of `folder` and the current directory that has it.
fn nearest(folder: &Path, what: &str) -> PathBuf {
    let here = PathBuf::from(".");
    if !folder.join(what).exists() && here.join(what).exists() {
        here
    } else {
        folder.to_owned()
    }
}

fn settings_folder(folder: &Path) -> PathBuf {
    nearest(folder, fonio_project::SETTINGS_FILE)
}

fn adaptors_folder(folder: &Path) -> PathBuf {
    nearest(folder, "adaptors")
}

fn settings(dir: &Path) -> Result<Settings, Failure> {
    let (settings, problems) = load_settings(dir);
    let good = !problems.iter().any(Problem::is_error);
    settings
        .filter(|_| good)
        .ok_or_else(|| not_loaded(&dir.join(fonio_project::SETTINGS_FILE), &problems))
}

fn missing(what: &str, path: &Path) -> Failure {
    Failure::usage(format!(
        "{what} not found: there is no file {}",
        path.display()
    ))
}

fn not_loaded(path: &Path, problems: &[Problem]) -> Failure {
    let errors = problems.iter().filter(|problem| problem.is_error());
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    let said = format!(
        "{} could not be loaded\n{}",
        path.display(),
        errors.join("\n")
    );
    Failure(Exit::NotLoaded, said)
}
