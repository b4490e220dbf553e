//! Packages of the JavaScript world: an expression runtime with an npm package loaded in it, snapshotted, in one file.
//!
//! ```text
//! fonio adaptor import:  bundle ──▶ snapshot.rs (in a child) ──▶ component ──▶ + section `fonio:package` ──▶ .wasm
//! a step of such a job:  PackageCode::store ──▶ the package's own runtime runs the job, its requests pass wasi:http
//! ```
//!
//! - [`section`]: custom sections of a component, read and added without running anything.
//! - [`exports`]: the names that a package exports.
//! - [`snapshot`]: the child that loads a bundle into the runtime and takes the snapshot.
//! - [`step`]: the store of a step whose job uses a package.

mod exports;
mod section;
mod snapshot;
mod step;

pub use exports::{Export, Exports};
pub use snapshot::{Snapshot, SnapshotError, snapshot_package, snapshot_package_here};
pub(crate) use step::{PackageCode, PackageState, link_package};

use serde::{Deserialize, Serialize};

use crate::Description;
use crate::adaptor::AdaptorError;

/// The name of the section.
const SECTION: &str = "fonio:package";
/// The largest section. The documentation of the largest package of today is 300 KB.
const SECTION_MAX_BYTES: usize = 4 << 20;

/// What is in an imported file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contents {
    /// The program that made it, with its version: runtime and compatibility layer are of that version.
    pub made_by: String,
    /// The licence as the package states it. The file contains the package.
    pub licence: String,
    /// Everything a job can name.
    pub exports: Exports,
}

/// What an imported file says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    /// What only a package has.
    #[serde(flatten)]
    pub contents: Contents,
    /// As of every adaptor.
    #[serde(flatten)]
    pub description: Description,
}

impl Package {
    /// What stands in a file, without running any of it.
    ///
    /// # Errors
    /// When it has no such section, or one that cannot be understood.
    pub fn read(wasm: &[u8]) -> Result<Package, AdaptorError> {
        let broken = |why: String| AdaptorError::Package(why);
        let section = section::find(wasm, SECTION).ok_or_else(|| {
            broken(format!(
                "it is an expression runtime, but has no section `{SECTION}` to say what is in it"
            ))
        })?;
        if section.len() > SECTION_MAX_BYTES {
            let max = SECTION_MAX_BYTES >> 20;
            return Err(broken(format!(
                "its section `{SECTION}` is larger than {max} MiB"
            )));
        }
        serde_json::from_slice(section)
            .map_err(|error| broken(format!("its section `{SECTION}` cannot be read: {error}")))
    }

    /// The file: the snapshot with this beside it.
    ///
    /// # Errors
    /// When there is too much of it.
    pub fn write(&self, mut snapshot: Vec<u8>) -> Result<Vec<u8>, AdaptorError> {
        let text = serde_json::to_vec(self).map_err(|error| {
            AdaptorError::Package(format!("its description is no JSON: {error}"))
        })?;
        if text.len() > SECTION_MAX_BYTES {
            let max = SECTION_MAX_BYTES >> 20;
            return Err(AdaptorError::Package(format!(
                "its documentation is larger than {max} MiB"
            )));
        }
        section::append(&mut snapshot, SECTION, &text);
        Ok(snapshot)
    }
}
