//! What a person types.

mod access;
mod adaptor;
mod ask;
mod audit;
mod author;
mod backup;
mod check;
mod compile;
mod confirm;
mod dead;
mod doors;
mod forget;
mod import;
mod inspect;
mod lock;
mod messages;
mod named;
mod numbers;
mod openfn;
mod output;
pub mod paint;
mod project;
mod reach;
mod rows;
mod run;
mod runs;
mod sandbox;
mod serve;
mod shutdown;
mod store;
mod token;
mod triggers;
mod user;
mod when;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fonio_sandbox::Shape;

/// Runs an organisation's integrations, every connector in a WebAssembly sandbox.
///
/// A project is a directory: project.yaml with jobs, triggers and credentials, jobs/*.js, adaptors/*.wasm, and
/// fonio.toml, which says what they may reach. Start with `fonio check DIR`, then `fonio serve DIR`.
///
/// Called as `openfn` (by a link to it), it takes OpenFn's command line.
#[derive(Debug, Parser)]
#[command(name = "fonio", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Run(run::Run),
    Check(check::Check),
    Compile(compile::Compile),
    /// Imports projects from OpenFn, and exports them to any of its formats.
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// What adaptors there are, what a file wants before anyone trusts it, and how to write one.
    #[command(subcommand)]
    Adaptor(adaptor::AdaptorCommand),
    /// Adds, lists and removes users, and sets passwords and roles.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Makes, lists and revokes the tokens with which scripts sign in.
    #[command(subcommand)]
    Token(token::TokenCommand),
    Audit(audit::Audit),
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    #[command(subcommand)]
    Messages(messages::MessagesCommand),
    #[command(subcommand)]
    Dead(dead::DeadCommand),
    Backup(backup::Backup),
    Restore(backup::Restore),
    /// Compacts a host's store, or copies it into PostgreSQL.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Compiles one guest within limits; the host starts this as a child of its own.
    #[command(hide = true)]
    CompileGuest {
        shape: String,
        source: PathBuf,
        output: PathBuf,
    },
    /// Loads a package into the runtime within limits; `adaptor import` starts this as a child of its own.
    #[command(hide = true)]
    SnapshotPackage {
        bundle: PathBuf,
        output: PathBuf,
    },
}

/// How a command ends; the numbers are in docs/limits.md and in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0.
    Success,
    /// 1: the job failed, the project has errors, or the host could not go on.
    Failed,
    /// 2: wrong use.
    Usage,
    /// 3: a limit or a denied capability stopped the job.
    Stopped,
    /// 10: it could not be loaded.
    NotLoaded,
}

impl Exit {
    /// Of a step that failed.
    pub(crate) fn of_step(failure: &fonio_sandbox::StepFailure) -> Exit {
        match failure.exit_code() {
            3 => Exit::Stopped,
            10 => Exit::NotLoaded,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Stopped => 3,
            Exit::NotLoaded => 10,
        })
    }
}

/// A command that could not do its work: how it ends, and what to say.
#[derive(Debug)]
pub(crate) struct Failure(pub Exit, pub String);

impl Failure {
    pub(crate) fn usage(said: impl Into<String>) -> Failure {
        Failure(Exit::Usage, said.into())
    }

    pub(crate) fn failed(said: impl ToString) -> Failure {
        Failure(Exit::Failed, said.to_string())
    }
}

/// The program.
pub fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if openfn::is_called(&arguments) {
        return openfn::main(arguments);
    }
    let cli = Cli::parse_from(arguments);
    paint::start_tracing();
    let result = match cli.command {
        Command::CompileGuest {
            shape,
            source,
            output,
        } => compile_guest(&shape, &source, &output),
        Command::SnapshotPackage { bundle, output } => snapshot_package(&bundle, &output),
        Command::Serve(serve) => serve
            .prepare()
            .and_then(|ready| on_runtime(ready.execute())),
        Command::Run(run) => on_runtime(run.execute()),
        Command::Check(check) => on_runtime(check.execute()),
        Command::Compile(compile) => on_runtime(compile.execute()),
        Command::Project(project) => on_runtime(project.execute()),
        Command::Adaptor(adaptor) => on_runtime(adaptor.execute()),
        Command::User(user) => user.execute(),
        Command::Token(token) => token.execute(),
        Command::Audit(audit) => audit.execute(),
        Command::Runs(runs) => on_runtime(runs.execute()),
        Command::Messages(messages) => on_runtime(messages.execute()),
        Command::Dead(dead) => on_runtime(dead.execute()),
        Command::Backup(backup) => backup.execute(),
        Command::Restore(restore) => restore.execute(),
        Command::Store(store) => on_runtime(store.execute()),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(Failure(exit, said)) => {
            paint::error(&said);
            exit.into()
        }
    }
}

fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| Failure::failed(format!("no threads could be started: {error}")))?
        .block_on(work)
}

fn compile_guest(
    shape: &str,
    source: &std::path::Path,
    output: &std::path::Path,
) -> Result<Exit, Failure> {
    let shape = Shape::from_name(shape)
        .ok_or_else(|| Failure::usage(format!("{shape} is not a shape of guest")))?;
    fonio_sandbox::compile_guest(shape, source, output)
        .map_err(|error| Failure(Exit::NotLoaded, format!("{error:#}")))?;
    Ok(Exit::Success)
}

fn snapshot_package(bundle: &std::path::Path, output: &std::path::Path) -> Result<Exit, Failure> {
    let exports = fonio_sandbox::snapshot_package_here(bundle, output)
        .map_err(|error| Failure(Exit::NotLoaded, format!("{error:#}")))?;
    anstream::println!("{exports}");
    Ok(Exit::Success)
}
