//! Finding esbuild: what `FONIO_ESBUILD` names, else the one on the path, else npm's, kept for the next time.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ImportError, Progress, npm};

/// The version that npm is asked for; the one that our tests ran with.
const VERSION: &str = "0.28.1";

/// The program to run.
pub async fn find(tools: &Path, progress: Progress<'_>) -> Result<PathBuf, ImportError> {
    if let Some(named) = env::var_os("FONIO_ESBUILD").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(ImportError::Tool(format!(
                "FONIO_ESBUILD is {}, and there is no such file",
                named.display()
            )))
        };
    }
    if let Some(found) = on_path() {
        return Ok(found);
    }
    let folder = tools.join(format!("esbuild-{VERSION}"));
    let program = folder
        .join("node_modules")
        .join("esbuild")
        .join("bin")
        .join("esbuild");
    if !program.is_file() {
        progress("Fetching", &format!("esbuild {VERSION} with npm"));
        install(&folder).await?;
    }
    Ok(program)
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join("esbuild"))
        .find(|program| program.is_file())
}

async fn install(folder: &Path) -> Result<(), ImportError> {
    fs::create_dir_all(folder).map_err(|error| ImportError::file(folder, error))?;
    let package = format!("esbuild@{VERSION}");
    let arguments = [
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--loglevel=error",
        "--prefix",
        ".",
        &package,
    ];
    let output = npm::run(folder, &arguments.map(AsRef::as_ref)).await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ImportError::Tool(format!(
        "npm could not install esbuild {VERSION}, which bundles packages: {}\nName one with FONIO_ESBUILD, or put it on the path",
        said.trim().chars().take(2000).collect::<String>()
    )))
}
