//! `fonio adaptor new`, `build` and `test`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::tell;
use super::sandbox::tools;
use super::{Exit, Failure, adaptor, lock, paint, run, sandbox};
use crate::author::{self, AuthorError, Case, Language, Name, Source, Trial};

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorCommand {
    New(New),
    Build(Build),
    Test(Test),
}

/// Makes a small working adaptor, with tests, in a folder of its name: the place to start from.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The adaptor's name, as jobs will use it: lower-case letters, digits and hyphens.
    name: Name,
    /// What to write it in.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Language,
}

/// Builds an adaptor to one `.wasm` file, which drops into a project's `adaptors/`.
///
/// Rust needs cargo with the target wasm32-unknown-unknown; JavaScript needs esbuild (FONIO_ESBUILD, else the one on the path,
/// else npm's); Python needs python3 with venv and PyPI, the first time. They are needed on this machine only; running the
/// adaptor needs none of them. Exits 1 when it does not build.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The adaptor's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The file to write [default: DIR/NAME.wasm, NAME being the folder's].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the cases in an adaptor's `tests/*.json`, each in the real sandbox against a scripted server of its own, which is all
/// that it may reach. Builds the adaptor first if its source has changed.
///
/// Limits are those of a project, and those of a fonio.toml in the folder. Exits 1 when a case fails, 10 when the adaptor
/// does not load.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The adaptor's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Test this file, however it was made, and build nothing.
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl AuthorCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            AuthorCommand::New(new) => new.execute(),
            AuthorCommand::Build(build) => build.execute().await,
            AuthorCommand::Test(test) => test.execute().await,
        }
    }
}

impl From<AuthorError> for Failure {
    fn from(error: AuthorError) -> Failure {
        let exit = match &error {
            AuthorError::Name(_)
            | AuthorError::Taken(_)
            | AuthorError::NoAdaptor(_)
            | AuthorError::NoCases(_)
            | AuthorError::Case { .. } => Exit::Usage,
            AuthorError::Tool(_) | AuthorError::Source(_) | AuthorError::File { .. } => {
                Exit::Failed
            }
        };
        Failure(exit, error.to_string())
    }
}

impl New {
    fn execute(self) -> Result<Exit, Failure> {
        let dir = author::create(&self.name, self.lang, Path::new("."))?;
        let name = self.name.as_str();
        paint::event(
            "Created",
            &format!("{}: its README.md says what is what", dir.display()),
        );
        tell!("cd {name}\nfonio adaptor test\nfonio adaptor build");
        Ok(Exit::Success)
    }
}

impl Build {
    async fn execute(self) -> Result<Exit, Failure> {
        let source = Source::find(&self.dir)?;
        let output = self.output.unwrap_or_else(|| source.output());
        let bytes = source.build(&output, &tools()?, &paint::event).await?;
        if lock::is_kept(&output) {
            lock::keep(&output, &sandbox::start().await?, false).await?;
        }
        let mib = bytes as f64 / f64::from(1 << 20);
        tell!("{}: {mib:.1} MiB", output.display());
        Ok(Exit::Success)
    }
}

impl Test {
    async fn execute(self) -> Result<Exit, Failure> {
        let cases = Case::all(&self.dir)?;
        let limits = run::settings(&self.dir)?.limits;
        let wasm = match &self.wasm {
            Some(wasm) => wasm.clone(),
            None => built(&self.dir).await?,
        };
        let sandbox = sandbox::start().await?;
        let adaptor = Arc::new(adaptor::load(&sandbox, &wasm).await?);
        let mut trials = Vec::new();
        for case in &cases {
            let trial = author::try_case(case, &adaptor, &sandbox, limits).await?;
            if !self.json {
                show(case, &trial, &self.dir);
            }
            trials.push(trial);
        }
        let failed = trials.iter().filter(|trial| !trial.differences.is_empty());
        let failed = failed.count();
        let passed = trials.len() - failed;
        if self.json {
            let cases: Vec<Value> = cases
                .iter()
                .zip(&trials)
                .map(|(case, trial)| as_json(case, trial))
                .collect();
            tell!(
                "{}",
                json!({ "passed": passed, "failed": failed, "cases": cases })
            );
        } else {
            tell!("{passed} passed, {failed} failed");
        }
        Ok(if failed == 0 {
            Exit::Success
        } else {
            Exit::Failed
        })
    }
}

/// The adaptor's file, built anew if its source has changed since.
async fn built(dir: &Path) -> Result<PathBuf, Failure> {
    let source = Source::find(dir)?;
    let output = source.output();
    if !source.is_built(&output)? {
        source.build(&output, &tools()?, &paint::event).await?;
    }
    Ok(output)
}

fn show(case: &Case, trial: &Trial, dir: &Path) {
    let took = trial.took.as_millis();
    if trial.differences.is_empty() {
        tell!("ok    {} ({took} ms)", case.name);
        return;
    }
    let file = case.path.strip_prefix(dir).unwrap_or(&case.path);
    tell!("FAIL  {} ({})", case.name, file.display());
    for difference in &trial.differences {
        tell!("      {}", difference.to_string().replace('\n', "\n      "));
    }
    for line in &trial.log {
        tell!("      log {:>5} {}", line.level.as_str(), line.message);
    }
}

fn as_json(case: &Case, trial: &Trial) -> Value {
    let log = trial.log.iter();
    let log: Vec<Value> = log
        .map(|line| json!({ "level": line.level.as_str(), "message": line.message }))
        .collect();
    json!({
        "name": case.name,
        "file": case.path,
        "passed": trial.differences.is_empty(),
        "differences": trial.differences,
        "milliseconds": trial.took.as_millis() as u64,
        "log": log,
    })
}
