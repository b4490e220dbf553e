//! What a package is made of, before anything of it is bundled: where it starts, and what rules it out.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ImportError;
use super::npm::Installed;

/// Where a package starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the package's folder.
    pub file: PathBuf,
    /// An ES module by its package.json's word; else CommonJS.
    pub is_module: bool,
}

/// Packages that speak to another system by TCP or by a library of the machine's, what that system is, and what to do.
const NEEDS_TCP: &[(&[&str], &str, &str)] = &[
    (
        &["pg", "pg-native", "postgres", "pg-promise"],
        "PostgreSQL over TCP",
        "put a web API in front of the database (PostgREST is one) and use the adaptor `http`",
    ),
    (
        &["mysql", "mysql2", "mariadb"],
        "MySQL over TCP",
        "put a web API in front of the database and use the adaptor `http`",
    ),
    (
        &["tedious", "mssql", "msnodesqlv8"],
        "Microsoft SQL Server over TCP",
        "put a web API in front of the database (Data API builder is one) and use the adaptor `http`",
    ),
    (
        &["mongodb", "mongoose"],
        "MongoDB over TCP",
        "put a web API in front of the database (RESTHeart is one) and use the adaptor `http`",
    ),
    (
        &["redis", "@redis/client", "ioredis"],
        "Redis over TCP",
        "put a web API in front of it (Webdis is one) and use the adaptor `http`",
    ),
    (
        &[
            "ssh2",
            "ssh2-sftp-client",
            "ssh2-streams",
            "basic-ftp",
            "ftp",
        ],
        "files over SSH or FTP",
        "let the server offer the files over HTTP too, or have another program post them to the inbox",
    ),
    (
        &["thrift", "hive-driver"],
        "Hive over Thrift and TCP",
        "put a web API in front of it and use the adaptor `http`",
    ),
    (
        &[
            "duckdb",
            "duckdb-async",
            "@duckdb/node-api",
            "@duckdb/node-bindings",
            "sqlite3",
            "better-sqlite3",
            "oracledb",
        ],
        "a database in native code",
        "put a web API in front of the database and use the adaptor `http`",
    ),
    (
        &[
            "nodemailer",
            "imap",
            "imapflow",
            "amqplib",
            "kafkajs",
            "mqtt",
        ],
        "mail or messages over TCP",
        "use the web API of the mail or message service with the adaptor `http`",
    ),
];

/// Finds the entry, and refuses what cannot run in the sandbox.
pub fn examine(package: &Installed) -> Result<Entry, ImportError> {
    let refused = |reason: String, instead: &str| ImportError::Refused {
        package: package.title(),
        reason,
        instead: instead.to_owned(),
    };
    for (name, folder) in needed(package) {
        let by_tcp = NEEDS_TCP
            .iter()
            .find(|(names, ..)| names.contains(&name.as_str()));
        if let Some((_, system, instead)) = by_tcp {
            let reason = format!(
                "it needs `{name}`, which is for {system}; the sandbox has no connections but HTTP"
            );
            return Err(refused(reason, instead));
        }
        if folder.is_some_and(|folder| is_native(&folder)) {
            let reason = format!(
                "it needs `{name}`, which has a native addon (machine code); the sandbox runs WebAssembly and JavaScript"
            );
            let instead = "use a package that does the same in JavaScript, or the web API behind it with the adaptor `http`";
            return Err(refused(reason, instead));
        }
    }
    entry(package).ok_or_else(|| {
        let reason = "its package.json names no file to start from: neither `exports` with `import`, `require` or `default`, nor `main`, and there is no index.js".to_owned();
        refused(reason, "import the package that has the operations; this may hold types or command lines alone")
    })
}

