//! `fonio.lock`: the files in `adaptors/` that a project was checked with, by their digests.
//!
//! A project without one loads what it finds. With one, a file that is another, or that nobody listed, is not loaded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fonio_project::{Files, NotRead};
use fonio_sandbox::Adaptor;
use serde::{Deserialize, Serialize};

use crate::adaptors::{Adaptors, LoadedAdaptor, named};

/// The file's name.
pub const LOCK_FILE: &str = "fonio.lock";
/// What this program writes. A later format would be another number.
const FORMAT: u32 = 1;
/// The largest lock: some 20,000 adaptors.
const FILE_MAX_BYTES: u64 = 4 << 20;
const HEADER: &str = "# The files in adaptors/, by their digests: no other is loaded. `fonio adaptor lock` writes this; commit it.\n";
/// As much of a digest as a person compares.
const SHOWN: usize = 12;

/// What was locked, by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<String, Locked>);

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// From the project's directory: `adaptors/http@7.2.10.wasm`.
    pub file: String,
    /// What the adaptor calls itself.
    pub name: String,
    /// And its version.
    pub version: String,
    /// The npm package that is in the file, if it is an imported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default, rename = "adaptor", skip_serializing_if = "Vec::is_empty")]
    adaptors: Vec<Locked>,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("the file cannot be used: {0}")]
    File(#[from] io::Error),
    /// It is no lock.
    #[error("it is no lock: {0}")]
    Text(String),
    /// It is of another format.
    #[error("it is written in format {0}, and this version of Fonio knows format {FORMAT}")]
    Format(u32),
}

/// Why a file is not loaded from a project with a lock.
#[derive(Debug, thiserror::Error)]
pub enum NotLocked {
    /// It is another than was locked.
    #[error(
        "it is not the file in fonio.lock: locked is sha256 {locked}…, here is {here}…. If the change is meant: fonio adaptor lock"
    )]
    Differs {
        /// The beginning of the digest in the lock.
        locked: String,
        /// And of the file's.
        here: String,
    },
    /// It was never locked.
    #[error(
        "it is not in fonio.lock (here is sha256 {here}…). If it is meant to be used: fonio adaptor lock"
    )]
    NotListed {
        /// The beginning of the file's digest.
        here: String,
    },
}

/// What a new lock changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file that was not listed.
    Added(Locked),
    /// A file that is another now, with the beginning of its old digest.
    Changed(Locked, String),
    /// A file that is no longer there.
    Removed(String),
}

impl Locked {
    /// Of a file, from the project's directory, with this digest.
    #[must_use]
    pub fn new(file: &Path, digest: &str, adaptor: &Adaptor) -> Locked {
        let description = adaptor.description();
        let package = adaptor
            .contents()
            .map(|_| format!("{}@{}", description.name, description.version));
        Locked {
            file: file.display().to_string(),
            name: description.name.clone(),
            version: description.version.clone(),
            package,
            sha256: digest.to_owned(),
        }
    }

    /// As it is loaded; nothing for an adaptor that the program carries.
    fn of(loaded: &LoadedAdaptor) -> Option<Locked> {
        let file = loaded.file.as_ref()?;
        Some(Locked::new(file, &loaded.digest, &loaded.adaptor))
    }
}

impl Lock {
    /// Every file of these adaptors.
    #[must_use]
    pub fn of(adaptors: &Adaptors) -> Lock {
        let locked = adaptors.all.iter().filter_map(Locked::of);
        Lock(locked.map(|one| (one.file.clone(), one)).collect())
    }

    /// The lock of the project in `dir`; nothing when it has none.
    ///
    /// # Errors
    /// When there is one that cannot be read or understood.
    pub fn read(dir: &Path) -> Result<Option<Lock>, LockError> {
        Lock::of_project(&Files::of(dir))
    }

    /// The same of a project whose files may be a tenant's.
    ///
    /// # Errors
    /// Those of [`Lock::read`].
    pub fn of_project(files: &Files) -> Result<Option<Lock>, LockError> {
        let bytes = match files.read(Path::new(LOCK_FILE), FILE_MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => return Ok(None),
            Err(NotRead::System(error)) => return Err(error.into()),
            Err(error) => return Err(LockError::Text(error.to_string())),
        };
        let text =
            String::from_utf8(bytes).map_err(|_| LockError::Text("it is not UTF-8".to_owned()))?;
        Lock::parse(&text).map(Some)
    }

