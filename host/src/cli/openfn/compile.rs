//! `openfn compile`.

use std::path::Path;

use super::execute::{tell_of_problems, write};
use super::input::job_at;
use super::log::{Component, Log};
use super::options::Compile;
use crate::cli::output::println;
use crate::cli::{Failure, named, run, sandbox};

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
    let adaptor = named::adaptor(&sandbox, Path::new("."), &compile.adaptors).await?;
    let adaptor = adaptor.map(|named| named.adaptor);
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
