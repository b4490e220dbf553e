//! `openfn docs`: what an adaptor says about itself.

use std::path::Path;

use fonio_project::COMMON_OPERATIONS;
use fonio_sandbox::{Description, Operation};

use super::options::Docs;
use crate::cli::output::tell;
use crate::cli::{Failure, named, sandbox};

/// Prints the operations, or one of them.
pub(super) async fn run(docs: Docs) -> Result<bool, Failure> {
    let sandbox = sandbox::start().await?;
    let asked = std::slice::from_ref(&docs.adaptor);
    let Some(named) = named::adaptor(&sandbox, Path::new("."), asked).await? else {
        return common(docs.operation.as_deref());
    };
    let description = named.adaptor.description();
    match &docs.operation {
        None => print_all(&named.name, description),
        Some(name) => {
            let mut operations = description.operations.iter();
            let found = operations.find(|operation| operation.name == *name);
            let found = found.ok_or_else(|| unknown(name, &named.name))?;
            print_one(found);
        }
    }
    Ok(true)
}

/// The common operations are part of every job, and no adaptor describes them.
fn common(operation: Option<&str>) -> Result<bool, Failure> {
    const NAME: &str = "@openfn/language-common";
    match operation {
        None => tell!(
            "{NAME}: every job has these\n\n{}",
            COMMON_OPERATIONS.join("\n")
        ),
        Some(name) if COMMON_OPERATIONS.contains(&name) => {
            tell!("{name}: an operation of {NAME}, which every job has");
        }
        Some(name) => return Err(unknown(name, NAME)),
    }
    Ok(true)
}

fn unknown(operation: &str, adaptor: &str) -> Failure {
    Failure::usage(format!(
        "{adaptor} has no operation {operation}; see: openfn docs {adaptor}"
    ))
}

fn print_all(name: &str, description: &Description) {
    tell!("{name} {}\n{}\n", description.version, description.docs);
    for operation in &description.operations {
        let first = operation.docs.lines().next().unwrap_or_default();
        tell!("{}\n    {first}", signature(operation));
    }
    tell!(
        "\nMore about one of them: openfn docs {} OPERATION",
        description.name
    );
}

fn print_one(operation: &Operation) {
    tell!("{}\n\n{}", signature(operation), operation.docs);
    for parameter in &operation.parameters {
        let optional = if parameter.optional {
            " (optional)"
        } else {
            ""
        };
        tell!("\n  {}{optional}\n      {}", parameter.name, parameter.docs);
    }
}

fn signature(operation: &Operation) -> String {
    let name = |parameter: &fonio_sandbox::Parameter| {
        let mark = if parameter.optional { "?" } else { "" };
        format!("{}{mark}", parameter.name)
    };
    let parameters: Vec<String> = operation.parameters.iter().map(name).collect();
    format!("{}({})", operation.name, parameters.join(", "))
}
