//! Reading the files of a project: bounded, as UTF-8, each remembered for the fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::report::{Place, Report, Secrecy, count};
use crate::sizes::format_size;

/// Largest file that is read. The largest job among 326 of real projects is under 100 KiB; what is over this is no
/// project file, and reading it would only fill the memory.
const FILE_MAX_BYTES: u64 = 4 << 20;

/// A project directory being read.
pub(crate) struct Inputs<'a> {
    pub dir: &'a Path,
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
    /// Those in its own folder, and what it reads is there too, wherever links and settings lead: a tenant's, whose
    /// neighbours' secrets lie beside it.
    Tenant,
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
        Inputs {
            dir,
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
        for name in self.entries_in(Path::new(folder)) {
            self.may_read(&Path::new(folder).join(name));
        }
    }

    /// Whether a file or folder may be read: a tenant's is in its folder. Reported if not.
    pub fn may_read(&mut self, file: &Path) -> bool {
        let within = self.reach != Reach::Tenant || is_within(self.dir, &self.dir.join(file));
        if !within {
            self.report
                .error(file, Place::FILE, "the file is outside the tenant's folder, and a tenant reads nothing else")
                .help("put it into the folder; with `serve --projects` neither `..` nor a link leads out of it");
        }
        within
    }

    /// The bytes of a file, which need not be text.
    pub fn bytes(&mut self, file: &Path) -> Result<Zeroizing<Vec<u8>>, Unread> {
        if !self.may_read(file) {
            return Err(Unread::Refused);
        }
        let bytes = match read_bounded(&self.dir.join(file)) {
            // It may hold secrets.
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Unread::Missing),
            Err(error) => {
                let message = format!("the file cannot be read: {error}");
                self.report.error(file, Place::FILE, message);
                return Err(Unread::Refused);
            }
        };
        self.note(&format!("file {}", file.display()), &bytes);
        if bytes.len() as u64 > FILE_MAX_BYTES {
            let message = format!(
                "the file is larger than {}, the most that is read",
                format_size(FILE_MAX_BYTES)
            );
            self.report.error(file, Place::FILE, message);
            return Err(Unread::Refused);
        }
        Ok(bytes)
    }

    /// Adds something that was read to the fingerprint.
    pub fn note(&mut self, what: &str, bytes: &[u8]) {
        self.digests
            .insert(what.to_owned(), Sha256::digest(bytes).into());
    }

    /// The names of the files in a folder of the project that end in `extension`, in order. A missing folder has none.
    pub fn names_in(&mut self, folder: &str, extension: &str) -> Vec<String> {
        let entries = match std::fs::read_dir(self.dir.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.report.error(
                    Path::new(folder),
                    Place::FILE,
                    format!("the folder cannot be read: {error}"),
                );
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
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
        let there = self.dir.join(&found).exists();
        (!there || self.inside(&found).is_some()).then_some(found)
    }

    /// The names of everything in a folder of the project that does not start with a dot, in order.
    pub fn entries_in(&self, folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.join(folder));
        let names = entries.into_iter().flatten();
        let mut names: Vec<String> = names
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// Where a path within the project really is, or nothing if it leads out of the project, by `..` or by a link.
    pub fn inside(&self, path: &Path) -> Option<PathBuf> {
        let root = self.dir.canonicalize().ok()?;
        let real = self.dir.join(path).canonicalize().ok()?;
        Some(real.strip_prefix(&root).ok()?.to_owned())
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

/// Whether `path`, with every link in it followed, is in the folder `dir`. What does not exist is nowhere else.
fn is_within(dir: &Path, path: &Path) -> bool {
    match (dir.canonicalize(), path.canonicalize()) {
        (Ok(dir), Ok(path)) => path.starts_with(dir),
        (_, Err(error)) => error.kind() == ErrorKind::NotFound,
        (Err(_), Ok(_)) => false,
    }
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other(if metadata.is_dir() {
            "it is a folder"
        } else {
            "it is not an ordinary file"
        }));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
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
