//! Compiled code: made in a child process, kept in a private folder, found again by the hash of what it was made from.
//!
//! Nothing compiles on the request path, and nothing compiles in this process: Cranelift on hostile input may take any
//! amount of time and memory (one 1.2 MB guest: 5 s and 77 MB), so it runs in a child that the kernel limits.
//!
//! Compiled code is native code, and loading what somebody forged is running it. So the folder is this user's alone, and
//! each file in it ends in a tag (entry.rs) by a key that is kept elsewhere (key.rs). What has no such tag is compiled again.

mod entry;
mod key;

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::{Shape, engine_fingerprint, run_child};
use entry::Entry;
pub use key::{CodeKey, KeyError};

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

/// Makes the folder for compiled code (mode 0700) if it is not there.
///
/// # Errors
/// When it cannot be made, or is not ours alone.
pub fn make_code_folder(folder: &Path) -> Result<(), CodeError> {
    let unusable = |reason: String| CodeError::Cache {
        path: folder.to_owned(),
        reason,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| unusable(error.to_string()))?;
    let found = fs::symlink_metadata(folder).map_err(|error| unusable(error.to_string()))?;
    if found.is_symlink() {
        return Err(unusable(
            "it is a symbolic link, which may lead elsewhere tomorrow".into(),
        ));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(unusable("it belongs to another user".into()));
    }
    if found.permissions().mode() & 0o022 != 0 {
        return Err(unusable("others can write to it".into()));
    }
    Ok(())
}

/// A private folder of compiled code.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: CodeKey,
    /// The program that compiles when called as `PROGRAM compile-guest SHAPE IN OUT`.
    compiler: PathBuf,
    fingerprint: String,
}

impl CodeCache {
    /// Opens the folder, making it if it is not there.
    ///
    /// # Errors
    /// As of [`make_code_folder`].
    pub fn open(
        folder: PathBuf,
        key: CodeKey,
        compiler: PathBuf,
        engine: &Engine,
    ) -> Result<CodeCache, CodeError> {
        make_code_folder(&folder)?;
        Ok(CodeCache {
            folder,
            key,
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
        let entry = self.entry(wasm, shape);
        if let Some(component) = cached(&entry, engine).await {
            return Ok(component);
        }
        self.compile(wasm, shape, &entry).await?;
        cached(&entry, engine).await.ok_or_else(|| {
            CodeError::Compile("what the compiler wrote does not fit this engine".into())
        })
    }

    fn entry(&self, wasm: &[u8], shape: Shape) -> Entry {
        let mut hash = Sha256::new();
        hash.update(&self.fingerprint);
        hash.update(shape.name());
        hash.update(wasm);
        let name = hash.finalize();
        Entry {
            name: name.iter().map(|byte| format!("{byte:02x}")).collect(),
            folder: self.folder.clone(),
            key: self.key.clone(),
        }
    }

    async fn compile(&self, wasm: &[u8], shape: Shape, entry: &Entry) -> Result<(), CodeError> {
        let unusable = |error: io::Error| CodeError::Cache {
            path: self.folder.clone(),
            reason: error.to_string(),
        };
        let source = temporary(&self.folder, wasm).map_err(unusable)?;
        // Made here, because the child may make no file.
        let output = tempfile::NamedTempFile::new_in(&self.folder).map_err(unusable)?;
        let arguments = [
            "compile-guest".as_ref(),
            shape.name().as_ref(),
            source.path().as_os_str(),
            output.path().as_os_str(),
        ];
        run_child(&self.compiler, &arguments)
            .await
            .map_err(CodeError::Compile)?;
        let entry = entry.clone();
        blocking(move || entry.store(&mut output.into_file()))
            .await
            .map_err(unusable)
    }
}

/// Hashing takes a millisecond for each megabyte or two, which is not for the threads that serve.
async fn cached(entry: &Entry, engine: &Engine) -> Option<Component> {
    let (entry, engine) = (entry.clone(), engine.clone());
    blocking(move || entry.load(&engine)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn temporary(folder: &Path, wasm: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .suffix(".wasm")
        .tempfile_in(folder)?;
    file.write_all(wasm)?;
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
