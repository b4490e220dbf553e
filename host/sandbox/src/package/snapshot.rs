//! From a bundle to a runtime that has it loaded, in a child process: the bundle is a stranger's program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wizer::Wizer;

use super::Exports;
use crate::bindings::package::fonio::expression::loading;
use crate::compile::{INITIALIZE, Piece, run_child, snapshot_config};
use crate::expression::{RuntimeImports, link_runtime};
use crate::guests;

/// Why a bundle did not become a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It does not load, or met the limits of the child.
    #[error("{0}")]
    Load(String),
    /// A temporary file could not be written or read.
    #[error("a temporary file cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// What came of loading a package.
#[derive(Debug)]
pub struct Snapshot {
    /// The component.
    pub wasm: Vec<u8>,
    /// The names that the package exports.
    pub exports: Exports,
    /// Those that it exports and that cannot be read, with the reason.
    pub skipped: BTreeMap<String, String>,
}

/// Loads a bundle (one ES module that exports the package as `adaptor` and imports nothing but `fonio:host`) into the
/// runtime for packages, in a child started as `PROGRAM snapshot-package BUNDLE OUT`.
///
/// # Errors
/// When the bundle does not load within the limits of the child: 4 GiB of memory and 300 s of CPU time.
pub async fn snapshot_package(program: &Path, bundle: &Path) -> Result<Snapshot, SnapshotError> {
    let output = tempfile::Builder::new().suffix(".wasm").tempfile()?;
    let arguments = [
        "snapshot-package".as_ref(),
        bundle.as_os_str(),
        output.path().as_os_str(),
    ];
    let said = run_child(program, &arguments)
        .await
        .map_err(SnapshotError::Load)?;
    let Loaded { exports, skipped } = serde_json::from_str(&said)
        .map_err(|error| SnapshotError::Load(format!("its exports cannot be read: {error}")))?;
    Ok(Snapshot {
        wasm: fs::read(output.path())?,
        exports,
        skipped,
    })
}

/// As the runtime tells it.
#[derive(serde::Deserialize)]
struct Loaded {
    exports: Exports,
    skipped: BTreeMap<String, String>,
}

/// The child's main: writes the component to `output` and gives the names of exports as JSON, for standard output.
///
/// # Errors
/// When the bundle does not load. The error is for the parent to show.
pub fn snapshot_package_here(bundle: &Path, output: &Path) -> anyhow::Result<String> {
    let mut piece = Piece::take(bundle, output)?;
    let source = String::from_utf8(piece.read()?)?;
    let engine = Engine::new(&snapshot_config())?;
    let mut store = Store::new(&engine, Loading::of(source));
    let mut linker = Linker::new(&engine);
    link_runtime(&mut linker, |state: &mut Loading| &mut state.runtime)?;
    loading::add_to_linker::<_, HasSelf<Loading>>(&mut linker, |state| state)?;
    let mut wizer = Wizer::new();
    wizer.init_func(INITIALIZE).keep_init_func(true);
    let instantiate = async |store: &mut Store<Loading>, component: &Component| {
        let mut linker = linker.clone();
        // The network is not there yet: what is loaded now is the same for every step to come.
        linker.define_unknown_imports_as_traps(component)?;
        linker.instantiate_async(store, component).await
    };
    let snapshot = tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(wizer.run_component(&mut store, guests::RUNTIME_PACKAGE, instantiate));
    match (store.into_data().loaded, snapshot) {
        (Some(Ok(exports)), Ok((snapshot, _))) => {
            piece.write(&snapshot)?;
            Ok(exports)
        }
        (Some(Err(fault)), _) => anyhow::bail!("the package does not load: {}", fault.trim()),
        (_, Err(trap)) => Err(anyhow::Error::from(trap).context("the package does not load")),
        (None, Ok(_)) => anyhow::bail!("the runtime did not load the package"),
    }
}

/// Store data while the package is loaded.
struct Loading {
    runtime: RuntimeImports,
    source: String,
    loaded: Option<Result<String, String>>,
}

impl Loading {
    fn of(source: String) -> Loading {
        Loading {
            runtime: RuntimeImports::silent(),
            source,
            loaded: None,
        }
    }
}

impl loading::Host for Loading {
    fn source(&mut self) -> wasmtime::Result<String> {
        Ok(std::mem::take(&mut self.source))
    }

    fn loaded(&mut self, exports: Result<String, String>) -> wasmtime::Result<()> {
        self.loaded = Some(exports);
        Ok(())
    }
}