/// The package and everything it needs, each once, with its folder if that is there: what a package says it needs rules it
/// out even before it is installed.
fn needed(package: &Installed) -> Vec<(String, Option<PathBuf>)> {
    let itself = (
        package.text("name").to_owned(),
        Some(package.folder.clone()),
    );
    let mut found = vec![itself];
    let mut at = 0;
    while let Some((_, folder)) = found.get(at).cloned() {
        at += 1;
        let Some(folder) = folder else {
            continue;
        };
        for name in dependencies(&folder) {
            let one = (name.clone(), resolve(&folder, &name));
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

fn dependencies(folder: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
    let named = manifest["dependencies"].as_object();
    named
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

/// As Node finds a package: in `node_modules` here or further up.
pub(super) fn resolve(from: &Path, name: &str) -> Option<PathBuf> {
    from.ancestors()
        .map(|folder| folder.join("node_modules").join(name))
        .find(|folder| folder.is_dir())
}

/// Something to compile, or something compiled.
fn is_native(package: &Path) -> bool {
    let built = |folder: &str| {
        let entries = fs::read_dir(package.join(folder)).ok();
        entries.into_iter().flatten().flatten().any(|entry| {
            let path = entry.path();
            path.is_file()
                && path
                    .extension()
                    .is_some_and(|extension| extension == "node")
        })
    };
    package.join("binding.gyp").is_file()
        || ["", "build/Release", "prebuilds", "lib", "dist", "bin"]
            .into_iter()
            .any(built)
}

fn entry(package: &Installed) -> Option<Entry> {
    let manifest = &package.manifest;
    let exports = &manifest["exports"];
    let main = exports.get(".").unwrap_or(exports);
    let by_type = manifest["type"] == "module";
    let at = |file: &str, is_module: bool| {
        let file = PathBuf::from(file);
        package
            .folder
            .join(&file)
            .is_file()
            .then_some(Entry { file, is_module })
    };
    let module = |file: &str| match Path::new(file)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("mjs") => true,
        Some("cjs") => false,
        _ => by_type,
    };
    if !exports.is_null() {
        let import = target(main, &["import", "module", "node", "default"]);
        let found = import.and_then(|file| at(file, module(file)));
        return found.or_else(|| {
            let require = target(main, &["require", "node", "default"])?;
            at(require, false)
        });
    }
    let main = manifest["main"].as_str();
    let named = main.into_iter().flat_map(|main| {
        [
            main.to_owned(),
            format!("{main}.js"),
            format!("{main}/index.js"),
        ]
    });
    let from_module = manifest["module"].as_str().and_then(|file| at(file, true));
    from_module.or_else(|| {
        named
            .chain(["index.js".to_owned()])
            .find_map(|file| at(&file, module(&file)))
    })
}

/// The file that a conditional export leads to: the first condition that holds, in the package's own order.
fn target<'m>(export: &'m Value, conditions: &[&str]) -> Option<&'m str> {
    match export {
        Value::String(file) => Some(file),
        Value::Array(choices) => choices.iter().find_map(|choice| target(choice, conditions)),
        Value::Object(branches) => branches
            .iter()
            .filter(|(condition, _)| conditions.contains(&condition.as_str()))
            .find_map(|(_, branch)| target(branch, conditions)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(manifest: Value, files: &[&str]) -> (tempfile::TempDir, Installed) {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        let installed = Installed {
            folder: folder.path().to_owned(),
            manifest,
        };
        fs::write(
            folder.path().join("package.json"),
            installed.manifest.to_string(),
        )
        .expect("a file");
        (folder, installed)
    }

    fn starts(manifest: Value, files: &[&str]) -> Option<(String, bool)> {
        let (_folder, package) = package(manifest, files);
        entry(&package).map(|entry| (entry.file.display().to_string(), entry.is_module))
    }

    #[test]
    fn a_package_starts_at_its_import_form_and_else_at_what_it_has() {
        let both = json!({"type": "module", "exports": {".": {"types": "t", "require": "./a.cjs", "import": "./a.js"}}});
        assert_eq!(
            starts(both, &["a.js", "a.cjs"]),
            Some(("./a.js".into(), true))
        );
        let only_require = json!({"exports": {".": {"require": "./a.cjs"}}});
        assert_eq!(
            starts(only_require, &["a.cjs"]),
            Some(("./a.cjs".into(), false))
        );
        assert_eq!(
            starts(json!({"main": "lib"}), &["lib/index.js"]),
            Some(("lib/index.js".into(), false))
        );
        assert_eq!(
            starts(json!({}), &["index.js"]),
            Some(("index.js".into(), false))
        );
        assert_eq!(
            starts(json!({"exports": {"./x": "./x.js"}}), &["x.js", "index.js"]),
            None
        );
        assert_eq!(
            starts(json!({"exports": {"types": "./x.d.ts"}}), &["x.d.ts"]),
            None
        );
    }

    #[test]
    fn what_needs_tcp_anywhere_below_it_is_refused_with_an_alternative() {
        let (folder, package) = package(
            json!({"name": "a", "version": "1.0.0", "main": "index.js", "dependencies": {"b": "1"}}),
            &["index.js", "node_modules/b/index.js"],
        );
        fs::write(
            folder.path().join("node_modules/b/package.json"),
            r#"{"dependencies":{"pg":"8"}}"#,
        )
        .expect("a file");
        let error = examine(&package)
            .expect_err("it needs PostgreSQL")
            .to_string();
        assert!(
            error.contains("it needs `pg`, which is for PostgreSQL over TCP"),
            "{error}"
        );
        assert!(error.contains("PostgREST"), "{error}");
    }

    #[test]
    fn a_native_addon_is_refused() {
        let (_folder, package) = package(
            json!({"name": "a", "version": "1.0.0", "main": "index.js", "dependencies": {"b": "1"}}),
            &["index.js", "node_modules/b/binding.gyp"],
        );
        let error = examine(&package)
            .expect_err("it has a native addon")
            .to_string();
        assert!(error.contains("`b`, which has a native addon"), "{error}");
    }
}
