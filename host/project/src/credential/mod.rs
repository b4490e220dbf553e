//! Credentials: from the project's files and from wherever fonio.toml says, and the origins they belong to.

mod age;
mod names;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Map, Value};

pub use age::{KEY as AGE_KEY, KEY_FILE as AGE_KEY_FILE};
pub(crate) use names::{Names, hyphenated};

use crate::dotenv::Variables;
use crate::grants::Origin;
use crate::inputs::Inputs;
use crate::report::Place;
use crate::settings::{CredentialSettings, OAuthSettings, OpenIn, SETTINGS_FILE, Settings};
use crate::wiped::Wiped;

/// Fields in which a credential carries the address of its own system.
pub(crate) const ADDRESS_FIELDS: &[&str] = &["baseUrl", "hostUrl", "instanceUrl", "apiUrl", "host"];
/// The folder of credentials that are files: `NAME.json`.
const FOLDER: &str = "credentials";
/// The file that a credential's content is in, where nothing else is said.
pub(crate) fn credential_file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.json"))
}

/// What a source or a file holds.
type Found = Map<String, Value>;

/// A credential with its secrets. `Debug` shows names only.
#[derive(Clone, PartialEq)]
pub struct Credential {
    /// Its name in the project.
    pub name: String,
    /// What people call it, where the project file says so besides.
    pub title: Option<String>,
    /// Who it belongs to in OpenFn, where the project file says so.
    pub owner: Option<String>,
    /// What else the project file says of it, for an export: `uuid`…
    pub kept: Map<String, Value>,
    /// Where its content is: as `from` in fonio.toml says, such as `env:NAME`, or the file.
    pub from: String,
    /// What jobs get as `state.configuration`.
    pub body: Wiped,
    /// What it belongs to: the addresses in its own fields, and `hosts` in fonio.toml. Jobs with it may reach them.
    pub origins: Vec<Origin>,
    /// Where in a request to those it may stand. Default: headers, and what the adaptor describes.
    pub open_in: Option<Vec<OpenIn>>,
    /// Its fields that are no secrets, besides addresses and names of users.
    pub plain: Vec<String>,
    /// Whether an adaptor may see the secrets themselves.
    pub reveal: bool,
    /// How the host gets access tokens for it, if it does.
    pub oauth: Option<OAuthSettings>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&String> = self.body.keys().collect();
        f.debug_struct("Credential")
            .field("name", &self.name)
            .field("fields", &fields)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// A credential's content and where it was found.
pub(crate) struct Body {
    pub body: Map<String, Value>,
    pub file: PathBuf,
    pub at: Place,
}

/// All credentials of a project, and the other names that they go by: fonio.toml's `from` comes before a file, and a
/// file before the project file. One that is `declared` and has no content is empty.
pub(crate) fn resolve(
    inputs: &mut Inputs<'_>,
    mut bodies: BTreeMap<String, Body>,
    names: &Names<'_>,
    settings: &Settings,
    variables: &Variables<'_>,
) -> (BTreeMap<String, Credential>, BTreeMap<String, String>) {
    let aliases = names::aliases(names.declared);
    let key_of = |name: &str| {
        aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    };
    bodies = bodies
        .into_iter()
        .map(|(name, body)| (key_of(&name), body))
        .collect();
    for file_name in inputs.names_in(FOLDER, "json") {
        let file = Path::new(FOLDER).join(&file_name);
        if let (Some(body), Some(name)) = (
            source::file(inputs, &file, None),
            file_name.strip_suffix(".json"),
        ) {
            bodies.insert(
                key_of(name),
                Body {
                    body,
                    file,
                    at: Place::FILE,
                },
            );
        }
    }
    let settings: BTreeMap<String, &CredentialSettings> = settings
        .credentials
        .iter()
        .map(|(name, wanted)| (key_of(name), wanted))
        .collect();
    for (name, wanted) in &settings {
        match &wanted.from {
            Some(source) => {
                // What is replaced must not stand in for a source that cannot be read.
                bodies.remove(name);
                if let Some(body) = source::read(inputs, source, wanted.from_at, variables) {
                    bodies.insert(
                        name.clone(),
                        Body {
                            body,
                            file: PathBuf::from(SETTINGS_FILE),
                            at: wanted.from_at,
                        },
                    );
                }
            }
            // A source that was wrong has been reported where it stands.
            None if bodies.contains_key(name) || wanted.from_at != wanted.at => {}
            None if names.declared.iter().any(|declared| declared.key == *name) => {}
            None => inputs
                .report
                .warning(
                    Path::new(SETTINGS_FILE),
                    wanted.at,
                    format!("there is no credential `{name}`"),
                )
                .help(format!(
                    "add credentials/{name}.json, or `from = \"env:NAME\"` here"
                )),
        }
    }
    // What could not be read is an error already, and no empty credential may stand in for it.
    let unread = |name: &str| {
        settings
            .get(name)
            .is_some_and(|wanted| wanted.from_at != wanted.at)
    };
    for declared in names.declared {
        if bodies.contains_key(&declared.key) || unread(&declared.key) {
            continue;
        }
        bodies.insert(declared.key.clone(), Names::empty(declared));
    }
    let credentials = bodies.into_iter().map(|(name, body)| {
        let declared = names.declared.iter().find(|declared| declared.key == name);
        let wanted = settings.get(&name).copied();
        if body.body.is_empty() {
            names.warn_of_empty(inputs, &name, &body, &aliases);
        }
        let mut credential = credential(inputs, name.clone(), body, wanted);
        credential.owner = declared.and_then(|declared| declared.owner.clone());
        credential.title = declared.map(|declared| declared.name.clone());
        credential.kept = declared
            .map(|declared| declared.kept.clone())
            .unwrap_or_default();
        (name, credential)
    });
    (credentials.collect(), aliases)
}

fn credential(
    inputs: &mut Inputs<'_>,
    name: String,
    body: Body,
    wanted: Option<&CredentialSettings>,
) -> Credential {
    let mut origins: Vec<Origin> = wanted
        .map(|wanted| wanted.hosts.clone())
        .unwrap_or_default();
    for field in ADDRESS_FIELDS {
        let address = body.body.get(*field).and_then(Value::as_str);
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            continue;
        };
        match origin_of_address(address) {
            Ok(origin) if origins.contains(&origin) => {}
            Ok(origin) => origins.push(origin),
            Err(why) => inputs
                .report
                .warning(
                    &body.file,
                    body.at,
                    format!(
                        "no network is granted for `{field}` of the credential `{name}`: {why}"
                    ),
                )
                .help(format!(
                    "name its origin in fonio.toml:\n[credentials.{name}]\nhosts = [\"https://…\"]"
                )),
        }
    }
    let lacks = wanted
        .and_then(|wanted| wanted.oauth.as_ref())
        .filter(|_| !body.body.is_empty())
        .map(|oauth| oauth.lacks(&body.body));
    if let Some(lacks) = lacks.filter(|lacks| !lacks.is_empty()) {
        inputs.report.warning(
            &body.file,
            body.at,
            format!(
                "no access token can be got for the credential `{name}`: it has no {}",
                lacks.join(" and no ")
            ),
        );
    }
    let source = wanted.and_then(|wanted| wanted.from.as_ref());
    Credential {
        name,
        title: None,
        owner: None,
        kept: Map::new(),
        from: source.map_or_else(|| body.file.display().to_string(), ToString::to_string),
        body: body.body.into(),
        origins,
        open_in: wanted.and_then(|wanted| wanted.open_in.clone()),
        plain: wanted
            .map(|wanted| wanted.plain.clone())
            .unwrap_or_default(),
        reveal: wanted.is_some_and(|wanted| wanted.reveal),
        oauth: wanted.and_then(|wanted| wanted.oauth.clone()),
    }
}

