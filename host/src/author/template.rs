//! What `fonio adaptor new` writes.
//!
//! The templates are in `sdk/templates`, each a whole adaptor named `adaptor-name`. What they stand on, the Rust SDK and the
//! contract, is taken from where this repository has it, so that there is one copy.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};
use toml::{Table, Value};

use super::{AuthorError, Language, Name};

static RUST: Dir = include_dir!("$CARGO_MANIFEST_DIR/../sdk/templates/rust");
static JS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../sdk/templates/js");
static PYTHON: Dir = include_dir!("$CARGO_MANIFEST_DIR/../sdk/templates/python");
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/../sdk/rust");
static OPERATIONS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit/operations");
static LOG: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit/log");
static EVENTS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit/events");
static COLLECTIONS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit/collections");
static WORLD: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit/adaptor");

/// The workspace that the SDK inherits its settings and the versions of its dependencies from.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
/// The versions that the SDK is tested with. Cargo drops the rest at the first build.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// In the templates, the name of the adaptor.
const PLACEHOLDER: &str = "adaptor-name";

/// Writes a new adaptor into a folder of its name in `parent`, and gives that folder.
///
/// # Errors
/// When the folder is there already, or cannot be written.
pub fn create(name: &Name, language: Language, parent: &Path) -> Result<PathBuf, AuthorError> {
    let dir = parent.join(name.as_str());
    if dir.symlink_metadata().is_ok() {
        return Err(AuthorError::Taken(dir));
    }
    let vendor = dir.join("vendor/fonio-sdk");
    match language {
        Language::Rust => {
            write_all(&RUST, &dir, Some(name))?;
            write_all(&SDK, &vendor.join("sdk/rust"), None)?;
            // Where the SDK's source looks for them.
            write_all(&OPERATIONS, &vendor.join("wit/operations"), None)?;
            write_all(&LOG, &vendor.join("wit/log"), None)?;
            write_all(&EVENTS, &vendor.join("wit/events"), None)?;
            write(&vendor.join("Cargo.toml"), sdk_workspace()?.as_bytes())?;
            write(&dir.join("Cargo.lock"), LOCK.as_bytes())?;
        }
        Language::Js => write_all(&JS, &dir, Some(name))?,
        Language::Python => {
            write_all(&PYTHON, &dir, Some(name))?;
            write_all(&WORLD, &dir.join("wit"), None)?;
            write_all(&OPERATIONS, &dir.join("wit/deps"), None)?;
            write_all(&LOG, &dir.join("wit/deps"), None)?;
            write_all(&COLLECTIONS, &dir.join("wit/deps"), None)?;
            write_all(&EVENTS, &dir.join("wit/deps"), None)?;
        }
    }
    Ok(dir)
}

fn write_all(from: &Dir, to: &Path, name: Option<&Name>) -> Result<(), AuthorError> {
    for file in from.files() {
        let path = to.join(file.path().file_name().unwrap_or_default());
        match (name, file.contents_utf8()) {
            (Some(name), Some(text)) => {
                write(&path, text.replace(PLACEHOLDER, name.as_str()).as_bytes())?;
            }
            _ => write(&path, file.contents())?,
        }
    }
    for folder in from.dirs() {
        let inside = to.join(folder.path().file_name().unwrap_or_default());
        write_all(folder, &inside, name)?;
    }
    Ok(())
}

fn write(path: &Path, contents: &[u8]) -> Result<(), AuthorError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, contents))
        .map_err(AuthorError::file(path))
}

/// The repository's workspace, reduced to the SDK: its sources are written as they are, and inherit from it.
fn sdk_workspace() -> Result<String, AuthorError> {
    let manifest = SDK.get_file("Cargo.toml").and_then(File::contents_utf8);
    let manifest = manifest.unwrap_or_default();
    let inherited = |name: &str| manifest.contains(&format!("\n{name}.workspace"));
    let reduced = || {
        let mut whole: Table = WORKSPACE.parse().ok()?;
        let workspace = whole.get_mut("workspace")?.as_table_mut()?;
        workspace.remove("default-members");
        workspace.insert("members".into(), Value::Array(vec!["sdk/rust".into()]));
        let dependencies = workspace.get_mut("dependencies")?.as_table_mut()?;
        dependencies.retain(|name, _| inherited(name));
        whole.remove("profile");
        Some(whole.to_string())
    };
    reduced().ok_or_else(|| AuthorError::Tool("the SDK in the program has no workspace".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push(entry.path());
                }
            }
        }
        files
    }

    #[test]
    fn what_is_written_is_small_and_bears_the_name() {
        for language in [Language::Rust, Language::Js, Language::Python] {
            let parent = tempfile::tempdir().expect("a folder");
            let name: Name = "clinic".parse().expect("a name");
            let dir = create(&name, language, parent.path()).expect("it is written");
            let files = files(&dir);
            let bytes: u64 = files
                .iter()
                .map(|file| fs::metadata(file).expect("it is there").len())
                .sum();
            // Whatever someone built in the template's own folder would be in the program too.
            assert!(bytes < 400_000, "{language:?}: {bytes} bytes in {files:?}");
            assert!(dir.join("tests/reads-a-patient.json").is_file());
            // The SDK's own documentation shows the template as it is.
            for file in files
                .iter()
                .filter(|file| !file.starts_with(dir.join("vendor")))
            {
                let text = fs::read_to_string(file).expect("it is text");
                assert!(!text.contains(PLACEHOLDER), "{}", file.display());
            }
        }
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let parent = tempfile::tempdir().expect("a folder");
        fs::write(parent.path().join("clinic"), "mine").expect("a file");
        let name: Name = "clinic".parse().expect("a name");
        let error = create(&name, Language::Rust, parent.path()).expect_err("it is taken");
        assert!(matches!(error, AuthorError::Taken(_)), "{error}");
    }

    #[test]
    fn the_sdks_workspace_is_reduced_to_what_it_inherits() {
        let text = sdk_workspace().expect("the program's own");
        assert!(
            text.contains("serde_json") && text.contains("wit-bindgen"),
            "{text}"
        );
        for alien in ["wasmtime", "path =", "profile", "host"] {
            assert!(!text.contains(alien), "{alien} in:\n{text}");
        }
    }
}
