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
    let why = match npm::run(folder, &arguments.map(AsRef::as_ref)).await {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().take(2000).collect();
            format!("npm could not install it: {said}")
        }
        Err(ImportError::NoNpm) => "nor is npm, which would fetch it".to_owned(),
        Err(error) => return Err(error),
    };
    Err(ImportError::Tool(format!(
        "esbuild, which bundles packages, is not on this machine; {why}\n{}",
        by_hand()
    )))
}

/// It is one file, in a package of its own for each kind of machine.
fn by_hand() -> String {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("{system}-{processor}");
    format!(
        "  = put it on the path, or name it with FONIO_ESBUILD; on a machine that has npm and reaches its registry:\n      \
         npm pack @esbuild/{package}@{VERSION}\n      \
         tar xzf esbuild-{package}-{VERSION}.tgz package/bin/esbuild"
    )
}
