//! `openfn compile`.

use std::path::Path;
use std::sync::Arc;

use fonio_sandbox::{Adaptor, Sandbox};

use super::adaptors::Asked;
use super::execute::{tell_of_problems, write};
use super::input::job_at;
use super::log::{Component, Log};
use super::options::Compile;
use crate::cli::output::println;
use crate::cli::{Exit, Failure, run, sandbox};

/// Prints or writes the module that runs in place of the job.
pub(super) async fn run(compile: Compile, log: &Log) -> Result<bool, Failure> {
    let Some(file) = job_at(&compile.path) else {
        return Err(Failure::usage(format!(
            "{} is not a job: a job is a .js file, or a folder with a job.js; the jobs of a workflow are compiled one by one",
            compile.path.display()
        )));
    };
    let source = run::read(&file)?;
    let sandbox = sandbox::start().await?;
    let adaptor = adaptor(&compile, &sandbox, log).await?;
    let code = match run::compile(&sandbox, &file, &source, adaptor).await {
        Ok((code, warnings)) => {
            tell_of_problems(&warnings, log)?;
            code
        }
        Err(errors) => {
            tell_of_problems(&errors, log)?;
            return Ok(false);
        }
    };
    match &compile.output_path {
        None => println!("{}", code.module),
        Some(path) => {
            write(path, &code.module)?;
            log.success(Component::Cli, &format!("Compiled to {}", path.display()));
        }
    }
    Ok(true)
}

async fn adaptor(
    compile: &Compile,
    sandbox: &Sandbox,
    log: &Log,
) -> Result<Option<Arc<Adaptor>>, Failure> {
    let asked = Asked::parse(&compile.adaptors.named)?;
    let mut problems = Vec::new();
    let adaptors = asked.load(Path::new("."), sandbox, &mut problems).await?;
    tell_of_problems(&problems, log)?;
    let found = adaptors.find(&asked.of_job()?);
    let found =
        found.map_err(|(said, help)| Failure(Exit::NotLoaded, format!("{said}\n  = {help}")))?;
    Ok(found.map(|loaded| Arc::clone(&loaded.adaptor)))
}
