//! The files of a project.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that goes away with the test.
#[derive(Debug)]
pub struct Project {
    dir: TempDir,
}

impl Default for Project {
    fn default() -> Project {
        Project {
            dir: tempfile::Builder::new()
                .prefix("fonio-test-")
                .tempdir()
                .expect("a folder for the project"),
        }
    }
}

impl Project {
    /// An empty folder.
    pub fn new() -> Project {
        Project::default()
    }

    /// One job `job` of this adaptor, run by every message. The expression is in `jobs/job.js`.
    pub fn with_job(adaptor: &str, expression: &str) -> Project {
        let yaml = format!(
            "jobs:\n  job:\n    adaptor: '{adaptor}'\n    trigger: any\ntriggers:\n  any:\n    criteria: '{{}}'\ncredentials: {{}}\n"
        );
        Project::new()
            .file("project.yaml", yaml)
            .file("jobs/job.js", expression)
    }

    /// With a file.
    #[must_use]
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Project {
        self.write(name, contents);
        self
    }

    /// Writes a file in place, making its folders.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("folders can be made");
        fs::write(path, contents).expect("files can be written");
    }

    /// Replaces a file as careful editors do: written beside it, then renamed over it.
    pub fn replace(&self, name: &str, contents: impl AsRef<[u8]>) {
        let beside = format!("{name}.new~");
        self.write(&beside, contents);
        fs::rename(self.path(&beside), self.path(name)).expect("files can be renamed");
    }

    /// Deletes a file.
    pub fn delete(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("files can be deleted");
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}
