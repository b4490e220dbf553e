//! How the files of a project are opened: once, and a tenant's in a way that cannot leave its folder.
//!
//! Whoever may write in a folder can put a link to a neighbour's secret, or a pipe that nobody writes to, in the place of a
//! file at any moment, also between two looks at it. So no file is judged by its path and then opened by it: it is opened
//! first, without waiting, and what was opened is judged and read. For a tenant the kernel resolves the path
//! (`openat2` with `RESOLVE_BENEATH`, by cap-std, which goes from folder to folder itself where that is missing), and no
//! link that leads out is ever followed.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::sizes::format_size;

/// The folder of a project, and how far what is read there may lie. Paths are relative to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    dir: PathBuf,
    closed: bool,
}

/// Why there is nothing of a file.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// It is a tenant's, and really elsewhere.
    #[error("the file is outside the tenant's folder, and a tenant reads nothing else")]
    Outside,
    /// A folder is none.
    #[error("it is a folder")]
    Folder,
    /// Neither is a pipe, a socket or a device.
    #[error("it is not an ordinary file")]
    NotOrdinary,
    /// More bytes than were asked for.
    #[error("the file is larger than {}, the most that is read", format_size(*.0))]
    TooLarge(u64),
    /// The system says no, for one because it is not there.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl NotRead {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, NotRead::System(error) if error.kind() == ErrorKind::NotFound)
    }
}

impl Files {
    /// Those of a project that is served alone: a link may lead anywhere.
    #[must_use]
    pub fn of(dir: &Path) -> Files {
        Files {
            dir: dir.to_owned(),
            closed: false,
        }
    }

    /// Those of a tenant, whose neighbours' secrets lie beside it: nothing outside `dir` is opened, wherever links, `..` and
    /// absolute paths lead. Links that stay in it are followed.
    #[must_use]
    pub fn of_tenant(dir: &Path) -> Files {
        Files {
            dir: dir.to_owned(),
            closed: true,
        }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The bytes of a file, at most `most`.
    ///
    /// # Errors
    /// When it is not there, is outside of what may be read, is no ordinary file, or is larger.
    pub fn read(&self, file: &Path, most: u64) -> Result<Vec<u8>, NotRead> {
        let opened = self.open(file)?;
        let found = opened.metadata()?;
        if found.is_dir() {
            return Err(NotRead::Folder);
        }
        if !found.is_file() {
            return Err(NotRead::NotOrdinary);
        }
        let mut bytes = Vec::new();
        if found.len() <= most {
            // It may have grown since.
            opened.take(most + 1).read_to_end(&mut bytes)?;
        }
        if found.len() > most || bytes.len() as u64 > most {
            return Err(NotRead::TooLarge(most));
        }
        Ok(bytes)
    }

    /// The names in a folder, in order.
    ///
    /// # Errors
    /// When it is not there, or is outside of what may be read.
    pub fn names(&self, folder: &Path) -> Result<Vec<OsString>, NotRead> {
        let mut names: Vec<OsString> = if self.closed {
            let entries = self.beneath(folder, |root, folder| root.read_dir(folder))?;
            entries.flatten().map(|entry| entry.file_name()).collect()
        } else {
            let entries = std::fs::read_dir(self.dir.join(folder))?;
            entries.flatten().map(|entry| entry.file_name()).collect()
        };
        names.sort();
        Ok(names)
    }

    /// Whether there is anything of this name, also if it may not be read: whoever reads it is told why.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        !self.kind(path).is_err_and(|error| error.is_missing())
    }

    /// Whether that is a folder.
    #[must_use]
    pub fn has_folder(&self, path: &Path) -> bool {
        self.kind(path).is_ok_and(|kind| kind == Kind::Folder)
    }

    /// Whether it is a file.
    #[must_use]
    pub fn has_file(&self, path: &Path) -> bool {
        self.kind(path).is_ok_and(|kind| kind == Kind::File)
    }

    /// Whether a path leads out of what may be read, as it is at this moment.
    #[must_use]
    pub fn is_outside(&self, path: &Path) -> bool {
        matches!(self.kind(path), Err(NotRead::Outside))
    }

