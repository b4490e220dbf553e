//! Compiled code: made in a child process, kept in a private folder, found again by the hash of what it was made from.
//!
//! Nothing compiles on the request path, and nothing compiles in this process: Cranelift on hostile input may take any
//! amount of time and memory (one 1.2 MB guest: 5 s and 77 MB), so it runs in a child that the kernel limits.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::{Shape, engine_fingerprint, run_child};

/// Why a `.wasm` file could not be made into code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The bytes are no component; the sentence says what they are instead.
    #[error("{0}")]
    NotAComponent(&'static str),
    /// The compiler child refused the file, or ran into its own limits.
    #[error("it could not be compiled: {0}")]
    Compile(String),
    /// The folder for compiled code cannot be used.
    #[error(
        "the code cache {path} cannot be used: {reason}. Set FONIO_CACHE to a folder that only you can write to"
    )]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A private folder of compiled code.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
    /// The program that compiles when called as `PROGRAM compile-guest SHAPE IN OUT`.
    compiler: PathBuf,
    fingerprint: String,
}

impl CodeCache {
    /// Opens the folder, making it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or is not ours alone: whoever can write there can run native code in this process.
    pub fn open(
        folder: PathBuf,
        compiler: PathBuf,
        engine: &Engine,
    ) -> Result<CodeCache, CodeError> {
        let unusable = |reason: String| CodeError::Cache {
            path: folder.clone(),
            reason,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| unusable(error.to_string()))?;
        let found = fs::metadata(&folder).map_err(|error| unusable(error.to_string()))?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(unusable("it belongs to another user".into()));
        }
        if found.permissions().mode() & 0o022 != 0 {
            return Err(unusable("others can write to it".into()));
        }
        Ok(CodeCache {
            folder,
            compiler,
            fingerprint: engine_fingerprint(engine),
        })
    }

    /// The code for `wasm`, from the cache or compiled now.
    ///
    /// # Errors
    /// When the bytes are not a component that compiles.
    pub async fn load(
        &self,
        engine: &Engine,
        wasm: &[u8],
        shape: Shape,
    ) -> Result<Component, CodeError> {
        require_component(wasm)?;
        let path = self.path_of(wasm, shape);
        if let Some(component) = self.cached(engine, &path) {
            return Ok(component);
        }
        self.compile(wasm, shape, &path).await?;
        self.cached(engine, &path).ok_or_else(|| {
            CodeError::Compile("what the compiler wrote does not fit this engine".into())
        })
    }

    fn path_of(&self, wasm: &[u8], shape: Shape) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(&self.fingerprint);
        hash.update(shape.name());
        hash.update(wasm);
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.folder.join(name).with_extension("cwasm")
    }

    fn cached(&self, engine: &Engine, path: &Path) -> Option<Component> {
        if !path.exists() {
            return None;
        }
        // SAFETY: the folder is ours alone (checked in `open`) and only `compile` writes to it, whole files by rename.
        match unsafe { Component::deserialize_file(engine, path) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code does not load; compiling it again");
                let _ = fs::remove_file(path);
                None
            }
        }
    }

    async fn compile(&self, wasm: &[u8], shape: Shape, path: &Path) -> Result<(), CodeError> {
        let unusable = |error: io::Error| CodeError::Cache {
            path: self.folder.clone(),
            reason: error.to_string(),
        };
        let source = temporary(&self.folder, wasm).map_err(unusable)?;
        let output = source.path().with_extension("out");
        let arguments = [
            "compile-guest".as_ref(),
            shape.name().as_ref(),
            source.path().as_os_str(),
            output.as_os_str(),
        ];
        if let Err(complaint) = run_child(&self.compiler, &arguments).await {
            let _ = fs::remove_file(&output);
            return Err(CodeError::Compile(complaint));
        }
        fs::rename(&output, path).map_err(unusable)
    }
}

fn temporary(folder: &Path, wasm: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .suffix(".wasm")
        .tempfile_in(folder)?;
    File::write_all(file.as_file_mut(), wasm)?;
    Ok(file)
}

/// Tells what the first bytes say, so that the commonest mistakes get their own sentence and never reach the compiler.
fn require_component(wasm: &[u8]) -> Result<(), CodeError> {
    const MAGIC: &[u8] = b"\0asm";
    const MODULE: &[u8] = &[1, 0, 0, 0];
    const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
    let complaint = match wasm {
        [] => "the file is empty (perhaps it is still being written)",
        _ if wasm.len() < 8 => {
            "the file is too short to be WebAssembly (perhaps it is still being written)"
        }
        _ if &wasm[..4] != MAGIC => "the file is not WebAssembly",
        _ if &wasm[4..8] == MODULE => {
            "the file is a core WebAssembly module; an adaptor is a component. Turn it into one with `wasm-tools component new`"
        }
        _ if &wasm[4..8] != COMPONENT => {
            "the file is WebAssembly of a version this host does not know"
        }
        _ => return Ok(()),
    };
    Err(CodeError::NotAComponent(complaint))
}
