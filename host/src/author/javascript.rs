//! Adaptors in JavaScript: the way of a package from npm, taken from the author's folder instead.

use std::fs;
use std::path::Path;

use fonio_project::AdaptorName;
use serde_json::Value;

use super::{AuthorError, Progress};
use crate::import::{Import, ImportError, Origin};

pub async fn build(
    dir: &Path,
    output: &Path,
    tools: &Path,
    progress: Progress<'_>,
) -> Result<u64, AuthorError> {
    let program = std::env::current_exe()
        .map_err(|error| AuthorError::Tool(format!("the program cannot find itself: {error}")))?;
    let import = Import {
        name: name(dir)?,
        origin: Origin::Folder(dir.to_owned()),
    };
    let imported = import.run(&program, tools, progress).await;
    let wasm = imported.map_err(|error| explain(dir, error))?.wasm;
    // Renamed into place: a project that is being served looks at the file at any moment.
    let unfinished = output.with_extension("wasm.unfinished");
    fs::write(&unfinished, &wasm).map_err(AuthorError::file(&unfinished))?;
    fs::rename(&unfinished, output).map_err(AuthorError::file(output))?;
    Ok(wasm.len() as u64)
}

/// As its package.json has it, short or not.
fn name(dir: &Path) -> Result<AdaptorName, AuthorError> {
    let path = dir.join("package.json");
    let text = fs::read_to_string(&path).map_err(AuthorError::file(&path))?;
    let wrong = |why: String| AuthorError::Tool(format!("{}: {why}", path.display()));
    let manifest: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let name = manifest["name"].as_str();
    let name = name.ok_or_else(|| wrong("it needs a `name`".to_owned()))?;
    Ok(AdaptorName {
        name: name.to_owned(),
        version: None,
    })
}

/// What is wrong with the source is in the sentence already.
fn explain(dir: &Path, error: ImportError) -> AuthorError {
    AuthorError::Tool(format!("{} did not build: {error}", dir.display()))
}
