//! `fonio adaptor`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fonio_project::{AdaptorName, Project, in_a_line};
use fonio_sandbox::{Adaptor, Sandbox};
use serde_json::{Value, json};

use super::author::AuthorCommand;
use super::import::ImportPackage;
use super::inspect::Inspect;
use super::lock::LockFiles;
use super::output::{println, tell};
use super::{Exit, Failure, paint, sandbox};
use crate::adaptors::{Adaptors, LoadedAdaptor, wasm_files};
use crate::trust::Trust;
use crate::wasm_file;

/// How wide lines for a person are, in characters; a word that is longer stands alone.
const WIDTH: usize = 120;

#[derive(Debug, Subcommand)]
pub(crate) enum AdaptorCommand {
    List(List),
    Inspect(Inspect),
    Import(ImportPackage),
    Lock(LockFiles),
    #[command(flatten)]
    Author(AuthorCommand),
}

/// Lists the adaptors that jobs of a project can name: its own files first, then those inside the program. Then which of
/// them each name means that the project's jobs use, and why.
///
/// Exits 1 when a file does not load, or nothing answers to a name.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The project's directory.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl AdaptorCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            AdaptorCommand::List(list) => list.execute(&sandbox::start().await?).await,
            AdaptorCommand::Inspect(inspect) => inspect.execute(&sandbox::start().await?).await,
            AdaptorCommand::Import(import) => import.execute(&sandbox::start().await?).await,
            AdaptorCommand::Lock(lock) => lock.execute(&sandbox::start().await?).await,
            AdaptorCommand::Author(author) => author.execute().await,
        }
    }
}

impl List {
    async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        if !self.dir.is_dir() {
            return Err(Failure::usage(format!(
                "there is no folder {}",
                self.dir.display()
            )));
        }
        let mut problems = Vec::new();
        let trust = Trust::read(&self.dir, &mut problems);
        let adaptors =
            Adaptors::load_trusted(&self.dir, &trust, sandbox, None, &mut problems).await;
        for problem in &problems {
            paint::problem(problem);
        }
        let project = crate::host::load_project(&self.dir).await.project;
        let names: Vec<Value> = project
            .iter()
            .flat_map(names)
            .map(|name| meaning(&name, &adaptors))
            .collect();
        let rows: Vec<Value> = adaptors.all.iter().map(row).collect();
        if self.json {
            println!(
                "{}",
                json!({ "adaptors": rows, "names": names, "locked": trust.is_locked(), "problems": problems })
            );
        } else {
            table(&rows);
            if !wasm_files(&self.dir).is_empty() {
                tell!("\n{}", trust.in_words());
            }
            meanings(&names);
        }
        let all_mean_something = names.iter().all(|name| name["error"].is_null());
        Ok(if problems.is_empty() && all_mean_something {
            Exit::Success
        } else {
            Exit::Failed
        })
    }
}

fn row(loaded: &LoadedAdaptor) -> Value {
    let description = loaded.adaptor.description();
    json!({
        "name": loaded.short_name(),
        "version": description.version,
        "kind": loaded.kind(),
        "answers_to": description.answers_to,
        "from": from(loaded),
        "sha256": loaded.file.as_ref().map(|_| &loaded.digest),
        "signed_by": loaded.signed_by,
    })
}

fn from(loaded: &LoadedAdaptor) -> String {
    let file = loaded.file.as_ref();
    file.map_or("built in".into(), |file| file.display().to_string())
}

/// The names that a project's jobs use, each once.
fn names(project: &Project) -> Vec<AdaptorName> {
    let mut names: Vec<AdaptorName> = project.jobs().map(|job| job.adaptor.clone()).collect();
    names.sort();
    names.dedup();
    names
}

fn meaning(name: &AdaptorName, adaptors: &Adaptors) -> Value {
    match adaptors.choose(name) {
        Ok(choice) => json!({
            "name": name.to_string(),
            "from": choice.adaptor.map_or_else(|| "built in".to_owned(), from),
            "why": choice.why(),
        }),
        Err((error, help)) => json!({ "name": name.to_string(), "error": error, "help": help }),
    }
}

fn table(rows: &[Value]) {
    tell!(
        "{:<14} {:<9} {:<9} {:<28} FROM",
        "NAME",
        "VERSION",
        "KIND",
        "ANSWERS TO"
    );
    tell!(
        "{:<14} {:<9} {:<9} {:<28} built in (every job has its operations)",
        "common",
        "",
        "built in",
        "@openfn/language-common"
    );
    for row in rows {
        let answers = row["answers_to"].as_array().into_iter().flatten();
        let answers: Vec<String> = answers.filter_map(Value::as_str).map(in_a_line).collect();
        tell!(
            "{:<14} {:<9} {:<9} {:<28} {}",
            text(row, "name"),
            text(row, "version"),
            text(row, "kind"),
            answers.join(", "),
            text(row, "from")
        );
    }
}

fn meanings(names: &[Value]) {
    if names.is_empty() {
        return;
    }
    tell!("\n{:<36} {:<34} WHY", "JOBS NAME", "THEY GET");
    for name in names {
        let (gets, why) = match name["error"].as_str() {
            None => (text(name, "from"), text(name, "why")),
            Some(error) => (
                "nothing".to_owned(),
                format!("{error}; {}", text(name, "help")),
            ),
        };
        let row = format!("{:<36} {gets:<34} ", text(name, "name"));
        if row.chars().count() + why.chars().count() <= WIDTH {
            tell!("{row}{why}");
        } else {
            // One clause a line, so that a command stays in one piece.
            tell!("{}", row.trim_end());
            why.split("; ")
                .for_each(|clause| tell!("{}", paint::wrapped(clause, 4, WIDTH)));
        }
    }
}

/// In one line, as it stands in a row of a table.
pub(super) fn text(value: &Value, key: &str) -> String {
    in_a_line(value[key].as_str().unwrap_or_default())
}

/// Reads and loads one file.
pub(crate) async fn load(sandbox: &Sandbox, file: &Path) -> Result<Adaptor, Failure> {
    let failed = |reason: String| {
        Failure(
            Exit::NotLoaded,
            format!("{} is not an adaptor: {reason}", file.display()),
        )
    };
    let wasm = wasm_file::read(file.to_path_buf()).await.map_err(failed)?;
    sandbox
        .load_adaptor(&wasm)
        .await
        .map_err(|error| failed(error.to_string()))
}
