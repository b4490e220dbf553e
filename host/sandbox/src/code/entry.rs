//! One file of compiled code: the code, and after it the tag that says who made it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::key::{CodeKey, TAG_BYTES, open_own, same_tag};

/// An entry of the cache, whether it is there or not.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The hash of all that the code depends on; part of what the tag is of.
    pub name: String,
    pub folder: PathBuf,
    pub key: CodeKey,
}

/// Why the file of an entry is not loaded.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error("it was not made here, or was changed since")]
    Forged,
    #[error("it does not fit this engine: {0:#}")]
    Engine(wasmtime::Error),
}

impl Entry {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name).with_extension("cwasm")
    }

    /// The code, if this user's hosts made it. Whatever else is in its place is removed.
    pub fn load(&self, engine: &Engine) -> Option<Component> {
        let path = self.path();
        match self
            .verified(&path)
            .and_then(|file| deserialize(engine, &file))
        {
            Ok(component) => Some(component),
            Err(Unfit::File(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(why) => {
                tracing::warn!(path = %path.display(), %why, "compiled code is not loaded; compiling it again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// The file, if its tag is of this name, this code and our key.
    fn verified(&self, path: &Path) -> Result<File, Unfit> {
        let mut file = open_own(path)?;
        let bytes = file.metadata()?.len();
        let code = bytes.checked_sub(TAG_BYTES as u64).ok_or(Unfit::Forged)?;
        let expected = self.key.tag(&self.name, &mut file, code, &mut io::sink())?;
        let mut found = [0; TAG_BYTES];
        file.read_exact(&mut found)?;
        if same_tag(&expected, &found) {
            Ok(file)
        } else {
            Err(Unfit::Forged)
        }
    }

    /// Takes what the compile child wrote, from its beginning. The child's own file is not kept: a child that has become
    /// somebody else's could leave a process behind that still writes to it.
    pub fn store(&self, code: &mut File) -> io::Result<()> {
        code.rewind()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        let tag = self.key.tag(&self.name, code, u64::MAX, &mut file)?;
        file.write_all(&tag)?;
        file.persist(self.path()).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Maps the code from the open file that was verified, so that another in its place is of no use. It is mapped and not
/// copied: of 15 MB that an imported package has, a step touches one or two.
fn deserialize(engine: &Engine, file: &File) -> Result<Component, Unfit> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = if cfg!(target_os = "linux") {
        path
    } else {
        path.replacen("/proc/self", "/dev", 1)
    };
    // SAFETY: these bytes carry a tag by our key (`verified`), so a compiler of ours made them, for this very engine. The
    // file is ours alone to write to, and nothing of ours writes to one that has its name.
    unsafe { Component::deserialize_file(engine, path) }.map_err(Unfit::Engine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Allocation, engine};

    /// The smallest component there is: the eight bytes that say that it is one.
    const EMPTY: &[u8] = &[0, b'a', b's', b'm', 0x0d, 0, 1, 0];

    fn entry(folder: &Path, name: &str, key: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            folder: folder.to_owned(),
            key: CodeKey::open(&folder.join(key)).expect("a key"),
        }
    }

    #[test]
    fn only_what_was_stored_under_this_name_with_this_key_is_loaded() {
        let engine = engine(Allocation::OnDemand).expect("an engine");
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let code = engine.precompile_component(EMPTY).expect("it compiles");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&code).expect("it is written");

        let own = entry(folder, "own", "key");
        assert!(own.load(&engine).is_none(), "nothing is there");
        own.store(&mut file).expect("it is stored");
        assert!(own.load(&engine).is_some());

        let renamed = entry(folder, "renamed", "key");
        fs::copy(own.path(), renamed.path()).expect("it can be copied");
        assert!(renamed.load(&engine).is_none());
        assert!(!renamed.path().exists(), "what is not loaded does not stay");

        let stranger = entry(folder, "own", "another key");
        assert!(stranger.load(&engine).is_none());
        stranger.store(&mut file).expect("it is stored");
        assert!(own.load(&engine).is_none());

        fs::write(own.path(), &code).expect("code without a tag");
        assert!(own.load(&engine).is_none());
        own.store(&mut file).expect("it is stored again");
        assert!(own.load(&engine).is_some(), "the host goes on");
    }
}
