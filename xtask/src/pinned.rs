//! Every dependency is pinned by `Cargo.lock`, from one registry; and the engine to one patch of its long-term line.

use std::collections::BTreeMap;

/// The crates of a wasmtime release that the workspace names. They move together.
pub const ENGINE: [&str; 4] = [
    "wasmtime",
    "wasmtime-wasi",
    "wasmtime-wasi-http",
    "wasmtime-wizer",
];
/// The long-term support line, whose patches are taken the day they appear.
pub const LINE: &str = "48.0";

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Where `Cargo.lock` takes something from elsewhere than the one registry: what is there may change under its name.
pub fn foreign(lock: &str) -> Vec<String> {
    let sources = lock
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, quoted(line.strip_prefix("source = ")?)?)));
    let elsewhere = sources.filter(|(_, source)| *source != REGISTRY);
    elsewhere
        .map(|(line, source)| format!("Cargo.lock:{line}: a dependency comes from {source}"))
        .collect()
}

/// What a `Cargo.toml` leaves open: any version, or whatever a repository holds; and the engine anywhere but in the root.
pub fn loose(path: &str, manifest: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let mut problem = |what: &str| problems.push(format!("{path}:{}: {what}", index + 1));
        let line = line.trim();
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        if value == "\"*\"" || value.contains("version = \"*\"") {
            problem("any version would do: name one");
        }
        if value.contains("git = \"") {
            problem("a dependency from a git repository: take it from the registry");
        }
        let name = name.trim().trim_end_matches(".workspace");
        let elsewhere = path != "Cargo.toml" && ENGINE.contains(&name);
        if elsewhere && !line.contains("workspace = true") {
            problem("the engine's version stands in the root's Cargo.toml alone: workspace = true");
        }
    }
    problems
}

/// Whether root manifest and lock agree on one exact patch of the engine's line.
pub fn engine(manifest: &str, lock: &str) -> Vec<String> {
    let locked = packages(lock);
    let mut problems = Vec::new();
    let mut first = None;
    for name in ENGINE {
        let Some(asked) = requirement(manifest, name) else {
            problems.push(format!(
                "Cargo.toml: {name} is not in [workspace.dependencies]"
            ));
            continue;
        };
        let exact = asked.strip_prefix('=').filter(|exact| is_of_line(exact));
        let Some(exact) = exact else {
            problems.push(format!(
                "Cargo.toml: {name} is {asked}: it should be one exact patch, such as \"={LINE}.8\""
            ));
            continue;
        };
        if *first.get_or_insert(exact) != exact {
            problems.push(format!(
                "Cargo.toml: {name} is {exact}, another than the rest of its release"
            ));
        }
        let here = locked.get(name).map(Vec::as_slice).unwrap_or_default();
        if here != [exact] {
            problems.push(format!(
                "Cargo.lock: {name} is {here:?}, and Cargo.toml says {exact}"
            ));
        }
    }
    problems
}

/// `48.0.N`.
pub fn is_of_line(version: &str) -> bool {
    let patch = version
        .strip_prefix(LINE)
        .and_then(|rest| rest.strip_prefix('.'));
    patch.is_some_and(|patch| patch.parse::<u32>().is_ok())
}

/// What the root manifest asks for by this name: the text of its `version`.
pub fn requirement<'m>(manifest: &'m str, name: &str) -> Option<&'m str> {
    let rest = manifest
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = { version = "))?;
    quoted(rest)
}

/// The versions in a lock, by name.
pub fn packages(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut packages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(found) = line.strip_prefix("name = ").and_then(quoted) {
            name = found;
        } else if let Some(version) = line.strip_prefix("version = ").and_then(quoted) {
            packages.entry(name).or_default().push(version);
        }
    }
    packages
}

/// The text that a line begins with, in quotes.
fn quoted(line: &str) -> Option<&str> {
    line.strip_prefix('"')?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(versions: &[(&str, &str)]) -> String {
        let package = |(name, version): &(&str, &str)| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{REGISTRY}\"\n"
            )
        };
        versions.iter().map(package).collect()
    }

    fn manifest(version: &str) -> String {
        let line =
            |name| format!("{name} = {{ version = \"{version}\", default-features = false }}\n");
        ENGINE.map(line).concat()
    }

    #[test]
    fn what_is_not_pinned_is_found() {
        assert_eq!(foreign(&lock(&[("a", "1.0.0")])), [""; 0]);
        let elsewhere =
            "name = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org/a#1234\"\n";
        assert_eq!(
            foreign(elsewhere),
            ["Cargo.lock:3: a dependency comes from git+https://example.org/a#1234"]
        );
        assert_eq!(
            loose("a/Cargo.toml", "serde = \"1\"\nwasmtime.workspace = true\n"),
            [""; 0]
        );
        for loosely in [
            "a = \"*\"",
            "a = { version = \"*\" }",
            "a = { git = \"https://example.org/a\" }",
            "wasmtime = \"48\"",
        ] {
            assert_eq!(loose("a/Cargo.toml", loosely).len(), 1, "{loosely}");
        }
    }

    #[test]
    fn the_engine_is_one_exact_patch_of_its_line() {
        let at = |version| lock(&ENGINE.map(|name| (name, version)));
        assert_eq!(engine(&manifest("=48.0.8"), &at("48.0.8")), [""; 0]);
        assert_eq!(
            engine(&manifest("48.0.8"), &at("48.0.8")).len(),
            4,
            "not exact"
        );
        assert_eq!(
            engine(&manifest("=49.0.1"), &at("49.0.1")).len(),
            4,
            "not the line"
        );
        assert_eq!(
            engine(&manifest("=48.0.8"), &at("48.0.7")).len(),
            4,
            "not what is locked"
        );
        let mixed = manifest("=48.0.8").replacen("=48.0.8", "=48.0.7", 1);
        assert!(!engine(&mixed, &at("48.0.8")).is_empty(), "not one release");
        assert_eq!(engine("", "").len(), 4, "not there");
    }
}
