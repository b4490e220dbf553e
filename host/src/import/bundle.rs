//! One module of a package and everything it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::compat::Compat;
use super::examine::Entry;
use super::npm::Installed;
use super::{BUNDLE_MAX_BYTES, ImportError};

/// Runs esbuild and gives the bundle: it exports the package as `adaptor` and imports nothing but `fonio:host`.
pub async fn bundle(
    package: &Installed,
    entry: Entry,
    esbuild: &Path,
    folder: &Path,
) -> Result<PathBuf, ImportError> {
    let compat = Compat::write(&folder.join("compat"))?;
    let start = folder.join("entry.mjs");
    fs::write(&start, text(package, entry, &compat))
        .map_err(|error| ImportError::file(&start, error))?;
    let bundle = folder.join("bundle.mjs");
    let mut command = Command::new(esbuild);
    command
        .arg(&start)
        .arg(format!("--outfile={}", bundle.display()))
        .args([
            "--bundle",
            "--format=esm",
            // The layer is a small Node, so packages show the side that they show to Node; ES modules where they have both.
            "--platform=node",
            "--main-fields=module,main",
            // Of what QuickJS has everything that esbuild could translate.
            "--target=es2023",
            "--external:fonio:host",
            "--define:process.env.NODE_ENV=\"production\"",
            // The source text of functions stays in memory; names stay for what errors say.
            "--minify-whitespace",
            "--log-level=error",
            "--log-limit=10",
            "--color=false",
        ])
        .args(
            compat
                .aliases
                .iter()
                .map(|(name, file)| format!("--alias:{name}={}", file.display())),
        )
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.map_err(|error| {
        ImportError::Tool(format!("{} does not start: {error}", esbuild.display()))
    })?;
    if output.status.success() {
        return Ok(bundle);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ImportError::Refused {
        package: package.title(),
        reason: format!(
            "it cannot be bundled:\n{}",
            said.trim().chars().take(4000).collect::<String>()
        ),
        instead: "what it names must be there: run `npm install` where the package is, or report it to its authors".into(),
    })
}

/// What esbuild starts from.
fn text(package: &Installed, entry: Entry, compat: &Compat) -> String {
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    let globals = quoted(&compat.globals);
    let target = quoted(&package.folder.join(entry.file));
    if entry.is_module {
        format!("import {globals};\nimport * as adaptor from {target};\nexport {{ adaptor }};\n")
    } else {
        // In an import, what a CommonJS module exports could only be guessed.
        format!("import {globals};\nconst adaptor = require({target});\nexport {{ adaptor }};\n")
    }
}

/// The size of the bundle, if it may be that large.
pub fn checked_size(bundle: &Path, package: &Installed) -> Result<u64, ImportError> {
    let size = fs::metadata(bundle)
        .map_err(|error| ImportError::file(bundle, error))?
        .len();
    if size <= BUNDLE_MAX_BYTES {
        return Ok(size);
    }
    Err(ImportError::Refused {
        package: package.title(),
        reason: format!(
            "with everything it needs it is {} MiB of JavaScript, and the limit is {} MiB",
            size >> 20,
            BUNDLE_MAX_BYTES >> 20
        ),
        instead: "use the web API that it wraps, with the adaptor `http`; or import a package that needs less".into(),
    })
}
