//! `fonio adaptor`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fonio_project::{AdaptorName, Project};
use fonio_sandbox::{Adaptor, Operation, Sandbox};
use serde_json::{Value, json};

use super::author::AuthorCommand;
use super::import::ImportPackage;
use super::output::println;
use super::{Exit, Failure, paint, sandbox};
use crate::adaptors::{Adaptors, LoadedAdaptor};
use crate::wasm_file;

#[derive(Debug, Subcommand)]
pub(crate) enum AdaptorCommand {
    List(List),
    Inspect(Inspect),
    Import(ImportPackage),
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

/// Shows what a file is before anyone trusts it: its operations, its credential and every interface it imports.
///
/// The file's own description is computed in the sandbox, without network; that of an imported package is read. Exits 10
/// when it is not an adaptor.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A `.wasm` file.
    file: PathBuf,
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
        let adaptors = Adaptors::load(&self.dir, sandbox, None, &mut problems).await;
        for problem in &problems {
            paint::problem(problem);
        }
        let project = crate::host::load_project(&self.dir).await.project;
        let names: Vec<Value> = project
            .iter()
            .flat_map(names)
            .map(|name| meaning(&name, &adaptors))
            .collect();
        let rows: Vec<Value> = adaptors.0.iter().map(row).collect();
        if self.json {
            println!(
                "{}",
                json!({ "adaptors": rows, "names": names, "problems": problems })
            );
        } else {
            table(&rows);
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
            "why": choice.why,
        }),
        Err((error, help)) => json!({ "name": name.to_string(), "error": error, "help": help }),
    }
}

fn table(rows: &[Value]) {
    println!(
        "{:<14} {:<9} {:<9} {:<28} FROM",
        "NAME", "VERSION", "KIND", "ANSWERS TO"
    );
    println!(
        "{:<14} {:<9} {:<9} {:<28} built in (every job has its operations)",
        "common", "", "built in", "@openfn/language-common"
    );
    for row in rows {
        let answers: Vec<&str> = row["answers_to"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        println!(
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
    println!("\n{:<36} {:<34} WHY", "JOBS NAME", "THEY GET");
    for name in names {
        match name["error"].as_str() {
            None => println!(
                "{:<36} {:<34} {}",
                text(name, "name"),
                text(name, "from"),
                text(name, "why")
            ),
            Some(error) => println!(
                "{:<36} {error}\n{:<36} = {}",
                text(name, "name"),
                "",
                text(name, "help")
            ),
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
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

impl Inspect {
    async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        let adaptor = load(sandbox, &self.file).await?;
        if self.json {
            let mut value = serde_json::to_value(adaptor.description()).map_err(Failure::failed)?;
            value["imports"] = json!(adaptor.imports());
            value["package"] = json!(adaptor.contents());
            println!("{value}");
        } else {
            show(&adaptor);
        }
        Ok(Exit::Success)
    }
}

fn show(adaptor: &Adaptor) {
    let description = adaptor.description();
    println!(
        "{} {}\n{}\n",
        description.name, description.version, description.docs
    );
    if let Some(contents) = adaptor.contents() {
        println!("an npm package, imported by {}", contents.made_by);
        println!("licence     {}", contents.licence);
    }
    println!("answers to  {}", description.answers_to.join(", "));
    println!("wants       {}\n", description.wants.join(", "));
    println!("operations");
    description.operations.iter().for_each(show_operation);
    println!("\ncredential");
    let fields = description.credential_schema["properties"].as_object();
    for (name, field) in fields.into_iter().flatten() {
        let secret = if field["writeOnly"] == true {
            " (secret)"
        } else {
            ""
        };
        println!("  {name}{secret}  {}", text(field, "description"));
    }
    println!("\nimports");
    for import in adaptor.imports() {
        println!("  {import}");
    }
}

fn show_operation(operation: &Operation) {
    let parameters = operation.parameters.iter().map(|parameter| {
        let mark = if parameter.optional { "?" } else { "" };
        format!("{}{mark}", parameter.name)
    });
    let parameters: Vec<String> = parameters.collect();
    println!("  {}({})", operation.name, parameters.join(", "));
    if let Some(line) = operation.docs.lines().next() {
        println!("      {line}");
    }
}
