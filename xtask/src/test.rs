//! `cargo xtask test`: everything that says whether the project works.

use crate::build;
use crate::guests::{self, Group};
use crate::machine::ThisMachine;
use crate::packages::{install_faketime, install_postgres};
use crate::progress::Progress;
use crate::repo::Repo;
use crate::{tidy, workspace};
use fonio_test_postgres::{Server, programs};
use std::process::Command;

/// Runs the repository's rules, then all tests. `arguments` go to nextest, or to `cargo test` where it is not installed.
pub fn run(repo: &Repo, arguments: &[String]) -> anyhow::Result<()> {
    let mut progress = Progress::of(7);
    let [host, others] = workspace::lots(repo)?;
    progress.step("Rules of the repository", |progress| {
        tidy::check(repo, progress)
    })?;
    progress.step("Guests, and those that the tests run", |progress| {
        guests::build(repo, &[Group::Carried, Group::Test], progress)
    })?;
    progress.step("The program", |progress| build::program(repo, progress))?;
    let mut server = None;
    progress.step("A clock that can be set, for those that need it", clock)?;
    progress.step("PostgreSQL, for those that need it", |progress| {
        server = Some(postgres(progress)?);
        Ok(())
    })?;
    let socket = server.as_ref().map(Server::socket);
    let with_nextest = repo.has_cargo_command("nextest");
    let mut tests = |what: &str, packages: &[String]| {
        progress.step(what, |progress| {
            if !with_nextest {
                progress.say("with cargo test; `cargo install cargo-nextest` makes it faster");
            }
            let mut command = command(repo, with_nextest, packages, arguments);
            if let Some(socket) = socket {
                command.env(fonio_test_postgres::SOCKET, socket);
            }
            repo.run(&mut command, "some tests failed; they are named above")
        })
    };
    tests("Tests of guests and tools", &others)?;
    tests("Tests of the host", &host)
}

/// `libfaketime`, which the package puts where the dynamic linker's own libraries are, by architecture.
fn clock(progress: &Progress) -> anyhow::Result<()> {
    let there = std::fs::read_dir("/usr/lib")?
        .flatten()
        .any(|folder| folder.path().join("faketime").is_dir());
    if !there {
        install_faketime(&ThisMachine, &|said| progress.say(&said))?;
    }
    Ok(())
}

/// One server for all tests: a start takes a second, and there are dozens of tests.
fn postgres(progress: &Progress) -> anyhow::Result<Server> {
    if programs().is_none() {
        install_postgres(&ThisMachine, &|said| progress.say(&said))?;
    }
    Ok(Server::start()?)
}

fn command(repo: &Repo, with_nextest: bool, packages: &[String], arguments: &[String]) -> Command {
    let mut cargo = repo.cargo();
    cargo.args(if with_nextest {
        &["nextest", "run", "--cargo-quiet", "--no-tests", "pass"][..]
    } else {
        &["test"]
    });
    cargo.arg("--release");
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo.args(arguments);
    // Not FONIO_GUESTS, whose default is right: cargo would take its appearance for a change and
    // embed the guests again.
    cargo.env("FONIO_BIN", repo.program());
    cargo
}
