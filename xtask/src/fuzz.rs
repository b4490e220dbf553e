//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, for as long as somebody has.
//!
//! libFuzzer guides them where there is a C++ compiler to build it with: it keeps the inputs that reach new code and goes on
//! from those. Our own crates alone are compiled for that, with counters at every edge: this program is then the compiler
//! that cargo calls for members of the workspace ([`instrumented_rustc`]), so wasmtime and all else stay as they are, and no
//! nightly toolchain is needed.

use crate::build;
use crate::guests::{self, Group};
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::{Context, bail};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Of `tests/fuzz`, in the order in which they run; its tests check that this has them all.
const TARGETS: &[&str] = &[
    "grants", "sealing", "projects", "criteria", "bodies", "wire",
];
/// Those whose code runs in another process, where nothing can be counted.
const UNGUIDED: &[&str] = &["wire"];
const SECONDS_DEFAULT: u64 = 60;
/// Says that this program was called as the compiler.
const AS_RUSTC: &str = "FONIO_XTASK_IS_RUSTC";

/// What counts edges and comparisons, as cargo-fuzz has it; and the checks of a debug build, which users' builds lack.
const INSTRUMENTED: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Coverflow-checks=on",
    "-Cdebug-assertions=on",
];

/// What to fuzz.
struct Wanted<'a> {
    targets: Vec<&'a str>,
    seconds: u64,
}

impl<'a> Wanted<'a> {
    fn read(arguments: &'a [String]) -> anyhow::Result<Wanted<'a>> {
        let mut wanted = Wanted {
            targets: Vec::new(),
            seconds: SECONDS_DEFAULT,
        };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--seconds" {
                let seconds = words.next().and_then(|seconds| seconds.parse().ok());
                wanted.seconds = seconds.context("--seconds wants a whole number")?;
            } else if TARGETS.contains(&word) {
                wanted.targets.push(word);
            } else {
                bail!(
                    "there is no fuzz target `{word}`; there are {}",
                    TARGETS.join(", ")
                );
            }
        }
        if wanted.targets.is_empty() {
            wanted.targets = TARGETS.to_vec();
        }
        Ok(wanted)
    }
}

/// `[TARGET]... [--seconds N]`.
pub fn run(repo: &Repo, arguments: &[String]) -> anyhow::Result<()> {
    let wanted = Wanted::read(arguments)?;
    let guided = has_cpp_compiler();
    let mut progress = Progress::of(3 + wanted.targets.len());
    progress.step("Guests (the WebAssembly parts)", |progress| {
        guests::build(repo, &[Group::Carried], progress)
    })?;
    progress.step("The program", |progress| build::program(repo, progress))?;
    progress.step("The fuzz targets", |progress| {
        build_plain(repo)?;
        if guided {
            return build_guided(repo);
        }
        progress.say("without guidance: libFuzzer needs a C++ compiler, and there is no c++");
        Ok(())
    })?;
    for target in wanted.targets {
        progress.step(target, |_| {
            if guided && !UNGUIDED.contains(&target) {
                run_guided(repo, target, wanted.seconds)
            } else {
                run_plain(repo, target, wanted.seconds)
            }
        })?;
    }
    Ok(())
}

fn build_plain(repo: &Repo) -> anyhow::Result<()> {
    let mut cargo = repo.cargo();
    cargo.args(["build", "--release", "--package", "fonio-fuzz"]);
    repo.run(&mut cargo, "the fuzz targets did not build")
}

fn build_guided(repo: &Repo) -> anyhow::Result<()> {
    let mut cargo = repo.cargo();
    cargo
        .args(["build", "--release", "--package", "fonio-fuzz"])
        .args(["--features", "guided", "--bin", "guided"])
        .env("RUSTC_WORKSPACE_WRAPPER", env::current_exe()?)
        .env(AS_RUSTC, "1");
    repo.run(&mut cargo, "the fuzz targets did not build for libFuzzer")
}

