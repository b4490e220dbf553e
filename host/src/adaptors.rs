//! The adaptors of a project: files in `adaptors/` and those inside the program, and which of them a job's name means.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonio_project::{AdaptorName, Problem, Severity};
use fonio_sandbox::{Adaptor, AdaptorError, Sandbox};
use sha2::{Digest, Sha256};

use crate::wasm_file;

/// The OpenFn package whose operations every job has.
const COMMON: &str = "@openfn/language-common";

/// An adaptor that jobs can name.
#[derive(Clone, Debug)]
pub struct LoadedAdaptor {
    /// Relative to the project; none for one that the program carries.
    pub file: Option<PathBuf>,
    /// SHA-256 of the file, in hex.
    pub(crate) digest: String,
    /// The adaptor itself.
    pub adaptor: Arc<Adaptor>,
}

impl LoadedAdaptor {
    /// The name by which `[adaptors.<name>]` and `adaptors/<name>.wasm` know it.
    pub fn short_name(&self) -> String {
        match &self.file {
            Some(file) => file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            None => self.adaptor.description().name.clone(),
        }
    }

    fn answers_to(&self, name: &AdaptorName) -> bool {
        let description = self.adaptor.description();
        description.answers_to.contains(&name.name) || self.short_name() == name.short()
    }
}

/// Every adaptor of a project: its own files first, then what the program carries.
#[derive(Clone, Debug, Default)]
pub struct Adaptors(pub Vec<LoadedAdaptor>);

impl Adaptors {
    /// Loads `adaptors/*.wasm` and the built-in ones; a file that does not load is a problem, and its old version stays.
    pub async fn load(
        dir: &Path,
        sandbox: &Sandbox,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        let mut loaded = Vec::new();
        for path in wasm_files(dir) {
            let file = path.strip_prefix(dir).unwrap_or(&path).to_path_buf();
            let before = old.and_then(|old| {
                old.0
                    .iter()
                    .find(|adaptor| adaptor.file.as_ref() == Some(&file))
            });
            match load_file(&path, &file, sandbox, before).await {
                Ok(adaptor) => loaded.push(adaptor),
                Err(reason) => {
                    problems.push(adaptor_problem(&file, &reason, before.is_some()));
                    loaded.extend(before.cloned());
                }
            }
        }
        for (name, wasm) in Sandbox::built_in_adaptors() {
            match load_bytes(
                wasm,
                None,
                sandbox,
                old.and_then(|old| old.0.iter().find(|a| a.file.is_none())),
            )
            .await
            {
                Ok(adaptor) => loaded.push(adaptor),
                Err(error) => {
                    tracing::error!(name, %error, "an adaptor inside the program does not load")
                }
            }
        }
        Adaptors(loaded)
    }

    /// Whether an adaptor is still here. One that was deleted must not run on in jobs made with it.
    pub(crate) fn have(&self, digest: Option<&String>) -> bool {
        digest.is_none_or(|digest| self.0.iter().any(|adaptor| adaptor.digest == *digest))
    }

    /// The adaptor that a job names; `None` in `Ok` for the common operations alone.
    ///
    /// # Errors
    /// When nothing here answers to the name: the sentence to show, and what would help.
    pub fn find(&self, name: &AdaptorName) -> Result<Option<&LoadedAdaptor>, (String, String)> {
        if name.name == COMMON {
            return Ok(None);
        }
        if let Some(found) = self.0.iter().find(|adaptor| adaptor.answers_to(name)) {
            return Ok(Some(found));
        }
        let known: Vec<String> = self
            .0
            .iter()
            .flat_map(|a| a.adaptor.description().answers_to.clone())
            .collect();
        let help = format!(
            "put a .wasm that answers to it into adaptors/ (for example adaptors/{}.wasm); here now: {COMMON}, {}",
            name.short(),
            known.join(", ")
        );
        Err((format!("no adaptor here answers to {}", name.name), help))
    }
}

/// Changes when a file in `adaptors/` does. By size, time and inode, so that it costs no reading.
pub fn adaptor_files_stamp(dir: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let stamp = |path: PathBuf| {
        let found = fs::metadata(&path).ok();
        let seen = found.map(|found| {
            (
                found.len(),
                found.mtime(),
                found.mtime_nsec(),
                found.ctime_nsec(),
                found.ino(),
            )
        });
        format!("{} {seen:?}\n", path.display())
    };
    wasm_files(dir).into_iter().map(stamp).collect()
}

fn wasm_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.join("adaptors")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    files.sort();
    files
}

async fn load_file(
    path: &Path,
    file: &Path,
    sandbox: &Sandbox,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, String> {
    let wasm = wasm_file::read(path.to_path_buf()).await?;
    load_bytes(&wasm, Some(file.to_path_buf()), sandbox, before)
        .await
        .map_err(|error| error.to_string())
}

async fn load_bytes(
    wasm: &[u8],
    file: Option<PathBuf>,
    sandbox: &Sandbox,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, AdaptorError> {
    let digest = Sha256::digest(wasm)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    if let Some(same) = before.filter(|before| before.digest == digest) {
        return Ok(same.clone());
    }
    let adaptor = Arc::new(sandbox.load_adaptor(wasm).await?);
    Ok(LoadedAdaptor {
        file,
        digest,
        adaptor,
    })
}

fn adaptor_problem(file: &Path, reason: &str, old_serves: bool) -> Problem {
    let message = format!("this adaptor does not load: {reason}");
    let help = old_serves.then(|| "the version loaded before goes on serving".to_owned());
    Problem {
        severity: Severity::Error,
        file: file.to_path_buf(),
        line: 1,
        column: 1,
        message,
        help,
        source_line: None,
    }
}
