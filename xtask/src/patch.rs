//! `cargo xtask patch-wasmtime`: takes a patch of the engine's line on the day it appears.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, bail, ensure};

use crate::pinned::{ENGINE, LINE, is_of_line, packages, requirement};
use crate::progress::Progress;
use crate::repo::Repo;
use crate::{lint, test};

/// What a release of wasmtime consists of; nothing else may change with it.
const OF_A_RELEASE: &[&str] = &["wasmtime", "cranelift", "pulley", "wiggle", "winch"];

/// Moves the workspace to `version`, or to the newest of the line, and runs every check.
pub fn run(repo: &Repo, version: Option<&str>) -> anyhow::Result<()> {
    let mut progress = Progress::of(1);
    let mut moved = false;
    progress.step("The engine's patch", |progress| {
        let new = match version {
            Some(version) => version.to_owned(),
            None => newest(repo)?,
        };
        ensure!(is_of_line(&new), "{new} is not of the line {LINE}");
        let path = repo.root.join("Cargo.toml");
        let manifest = fs::read_to_string(&path)?;
        let old = requirement(&manifest, ENGINE[0]).context("Cargo.toml names no wasmtime")?;
        if old == format!("={new}") {
            progress.say(format!("{new} is what is here"));
            return Ok(());
        }
        progress.say(format!("{} becomes {new}", old.trim_start_matches('=')));
        fs::write(&path, with_version(&manifest, &new))?;
        update(repo)?;
        moved = true;
        Ok(())
    })?;
    if moved {
        lint::run(repo)?;
        test::run(repo, &[])?;
        println!(
            "Now read the release notes, and write a line under Security in CHANGELOG.md (docs/security/supply-chain.md)."
        );
    }
    Ok(())
}

/// As the registry has it: `version: 48.0.8 (latest 50.0.1)`.
fn newest(repo: &Repo) -> anyhow::Result<String> {
    let spec = format!("{}@{LINE}", ENGINE[0]);
    let output = repo.cargo().args(["info", &spec]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.lines().find_map(|line| line.strip_prefix("version: "));
    let version = version.and_then(|line| line.split(' ').next());
    version.map(str::to_owned).with_context(|| {
        format!(
            "`cargo info {spec}` names no version; name one: cargo xtask patch-wasmtime {LINE}.N"
        )
    })
}

/// The manifest with this patch of every crate of the release.
fn with_version(manifest: &str, new: &str) -> String {
    let line = |line: &str| {
        let of_engine = ENGINE.iter().any(|name| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(" = { version = "))
        });
        let mut parts: Vec<&str> = line.split('"').collect();
        let exact = format!("={new}");
        if of_engine && parts.len() > 1 {
            parts[1] = &exact;
        }
        parts.join("\"") + "\n"
    };
    manifest.lines().map(line).collect()
}

/// Moves the lock, and refuses to move more than the release.
fn update(repo: &Repo) -> anyhow::Result<()> {
    let path = repo.root.join("Cargo.lock");
    let before = fs::read_to_string(&path)?;
    let mut cargo = repo.cargo();
    cargo.arg("update");
    for name in ENGINE {
        cargo.args(["--package", name]);
    }
    repo.run(
        &mut cargo,
        "the lock could not be moved; `git checkout Cargo.toml Cargo.lock` undoes it",
    )?;
    let others = others(&before, &fs::read_to_string(&path)?);
    if !others.is_empty() {
        bail!(
            "more than the release changed in Cargo.lock: {}; look at them, or undo it by `git checkout Cargo.toml Cargo.lock`",
            others.join(", ")
        );
    }
    Ok(())
}

/// Packages that differ between two locks and are not of the engine's release.
fn others(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (packages(before), packages(after));
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let changed = names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name));
    let of_release = |name: &&str| {
        OF_A_RELEASE.iter().any(|part| {
            let rest = name.strip_prefix(part);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    changed
        .filter(|name| !of_release(name))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_release_moves_and_nothing_else_does() {
        let manifest = "[workspace.dependencies]\nserde = \"1\"\nwasmtime = { version = \"=48.0.8\", features = [\n    \"std\",\n] }\nwasmtime-wasi = { version = \"=48.0.8\" }\n";
        assert_eq!(
            with_version(manifest, "48.0.9"),
            manifest.replace("=48.0.8", "=48.0.9")
        );
    }

    #[test]
    fn what_moves_with_a_release_and_is_none_of_it_is_found() {
        let lock = |engine: &str, other: &str| {
            format!(
                "[[package]]\nname = \"cranelift-codegen\"\nversion = \"{engine}\"\n[[package]]\nname = \"serde\"\nversion = \"{other}\"\n"
            )
        };
        assert_eq!(others(&lock("1", "1"), &lock("2", "1")), [""; 0]);
        assert_eq!(others(&lock("1", "1"), &lock("2", "2")), ["serde"]);
    }
}
