//! `fonio project export`.

use std::path::PathBuf;

use clap::Args;
use fonio_project::{Exported, Project};

use super::files::Files;
use super::{Format, understood};
use crate::cli::output::println;
use crate::cli::{Exit, Failure, paint};

/// Writes a project in a format of OpenFn's, of any generation, whatever it was read from.
///
/// What is not as it was is told on standard error. Secrets are never written. Exits 10 when the project cannot be
/// understood, and 1 when the format cannot say what the project does.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The project's directory, or its file.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write, or a directory [default: standard output; a workspace needs a directory].
    #[arg(short, long, value_name = "FILE_OR_DIR")]
    output: Option<PathBuf>,
    /// Overwrite files that are there.
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let project = understood(&self.project).await?;
        let Exported { files, notes } = self.format.write(&project).map_err(Failure::failed)?;
        for note in notes.iter().chain(&secrets(&project)) {
            paint::event("note", note);
        }
        match (&self.output, files.as_slice()) {
            (None, [(_, text)]) if self.format != Format::Workspace => {
                println!("{}", text.trim_end_matches('\n'));
            }
            (None, _) => {
                return Err(Failure::usage(
                    "a workspace is several files; name a directory with -o DIR",
                ));
            }
            (Some(file), [(_, text)]) if self.is_file(file) => {
                let files = Files::from([(file.clone(), text.clone())]);
                files.write(self.force)?;
                paint::event("wrote", &file.display().to_string());
            }
            (Some(dir), _) => {
                let files = Files::below(dir, files);
                files.write(self.force)?;
                let said = format!("{} in {}", paint::count(files.len(), "file"), dir.display());
                paint::event("wrote", &said);
            }
        }
        Ok(Exit::Success)
    }

    /// Whether what `-o` names is a file to write: it has an ending, and no folder has that name.
    fn is_file(&self, output: &std::path::Path) -> bool {
        self.format != Format::Workspace && !output.is_dir() && output.extension().is_some()
    }
}

/// That they are missing where the project goes.
fn secrets(project: &Project) -> Option<String> {
    let credentials = project.credentials.values();
    let names: Vec<String> = credentials
        .filter(|credential| !credential.body.is_empty())
        .map(|credential| format!("`{}`", credential.name))
        .collect();
    let said = format!(
        "secrets are not exported; write the credentials {} where the project goes",
        names.join(", ")
    );
    (!names.is_empty()).then_some(said)
}
