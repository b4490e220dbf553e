//! `fonio compile`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::println;
use super::{Exit, Failure, named, run, sandbox};

/// Prints what the runtime runs in place of a job: the module that its expression is compiled to.
///
/// Exits 10 when it does not compile, and says why, with file, line and column.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// A JavaScript file.
    #[arg(value_name = "JOB.js")]
    job: PathBuf,
    /// The adaptor whose operations it calls: a name or a `.wasm` file [default: the common operations alone].
    #[arg(short, long, value_name = "ADAPTOR")]
    adaptor: Vec<String>,
    /// Where to write it [default: standard output].
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

impl Compile {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let source = run::read(&self.job)?;
        let sandbox = sandbox::start().await?;
        let adaptor = named::adaptor(&sandbox, Path::new("."), &self.adaptor).await?;
        let adaptor = adaptor.map(|named| named.adaptor);
        let code = run::compiled(&sandbox, &self.job, &source, adaptor).await?;
        let module = code.module.trim_end_matches('\n');
        match &self.output {
            None => println!("{module}"),
            Some(path) => fs::write(path, format!("{module}\n")).map_err(|error| {
                Failure::failed(format!("{} cannot be written: {error}", path.display()))
            })?,
        }
        Ok(Exit::Success)
    }
}
