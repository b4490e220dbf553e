//! Packages from npm: fetched once, and kept in the target directory for every test after that.
//!
//! Where npm cannot be reached, the tests that need a package say so and pass; everything else about importing is tested
//! with packages of the tests' own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::places::target;

/// What is fetched, with the versions that the tests know. openmrs asks for a version of common that was never published.
const PACKAGES: &str = r#"{
  "private": true,
  "dependencies": {
    "@openfn/language-collections": "0.8.0",
    "@openfn/language-common": "3.3.4",
    "@openfn/language-fhir": "5.0.15",
    "@openfn/language-http": "7.2.10",
    "@openfn/language-openmrs": "5.5.0",
    "esbuild": "0.28.1"
  },
  "overrides": { "@openfn/language-openmrs": { "@openfn/language-common": "3.3.4" } }
}"#;

/// A folder in which all of them are installed.
#[derive(Debug)]
pub struct Npm {
    folder: PathBuf,
}

impl Npm {
    /// The packages, if they are here or can be fetched. Where not, says that `test` was skipped.
    pub fn for_test(test: &str) -> Option<Npm> {
        let folder = target().join("npm-packages");
        match install(&folder) {
            Ok(()) => Some(Npm { folder }),
            Err(why) => {
                eprintln!("SKIPPED: {test} needs packages from npm, and there are none: {why}");
                None
            }
        }
    }

    /// The folder of OpenFn's adaptor of this short name.
    pub fn adaptor(&self, short: &str) -> PathBuf {
        self.folder
            .join("node_modules/@openfn")
            .join(format!("language-{short}"))
    }

    /// The bundler.
    pub fn esbuild(&self) -> PathBuf {
        self.folder.join("node_modules/esbuild/bin/esbuild")
    }
}

/// Unless it was done with these very packages; one test at a time, whatever process it is in.
fn install(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|packages| packages == PACKAGES) {
        return Ok(());
    }
    fs::write(folder.join("package.json"), PACKAGES).map_err(|error| error.to_string())?;
    let output = Command::new("npm")
        .args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::write(done, PACKAGES).map_err(|error| error.to_string())
}

/// What the program needs of the environment to run programs of the machine's: node, for esbuild.
pub(crate) fn path() -> String {
    env::var("PATH").unwrap_or_default()
}
