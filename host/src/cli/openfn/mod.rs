//! The command line of OpenFn, for scripts and hands that know it: the same program, called as `openfn`.
//!
//! ```text
//! openfn PATH …          options ─▶ input ─▶ execute ─▶ output.json
//! openfn compile JOB     options ─▶ compile
//! openfn docs ADAPTOR    docs
//! ```
//!
//! [`input`] finds out what PATH means and makes a project of one workflow of it, which [`execute`] walks as `fonio run`
//! does. [`log`] speaks as OpenFn's command line speaks. What is about OpenFn's servers is [`elsewhere`]. As theirs, it
//! exits with 0 when a run ended, also with errors in its state, and with 1 when it could not begin or was stopped.

mod adaptors;
mod cache;
mod compile;
mod credentials;
mod docs;
mod duration;
mod elsewhere;
mod execute;
mod ignored;
mod input;
mod log;
mod options;
mod sanitize;
mod state;
mod steps;
mod trial;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use self::log::{Component, Log};
use self::options::{Command, OpenFn};
use super::output::println;
use super::{Failure, paint};

/// The name by which the program is called.
const NAME: &str = "openfn";
/// The version whose command line this is.
const LIKE: &str = "1.36";

/// Whether these are arguments for OpenFn's command line. What the host calls itself for is never.
pub(super) fn is_called(arguments: &[OsString]) -> bool {
    let called = arguments.first().map(Path::new).and_then(Path::file_stem);
    let for_itself = arguments
        .get(1)
        .is_some_and(|first| first == "compile-guest");
    called.is_some_and(|name| name == NAME) && !for_itself
}

/// The program, called by that name.
pub(super) fn main(arguments: Vec<OsString>) -> ExitCode {
    let arguments = options::normal(arguments);
    let parsed = match OpenFn::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return not_understood(&error),
    };
    paint::start_tracing();
    let outcome = match parsed.command {
        Command::Execute(execute) => {
            let log = execute.common.log();
            end(&log, super::on_runtime(execute::run(*execute, &log)))
        }
        Command::Compile(compile) => {
            let log = compile.common.log();
            end(&log, super::on_runtime(compile::run(compile, &log)))
        }
        Command::Docs(docs) => {
            let log = docs.common.log();
            end(&log, super::on_runtime(docs::run(docs)))
        }
        Command::Test(common) => {
            let log = common.log();
            end(&log, super::on_runtime(trial::run(&log)))
        }
        Command::Version => {
            println!("{}", version());
            true
        }
        Command::Other(words) => elsewhere::tell(&words),
    };
    if outcome {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn end(log: &Log, ended: Result<bool, Failure>) -> bool {
    ended.unwrap_or_else(|Failure(_, said)| {
        log.error(Component::Cli, &said);
        false
    })
}

fn version() -> String {
    format!(
        "Versions:\n  fonio  {}\n  cli    {LIKE} (its command line; nothing of it is installed)",
        env!("CARGO_PKG_VERSION")
    )
}

/// Help was asked for, or the arguments are wrong; the latter is 1, as in all that goes wrong here.
fn not_understood(error: &clap::Error) -> ExitCode {
    // Where nobody reads there is nobody to tell.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
