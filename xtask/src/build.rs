//! `cargo xtask build`: the release program, guests embedded.

use crate::guests::{self, Group};
use crate::progress::{Progress, size};
use crate::repo::Repo;
use anyhow::bail;

pub fn run(repo: &Repo) -> anyhow::Result<()> {
    let mut progress = Progress::of(2);
    progress.step("Guests (the WebAssembly parts)", |progress| {
        guests::build(repo, &[Group::Carried], progress)
    })?;
    progress.step("The program", |progress| program(repo, progress))?;
    println!("{}", repo.program().display());
    Ok(())
}

/// Builds `fonio`; its guests must be there.
pub fn program(repo: &Repo, progress: &Progress) -> anyhow::Result<()> {
    if !repo.program().is_file() {
        progress.say(
            "the first time, wasmtime and SQLite are compiled too: some 10 minutes on two cores",
        );
    }
    let mut cargo = repo.cargo();
    cargo.args(["build", "--release", "--package", "fonio"]);
    repo.run(
        &mut cargo,
        "the program did not build; the compiler's reasons are above",
    )?;
    match std::fs::metadata(repo.program()) {
        Ok(file) => progress.say(format!(
            "{}, {}",
            repo.program().display(),
            size(file.len())
        )),
        Err(error) => bail!(
            "cargo built the program, but {} is not there: {error}",
            repo.program().display()
        ),
    }
    Ok(())
}
