//! Builds every guest to a component: `guests/out/<folder>.wasm` for those that each host carries, and
//! `guests/out/test/<example>.wasm` for the test guests.

use crate::machine::{Machine, ThisMachine};
use crate::progress::{Progress, dim, duration, size};
use crate::repo::{Repo, active_cargo};
use crate::toolchain::Toolchain;
use crate::workspace::{self, Package};
use crate::{component, stamp};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

/// Guests that are built, stamped and reported together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `host/runtime`, `host/compiler` and `adaptors/*`: one library each.
    Carried,
    /// `tests/guests`: one example for each behaviour.
    Test,
}

/// What a guest may be made of, whatever the group.
const SOURCES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "wit",
    "sdk/rust",
    "host/runtime",
    "host/compiler",
    "adaptors",
];
const TEST_GUESTS: &str = "tests/guests";
/// Built twice: as `runtime`, and as `runtime-package` with the feature that names its other world.
const RUNTIME: &str = "host/runtime";
const PACKAGE_FEATURE: &str = "package";

/// Builds the guests of `groups` that changed since last time. Those that fail do not stop the others; the error names
/// them.
pub fn build(repo: &Repo, groups: &[Group], progress: &Progress) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut toolchain = None;
    let mut failed = Vec::new();
    for group in groups {
        failed.extend(group.build(repo, &mut toolchain, progress)?);
    }
    if !failed.is_empty() {
        bail!(
            "{} of the guests did not build: {} (the reasons are above)",
            failed.len(),
            failed.join(", ")
        );
    }
    if toolchain.is_none() {
        progress.say(dim(&format!("unchanged ({})", duration(started.elapsed()))));
    }
    Ok(())
}

/// A module that cargo made.
struct Built {
    name: String,
    module: PathBuf,
}

impl Group {
    /// The names of those that failed.
    fn build(
        self,
        repo: &Repo,
        toolchain: &mut Option<Toolchain>,
        progress: &Progress,
    ) -> anyhow::Result<Vec<String>> {
        let stamp_file = repo.guests_target().join(format!("{}.stamp", self.label()));
        let stamp = stamp::of(&repo.root, &self.sources(), &identity(repo))?;
        if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp)
            && self.outputs_are_there(repo)
        {
            return Ok(vec![]);
        }
        let packages = self.packages(repo)?;
        if packages.is_empty() {
            return Ok(vec![]);
        }
        let toolchain = match toolchain {
            Some(toolchain) => toolchain,
            None => {
                let say = |line: String| progress.say(line);
                let found = Toolchain::provide(&ThisMachine, workspace::rust_version(repo)?, &say)?;
                progress.say(format!("with {found}"));
                toolchain.insert(found)
            }
        };
        let (built, complete) = self.compile(repo, &packages, None, toolchain, progress)?;
        let mut failed = self.encode(repo, &packages, &built, progress);
        if self == Group::Carried {
            failed.extend(build_package_runtime(repo, &packages, toolchain, progress)?);
        }
        if failed.is_empty() && complete {
            fs::write(&stamp_file, stamp)
                .with_context(|| format!("could not write {}", stamp_file.display()))?;
        } else if failed.is_empty() {
            return Ok(vec![format!("some of {TEST_GUESTS}")]);
        }
        Ok(failed)
    }

    fn label(self) -> &'static str {
        match self {
            Group::Carried => "carried",
            Group::Test => "test",
        }
    }

    fn sources(self) -> Vec<&'static str> {
        let mut sources = SOURCES.to_vec();
        if self == Group::Test {
            sources.push(TEST_GUESTS);
        }
        sources
    }

    fn folder(self, repo: &Repo) -> PathBuf {
        match self {
            Group::Carried => repo.guests_out(),
            Group::Test => repo.guests_out().join("test"),
        }
    }

    /// A stamp proves nothing once someone has emptied the folder.
    fn outputs_are_there(self, repo: &Repo) -> bool {
        let expected: Vec<PathBuf> = match self {
            Group::Carried => carried_folders(repo)
                .into_iter()
                .chain([PathBuf::from(package_runtime())])
                .collect(),
            Group::Test => sorted(&repo.root.join(TEST_GUESTS).join("examples")),
        };
        let out = self.folder(repo);
        expected
            .iter()
            .filter_map(|source| source.file_stem())
            .all(|name| out.join(name).with_extension("wasm").is_file())
    }

    fn packages(self, repo: &Repo) -> anyhow::Result<Vec<Package>> {
        let folders = match self {
            Group::Carried => carried_folders(repo),
            Group::Test => vec![repo.root.join(TEST_GUESTS)],
        };
        let mut members = workspace::members(repo)?;
        members.retain(|package| folders.contains(&package.folder));
        for folder in folders
            .iter()
            .filter(|folder| folder.join("Cargo.toml").is_file())
        {
            if !members.iter().any(|package| package.folder == *folder) {
                bail!(
                    "{} is not built: add it to `members` in Cargo.toml",
                    repo.short(folder)
                );
            }
        }
        Ok(members)
    }

    /// Runs cargo once for all of `packages`, and gives what it made and whether all of it was.
    fn compile(
        self,
        repo: &Repo,
        packages: &[Package],
        feature: Option<&str>,
        toolchain: &Toolchain,
        progress: &Progress,
    ) -> anyhow::Result<(Vec<Built>, bool)> {
        let mut cargo = toolchain.cargo_build();
        cargo
            .current_dir(&repo.root)
            .env("CARGO_TARGET_DIR", repo.guests_target());
        cargo.args(["--keep-going", "--message-format=json-render-diagnostics"]);
        cargo.arg(if self == Group::Carried {
            "--lib"
        } else {
            "--examples"
        });
        if progress.is_quiet() {
            cargo.arg("--quiet");
        }
        for package in packages {
            cargo.args(["--package", &package.name]);
        }
        cargo.args(feature.iter().flat_map(|feature| ["--features", feature]));
        let output = cargo
            .stderr(Stdio::inherit())
            .output()
            .context("could not start cargo")?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let built = messages
            .lines()
            .filter_map(|line| self.built(packages, &serde_json::from_str(line).ok()?));
        Ok((built.collect(), output.status.success()))
    }

    /// What a message from cargo says was made, if it is one of `packages`' modules.
    fn built(self, packages: &[Package], message: &Value) -> Option<Built> {
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
        let package = packages.iter().find(|package| package.folder == folder)?;
        let module = message["filenames"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .find(|file| file.ends_with(".wasm"))?;
        let name = match self {
            Group::Carried => package.folder.file_name()?.to_str()?,
            Group::Test => message["target"]["name"].as_str()?,
        };
        Some(Built {
            name: name.to_owned(),
            module: PathBuf::from(module),
        })
    }

    /// Writes the components, and gives the names of the guests that are none.
    fn encode(
        self,
        repo: &Repo,
        packages: &[Package],
        built: &[Built],
        progress: &Progress,
    ) -> Vec<String> {
        let mut failed: BTreeSet<String> = match self {
            Group::Carried => packages
                .iter()
                .filter_map(|package| Some(package.folder.file_name()?.to_str()?.to_owned()))
                .collect(),
            Group::Test => BTreeSet::new(),
        };
        let mut sizes = Vec::new();
        for guest in built {
            match component::write(
                &guest.module,
                &self.folder(repo).join(format!("{}.wasm", guest.name)),
            ) {
                Ok(bytes) => {
                    failed.remove(&guest.name);
                    sizes.push(format!("{} {}", guest.name, size(bytes)));
                }
                Err(error) => {
                    eprintln!("error: {} is no component: {error:#}", guest.name);
                    failed.insert(guest.name.clone());
                }
            }
        }
        match self {
            Group::Carried => progress.say(sizes.join(", ")),
            Group::Test => progress.say(format!("{} test guests", sizes.len())),
        }
        failed.into_iter().collect()
    }
}