    fn kind(&self, path: &Path) -> Result<Kind, NotRead> {
        let (file, folder) = if self.closed {
            let found = self.beneath(path, |root, path| root.metadata(path))?;
            (found.is_file(), found.is_dir())
        } else {
            let found: Metadata = std::fs::metadata(self.dir.join(path))?;
            (found.is_file(), found.is_dir())
        };
        Ok(match (file, folder) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => Kind::Other,
        })
    }

    fn open(&self, file: &Path) -> Result<File, NotRead> {
        // Without waiting: opening a pipe would, until somebody writes to it.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let opened = if self.closed {
            let mut how = OpenOptions::new();
            how.read(true).custom_flags(flags);
            self.beneath(file, |root, file| root.open_with(file, &how))
                .map(cap_std::fs::File::into_std)
        } else {
            let mut how = File::options();
            how.read(true).custom_flags(flags);
            how.open(self.dir.join(file)).map_err(NotRead::System)
        };
        opened.map_err(|error| match error {
            // A socket is not opened at all.
            NotRead::System(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                NotRead::NotOrdinary
            }
            error => error,
        })
    }

    /// Does something to a path that cannot lead out of the folder while it is done.
    fn beneath<T>(
        &self,
        path: &Path,
        act: impl Fn(&Dir, &Path) -> io::Result<T>,
    ) -> Result<T, NotRead> {
        let path = if path == Path::new("") {
            Path::new(".")
        } else {
            path
        };
        let root = Dir::open_ambient_dir(&self.dir, ambient_authority())?;
        match act(&root, path) {
            Err(error) if leads_out(&error) => {}
            done => return Ok(done?),
        }
        // What is absolute is refused even if it leads back in. Where it led a moment ago is only a hint: that, too, is
        // resolved beneath the folder.
        let hint = self.inside(path).ok_or(NotRead::Outside)?;
        act(&root, &hint).map_err(|error| {
            if leads_out(&error) {
                NotRead::Outside
            } else {
                NotRead::System(error)
            }
        })
    }

    /// Where a path really is in the folder at this moment; nothing if it leads out of it, or to nothing.
    pub(crate) fn inside(&self, path: &Path) -> Option<PathBuf> {
        let root = self.dir.canonicalize().ok()?;
        let real = self.dir.join(path).canonicalize().ok()?;
        let real = real.strip_prefix(&root).ok()?;
        Some(if real == Path::new("") {
            PathBuf::from(".")
        } else {
            real.to_owned()
        })
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Other,
}

