//! The key by which this user's hosts know the code they compiled themselves.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::OFlags;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// As long as a SHA-256, beyond which HMAC gains nothing.
const KEY_BYTES: usize = 32;
/// The size of a tag, in bytes.
pub(super) const TAG_BYTES: usize = 32;
/// What is hashed at once: no more of an entry than this is in memory.
const BLOCK_BYTES: usize = 64 << 10;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key of the code cache, {path}, cannot be used: {reason}", path = path.display())]
pub struct KeyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// Authenticates compiled code. It is kept outside the folder of that code: who can write there, and no more, can make no
/// entry that is loaded.
#[derive(Clone)]
pub struct CodeKey(hmac::Key);

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey")
    }
}

impl CodeKey {
    /// Reads the key from `path`, or makes one there at random: 32 bytes, mode 0600.
    ///
    /// Where none can be written, for example because the disk is read-only, the key lives as long as the value: code that
    /// was compiled before is then not known any more, and a warning says so.
    ///
    /// # Errors
    /// When there is something at `path` that is no private key of ours: a key that others know authenticates nothing.
    pub fn open(path: &Path) -> Result<CodeKey, KeyError> {
        if let Some(key) = read(path)? {
            return Ok(key);
        }
        let secret = random(path)?;
        match write(path, &secret) {
            Ok(()) => Ok(CodeKey::new(&secret)),
            // Another host of this user was a moment faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                read(path)?.ok_or_else(|| unusable(path, "it comes and goes".to_owned()))
            }
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "the key of the code cache cannot be kept, so code is compiled at each start; \
                    set FONIO_CACHE_KEY to a file that can be");
                Ok(CodeKey::new(&secret))
            }
        }
    }

    fn new(secret: &[u8; KEY_BYTES]) -> CodeKey {
        CodeKey(hmac::Key::new(HMAC_SHA256, secret))
    }

    /// The tag of the next `bytes` of `code` as the code of `name`; `also` gets what was read.
    pub(super) fn tag(
        &self,
        name: &str,
        code: &mut dyn Read,
        bytes: u64,
        also: &mut dyn Write,
    ) -> io::Result<[u8; TAG_BYTES]> {
        let mut mac = hmac::Context::with_key(&self.0);
        // Names are of one length, so nothing can be shifted between name and code.
        mac.update(name.as_bytes());
        let mut code = code.take(bytes);
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            match code.read(&mut block)? {
                0 => break,
                read => {
                    mac.update(&block[..read]);
                    also.write_all(&block[..read])?;
                }
            }
        }
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(mac.sign().as_ref());
        Ok(tag)
    }
}

/// Whether two tags are the same, in a time that says nothing about where they differ.
pub(super) fn same_tag(a: &[u8; TAG_BYTES], b: &[u8; TAG_BYTES]) -> bool {
    a.ct_eq(b).into()
}

/// The key in the file; nothing when there is no file.
fn read(path: &Path) -> Result<Option<CodeKey>, KeyError> {
    let mut file = match open_own(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(unusable(
                path,
                format!("{error}. Delete it, and it is made anew"),
            ));
        }
    };
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    let complete = file.read_exact(&mut *secret).is_ok() && matches!(file.read(&mut [0]), Ok(0));
    if !complete {
        let reason = format!("it is not {KEY_BYTES} bytes long. Delete it, and it is made anew");
        return Err(unusable(path, reason));
    }
    Ok(Some(CodeKey::new(&secret)))
}

/// Opens a plain file that is ours and nobody else's; a symbolic link is not followed.
pub(super) fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    let found = file.metadata()?;
    let wrong = if !found.is_file() {
        "it is no plain file"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "it is open to others (its mode should be 0600)"
    } else {
        return Ok(file);
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong))
}

fn random(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    SystemRandom::new()
        .fill(&mut *secret)
        .map_err(|_| unusable(path, "the system has no random bytes for it".to_owned()))?;
    Ok(secret)
}

/// Whole or not at all, and never over another.
fn write(path: &Path, secret: &[u8; KEY_BYTES]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(secret)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

fn unusable(path: &Path, reason: String) -> KeyError {
    KeyError {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn tag(key: &CodeKey, name: &str, code: &[u8]) -> [u8; TAG_BYTES] {
        key.tag(name, &mut &code[..], u64::MAX, &mut io::sink())
            .expect("memory can be read")
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state/code.key");
        let first = CodeKey::open(&path).expect("it is made");
        let again = CodeKey::open(&path).expect("it is read");
        assert!(same_tag(&tag(&first, "n", b"c"), &tag(&again, "n", b"c")));
        let mode = fs::metadata(&path).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::remove_file(&path).expect("it can be deleted");
        let other = CodeKey::open(&path).expect("another is made");
        assert!(!same_tag(&tag(&first, "n", b"c"), &tag(&other, "n", b"c")));
    }

    #[test]
    fn a_tag_is_of_one_name_and_one_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = CodeKey::open(&folder.path().join("key")).expect("it is made");
        let of = tag(&key, "name", b"code");
        assert!(!same_tag(&of, &tag(&key, "eman", b"code")));
        assert!(!same_tag(&of, &tag(&key, "name", b"codf")));
    }

    #[test]
    fn a_key_that_others_may_know_or_that_is_half_there_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let refused = || CodeKey::open(&path).expect_err("it is refused").to_string();
        CodeKey::open(&path).expect("it is made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("it is ours");
        assert!(refused().contains("open to others"), "{}", refused());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        fs::write(&path, b"short").expect("it is ours");
        assert!(refused().contains("not 32 bytes"), "{}", refused());
        let real = folder.path().join("real");
        CodeKey::open(&real).expect("it is made");
        fs::remove_file(&path).expect("it is ours");
        symlink(&real, &path).expect("links can be made");
        assert!(refused().contains("cannot be used"), "{}", refused());
    }
}
