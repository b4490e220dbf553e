//! `cargo xtask bench`: builds what is measured and starts `tests/bench` on it.

use crate::build;
use crate::guests::{self, Group};
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::Context;
use std::env;
use std::process::Command;

/// `arguments` go to the bench; `--help` among them lists what it takes.
pub fn run(repo: &Repo, arguments: &[String]) -> anyhow::Result<()> {
    let mut progress = Progress::of(4);
    progress.step("Guests (the WebAssembly parts)", |progress| {
        guests::build(repo, &[Group::Carried], progress)
    })?;
    progress.step("The program", |progress| build::program(repo, progress))?;
    // On the disk that holds the target directory: its speed is part of what is measured.
    let work = repo.target.join("bench");
    std::fs::create_dir_all(&work).with_context(|| format!("could not make {}", work.display()))?;
    progress.step("The bench", |_| {
        // Together with the program: alone, its dependencies would have other features and be compiled once more.
        let mut cargo = repo.cargo();
        cargo.args([
            "build",
            "--release",
            "--package",
            "fonio",
            "--package",
            "fonio-bench",
        ]);
        repo.run(
            &mut cargo,
            "the bench did not build; the compiler's reasons are above",
        )
    })?;
    progress.step("Measuring", |_| {
        let mut bench = Command::new(
            repo.program()
                .with_file_name(format!("fonio-bench{}", env::consts::EXE_SUFFIX)),
        );
        bench
            .args(["run", "--program"])
            .arg(repo.program())
            .arg("--work")
            .arg(work)
            .args(arguments);
        repo.run(&mut bench, "the bench failed; it says above why")
    })
}
