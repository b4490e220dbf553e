//! Credentials in files that are encrypted with age (age-encryption.org/v1), armored or not.

use std::io::Read as _;
use std::path::Path;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, IdentityFile};
use zeroize::Zeroizing;

use super::Found;
use super::source::{self, not_json};
use crate::dotenv::Variables;
use crate::inputs::{Inputs, Unread};
use crate::report::Place;
use crate::settings::SETTINGS_FILE;
use crate::tree::parse_json;

/// The variable with the identity itself, `AGE-SECRET-KEY-…`; it comes before [`KEY_FILE`].
pub const KEY: &str = "FONIO_AGE_KEY";
/// The variable with the path, from the project's folder, of what `age-keygen` wrote.
pub const KEY_FILE: &str = "FONIO_AGE_KEY_FILE";

type Identities = Vec<Box<dyn Identity + Send + Sync>>;

/// What is wrong, and what helps.
type Refusal = (&'static str, &'static str);

/// What is in the file, decrypted: a JSON object.
pub(super) fn read(
    inputs: &mut Inputs<'_>,
    file: &Path,
    at: Place,
    variables: &Variables<'_>,
) -> Option<Found> {
    inputs.credential_files.insert(file.to_owned());
    let encrypted = match inputs.bytes(file) {
        Ok(encrypted) => encrypted,
        Err(Unread::Refused) => return None,
        Err(Unread::Missing) => return source::missing(inputs, at, file),
    };
    let identities = identities(inputs, file, at, variables)?;
    let decrypted = match decrypt(&encrypted, &identities) {
        Ok(decrypted) => decrypted,
        Err((message, help)) => {
            let report = &mut inputs.report;
            report.error(file, Place::FILE, message).help(help);
            return None;
        }
    };
    let Ok(text) = std::str::from_utf8(&decrypted) else {
        let message = "decrypted, this is not UTF-8";
        let report = &mut inputs.report;
        report.error(file, Place::FILE, message).help(OBJECT);
        return None;
    };
    let parsed = parse_json(text.strip_prefix('\u{feff}').unwrap_or(text));
    if let Err(error) = &parsed {
        let message = format!("decrypted, at {}", not_json(error));
        let report = &mut inputs.report;
        report.error(file, Place::FILE, message).help(OBJECT);
    }
    parsed.ok()
}

const OBJECT: &str = "what is encrypted is one JSON object";

/// The identities that the environment names; without one, that is said where fonio.toml names the file.
fn identities(
    inputs: &mut Inputs<'_>,
    encrypted: &Path,
    at: Place,
    variables: &Variables<'_>,
) -> Option<Identities> {
    let set = |name| variables.get(name).filter(|(value, ..)| !value.is_empty());
    let error = |inputs: &mut Inputs<'_>, message: String| {
        let report = &mut inputs.report;
        report.error(Path::new(SETTINGS_FILE), at, message).help(format!(
            "`age-keygen -o FILE` writes an identity: give the path in {KEY_FILE}, or what it says in {KEY}"
        ));
        None
    };
    if let Some((key, ..)) = set(KEY) {
        let key = Zeroizing::new(key);
        inputs.note(&format!("variable {KEY}"), key.as_bytes());
        let read = parse(key.as_bytes());
        return read.or_else(|| error(inputs, format!("{KEY} is no identity of age")));
    }
    let Some((path, ..)) = set(KEY_FILE) else {
        let file = encrypted.display();
        let message = format!("{file} cannot be decrypted: neither {KEY_FILE} nor {KEY} is set");
        return error(inputs, message);
    };
    let path = Path::new(&path);
    inputs.credential_files.insert(path.to_owned());
    let held = match inputs.bytes(path) {
        Ok(held) => held,
        Err(Unread::Refused) => return None,
        Err(Unread::Missing) => {
            let path = path.display();
            let message = format!("{KEY_FILE} names {path}, and there is no such file");
            return error(inputs, message);
        }
    };
    parse(&held).or_else(|| {
        let path = path.display();
        let message = format!(
            "{path}, which {KEY_FILE} names, holds no identity of age, or something besides"
        );
        error(inputs, message)
    })
}

fn parse(text: &[u8]) -> Option<Identities> {
    let identities = IdentityFile::from_buffer(text)
        .ok()?
        .into_identities()
        .ok()?;
    (!identities.is_empty()).then_some(identities)
}

fn decrypt(encrypted: &[u8], identities: &Identities) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let decryptor = Decryptor::new(ArmoredReader::new(encrypted)).map_err(in_words)?;
    if decryptor.is_scrypt() {
        return Err((
            "the file is encrypted with a passphrase, which nobody is there to type",
            "encrypt it for the identity: age -r age1… -o FILE",
        ));
    }
    let identities = identities.iter();
    let mut reader = decryptor
        .decrypt(identities.map(|identity| identity.as_ref() as &dyn Identity))
        .map_err(in_words)?;
    // Of the size of what it is made from, so that it is not left behind in memory as it grows.
    let mut decrypted = Zeroizing::new(Vec::with_capacity(encrypted.len()));
    reader.read_to_end(&mut decrypted).map_err(|_| DAMAGED)?;
    Ok(decrypted)
}

const DAMAGED: Refusal = (
    "the file is encrypted with age and was damaged or cut off since",
    "encrypt it again: age -r age1… -o FILE",
);

fn in_words(error: DecryptError) -> Refusal {
    match error {
        DecryptError::NoMatchingKeys => (
            "the file is encrypted for somebody else: the identity of this host does not open it",
            "encrypt it for that identity, whose recipient `age-keygen -y` shows: age -r age1… -o FILE",
        ),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat | DecryptError::Io(_) => (
            "the file is not encrypted with age",
            "encrypt it: age -r age1… -o FILE; what is not encrypted is read by `from = \"file:PATH\"`",
        ),
        _ => DAMAGED,
    }
}