/// The origin of a URL, or of a host alone, which is taken for https. The text is not repeated in the error: people
/// put passwords into URLs.
pub(crate) fn origin_of_address(address: &str) -> Result<Origin, &'static str> {
    let address = address.trim();
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.contains('*') {
        return Err("it has a `*`, and an address is of one system");
    }
    Origin::from_str(&format!("{scheme}://{host}"))
        .map_err(|_| "it is not the address of a system on http or https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_json;

    #[test]
    fn an_address_has_its_origin_whatever_else_it_has() {
        for (address, origin) in [
            (
                "https://dhis2.example.org/api/29",
                "https://dhis2.example.org",
            ),
            (
                "http://user:p%40ss@localhost:8080/x?y#z",
                "http://localhost:8080",
            ),
            ("db.example.org", "https://db.example.org"),
            ("10.0.0.5:8443", "https://10.0.0.5:8443"),
            ("http://[::1]:9/", "http://[::1]:9"),
        ] {
            assert_eq!(
                origin_of_address(address).map(|origin| origin.to_string()),
                Ok(origin.to_owned()),
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_no_address_grants_nothing() {
        for address in [
            "https://*.example.org",
            "*",
            "ftp://example.org",
            "not a host",
            "https://",
            "10.0.0.0/8 ",
        ] {
            match origin_of_address(address) {
                Err(_) => {}
                // A path is cut off, so what looks like a network is its first address and no more.
                Ok(origin) => assert_eq!(
                    (address, origin.to_string()),
                    ("10.0.0.0/8 ", "https://10.0.0.0".to_owned())
                ),
            }
        }
    }

    #[test]
    fn debugging_a_credential_shows_no_secret() {
        let body = parse_json(r#"{"username": "ana", "password": "hush"}"#).expect("JSON");
        let credential = Credential {
            name: "c".into(),
            title: None,
            owner: None,
            kept: Map::new(),
            from: "credentials/c.json".into(),
            body: body.into(),
            origins: vec![],
            open_in: None,
            plain: vec![],
            reveal: false,
            oauth: None,
        };
        let shown = format!("{credential:?}");
        assert!(
            shown.contains("password") && !shown.contains("hush") && !shown.contains("ana"),
            "{shown}"
        );
    }
}