/// Whether cap-std refused a path for where it leads. The system's own refusals have a number.
fn leads_out(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

    use super::*;

    const OWN: &[u8] = b"the clinic's own";
    const THEIRS: &[u8] = b"the school's secret";
    /// With a check before the opening, some of these have the neighbour's content.
    const READS: usize = 20_000;

    /// Two tenants; in the clinic's folder `x` is its own, and `y` what `put` makes.
    fn two(put: impl Fn(&Path)) -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().expect("a directory");
        let (clinic, school) = (dir.path().join("clinic"), dir.path().join("school"));
        for (tenant, text) in [(&clinic, OWN), (&school, THEIRS)] {
            fs::create_dir(tenant).expect("a folder");
            fs::write(tenant.join("x"), text).expect("written");
        }
        put(&clinic.join("y"));
        let files = Files::of_tenant(&clinic);
        (dir, files)
    }

    /// Reads `x` over and over while it and `y` change places all the time; how often it had each outcome.
    fn while_exchanged(files: &Files) -> (usize, usize) {
        let over = AtomicBool::new(false);
        let [x, y] = ["x", "y"].map(|name| files.dir().join(name));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &x, CWD, &y, RenameFlags::EXCHANGE).expect("exchanged");
                }
            });
            let (mut own, mut refused) = (0, 0);
            let mut theirs = None;
            for _ in 0..READS {
                match files.read(Path::new("x"), 100) {
                    Ok(bytes) if bytes == OWN => own += 1,
                    Ok(bytes) => theirs = Some(bytes),
                    Err(_) => refused += 1,
                }
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(theirs, None, "it read what is not in its folder");
            (own, refused)
        })
    }

    #[test]
    fn a_link_to_a_neighbours_file_is_never_followed_whenever_it_takes_the_place_of_an_own_one() {
        let (_dir, files) = two(|y| symlink("../school/x", y).expect("a link"));
        let (own, refused) = while_exchanged(&files);
        assert!(own > 0 && refused > 0, "{own} {refused}");
    }

    #[test]
    fn a_folder_on_the_way_that_becomes_a_link_is_never_followed_either() {
        let (dir, _) = two(|y| symlink("../school", y).expect("a link"));
        let clinic = dir.path().join("clinic");
        fs::remove_file(clinic.join("x")).expect("removed");
        fs::create_dir(clinic.join("x")).expect("a folder");
        fs::write(clinic.join("x/x"), OWN).expect("written");
        let files = Files::of_tenant(&clinic);
        let over = AtomicBool::new(false);
        let [x, y] = ["x", "y"].map(|name| clinic.join(name));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &x, CWD, &y, RenameFlags::EXCHANGE).expect("exchanged");
                }
            });
            let read = (0..READS).filter_map(|_| files.read(Path::new("x/x"), 100).ok());
            let wrong = read.filter(|bytes| bytes != OWN).count();
            over.store(true, Ordering::Relaxed);
            assert_eq!(wrong, 0);
        });
    }

    #[test]
    fn a_pipe_that_takes_the_place_of_a_file_is_not_waited_for() {
        let (dir, files) = two(|y| {
            mknodat(CWD, y, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        });
        let (own, refused) = while_exchanged(&files);
        assert!(own > 0 && refused > 0, "{own} {refused}");
        let (own, refused) = while_exchanged(&Files::of(&dir.path().join("clinic")));
        assert!(own > 0 && refused > 0, "{own} {refused}");
    }

    #[test]
    fn links_that_stay_in_the_folder_are_followed_and_others_are_not_even_looked_at() {
        let (dir, files) = two(|y| symlink("x", y).expect("a link"));
        let clinic = dir.path().join("clinic");
        symlink(clinic.join("x"), clinic.join("absolute")).expect("a link");
        symlink("../clinic/x", clinic.join("around")).expect("a link");
        symlink("../school/x", clinic.join("theirs")).expect("a link");
        symlink("../school/nothing", clinic.join("nothing")).expect("a link");
        symlink("../school", clinic.join("folder")).expect("a link");
        for own in ["x", "y", "absolute", "around"] {
            let read = files.read(Path::new(own), 100).expect(own);
            assert_eq!(read, OWN, "{own}");
        }
        // What is there and what is not look alike: a tenant does not learn which files a neighbour has.
        for theirs in [
            "theirs",
            "nothing",
            "folder/x",
            "../school/x",
            "/etc/hostname",
        ] {
            let path = Path::new(theirs);
            let refused = files.read(path, 100);
            assert!(matches!(refused, Err(NotRead::Outside)), "{theirs}");
            assert!(files.is_outside(path), "{theirs}");
        }
        let listed = files.names(Path::new("folder"));
        assert!(matches!(listed, Err(NotRead::Outside)));
        assert_eq!(
            Files::of(&clinic)
                .read(Path::new("theirs"), 100)
                .expect("alone"),
            THEIRS
        );
    }

    #[test]
    fn a_file_is_read_up_to_the_most_that_is_asked_for() {
        let (_dir, files) = two(|_| ());
        let size = OWN.len() as u64;
        assert!(files.read(Path::new("x"), size).is_ok());
        let refused = files.read(Path::new("x"), size - 1);
        assert!(matches!(refused, Err(NotRead::TooLarge(_))));
        assert!(matches!(
            files.read(Path::new(""), 100),
            Err(NotRead::Folder)
        ));
        assert!(
            files
                .read(Path::new("none"), 100)
                .is_err_and(|error| error.is_missing())
        );
    }
}
