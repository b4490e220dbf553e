//! The compatibility layer as it goes into a bundle: which of its files stands for which module.
//!
//! `sdk/js/aliases.json` says that, for Node's own modules and for packages. What the layer does not have of Node is a
//! generated module that says so at its first use (`sdk/js/missing.js`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::ImportError;

/// Paths in `sdk/js`, and what is in them.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/compat.rs"));

/// Names of modules, and the files for them.
const ALIASES: &str = include_str!("../../../sdk/js/aliases.json");

/// The modules that Node itself has.
const BUILTINS: &str = "assert assert/strict async_hooks buffer child_process cluster console constants crypto dgram
    diagnostics_channel dns dns/promises domain events fs fs/promises http http2 https inspector module net os path
    path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl stream
    stream/consumers stream/promises stream/web string_decoder sys timers timers/promises tls trace_events tty url util
    util/types v8 vm wasi worker_threads zlib";

/// Its own entry: sets the globals that packages expect.
const GLOBALS: &str = "globals.js";
/// Exports `missing(name)`.
const MISSING: &str = "missing.js";

/// The layer, written to a folder for esbuild.
pub struct Compat {
    /// To be imported before the package.
    pub globals: PathBuf,
    /// Module names and the files in their place.
    pub aliases: BTreeMap<String, PathBuf>,
}

impl Compat {
    /// Writes every file of the layer into `folder`, and a stub for each module of Node's that it does not have.
    pub fn write(folder: &Path) -> Result<Compat, ImportError> {
        for (name, text) in FILES {
            write(&folder.join(name), text)?;
        }
        let mut aliases = BTreeMap::new();
        for builtin in BUILTINS.split_whitespace() {
            let stub = folder.join("missing").join(builtin).with_extension("cjs");
            write(&stub, &missing(builtin, &folder.join(MISSING)))?;
            aliases.insert(format!("node:{builtin}"), stub.clone());
            aliases.insert(builtin.to_owned(), stub);
        }
        let there: BTreeMap<String, String> = serde_json::from_str(ALIASES)
            .map_err(|error| ImportError::Tool(format!("sdk/js/aliases.json: {error}")))?;
        let there = there.into_iter();
        aliases
            .extend(there.map(|(name, file)| (name, folder.join(file.trim_start_matches("./")))));
        Ok(Compat {
            globals: folder.join(GLOBALS),
            aliases,
        })
    }
}

fn write(path: &Path, text: &str) -> Result<(), ImportError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| ImportError::file(path, error))
}

/// As a prototype, where a bundler's copy of the exports finds every name.
fn missing(builtin: &str, layer: &Path) -> String {
    let layer = serde_json::Value::from(layer.display().to_string());
    format!(
        "const {{ missing }} = require({layer});\nmodule.exports = Object.create(missing('node:{builtin}'));\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_nodes_has_a_file_by_both_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let compat = Compat::write(folder.path()).expect("it can be written");
        assert!(compat.globals.is_file());
        for builtin in BUILTINS.split_whitespace() {
            for name in [builtin.to_owned(), format!("node:{builtin}")] {
                let file = &compat.aliases[&name];
                assert!(file.is_file(), "{name}: {}", file.display());
            }
        }
    }

    #[test]
    fn every_alias_leads_to_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let compat = Compat::write(folder.path()).expect("it can be written");
        for (name, file) in &compat.aliases {
            assert!(file.is_file(), "{name}: {}", file.display());
        }
    }
}
