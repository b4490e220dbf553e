//! Everything a person does to the repository. `cargo xtask` lists it.

mod bench;
mod build;
mod demo;
mod deny;
mod far_side;
mod fuzz;
mod guests;
mod host;
mod lint;
mod patch;
mod pinned;
mod progress;
mod repo;
mod report;
mod stamp;
mod test;
mod tidy;
mod wire;
mod workspace;

use anyhow::bail;
use fonio_build::{component, machine, packages, toolchain};
use guests::Group;
use progress::Progress;
use repo::Repo;
use std::process::ExitCode;

const HELP: &str = "\
Everything a person does to the repository.

Usage: cargo xtask COMMAND

  demo [--once]       build everything, run examples/clinic-intake on real submissions, keep serving until Ctrl-C;
                      with --once exit when the result is shown
  build               the release program, guests embedded; prints where it is
  test [ARGUMENT]...  every rule and every test; arguments go to nextest (or to cargo test)
  lint                format, clippy with warnings denied, dependencies
  tidy                the repository's rules alone
  guests [--quiet]    the WebAssembly parts alone
  bench [ARGUMENT]... speed and memory as one JSON document on standard output; --help says what can be measured
  fuzz [TARGET]... [--seconds N]
                      the fuzz targets of tests/fuzz (default: all), each for N seconds (default: 60), guided by
                      libFuzzer where there is a C++ compiler
  patch-wasmtime [V]  the newest patch of the engine's line, or 48.0.N, with every check
  ci                  lint, test and demo --once, as .ci/run does

What is missing is found or installed: a Rust that builds for wasm32-unknown-unknown, and a clang that emits wasm.
Everything that is built goes to CARGO_TARGET_DIR, or to target/.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(compiled) = fuzz::instrumented_rustc(&arguments) {
        return compiled;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", progress::red("error:"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let repo = Repo::find()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo"] => demo::run(&repo, false),
        ["demo", "--once"] => demo::run(&repo, true),
        ["build"] => build::run(&repo),
        ["test", ..] => test::run(&repo, after_separator(&arguments[1..])),
        ["bench", ..] => bench::run(&repo, after_separator(&arguments[1..])),
        ["fuzz", ..] => fuzz::run(&repo, &arguments[1..]),
        ["lint"] => lint::run(&repo),
        ["tidy"] => Progress::of(1).step("Rules of the repository", |progress| {
            tidy::check(&repo, progress)
        }),
        ["guests"] => all_guests(&repo, Progress::of(1)),
        ["guests", "--quiet"] => all_guests(&repo, Progress::quiet()),
        ["patch-wasmtime"] => patch::run(&repo, None),
        ["patch-wasmtime", version] => patch::run(&repo, Some(version)),
        ["ci"] => {
            lint::run(&repo)?;
            test::run(&repo, &[])?;
            demo::run(&repo, true)
        }
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!(
            "there is no `cargo xtask {}`; `cargo xtask --help` lists what there is",
            words.join(" ")
        ),
    }
}

fn all_guests(repo: &Repo, mut progress: Progress) -> anyhow::Result<()> {
    progress.step("Guests (the WebAssembly parts)", |progress| {
        guests::build(repo, &[Group::Carried, Group::Test], progress)
    })
}

/// `cargo xtask test -- -E 'test(x)'` and the same without `--`.
fn after_separator(arguments: &[String]) -> &[String] {
    arguments
        .strip_prefix(&["--".to_owned()])
        .unwrap_or(arguments)
}