fn package_runtime() -> String {
    format!("runtime-{PACKAGE_FEATURE}")
}

/// After `runtime` was made a component: both are one package, whose modules cargo leaves in one place.
fn build_package_runtime(
    repo: &Repo,
    packages: &[Package],
    toolchain: &Toolchain,
    progress: &Progress,
) -> anyhow::Result<Vec<String>> {
    let folder = repo.root.join(RUNTIME);
    let Some(package) = packages.iter().find(|package| package.folder == folder) else {
        return Ok(vec![]);
    };
    let (package, feature) = (std::slice::from_ref(package), Some(PACKAGE_FEATURE));
    let (mut built, _) = Group::Carried.compile(repo, package, feature, toolchain, progress)?;
    for guest in &mut built {
        guest.name = package_runtime();
    }
    let mut failed = Group::Carried.encode(repo, &[], &built, progress);
    if built.is_empty() {
        failed.push(package_runtime());
    }
    Ok(failed)
}

fn carried_folders(repo: &Repo) -> Vec<PathBuf> {
    let mut folders = vec![repo.root.join(RUNTIME), repo.root.join("host/compiler")];
    folders.extend(
        sorted(&repo.root.join("adaptors"))
            .into_iter()
            .filter(|folder| folder.join("Cargo.toml").is_file()),
    );
    folders
}

/// What is in `folder`, by name; nothing where there is no such folder.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    entries
}

/// What tells one compiler from another without starting it.
fn identity(repo: &Repo) -> String {
    let cargo = active_cargo();
    let rustc = cargo.with_file_name("rustc");
    let dated = fs::metadata(&rustc).and_then(|rustc| rustc.modified()).ok();
    let chosen = ["CC_wasm32_unknown_unknown", "AR_wasm32_unknown_unknown"]
        .map(|name| ThisMachine.variable(name));
    format!(
        "{} {dated:?} {chosen:?} {}",
        rustc.display(),
        repo.guests_out().display()
    )
}
