//! Signed adaptors: `NAME.wasm.minisig` beside `NAME.wasm`, by a key that fonio.toml names.
//!
//! Minisign, and not a bundle of Sigstore's: a bundle is verified against certificates and transparency logs whose roots
//! change, so a host without a network would some day refuse everything, or trust a root that was withdrawn. Here the key in
//! fonio.toml is the root; changing it is an edit that takes effect at once.

use std::path::{Path, PathBuf};

use fonio_project::Files;
use minisign_verify::{PublicKey, Signature};

use crate::adaptors::named;

/// What a signature's file is called after: `http.wasm.minisig`.
const ENDING: &str = "minisig";
/// Far more than a signature with the longest comments takes.
const SIGNATURE_MAX_BYTES: u64 = 16 << 10;

/// Those whose signature is trusted.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    text: String,
    key: PublicKey,
}

/// A text that is no key.
#[derive(Debug, thiserror::Error)]
#[error("[signatures] `{0}` is no public key of minisign")]
pub struct NotAKey(String);

/// Why a file is not taken as signed.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// There is no signature.
    #[error("it is not signed: there is no {}. To sign it: minisign -Sm {}", .signature.display(), .wasm.display())]
    Missing {
        /// Where it would be.
        signature: PathBuf,
        /// What it would be of.
        wasm: PathBuf,
    },
    /// There is a file that is none.
    #[error("its signature, {}, cannot be read: {reason}", path.display())]
    Unreadable {
        /// The signature's file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It is signed by nobody who is trusted, or was changed after it was signed.
    #[error(
        "its signature is not of this file by a key that fonio.toml trusts: either the file was changed after it was signed, or somebody else signed it. The keys are in [signatures]"
    )]
    Wrong,
}

impl Keys {
    /// As fonio.toml has them. None at all trusts nobody.
    ///
    /// # Errors
    /// When one is no key.
    pub fn parse(texts: &[String]) -> Result<Keys, NotAKey> {
        let parse = |text: &String| match PublicKey::from_base64(text) {
            Ok(key) => Ok(Key {
                text: text.clone(),
                key,
            }),
            Err(_) => Err(NotAKey(text.clone())),
        };
        let keys: Result<Vec<Key>, NotAKey> = texts.iter().map(parse).collect();
        Ok(Keys(keys?))
    }

    /// The key by which `wasm`, a file of a project with these bytes, was signed.
    ///
    /// # Errors
    /// When it was not by any of these.
    pub fn admit(&self, files: &Files, wasm: &Path, bytes: &[u8]) -> Result<String, NotSigned> {
        let mut beside = wasm.as_os_str().to_owned();
        beside.push(".");
        beside.push(ENDING);
        let file = files.dir().join(&beside);
        let unreadable = |reason: String| NotSigned::Unreadable {
            path: file.clone(),
            reason,
        };
        let text = match files.read(Path::new(&beside), SIGNATURE_MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.is_missing() => {
                return Err(NotSigned::Missing {
                    signature: file,
                    wasm: files.dir().join(wasm),
                });
            }
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let text = String::from_utf8_lossy(&text);
        let signature =
            Signature::decode(&text).map_err(|_| unreadable("it is no signature".to_owned()))?;
        // Without signatures of the old kind: those of minisign before 2020, which hold the whole file in memory.
        let signer = self
            .0
            .iter()
            .find(|key| key.key.verify(bytes, &signature, false).is_ok());
        signer.map(|key| key.text.clone()).ok_or(NotSigned::Wrong)
    }

    /// Whether a key is one of these.
    #[must_use]
    pub fn have(&self, signer: Option<&str>) -> bool {
        signer.is_some_and(|signer| self.0.iter().any(|key| key.text == signer))
    }
}

/// The signatures in a project's `adaptors/`, in order.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let files = named(&Files::of(dir), ENDING).into_iter();
    files.map(|file| dir.join(file)).collect()
}
