//! A refresh token that the endpoint gave in place of the credential's own: lost, somebody would have to agree again.
//!
//! It is kept in the data folder, encrypted with a key that is made from the credential itself (its first refresh token
//! and the client's secret), which is not in that folder. So there is no further key to guard, and whoever writes another
//! refresh token into the credential is heard at once: what was kept under the old one cannot be read any more, and
//! does not count.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fonio_project::{OAuthSettings, oauth_field};
use fonio_sandbox::SecretText;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What the key is for, so that it fits nothing else.
const PURPOSE: &[u8] = b"fonio: kept refresh token, 1";
/// No refresh token is nearly as long.
const FILE_MAX_BYTES: u64 = 128 << 10;

/// Where one credential's refresh token is kept.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    key: LessSafeKey,
}

impl Kept {
    /// In the folder `oauth` of `data`. Nothing if the credential has no refresh token to begin with.
    pub fn new(
        data: &Path,
        credential: &str,
        settings: &OAuthSettings,
        body: &Map<String, Value>,
    ) -> Option<Kept> {
        let first = oauth_field(body, "refresh_token")?;
        let secret = oauth_field(body, "client_secret").unwrap_or_default();
        let known = Zeroizing::new(format!("{first}\0{secret}"));
        let client_id = settings.client_id_for(body).unwrap_or_default();
        let purpose = [credential, &settings.token_url, client_id].join("\0");
        let made = Salt::new(HKDF_SHA256, PURPOSE).extract(known.as_bytes());
        let key = UnboundKey::from(made.expand(&[purpose.as_bytes()], &AES_256_GCM).ok()?);
        // A credential's name may be anything, and a file's may not.
        let name = Sha256::digest(credential.as_bytes());
        let name: String = name
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(Kept {
            file: data.join("oauth").join(name),
            key: LessSafeKey::new(key),
        })
    }

    /// What was kept; nothing if there is nothing, or it belongs to another state of the credential.
    pub fn read(&self) -> Option<SecretText> {
        let length = fs::metadata(&self.file).ok()?.len();
        let mut bytes = fs::read(&self.file)
            .ok()
            .filter(|_| length <= FILE_MAX_BYTES)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let opened = Zeroizing::new(opened.to_vec());
        let text = std::str::from_utf8(&opened).ok()?;
        Some(SecretText::new(text.to_owned()))
    }

    /// Keeps it in place of what was kept; it is on disk when this returns, whole or not at all.
    pub fn write(&self, token: &SecretText) -> io::Result<()> {
        let mut nonce = [0; NONCE_LEN];
        let random = SystemRandom::new().fill(&mut nonce);
        random.map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let mut sealed = token.expose().as_bytes().to_vec();
        let encrypted = self.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        );
        encrypted.map_err(|_| io::Error::other("it cannot be encrypted"))?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&nonce)?;
        file.write_all(&sealed)?;
        file.as_file().sync_all()?;
        file.persist(&self.file).map_err(|error| error.error)?;
        // A name is on disk only when its folder is.
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use fonio_project::ClientAuth;
    use serde_json::json;

    use super::*;

    fn kept(data: &Path, credential: &str, body: &Value) -> Kept {
        let settings = OAuthSettings {
            token_url: "https://login.example.org/token".into(),
            origin: "https://login.example.org".parse().expect("an origin"),
            grant: None,
            client_id: Some("us".into()),
            scope: None,
            client_auth: ClientAuth::Basic,
            parameters: Default::default(),
        };
        let body = body.as_object().expect("an object");
        Kept::new(data, credential, &settings, body).expect("it has a refresh token")
    }

    #[test]
    fn what_is_kept_is_read_by_the_same_credential_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let body = json!({"refresh_token": "first-hush", "client_secret": "client-hush"});
        let one = kept(data.path(), "far", &body);
        assert!(one.read().is_none());
        one.write(&SecretText::new("second-hush".into()))
            .expect("it is written");
        let again = kept(data.path(), "far", &body).read().expect("it is there");
        assert_eq!(again.expose(), "second-hush");
        for (credential, body) in [
            (
                "far",
                json!({"refresh_token": "other-hush", "client_secret": "client-hush"}),
            ),
            (
                "far",
                json!({"refresh_token": "first-hush", "client_secret": "other-hush"}),
            ),
            ("near", body.clone()),
        ] {
            let other = kept(data.path(), credential, &body);
            fs::create_dir_all(other.file.parent().expect("a folder")).expect("a folder");
            fs::copy(&one.file, &other.file).ok();
            assert!(other.read().is_none(), "{credential} {body}");
        }
    }

    #[test]
    fn the_file_shows_nothing_and_a_changed_one_does_not_count() {
        let data = tempfile::tempdir().expect("a folder");
        let one = kept(data.path(), "far", &json!({"refresh_token": "first-hush"}));
        one.write(&SecretText::new("second-hush".into()))
            .expect("it is written");
        let bytes = fs::read(&one.file).expect("it is there");
        assert!(!bytes.windows(4).any(|part| part == b"hush"));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            fs::write(&one.file, &changed).expect("it is written");
            assert!(one.read().is_none(), "{index}");
        }
        fs::write(&one.file, &bytes[..5]).expect("it is written");
        assert!(one.read().is_none());
    }
}
