//! Reading the files of a project: bounded, as UTF-8, each remembered for the fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::files::{Files, NotRead};
use crate::report::{Place, Report, Secrecy, count};

/// Largest file that is read. The largest job among 326 of real projects is under 100 KiB; what is over this is no
/// project file, and reading it would only fill the memory.
const FILE_MAX_BYTES: u64 = 4 << 20;

/// A project directory being read.
pub(crate) struct Inputs<'a> {
    pub dir: &'a Path,
    /// How its files are opened.
    pub files: Files,
    pub report: Report,
    /// Which files the project's own may name.
    pub reach: Reach,
    /// What credentials are read from: files, and folders of them, there or not.
    pub credential_files: BTreeSet<PathBuf>,
    digests: BTreeMap<String, [u8; 32]>,
}

/// Which files a project may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those in its own folder, of which it is complete wherever it is copied to.
    Project,
    /// Any: a workflow that a person runs alone, whose files lie about as they do for OpenFn's command line.
    Anywhere,
}

/// What became of a file.
pub(crate) enum Read {
    Text(String),
    Missing,
    /// Not readable; already reported.
    Refused,
}

/// Why there are no bytes of a file.
pub(crate) enum Unread {
    Missing,
    /// Not readable; already reported.
    Refused,
}

impl<'a> Inputs<'a> {
    pub fn new(dir: &'a Path) -> Inputs<'a> {
        Inputs::with(dir, Files::of(dir))
    }

    /// The same with files that may be a tenant's.
    pub fn of(files: &'a Files) -> Inputs<'a> {
        Inputs::with(files.dir(), files.clone())
    }

    /// The same files once more, with a report of their own.
    pub fn aside(&self) -> Inputs<'a> {
        let mut aside = Inputs::with(self.dir, self.files.clone());
        aside.reach = self.reach;
        aside
    }

    fn with(dir: &'a Path, files: Files) -> Inputs<'a> {
        Inputs {
            dir,
            files,
            report: Report::default(),
            reach: Reach::Project,
            credential_files: BTreeSet::new(),
            digests: BTreeMap::new(),
        }
    }

    /// Reads a file of the project, `file` being relative to its directory or absolute. A byte order mark is dropped.
    pub fn read(&mut self, file: &Path, secrecy: Secrecy) -> Read {
        let bytes = match self.bytes(file) {
            Ok(bytes) => bytes,
            Err(Unread::Missing) => return Read::Missing,
            Err(Unread::Refused) => return Read::Refused,
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                self.report.keep_text(file, text, secrecy);
                Read::Text(text.to_owned())
            }
            Err(error) => {
                let at = place_in_bytes(&bytes[..error.valid_up_to()]);
                self.report
                    .error(file, at, "the file is not UTF-8 from here on")
                    .help("save it as UTF-8, the usual encoding in editors");
                Read::Refused
            }
        }
    }

    /// Reports whatever in a folder of the project is really elsewhere: others read it, too.
    pub fn keep_within(&mut self, folder: &str) {
        let folder = Path::new(folder);
        if self.may_read(folder) {
            for name in self.entries_in(folder) {
                self.may_read(&folder.join(name));
            }
        }
    }

    /// Whether a file or folder may be read, as it is now: a tenant's is in its folder. Reported if not.
    pub fn may_read(&mut self, file: &Path) -> bool {
        let outside = self.files.is_outside(file);
        if outside {
            self.refuse(file, &NotRead::Outside);
        }
        !outside
    }

    fn refuse(&mut self, file: &Path, why: &NotRead) {
        let (message, help) = match why {
            NotRead::Outside => (
                why.to_string(),
                Some(
                    "put it into the folder; with `serve --projects` neither `..` nor a link leads out of it",
                ),
            ),
            NotRead::TooLarge(_) => (why.to_string(), None),
            why => (format!("the file cannot be read: {why}"), None),
        };
        let problem = self.report.error(file, Place::FILE, message);
        if let Some(help) = help {
            problem.help(help);
        }
    }

    /// The bytes of a file, which need not be text.
    pub fn bytes(&mut self, file: &Path) -> Result<Zeroizing<Vec<u8>>, Unread> {
        match self.files.read(file, FILE_MAX_BYTES) {
            Ok(bytes) => {
                // It may hold secrets.
                let bytes = Zeroizing::new(bytes);
                self.note(&format!("file {}", file.display()), &bytes);
                Ok(bytes)
            }
            Err(why) if why.is_missing() => Err(Unread::Missing),
            Err(why) => {
                self.refuse(file, &why);
                Err(Unread::Refused)
            }
        }
    }

    /// Adds something that was read to the fingerprint.
    pub fn note(&mut self, what: &str, bytes: &[u8]) {
        self.digests
            .insert(what.to_owned(), Sha256::digest(bytes).into());
    }

    /// The names of the files in a folder of the project that end in `extension`, in order. A missing folder has none.
    pub fn names_in(&mut self, folder: &str, extension: &str) -> Vec<String> {
        let entries = match self.files.names(Path::new(folder)) {
            Ok(entries) => entries,
            Err(why) if why.is_missing() => return Vec::new(),
            Err(NotRead::Outside) => {
                self.refuse(Path::new(folder), &NotRead::Outside);
                return Vec::new();
            }
            Err(why) => {
                let message = format!("the folder cannot be read: {why}");
                self.report.error(Path::new(folder), Place::FILE, message);
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            // Editors keep their own files beside: `.#job.js`, `._job.js`.
            .filter(|name| {
                !name.starts_with('.')
                    && Path::new(name)
                        .extension()
                        .is_some_and(|found| found == extension)
            })
            .collect();
        names.sort();
        names
    }

    /// The path from the project directory of one that `file` names, relative to its own folder. Nothing if it leads out
    /// of what may be read, by `..` or by a link.
    pub fn named_in(&self, file: &Path, path: &Path) -> Option<PathBuf> {
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        if self.reach == Reach::Anywhere {
            return Some(folder.join(path));
        }
        let mut found = folder;
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => found.push(part),
                Component::ParentDir => {
                    if !found.pop() {
                        return None;
                    }
                }
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        let there = self.files.has(&found);
        (!there || self.files.inside(&found).is_some()).then_some(found)
    }

    /// The names of everything in a folder of the project that does not start with a dot, in order.
    pub fn entries_in(&self, folder: &Path) -> Vec<String> {
        let names = self.files.names(folder).unwrap_or_default();
        let names = names.into_iter().map(OsString::into_string);
        names
            .flatten()
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    /// SHA-256, in hex, over everything that was read.
    pub fn fingerprint(&self) -> String {
        let mut all = Sha256::new();
        for (what, digest) in &self.digests {
            all.update((what.len() as u64).to_le_bytes());
            all.update(what.as_bytes());
            all.update(digest);
        }
        all.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn place_in_bytes(valid: &[u8]) -> Place {
    let line_start = valid
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&valid[line_start..])
        .chars()
        .count();
    Place {
        line: count(valid.iter().filter(|byte| **byte == b'\n').count()) + 1,
        column: count(column) + 1,
    }
}
