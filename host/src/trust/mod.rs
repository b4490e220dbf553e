//! Which files in `adaptors/` a project loads: all, or those that its lock names ([`lock`]), or those that somebody signed
//! ([`signatures`]), or both.
//!
//! Both are about the bytes that are loaded, and not about a file that is read a second time.

pub mod lock;
pub mod signatures;

use std::path::Path;

use fonio_project::{Files, Problem, SETTINGS_FILE, Severity};

use crate::adaptors::LoadedAdaptor;
use lock::{LOCK_FILE, Lock, NotLocked};
use signatures::{Keys, NotSigned};

/// What a project asks of the files in its `adaptors/`.
#[derive(Debug)]
pub struct Trust {
    locked: Asked<Lock>,
    signed: Asked<Keys>,
}

/// Something that a project may ask for, by a file that may be broken.
#[derive(Debug)]
enum Asked<T> {
    No,
    Yes(T),
    /// The file that says so cannot be understood. Nothing new is loaded until it can.
    Unknown,
}

/// Why a file is not loaded, before anybody looks at what is in it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The lock names another, or none.
    #[error(transparent)]
    Lock(#[from] NotLocked),
    /// It is not signed by who should have signed it.
    #[error(transparent)]
    Signature(#[from] NotSigned),
    /// Nobody knows what to ask of it.
    #[error("{0} cannot be understood, and it may say which adaptors are trusted")]
    Unknown(&'static str),
}

impl Trust {
    /// Reads what the project in `dir` asks. What cannot be understood is a problem.
    pub fn read(dir: &Path, problems: &mut Vec<Problem>) -> Trust {
        Trust::of(&Files::of(dir), problems)
    }

    /// The same of a project whose files may be a tenant's.
    pub fn of(files: &Files, problems: &mut Vec<Problem>) -> Trust {
        let locked = match Lock::of_project(files) {
            Ok(None) => Asked::No,
            Ok(Some(lock)) => {
                problems.extend(lock.without_file(files).map(|file| {
                    let said = format!("{file} is listed, and is not there");
                    at(
                        LOCK_FILE,
                        Severity::Warning,
                        said,
                        "`fonio adaptor lock` writes the list anew",
                    )
                }));
                Asked::Yes(lock)
            }
            Err(error) => {
                let help = "no adaptor is loaded from adaptors/ until it can be; `fonio adaptor lock` writes it anew";
                problems.push(at(LOCK_FILE, Severity::Error, error.to_string(), help));
                Asked::Unknown
            }
        };
        Trust {
            locked,
            signed: read_keys(files, problems),
        }
    }

    /// The same without the lock: what a new lock may be made of.
    #[must_use]
    pub fn without_lock(self) -> Trust {
        Trust {
            locked: Asked::No,
            ..self
        }
    }

    /// Whether a file may be loaded: `file` of the project's `files`, with these bytes. Gives the key that
    /// signed it, if one must have.
    ///
    /// # Errors
    /// When it may not.
    pub fn admit(
        &self,
        files: &Files,
        file: &Path,
        wasm: &[u8],
        digest: &str,
    ) -> Result<Option<String>, Refusal> {
        match &self.locked {
            Asked::No => {}
            Asked::Yes(lock) => lock.admit(file, digest)?,
            Asked::Unknown => return Err(Refusal::Unknown(LOCK_FILE)),
        }
        match &self.signed {
            Asked::No => Ok(None),
            Asked::Yes(keys) => Ok(Some(keys.admit(files, file, wasm)?)),
            Asked::Unknown => Err(Refusal::Unknown(SETTINGS_FILE)),
        }
    }

    /// Whether an adaptor that was loaded before may go on in place of a file that does not load. As long as nobody knows
    /// what is asked, it may.
    #[must_use]
    pub fn keeps(&self, adaptor: &LoadedAdaptor) -> bool {
        let locked = match (&self.locked, &adaptor.file) {
            (Asked::Yes(lock), Some(file)) => lock.admit(file, &adaptor.digest).is_ok(),
            _ => true,
        };
        let signed = match &self.signed {
            Asked::Yes(keys) => keys.have(adaptor.signed_by.as_deref()),
            Asked::No | Asked::Unknown => true,
        };
        locked && signed
    }

    /// In a sentence, for a person who checks a project with files in `adaptors/`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let locked = match &self.locked {
            Asked::No => {
                "adaptors/ is not locked: `fonio adaptor lock` pins its files by their digests in fonio.lock"
            }
            Asked::Yes(_) => "adaptors/ is locked by fonio.lock",
            Asked::Unknown => "fonio.lock cannot be understood: nothing is loaded from adaptors/",
        };
        match &self.signed {
            Asked::No => locked.to_owned(),
            Asked::Yes(_) => format!("{locked}; its files are signed"),
            Asked::Unknown => format!("{locked}; whether its files must be signed is not known"),
        }
    }

    /// Whether there is a lock that holds.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        !matches!(self.locked, Asked::No)
    }
}

fn read_keys(files: &Files, problems: &mut Vec<Problem>) -> Asked<Keys> {
    let (settings, _) = fonio_project::load_settings_of(files);
    let Some(settings) = settings else {
        return Asked::Unknown;
    };
    let Some(texts) = settings.signature_keys else {
        return Asked::No;
    };
    match Keys::parse(&texts) {
        Ok(keys) => Asked::Yes(keys),
        Err(error) => {
            let help = "a key is the second line of minisign's .pub file, such as RWQf6LRCGA9i5…";
            problems.push(at(SETTINGS_FILE, Severity::Error, error.to_string(), help));
            Asked::Unknown
        }
    }
}

fn at(file: &str, severity: Severity, message: String, help: &str) -> Problem {
    Problem {
        severity,
        file: file.into(),
        line: 1,
        column: 1,
        message,
        help: Some(help.to_owned()),
        source_line: None,
    }
}
