//! Getting a package, with all it needs, into a folder.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use fonio_project::AdaptorName;
use serde_json::Value;
use tokio::process::Command;

use super::{ImportError, examine, trouble};
use crate::adaptors::means;

/// The largest adaptors take half a minute; npm itself may wait for ever for a registry that fell silent.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Where a package comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The registry that npm is set up for.
    Registry,
    /// A tarball, as `npm pack` makes them.
    Tarball(PathBuf),
    /// A folder with a package.json.
    Folder(PathBuf),
}

impl Origin {
    /// What `--from` names.
    pub fn from_path(path: &Path) -> Origin {
        if path.is_dir() {
            Origin::Folder(path.to_owned())
        } else {
            Origin::Tarball(path.to_owned())
        }
    }

    pub(super) fn shown(&self, name: &AdaptorName) -> String {
        match self {
            Origin::Registry => format!("{name} with npm"),
            Origin::Tarball(path) | Origin::Folder(path) => {
                format!("{name} from {}", path.display())
            }
        }
    }
}

/// A package that is there, and everything it needs beside it or above it.
#[derive(Debug)]
pub struct Installed {
    /// The folder of its package.json.
    pub folder: PathBuf,
    /// Its package.json.
    pub manifest: Value,
}

impl Installed {
    fn read(folder: PathBuf) -> Result<Installed, ImportError> {
        let path = folder.join("package.json");
        let text = fs::read_to_string(&path).map_err(|error| ImportError::file(&path, error))?;
        let manifest = serde_json::from_str(&text).map_err(|error| {
            ImportError::NotThere(format!("{} is not JSON: {error}", path.display()))
        })?;
        Ok(Installed { folder, manifest })
    }

    /// A text of its package.json; empty if it has none of that name.
    pub fn text(&self, key: &str) -> &str {
        self.manifest[key].as_str().unwrap_or_default()
    }

    /// Name and version.
    pub fn title(&self) -> String {
        format!("{}@{}", self.text("name"), self.text("version"))
    }
}

/// Gets the package that is asked for; `folder` is for this import alone.
pub async fn obtain(
    name: &AdaptorName,
    origin: &Origin,
    folder: &Path,
) -> Result<Installed, ImportError> {
    let installed = match origin {
        Origin::Registry => install(name, OsStr::new(&name.to_string()), folder).await?,
        Origin::Tarball(path) => {
            let path = absolute(path)?;
            install(name, path.as_os_str(), folder).await?
        }
        Origin::Folder(path) => {
            let found = Installed::read(absolute(path)?)?;
            if has_what_it_needs(&found) {
                found
            } else {
                install(name, found.folder.as_os_str(), folder).await?
            }
        }
    };
    let its_own = installed.text("name");
    if its_own != name.name && !means(name, its_own) {
        return Err(ImportError::NotThere(format!(
            "{} was asked for, but that is {}",
            name.name,
            installed.title()
        )));
    }
    Ok(installed)
}

fn absolute(path: &Path) -> Result<PathBuf, ImportError> {
    fs::canonicalize(path).map_err(|error| ImportError::file(path, error))
}

/// Whether every dependency is found from the folder upwards, as Node would find it.
fn has_what_it_needs(package: &Installed) -> bool {
    let needed = package.manifest["dependencies"].as_object();
    let mut names = needed.into_iter().flatten().map(|(name, _)| name);
    names.all(|name| examine::resolve(&package.folder, name).is_some())
}

/// Without the scripts of packages: they would run with the rights of whoever imports.
async fn install(
    name: &AdaptorName,
    what: &OsStr,
    folder: &Path,
) -> Result<Installed, ImportError> {
    let manifest = folder.join("package.json");
    fs::write(&manifest, r#"{"name":"import","private":true}"#)
        .map_err(|error| ImportError::file(&manifest, error))?;
    let output = run(
        folder,
        &[
            "install".as_ref(),
            "--ignore-scripts".as_ref(),
            "--install-links".as_ref(),
            "--no-audit".as_ref(),
            "--no-fund".as_ref(),
            "--no-package-lock".as_ref(),
            "--omit=dev".as_ref(),
            "--loglevel=error".as_ref(),
            what,
        ],
    )
    .await
    .map_err(|error| match error {
        ImportError::NoNpm => ImportError::Tool(format!("{error}{}", trouble::by_hand(name))),
        error => error,
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(trouble::explain(name, &said, folder).await);
    }
    let installed =
        fs::read_to_string(&manifest).map_err(|error| ImportError::file(&manifest, error))?;
    let installed: Value = serde_json::from_str(&installed).unwrap_or_default();
    let only = installed["dependencies"]
        .as_object()
        .and_then(|all| all.keys().next());
    let only =
        only.ok_or_else(|| ImportError::Tool("npm ended well, but installed nothing".to_owned()))?;
    Installed::read(folder.join("node_modules").join(only))
}

/// Runs npm in `folder`.
pub(super) async fn run(folder: &Path, arguments: &[&OsStr]) -> Result<Output, ImportError> {
    let npm = Command::new("npm")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, npm).await.map_err(|_| {
        let minutes = PATIENCE.as_secs() / 60;
        ImportError::Tool(format!(
            "npm was not done after {minutes} minutes; try again"
        ))
    })?;
    output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => ImportError::NoNpm,
        _ => ImportError::Tool(format!("npm does not start: {error}")),
    })
}