    fn parse(text: &str) -> Result<Lock, LockError> {
        let broken = |error: toml::de::Error| {
            LockError::Text(error.to_string().trim_end().replace('\n', "\n  "))
        };
        // First the format: of another, the rest may be anything.
        let table: toml::Table = text.parse().map_err(broken)?;
        match table.get("version").and_then(toml::Value::as_integer) {
            None => return Err(LockError::Text("it states no `version`".to_owned())),
            Some(version) if version != i64::from(FORMAT) => {
                return Err(LockError::Format(
                    u32::try_from(version).unwrap_or(u32::MAX),
                ));
            }
            Some(_) => {}
        }
        let written: Written = toml::from_str(text).map_err(broken)?;
        let mut lock = BTreeMap::new();
        for one in written.adaptors {
            if one.sha256.len() != 64 || !one.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                let said = format!("`sha256` of {} is not 64 hexadecimal digits", one.file);
                return Err(LockError::Text(said));
            }
            match lock.entry(one.file.clone()) {
                Entry::Occupied(twice) => {
                    let said = format!("{} is listed twice", twice.key());
                    return Err(LockError::Text(said));
                }
                Entry::Vacant(once) => once.insert(one),
            };
        }
        Ok(Lock(lock))
    }

    /// Writes it to the project in `dir`, whole or not at all; the same content is the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), LockError> {
        let written = Written {
            version: FORMAT,
            adaptors: self.0.values().cloned().collect(),
        };
        let text = toml::to_string(&written).map_err(|error| LockError::Text(error.to_string()))?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        write!(file, "{HEADER}{text}")?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(dir.join(LOCK_FILE))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// How many files it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a file in, in place of what was locked by its name.
    pub fn set(&mut self, one: Locked) {
        self.0.insert(one.file.clone(), one);
    }

    /// Whether it is this file that was locked.
    ///
    /// # Errors
    /// When it is another, or none was.
    pub fn admit(&self, file: &Path, digest: &str) -> Result<(), NotLocked> {
        let here = short(digest);
        match self.0.get(&file.display().to_string()) {
            None => Err(NotLocked::NotListed { here }),
            Some(one) if one.sha256.eq_ignore_ascii_case(digest) => Ok(()),
            Some(one) => Err(NotLocked::Differs {
                locked: short(&one.sha256),
                here,
            }),
        }
    }

    /// The files that it names and that are not there.
    pub fn without_file(&self, files: &Files) -> impl Iterator<Item = &str> {
        let there: Vec<PathBuf> = named(files, "wasm");
        let locked = self.0.keys().map(String::as_str);
        locked.filter(move |file| !there.contains(&PathBuf::from(file)))
    }

    /// What is different from an earlier one.
    #[must_use]
    pub fn changes_since(&self, old: &Lock) -> Vec<Change> {
        let removed = old.0.keys().filter(|file| !self.0.contains_key(*file));
        let removed = removed.cloned().map(Change::Removed);
        let changed = self
            .0
            .values()
            .filter_map(|new| match old.0.get(&new.file) {
                None => Some(Change::Added(new.clone())),
                Some(old) if old == new => None,
                Some(old) => Some(Change::Changed(new.clone(), short(&old.sha256))),
            });
        changed.chain(removed).collect()
    }
}

/// Lower-case, as tools print them.
pub(crate) fn short(digest: &str) -> String {
    digest
        .chars()
        .take(SHOWN)
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(file: &str, digit: &str) -> Locked {
        Locked {
            file: format!("adaptors/{file}.wasm"),
            name: file.to_owned(),
            version: "1.0.0".to_owned(),
            package: (file == "b").then(|| "b@1.0.0".to_owned()),
            sha256: digit.repeat(64),
        }
    }

    fn lock(all: &[Locked]) -> Lock {
        let mut lock = Lock::default();
        all.iter().cloned().for_each(|one| lock.set(one));
        lock
    }

    #[test]
    fn what_is_written_is_sorted_and_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let both = lock(&[locked("b", "b"), locked("a", "a")]);
        both.write(dir.path()).expect("it is written");
        let text = fs::read_to_string(dir.path().join(LOCK_FILE)).expect("it is there");
        let expected = format!(
            "{HEADER}version = 1\n\n\
             [[adaptor]]\nfile = \"adaptors/a.wasm\"\nname = \"a\"\nversion = \"1.0.0\"\nsha256 = \"{}\"\n\n\
             [[adaptor]]\nfile = \"adaptors/b.wasm\"\nname = \"b\"\nversion = \"1.0.0\"\npackage = \"b@1.0.0\"\nsha256 = \"{}\"\n",
            "a".repeat(64),
            "b".repeat(64)
        );
        assert_eq!(text, expected);
        assert_eq!(Lock::read(dir.path()).expect("it is read"), Some(both));
        lock(&[]).write(dir.path()).expect("it is written");
        let none = Lock::read(dir.path()).expect("it is read");
        assert!(none.is_some_and(|lock| lock.is_empty()));
    }

    #[test]
    fn what_is_no_lock_is_said_to_be_none() {
        let error = |text: &str| Lock::parse(text).expect_err(text).to_string();
        assert!(error("version = ").contains("it is no lock"));
        assert!(error("").contains("states no `version`"));
        assert!(error("version = 2\nnew = true").contains("format 2"));
        assert!(error("version = 1\nnew = true").contains("new"));
        let one = |sha256: &str| {
            format!(
                "[[adaptor]]\nfile = \"adaptors/a.wasm\"\nname = \"a\"\nversion = \"1\"\nsha256 = \"{sha256}\"\n"
            )
        };
        assert!(error(&format!("version = 1\n{}", one("ab"))).contains("64 hexadecimal"));
        let good = one(&"0".repeat(64));
        assert!(error(&format!("version = 1\n{good}{good}")).contains("listed twice"));
    }

    #[test]
    fn only_the_file_that_was_locked_is_admitted() {
        let lock = lock(&[locked("a", "a")]);
        let admit = |file: &str, digit: &str| {
            let digest = digit.repeat(64);
            lock.admit(Path::new(file), &digest)
                .map_err(|error| error.to_string())
        };
        assert_eq!(admit("adaptors/a.wasm", "a"), Ok(()));
        let differs = admit("adaptors/a.wasm", "c").expect_err("another");
        assert!(
            differs.contains("aaaaaaaaaaaa…") && differs.contains("cccccccccccc…"),
            "{differs}"
        );
        let unknown = admit("adaptors/b.wasm", "a").expect_err("not listed");
        assert!(unknown.contains("not in fonio.lock"), "{unknown}");
    }

    #[test]
    fn what_a_new_lock_changes_is_known() {
        let old = lock(&[locked("a", "a"), locked("b", "b"), locked("c", "c")]);
        let new = lock(&[locked("a", "a"), locked("b", "d"), locked("e", "e")]);
        assert_eq!(
            new.changes_since(&old),
            [
                Change::Changed(locked("b", "d"), "b".repeat(12)),
                Change::Added(locked("e", "e")),
                Change::Removed("adaptors/c.wasm".to_owned()),
            ]
        );
    }
}
