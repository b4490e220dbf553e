//! Adaptors in Rust: cargo builds the module, wit-component makes it a component.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use fonio_build::component;
use fonio_build::machine::ThisMachine;
use fonio_build::toolchain::Rust;
use serde_json::Value;

use super::{AuthorError, Progress};

pub fn build(dir: &Path, output: &Path, progress: Progress<'_>) -> Result<u64, AuthorError> {
    let say = |line: String| progress("Toolchain", &line);
    let rust = Rust::find_or_add(&ThisMachine, oldest_rust(), &say)
        .map_err(|error| AuthorError::Tool(format!("{error:#}")))?;
    progress("Building", &format!("{} with {rust}", dir.display()));
    let module = module(dir, &rust)?;
    component::write(&module, output).map_err(|error| {
        AuthorError::Tool(format!("{} is no adaptor: {error:#}", module.display()))
    })
}

/// The SDK is part of this workspace, and wants what the workspace wants.
fn oldest_rust() -> (u32, u32) {
    fonio_build::packages::version(env!("CARGO_PKG_RUST_VERSION")).unwrap_or_default()
}

/// Runs cargo, and gives the module that it names.
fn module(dir: &Path, rust: &Rust) -> Result<PathBuf, AuthorError> {
    let built = rust
        .cargo_build()
        .args([
            "--release",
            "--lib",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            AuthorError::Tool(format!(
                "cargo does not start: {error}. Install Rust from https://rustup.rs"
            ))
        })?;
    if !built.status.success() {
        return Err(AuthorError::Source(dir.to_owned()));
    }
    let manifest = dir.join("Cargo.toml");
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut modules = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let of_this = message["manifest_path"].as_str().map(Path::new) == Some(&*manifest);
        let files = message["filenames"].as_array().filter(|_| of_this)?;
        let mut files = files.iter().filter_map(Value::as_str);
        files
            .find(|file| file.ends_with(".wasm"))
            .map(PathBuf::from)
    });
    modules.next().ok_or_else(|| {
        let said = "cargo built no .wasm: under [lib], Cargo.toml needs crate-type = [\"cdylib\"]";
        AuthorError::Tool(format!("{}: {said}", manifest.display()))
    })
}
