//! What targets start from: the files of the repository that people and tests use, read when they are wanted.

use std::fs;
use std::path::{Path, PathBuf};

/// A file larger than this is no seed: mutations would seldom meet anything in it.
const SEED_MAX_BYTES: u64 = 12 << 10;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `folder` of the repository whose name ends in one of `endings`, in order, with its path from there.
pub fn files(folder: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let root = root().join(folder);
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.retain(|path| {
        let name = path.to_string_lossy();
        endings.iter().any(|ending| name.ends_with(ending))
    });
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let below = path.strip_prefix(&root).ok()?.to_owned();
        Some((below, text))
    };
    found.into_iter().filter_map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if entry
            .metadata()
            .is_ok_and(|metadata| metadata.len() <= SEED_MAX_BYTES)
        {
            found.push(path);
        }
    }
}
