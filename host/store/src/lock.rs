//! One host per data directory. The operating system drops the lock with the process, so a killed host leaves nothing to clean up.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::error::StoreError;
use crate::owner::give_to_owner_of_folder;

/// A data directory, held for as long as the value lives.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes `dir` if need be and takes its lock, or says who has it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another host has it, [`StoreError::Directory`] if it cannot be written.
    pub fn take(dir: &Path) -> Result<DirectoryLock, StoreError> {
        let unusable = |error: std::io::Error| StoreError::Directory {
            dir: dir.to_owned(),
            detail: error.to_string(),
        };
        make_folder(dir)?;
        let path = dir.join("host.lock");
        // Not truncated: until the lock is ours, the number in the file is the holder's.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        give_to_owner_of_folder(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(DirectoryLock { _file: file })
    }
}

/// Makes the directory for a store if it is not there, as [`Store::open`](crate::Store::open) does.
///
/// Messages hold what patients told a nurse: a directory that is made here is its owner's alone (mode 0700), and what is
/// in it stays out of a repository that the project may be in.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        give_to_owner_of_folder(dir)?;
        let ignored = dir.join(".gitignore");
        std::fs::write(&ignored, "*\n")?;
        give_to_owner_of_folder(&ignored)
    };
    make().map_err(|error| StoreError::Directory {
        dir: dir.to_owned(),
        detail: error.to_string(),
    })
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
