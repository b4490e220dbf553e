//! `fonio adaptor import`: from an npm package to one `.wasm` that drops into a project.
//!
//! ```text
//!  obtain     npm installs it, or --from says where it is          npm.rs, trouble.rs
//!  examine    what cannot run here is refused, with the reason      examine.rs
//!  bundle     esbuild makes one module of it and of what it needs,  bundle.rs, esbuild.rs, compat.rs
//!             Node's own modules replaced by the compatibility layer
//!  snapshot   a child loads that into the runtime for packages      fonio_sandbox::snapshot_package
//!  describe   its documentation and its exports, in the file        describe.rs
//! ```
//!
//! npm and esbuild run on the author's machine, with the author's rights; no script of a package does. What the package
//! itself does happens in the sandbox only.

mod bundle;
mod compat;
mod describe;
mod esbuild;
mod examine;
mod npm;
mod trouble;

use std::path::{Path, PathBuf};

use fonio_project::AdaptorName;
use fonio_sandbox::{Package, SnapshotError, snapshot_package};

pub use npm::Origin;

/// The largest bundle. OpenFn's own are 0.2 to 1 MB; what is loaded counts against each step's memory, about four times.
const BUNDLE_MAX_BYTES: u64 = 8 << 20;

/// What to import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The package, with the version if there is one.
    pub name: AdaptorName,
    /// Where it comes from.
    pub origin: Origin,
}

/// An imported package, ready to be written.
#[derive(Debug)]
pub struct Imported {
    /// The file.
    pub wasm: Vec<u8>,
    /// What it says about itself.
    pub package: Package,
    /// Bytes of JavaScript that went into it.
    pub bundle_bytes: u64,
}

/// Why a package was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A program that is needed is not there, or failed.
    #[error("{0}")]
    Tool(String),
    /// There is no npm, which gets packages, and esbuild where that is missing.
    #[error(
        "npm is not on this machine. Install Node.js, which brings it (only importing needs it, running does not)"
    )]
    NoNpm,
    /// The package is not there, or not what was asked for.
    #[error("{0}")]
    NotThere(String),
    /// It cannot run in the sandbox: the reason, and what else to do.
    #[error("{package} cannot be imported: {reason}\n  = {instead}")]
    Refused {
        /// Name and version.
        package: String,
        /// Why.
        reason: String,
        /// The alternative.
        instead: String,
    },
    /// It does not load.
    #[error("{package} was bundled, but does not load in the sandbox: {reason}")]
    Load {
        /// Name and version.
        package: String,
        /// What it said.
        reason: SnapshotError,
    },
    /// A file could not be written or read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl ImportError {
    fn file(path: &Path, error: std::io::Error) -> ImportError {
        ImportError::File {
            path: path.to_owned(),
            error,
        }
    }
}

/// Tells a person what is going on: a verb, and of what.
pub type Progress<'a> = &'a dyn Fn(&str, &str);

impl Import {
    /// Does all of it. `program` is this program, for the child that loads the package; `tools` a folder in which esbuild
    /// is kept from one import to the next.
    ///
    /// # Errors
    /// When the package cannot be had, is refused, or does not load.
    pub async fn run(
        &self,
        program: &Path,
        tools: &Path,
        progress: Progress<'_>,
    ) -> Result<Imported, ImportError> {
        let folder = tempfile::Builder::new()
            .prefix("fonio-import-")
            .tempdir()
            .map_err(|error| ImportError::file(&std::env::temp_dir(), error))?;
        progress("Fetching", &self.origin.shown(&self.name));
        let installed = npm::obtain(&self.name, &self.origin, folder.path()).await?;
        let entry = examine::examine(&installed)?;
        let title = installed.title();
        let esbuild = esbuild::find(tools, progress).await?;
        progress("Bundling", &title);
        let bundle = bundle::bundle(&installed, entry, &esbuild, folder.path()).await?;
        let bundle_bytes = bundle::checked_size(&bundle, &installed)?;
        let size = format!("{} KB of JavaScript", bundle_bytes / 1000);
        progress("Loading", &size);
        let snapshot =
            snapshot_package(program, &bundle)
                .await
                .map_err(|reason| ImportError::Load {
                    package: title.clone(),
                    reason,
                })?;
        for (name, why) in &snapshot.skipped {
            progress(
                "Skipping",
                &format!("`{name}`, which cannot be read: {why}"),
            );
        }
        let package = describe::describe(&installed, snapshot.exports);
        let wasm = package
            .write(snapshot.wasm)
            .map_err(|error| ImportError::Tool(error.to_string()))?;
        Ok(Imported {
            wasm,
            package,
            bundle_bytes,
        })
    }
}
