//! What fonio.toml names as a credential's source, read.

use std::path::Path;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Found, age};
use crate::dotenv::Variables;
use crate::inputs::{Inputs, Read};
use crate::report::{Place, Secrecy};
use crate::settings::{CredentialSource, SETTINGS_FILE};
use crate::tree::{SyntaxError, parse_json};

/// Fields that a folder can have: what has more is no secret that was mounted.
const FIELDS_MAX: usize = 256;
/// Where systemd puts the credentials of a unit.
const SYSTEMD_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Reads it; `at` is where fonio.toml names it.
pub(super) fn read(
    inputs: &mut Inputs<'_>,
    source: &CredentialSource,
    at: Place,
    variables: &Variables<'_>,
) -> Option<Found> {
    match source {
        CredentialSource::File(path) if inputs.files.has_folder(path) => mounted(inputs, path, at),
        CredentialSource::File(path) => file(inputs, path, Some(at)),
        CredentialSource::Age(path) => age::read(inputs, path, at, variables),
        CredentialSource::Systemd(name) => systemd(inputs, name, at, variables),
        CredentialSource::Environment(name) => variable(inputs, name, at, variables),
    }
}

fn systemd(
    inputs: &mut Inputs<'_>,
    name: &str,
    at: Place,
    variables: &Variables<'_>,
) -> Option<Found> {
    if let Some((directory, ..)) = variables.get(SYSTEMD_DIRECTORY) {
        return file(inputs, &Path::new(&directory).join(name), Some(at));
    }
    let message = format!("`systemd:{name}` was not given: {SYSTEMD_DIRECTORY} is not set");
    let report = &mut inputs.report;
    report
        .error(Path::new(SETTINGS_FILE), at, message)
        .help(format!(
            "the unit needs LoadCredential={name}:/PATH or LoadCredentialEncrypted="
        ));
    None
}

fn variable(
    inputs: &mut Inputs<'_>,
    name: &str,
    at: Place,
    variables: &Variables<'_>,
) -> Option<Found> {
    let settings = Path::new(SETTINGS_FILE);
    let Some(text) = variables.get(name).map(|(text, ..)| Zeroizing::new(text)) else {
        let message = format!("the variable `{name}` is not set");
        let report = &mut inputs.report;
        report
            .error(settings, at, message)
            .help("set it to a JSON object in the environment or in .env");
        return None;
    };
    inputs.note(&format!("variable {name}"), text.as_bytes());
    let parsed = parse_json(&text);
    if let Err(error) = &parsed {
        let message = format!("in the variable `{name}`, at {}", not_json(error));
        inputs.report.error(settings, at, message).help(
            "it holds the credential as a JSON object, such as {\"username\": …, \"password\": …}",
        );
    }
    parsed.ok()
}

/// Where in a text that must not be shown, and what is wrong there.
pub(super) fn not_json(error: &SyntaxError) -> String {
    format!("{}:{}, {}", error.at.line, error.at.column, error.message)
}

/// A secret as Kubernetes mounts it: each file in the folder is a field. What starts with a dot is none, `..data` and the
/// like being how all files are replaced at once.
fn mounted(inputs: &mut Inputs<'_>, folder: &Path, at: Place) -> Option<Found> {
    if !inputs.may_read(folder) {
        return None;
    }
    inputs.credential_files.insert(folder.to_owned());
    let wrong = |inputs: &mut Inputs<'_>, message: String| {
        let report = &mut inputs.report;
        report.error(Path::new(SETTINGS_FILE), at, message).help(
            "in a folder each file is a field of the credential, such as `username` and `password`",
        );
        None
    };
    let names = inputs.entries_in(folder);
    if names.len() > FIELDS_MAX {
        let message = format!(
            "there are {} files in {}, and a credential has at most {FIELDS_MAX} fields",
            names.len(),
            folder.display()
        );
        return wrong(inputs, message);
    }
    let mut fields = Map::new();
    for name in names {
        let path = folder.join(&name);
        if inputs.files.has_folder(&path) {
            continue;
        }
        match inputs.read(&path, Secrecy::Secret) {
            Read::Text(text) => fields.insert(name, Value::String(without_newline(text))),
            Read::Refused => return None,
            // The folder was replaced since it was listed, and is read again.
            Read::Missing => continue,
        };
    }
    if fields.is_empty() {
        return wrong(inputs, format!("there is no file in {}", folder.display()));
    }
    Some(fields)
}

/// The one at the end, which editors and `echo` put there.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Reads a credential's file. A missing one is reported where fonio.toml names it, if it does.
pub(super) fn file(inputs: &mut Inputs<'_>, file: &Path, named_at: Option<Place>) -> Option<Found> {
    inputs.credential_files.insert(file.to_owned());
    let text = match inputs.read(file, Secrecy::Secret) {
        Read::Text(text) => Zeroizing::new(text),
        Read::Refused => return None,
        Read::Missing => return missing(inputs, named_at?, file),
    };
    let parsed = parse_json(&text);
    if let Err(error) = &parsed {
        let report = &mut inputs.report;
        report
            .error(file, error.at, error.message.clone())
            .help("a credential is one JSON object");
    }
    parsed.ok()
}

/// Says that fonio.toml names a file that is not there.
pub(super) fn missing(inputs: &mut Inputs<'_>, at: Place, file: &Path) -> Option<Found> {
    let message = format!("there is no file {}", file.display());
    inputs
        .report
        .error(Path::new(SETTINGS_FILE), at, message)
        .help("write the credential there, or name another place in `from`");
    None
}
