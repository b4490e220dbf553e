//! `fonio adaptor inspect`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fonio_project::{AdaptorName, COMMON_OPERATIONS, in_a_line};
use fonio_sandbox::{Adaptor, Operation, Sandbox};
use serde_json::json;

use super::adaptor::{load, text};
use super::named::{self, is_wasm};
use super::output::{println, tell};
use super::{Exit, Failure};
use crate::wants::{capability, wants};

/// Shows what a file, or an adaptor by its name, is before anyone trusts it: its operations, its credential and every
/// interface it imports.
///
/// The file's own description is computed in the sandbox, without network; that of an imported package is read. Exits 10
/// when it is not an adaptor.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A `.wasm` file, or a name, which means what it would mean to a job of the project.
    file: PathBuf,
    /// The project in which the name is looked up.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        let Some(adaptor) = self.adaptor(sandbox).await? else {
            common(self.json);
            return Ok(Exit::Success);
        };
        if self.json {
            let mut value = serde_json::to_value(adaptor.description()).map_err(Failure::failed)?;
            value["imports"] = json!(adaptor.imports());
            value["wants"] = json!(wants(&adaptor));
            value["capabilities"] = json!(capabilities(&adaptor));
            value["package"] = json!(adaptor.contents());
            println!("{value}");
        } else {
            show(&adaptor);
        }
        Ok(Exit::Success)
    }

    /// None for the common operations, which no file holds.
    async fn adaptor(&self, sandbox: &Sandbox) -> Result<Option<Arc<Adaptor>>, Failure> {
        let named = self
            .file
            .to_str()
            .filter(|name| name.parse::<AdaptorName>().is_ok());
        match named {
            Some(name) if !is_wasm(&self.file) && !self.file.exists() => {
                let named = named::from_project(sandbox, &self.project, name).await?;
                Ok(named.map(|named| named.adaptor))
            }
            _ => Ok(Some(Arc::new(load(sandbox, &self.file).await?))),
        }
    }
}

/// Its imports, by what they are for.
fn capabilities(adaptor: &Adaptor) -> BTreeMap<&'static str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in adaptor.imports() {
        found.entry(capability(import)).or_default().push(import);
    }
    found
}

/// The common operations are inside the runtime, and no adaptor describes them.
fn common(as_json: bool) {
    if as_json {
        println!(
            "{}",
            json!({ "name": "common", "operations": COMMON_OPERATIONS })
        );
    } else {
        tell!("common: built in; every job has its operations\n\noperations");
        for operation in COMMON_OPERATIONS {
            tell!("  {operation}");
        }
    }
}

fn show(adaptor: &Adaptor) {
    let description = adaptor.description();
    tell!(
        "{} {}\n{}\n",
        in_a_line(&description.name),
        in_a_line(&description.version),
        description.docs
    );
    if let Some(contents) = adaptor.contents() {
        tell!("an npm package, imported by {}", contents.made_by);
        tell!("licence     {}", in_a_line(&contents.licence));
    }
    tell!(
        "answers to  {}",
        in_a_line(&description.answers_to.join(", "))
    );
    tell!("wants       {}\n", in_a_line(&wants(adaptor).join(", ")));
    tell!("operations");
    description.operations.iter().for_each(show_operation);
    tell!("\ncredential");
    let fields = description.credential_schema["properties"].as_object();
    for (name, field) in fields.into_iter().flatten() {
        let secret = if field["writeOnly"] == true {
            " (secret)"
        } else {
            ""
        };
        tell!(
            "  {}{secret}  {}",
            in_a_line(name),
            text(field, "description")
        );
    }
    tell!("\nimports");
    for (capability, imports) in capabilities(adaptor) {
        tell!("  {capability}");
        imports.iter().for_each(|import| tell!("    {import}"));
    }
}

fn show_operation(operation: &Operation) {
    let parameters = operation.parameters.iter().map(|parameter| {
        let mark = if parameter.optional { "?" } else { "" };
        format!("{}{mark}", parameter.name)
    });
    let parameters: Vec<String> = parameters.collect();
    let call = format!("{}({})", operation.name, parameters.join(", "));
    tell!("  {}", in_a_line(&call));
    if let Some(line) = operation.docs.lines().next() {
        tell!("      {line}");
    }
}
