//! What steps left in earlier runs: `.cli-cache/WORKFLOW/STEP.json`, out of version control.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

const FOLDER: &str = ".cli-cache";

/// The outputs of one workflow's steps.
pub(super) struct Cache {
    root: PathBuf,
    folder: PathBuf,
}

impl Cache {
    /// Beside the workflow.
    pub fn beside(folder: &Path, workflow: &str) -> Cache {
        let root = folder.join(FOLDER);
        Cache {
            folder: root.join(file_name(workflow)),
            root,
        }
    }

    /// Where a step's output is.
    pub fn path(&self, step: &str) -> PathBuf {
        self.folder.join(format!("{}.json", file_name(step)))
    }

    /// What the step left, if it did.
    pub fn read(&self, step: &str) -> Option<Value> {
        let text = fs::read_to_string(self.path(step)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn write(&self, step: &str, output: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        fs::write(self.root.join(".gitignore"), "*\n")?;
        fs::write(self.path(step), output)
    }
}

/// An id or a name as a file's: it must not lead elsewhere, nor to the file of another. One that cannot stand as it is
/// carries a part of its hash.
fn file_name(name: &str) -> String {
    let plain = plain(name);
    if plain == name {
        return plain;
    }
    let hash = Sha256::digest(name);
    format!("{plain}-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2])
}

fn plain(name: &str) -> String {
    let safe = |c: char| {
        if c.is_whitespace() || "/\\:".contains(c) || c.is_control() {
            '-'
        } else {
            c
        }
    };
    let name: String = name.chars().map(safe).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("-{rest}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_cache() {
        let cache = Cache::beside(Path::new("flows"), "../My flow");
        let path = cache.path("a/../../b").display().to_string();
        assert!(
            path.starts_with("flows/.cli-cache/-.-My-flow-") && path.contains("/a-..-..-b-"),
            "{path}"
        );
    }

    #[test]
    fn no_two_steps_share_a_file() {
        let cache = Cache::beside(Path::new("flows"), "flow");
        assert_ne!(cache.path("a/b"), cache.path("a-b"));
        assert_eq!(
            cache.path("a-b"),
            Path::new("flows/.cli-cache/flow/a-b.json")
        );
    }
}
