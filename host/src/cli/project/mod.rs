//! `fonio project`: between OpenFn's project files and a directory of this host.

mod export;
mod files;
mod import;
mod left_behind;
mod skeletons;

use std::path::Path;

use clap::{Subcommand, ValueEnum};
use fonio_project::{ExportError, Exported, Generation, Project};

use super::run::load_dir_or_file;
use super::{Exit, Failure, paint};

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    Import(import::Import),
    Export(export::Export),
}

impl ProjectCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            ProjectCommand::Import(import) => import.execute().await,
            ProjectCommand::Export(export) => export.execute().await,
        }
    }
}

/// How a project is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// project.yaml of OpenFn/microservice: jobs and triggers.
    V2,
    /// One file of workflows with maps of jobs, triggers and edges.
    V3,
    /// One file with `schema_version: '4.0'`.
    V4,
    /// v4 as people edit it: openfn.yaml and a folder for each workflow, jobs as files.
    Workspace,
}

impl Format {
    fn write(self, project: &Project) -> Result<Exported, ExportError> {
        match self {
            Format::V2 => fonio_project::export(project, Generation::V2),
            Format::V3 => fonio_project::export(project, Generation::V3),
            Format::V4 => fonio_project::export(project, Generation::V4),
            Format::Workspace => fonio_project::export_workspace(project),
        }
    }
}

/// The project at a path, after every problem has been shown; unknown keys are among the warnings.
async fn understood(path: &Path) -> Result<Project, Failure> {
    let what = path.display();
    if !path.exists() {
        return Err(Failure::usage(format!("there is no file or folder {what}")));
    }
    let loaded = load_dir_or_file(path).await;
    for problem in &loaded.problems {
        paint::problem(problem);
    }
    let understood = !loaded.has_errors();
    let project = loaded.project.filter(|_| understood);
    project.ok_or_else(|| {
        let said = format!("{what} cannot be understood, and nothing was written");
        Failure(Exit::NotLoaded, said)
    })
}
