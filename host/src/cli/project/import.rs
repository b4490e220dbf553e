//! `fonio project import`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use fonio_project::{Generation, Problem, Project, SETTINGS_FILE, load};

use super::files::Files;
use super::left_behind;
use super::skeletons::Skeletons;
use super::{Format, understood};
use crate::cli::{Exit, Failure, paint};
use crate::trust::lock::LOCK_FILE;

/// fonio.toml where the project brings none.
const SETTINGS: &str = "\
# What the jobs of this project may reach and use up, and where its credentials come from. Every key is optional.
# Nothing is granted until it is named; what a credential says of its own system (baseUrl, host, ...) is granted to the
# jobs that have it. A request that is refused says which line to add.

# [network]
# allow = [\"https://api.example.org\"]
";

/// Secrets, and what running leaves behind.
const IGNORED_BY_GIT: &str =
    ".env\n.fonio/\n.cli-cache/\noutput.json\ncredentials/*.json\ncredentials.yaml\n";

/// Makes a directory that this host serves of a project of OpenFn's, of any generation.
///
/// v3 and v4 become a workspace with jobs as files, v1 and v2 a project.yaml. Everything that is not carried over is told,
/// unknown keys among it. Secrets are not copied: each credential gets a file to fill in. Exits 10 when the project cannot
/// be understood.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The project's file, or its directory.
    #[arg(value_name = "FILE_OR_DIR")]
    from: PathBuf,
    /// The directory to write [default: one here, named as the project].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The format to write [default: a workspace; of v1 and v2, v2].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Overwrite files that are there.
    #[arg(long)]
    force: bool,
}

impl Import {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let project = understood(&self.from).await?;
        let format = self.format.unwrap_or(match project.generation {
            Generation::V1 | Generation::V2 => Format::V2,
            Generation::V3 | Generation::V4 => Format::Workspace,
        });
        let exported = format.write(&project).map_err(Failure::failed)?;
        let dir = self.output.clone();
        let dir = dir.unwrap_or_else(|| PathBuf::from(&project.id));
        self.refuse_two_projects(&dir, format)?;
        let mut files = Files::below(&dir, exported.files);
        let mut notes = exported.notes;
        notes.extend(left_behind::notes(&project));
        files.add(dir.join(SETTINGS_FILE), settings(&project));
        if !dir.join(".gitignore").exists() {
            files.add(dir.join(".gitignore"), IGNORED_BY_GIT);
        }
        copy_adaptors(&project, &dir, &mut files, &mut notes)?;
        Skeletons::new(&project)
            .await?
            .add(&dir, &mut files, &mut notes);
        files.write(self.force)?;
        for note in &notes {
            paint::event("note", note);
        }
        tell(&project, &dir, files.len())
    }

    /// Two project files in one folder would be one too many: only the first of them is read.
    fn refuse_two_projects(&self, dir: &Path, format: Format) -> Result<(), Failure> {
        let other = match format {
            Format::Workspace => "project.yaml",
            Format::V2 | Format::V3 | Format::V4 => "openfn.yaml",
        };
        if !dir.join(other).exists() {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "there already is a project in {}: {other}; write elsewhere with -o DIR",
            dir.display()
        )))
    }
}

/// The project's own, if it has one.
fn settings(project: &Project) -> String {
    fs::read_to_string(project.dir.join(SETTINGS_FILE)).unwrap_or_else(|_| SETTINGS.to_owned())
}

fn copy_adaptors(
    project: &Project,
    dir: &Path,
    files: &mut Files,
    notes: &mut Vec<String>,
) -> Result<(), Failure> {
    for path in crate::adaptors::wasm_files(&project.dir) {
        let wasm = fs::read(&path).map_err(|error| {
            Failure::failed(format!("{} cannot be read: {error}", path.display()))
        })?;
        let name = path.file_name().unwrap_or_default();
        files.add(dir.join("adaptors").join(name), wasm);
        notes.push(format!("the adaptor {} was copied", name.to_string_lossy()));
    }
    // What says which adaptors are trusted goes with them.
    let signatures = crate::trust::signatures::files(&project.dir);
    for path in signatures.into_iter().chain([project.dir.join(LOCK_FILE)]) {
        if let (Ok(contents), Ok(name)) = (fs::read(&path), path.strip_prefix(&project.dir)) {
            files.add(dir.join(name), contents);
        }
    }
    Ok(())
}

/// What is there now, as this host reads it.
fn tell(project: &Project, dir: &Path, files: usize) -> Result<Exit, Failure> {
    let written = load(dir, &|_| None);
    let errors: Vec<&Problem> = written
        .problems
        .iter()
        .filter(|found| found.is_error())
        .collect();
    for problem in &errors {
        paint::problem(problem);
    }
    if !errors.is_empty() {
        let said = format!(
            "what was written to {} cannot be served as it is",
            dir.display()
        );
        return Err(Failure(Exit::NotLoaded, said));
    }
    let jobs = paint::count(project.jobs().count(), "job");
    let workflows = paint::count(project.workflows.len(), "workflow");
    let said = format!(
        "{workflows} with {jobs}: {} in {}",
        paint::count(files, "file"),
        dir.display()
    );
    paint::event("imported", &said);
    paint::event(
        "next",
        &format!("fonio check {0}, then fonio serve {0}", dir.display()),
    );
    Ok(Exit::Success)
}
