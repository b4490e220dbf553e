//! The packages of the workspace, as `cargo metadata` tells them.

use crate::repo::Repo;
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One member of the workspace.
pub struct Package {
    pub name: String,
    /// Absolute.
    pub folder: PathBuf,
    pub described: bool,
    pub licence: Option<String>,
}

/// The members, from their `Cargo.toml`s alone.
pub fn members(repo: &Repo) -> anyhow::Result<Vec<Package>> {
    let metadata = metadata(repo, &["--no-deps"])?;
    list(&metadata, "packages").iter().map(member).collect()
}

/// The members in two lots that are checked and tested apart: those that make up the host and its tests, and the rest
/// (guests, SDK, this tool), whose dependencies would switch on features in the host's and so compile wasmtime, six
/// minutes, a second time.
pub fn lots(repo: &Repo) -> anyhow::Result<[Vec<String>; 2]> {
    let mut lots = [vec![], vec![]];
    for package in members(repo)? {
        let folder = package
            .folder
            .strip_prefix(&repo.root)
            .unwrap_or(&package.folder);
        let apart = [
            "host/runtime",
            "host/compiler",
            "adaptors",
            "sdk",
            "tests/guests",
            "xtask",
        ];
        lots[usize::from(apart.iter().any(|apart| folder.starts_with(apart)))].push(package.name);
    }
    Ok(lots)
}

/// The oldest Rust that builds the workspace, as (major, minor).
pub fn rust_version(repo: &Repo) -> anyhow::Result<(u32, u32)> {
    let manifest = std::fs::read_to_string(repo.root.join("Cargo.toml"))?;
    let value = manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix("rust-version = \""))
        .context("Cargo.toml states no rust-version")?;
    crate::packages::version(value).context("rust-version in Cargo.toml is not MAJOR.MINOR")
}

/// For every package that is built for use (dev-dependencies aside), the names of all it depends on, near and far.
pub fn reachable(repo: &Repo) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let metadata = metadata(repo, &[])?;
    let names: BTreeMap<&str, &str> = list(&metadata, "packages")
        .iter()
        .map(|p| (text(p, "id"), text(p, "name")))
        .collect();
    let edges: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"], "nodes")
        .iter()
        .map(|node| (text(node, "id"), normal_dependencies(node)))
        .collect();
    let mut result = BTreeMap::new();
    for member in list(&metadata, "workspace_members")
        .iter()
        .filter_map(Value::as_str)
    {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![member];
        while let Some(id) = ahead.pop() {
            let next = edges
                .get(id)
                .into_iter()
                .flatten()
                .filter(|next| seen.insert(**next));
            ahead.extend(next);
        }
        let seen = seen
            .into_iter()
            .filter_map(|id| names.get(id))
            .map(|name| (*name).to_owned())
            .collect();
        result.insert(
            names
                .get(member)
                .map_or_else(String::new, |name| (*name).to_owned()),
            seen,
        );
    }
    Ok(result)
}

fn normal_dependencies(node: &Value) -> Vec<&str> {
    let is_dev = |dependency: &Value| {
        list(dependency, "dep_kinds")
            .iter()
            .all(|kind| kind["kind"] == "dev")
    };
    list(node, "deps")
        .iter()
        .filter(|dependency| !is_dev(dependency))
        .map(|dependency| text(dependency, "pkg"))
        .collect()
}

fn metadata(repo: &Repo, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = repo
        .cargo()
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .output()
        .context("could not start cargo")?;
    if !output.status.success() {
        bail!(
            "the workspace cannot be read:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout)
        .context("cargo metadata printed something that is not JSON")
}

fn member(package: &Value) -> anyhow::Result<Package> {
    let folder = Path::new(text(package, "manifest_path"))
        .parent()
        .context("a manifest lies in a folder")?;
    Ok(Package {
        name: text(package, "name").to_owned(),
        folder: folder.to_owned(),
        described: !text(package, "description").is_empty(),
        licence: package["license"].as_str().map(str::to_owned),
    })
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
