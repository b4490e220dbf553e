//! `cargo xtask lint`: format, clippy with warnings denied, and what `deny.toml` states about dependencies.

use crate::deny;
use crate::guests::{self, Group};
use crate::machine::{Machine, ThisMachine};
use crate::progress::{Progress, red};
use crate::repo::Repo;
use crate::workspace;
use std::time::Duration;

/// Components of the toolchain come from the site that rustup itself came from.
const COMPONENT_LIMIT: Duration = Duration::from_secs(300);

pub fn run(repo: &Repo) -> anyhow::Result<()> {
    let mut progress = Progress::of(4);
    progress.step("Format", |progress| {
        provide(repo, "fmt", "rustfmt", progress)?;
        repo.run(
            repo.cargo().args(["fmt", "--all", "--check"]),
            "the format differs: run `cargo fmt --all`",
        )
    })?;
    progress.step("Guests, which the host embeds", |progress| {
        guests::build(repo, &[Group::Carried], progress)
    })?;
    progress.step("Clippy", |progress| {
        provide(repo, "clippy", "clippy", progress)?;
        for lot in workspace::lots(repo)? {
            clippy(repo, &lot)?;
        }
        Ok(())
    })?;
    progress.step("Dependencies", |progress| {
        deny::check(&ThisMachine, &repo.root.join("Cargo.toml"), &|line| {
            progress.say(red(&line))
        })
    })
}

fn clippy(repo: &Repo, packages: &[String]) -> anyhow::Result<()> {
    let mut cargo = repo.cargo();
    cargo.args(["clippy", "--release", "--all-targets"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    repo.run(
        cargo.args(["--", "-D", "warnings"]),
        "clippy found something; it is above",
    )
}

/// Toolchains with rustup's minimal profile have neither.
fn provide(repo: &Repo, command: &str, component: &str, progress: &Progress) -> anyhow::Result<()> {
    if !repo.has_cargo_command(command) {
        progress.say(format!("rustup component add {component}"));
        ThisMachine.tell(&["rustup", "component", "add", component], COMPONENT_LIMIT)?;
    }
    Ok(())
}
