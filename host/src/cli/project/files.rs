//! Files to be written: all of them, or none if one is in the way.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::Failure;

/// Paths and texts.
pub(super) struct Files(Vec<(PathBuf, Vec<u8>)>);

impl<const N: usize> From<[(PathBuf, String); N]> for Files {
    fn from(files: [(PathBuf, String); N]) -> Files {
        let files = files.into_iter();
        Files(
            files
                .map(|(path, text)| (path, text.into_bytes()))
                .collect(),
        )
    }
}

impl Files {
    /// Files of a new project directory.
    pub fn below(dir: &Path, files: Vec<(PathBuf, String)>) -> Files {
        let files = files.into_iter();
        Files(
            files
                .map(|(path, text)| (dir.join(path), text.into_bytes()))
                .collect(),
        )
    }

    pub fn add(&mut self, path: PathBuf, contents: impl Into<Vec<u8>>) {
        self.0.push((path, contents.into()));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes them, with the folders they are in. Without `force`, nothing is written when any of them is there.
    pub fn write(&self, force: bool) -> Result<(), Failure> {
        let there: Vec<String> = self
            .0
            .iter()
            .filter(|(path, _)| path.exists())
            .map(|(path, _)| path.display().to_string())
            .collect();
        if !force && !there.is_empty() {
            return Err(Failure::usage(format!(
                "nothing was written, because there already is {}; overwrite with --force, or write elsewhere with -o",
                there.join(", ")
            )));
        }
        for (path, contents) in &self.0 {
            write(path, contents).map_err(|error| {
                Failure::failed(format!("{} cannot be written: {error}", path.display()))
            })?;
        }
        Ok(())
    }
}

fn write(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents)
}
