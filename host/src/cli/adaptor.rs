//! `fonio adaptor`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fonio_sandbox::{Adaptor, Sandbox};
use serde_json::{Value, json};

use super::output::println;
use super::{Exit, Failure, paint, sandbox};
use crate::adaptors::Adaptors;
use crate::wasm_file;

#[derive(Debug, Subcommand)]
pub(crate) enum AdaptorCommand {
    List(List),
    Inspect(Inspect),
}

/// Lists the adaptors that jobs of a project can name: its own files first, then those inside the program.
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
/// The file's own description is computed in the sandbox, without network. Exits 10 when it is not an adaptor.
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
        let sandbox = sandbox::start().await?;
        match self {
            AdaptorCommand::List(list) => list.execute(&sandbox).await,
            AdaptorCommand::Inspect(inspect) => inspect.execute(&sandbox).await,
        }
    }
}

impl List {
    async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        let mut problems = Vec::new();
        let adaptors = Adaptors::load(&self.dir, sandbox, None, &mut problems).await;
        for problem in &problems {
            paint::problem(problem);
        }
        let rows: Vec<Value> = adaptors
            .0
            .iter()
            .map(|loaded| {
                let description = loaded.adaptor.description();
                json!({
                    "name": loaded.short_name(),
                    "version": description.version,
                    "answers_to": description.answers_to,
                    "from": loaded.file.as_ref().map_or("built in".into(), |file| file.display().to_string()),
                })
            })
            .collect();
        if self.json {
            println!("{}", json!({ "adaptors": rows, "problems": problems }));
        } else {
            println!("{:<12} {:<9} {:<28} FROM", "NAME", "VERSION", "ANSWERS TO");
            println!(
                "{:<12} {:<9} {:<28} built in (every job has its operations)",
                "common", "", "@openfn/language-common"
            );
            for row in &rows {
                let answers: Vec<&str> = row["answers_to"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                println!(
                    "{:<12} {:<9} {:<28} {}",
                    text("name"),
                    text("version"),
                    answers.join(", "),
                    text("from")
                );
            }
        }
        Ok(if problems.is_empty() {
            Exit::Success
        } else {
            Exit::Failed
        })
    }
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
        let description = adaptor.description();
        if self.json {
            let mut value = serde_json::to_value(description).map_err(Failure::failed)?;
            value["imports"] = json!(adaptor.imports());
            println!("{value}");
            return Ok(Exit::Success);
        }
        println!(
            "{} {}\n{}\n",
            description.name, description.version, description.docs
        );
        println!("answers to  {}", description.answers_to.join(", "));
        println!("wants       {}\n", description.wants.join(", "));
        println!("operations");
        for operation in &description.operations {
            let parameters = operation.parameters.iter();
            let parameters: Vec<String> = parameters
                .map(|p| {
                    if p.optional {
                        format!("{}?", p.name)
                    } else {
                        p.name.clone()
                    }
                })
                .collect();
            println!("  {}({})", operation.name, parameters.join(", "));
            println!(
                "      {}",
                operation.docs.lines().next().unwrap_or_default()
            );
        }
        println!("\ncredential");
        for (name, field) in description.credential_schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let secret = if field["writeOnly"] == true {
                " (secret)"
            } else {
                ""
            };
            println!(
                "  {name}{secret}  {}",
                field["description"].as_str().unwrap_or_default()
            );
        }
        println!("\nimports");
        for import in adaptor.imports() {
            println!("  {import}");
        }
        Ok(Exit::Success)
    }
}