fn has_cpp_compiler() -> bool {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let version = Command::new(compiler).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

fn program(repo: &Repo, name: &str) -> PathBuf {
    repo.program()
        .with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn run_plain(repo: &Repo, target: &str, seconds: u64) -> anyhow::Result<()> {
    let mut fuzz = Command::new(program(repo, "fonio-fuzz"));
    fuzz.arg(target)
        .arg(format!("--seconds={seconds}"))
        .env("FONIO_BIN", repo.program());
    repo.run(
        &mut fuzz,
        &format!("{target}: it found something; see above"),
    )
}

/// Inputs that reached something new stay for the next time.
fn run_guided(repo: &Repo, target: &str, seconds: u64) -> anyhow::Result<()> {
    let folder = repo.target.join("fuzz").join(target);
    let (corpus, seeds, found) = (
        folder.join("corpus"),
        folder.join("seeds"),
        folder.join("found"),
    );
    for folder in [&corpus, &seeds, &found] {
        make(folder)?;
    }
    // The targets write what they have to say there; the first time libFuzzer wants it, it must be there.
    let words = folder.join("words");
    if !words.exists() {
        fs::write(&words, "")?;
    }
    let mut fuzz = Command::new(program(repo, "guided"));
    fuzz.arg(&corpus)
        .arg(&seeds)
        .arg(format!("-dict={}", words.display()))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        // An input that takes so long hangs a thread of a server that long.
        .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384"])
        .args(["-print_final_stats=1", "-verbosity=1"])
        .env("FONIO_FUZZ_TARGET", target)
        .env("FONIO_FUZZ_SEEDS", &seeds)
        .env("FONIO_BIN", repo.program());
    let again = format!(
        "{target}: it found something, which is in {}; `{} {target} FILE` repeats it",
        repo.short(&found),
        repo.short(&program(repo, "fonio-fuzz"))
    );
    repo.run(&mut fuzz, &again)
}

fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))
}

/// When cargo calls this program as its compiler: the compiler with counters. `None` if it does not.
pub fn instrumented_rustc(arguments: &[String]) -> Option<ExitCode> {
    env::var_os(AS_RUSTC)?;
    let (rustc, rest) = arguments.split_first()?;
    let mut command = Command::new(rustc);
    command.args(rest);
    // Build scripts and macros run in the compiler's world, where nobody provides the counters.
    let runs_here = rest.windows(2).any(|pair| match pair {
        [flag, value] if flag == "--crate-name" => value.starts_with("build_script_"),
        [flag, value] if flag == "--crate-type" => value == "proc-macro",
        _ => false,
    });
    if !runs_here && rest.iter().any(|word| word == "--crate-name") {
        command.args(INSTRUMENTED);
    }
    match command.status() {
        Ok(status) if status.success() => Some(ExitCode::SUCCESS),
        Ok(_) => Some(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("error: {rustc} does not start: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn targets_and_time_are_read_in_any_order() {
        let all = Wanted::read(&[]).expect("everything");
        assert_eq!((all.targets.as_slice(), all.seconds), (TARGETS, 60));
        let arguments = words("--seconds 5 grants");
        let one = Wanted::read(&arguments).expect("one target");
        assert_eq!((one.targets.as_slice(), one.seconds), (&["grants"][..], 5));
    }

    #[test]
    fn what_is_no_target_is_named_beside_those_that_are() {
        let refused = |text: &str| {
            Wanted::read(&words(text))
                .err()
                .expect("refused")
                .to_string()
        };
        assert!(refused("grant").contains("no fuzz target `grant`; there are grants, "));
        assert!(refused("--seconds soon").contains("whole number"));
    }

    #[test]
    fn every_target_is_known_here() {
        let library = include_str!("../../tests/fuzz/src/lib.rs");
        let list = library.split("pub const TARGETS").nth(1).expect("a list");
        let listed = list
            .split(';')
            .next()
            .expect("it ends")
            .matches("::TARGET")
            .count();
        assert_eq!(listed, TARGETS.len());
        for target in TARGETS {
            assert!(list.contains(&format!("{target}::TARGET")), "{target}");
        }
    }
}
