//! A credential as the host keeps it, and as one step sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fonio_project::{OpenIn, Origin};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::needles::Needles;
use super::placeholder;
use super::secret::SecretText;
use super::weakness::Weakness;

/// Fields that say who asks and of what, and not the word that opens it. Lower case, without `_` and `-`. Jobs build
/// requests from them, so they are given as they are.
const PLAIN_FIELDS: &[&str] = &[
    "apiversion",
    "authtype",
    "clientid",
    "database",
    "domain",
    "email",
    "environment",
    "host",
    "login",
    "organization",
    "port",
    "project",
    "realm",
    "region",
    "scope",
    "server",
    "tenantid",
    "user",
    "username",
    "version",
];
/// The same, for all fields that end so: addresses, paths, and names of headers.
const PLAIN_ENDINGS: &[&str] = &["url", "endpoint", "path", "header"];

/// Shorter ones are not looked for in replies: they would be found in everything.
pub(super) const SECRET_MIN_BYTES: usize = 4;

/// What a vault is made from.
#[derive(Clone, Debug, Default)]
pub struct CredentialSpec {
    /// Its name in the project, for messages.
    pub name: String,
    /// What it opens: elsewhere its placeholders stay what they are.
    pub origins: Vec<Origin>,
    /// Where in a request it may stand.
    pub open_in: Vec<OpenIn>,
    /// Fields that are no secrets, besides the usual ones.
    pub plain: Vec<String>,
    /// Guests get the secrets themselves.
    pub reveal: bool,
    /// Secrets that only the host uses, each with the name of its field: no guest gets them, not even sealed or when
    /// the others are revealed, but they are looked for in all that comes back.
    pub hidden: Vec<(String, SecretText)>,
    /// Who hears that one of its systems did not take it.
    pub refused: Option<Arc<dyn Refused>>,
}

/// Hears that a system of a credential answered 401 to a request with its secrets.
pub trait Refused: fmt::Debug + Send + Sync {
    /// It does not count any more.
    fn refused(&self);
}

/// A credential, its secrets apart from the rest. Made when the project is loaded.
#[derive(Default)]
pub struct Vault {
    pub(super) spec: CredentialSpec,
    /// The credential without its secrets.
    template: Value,
    pub(super) secrets: Vec<Secret>,
    pub(super) needles: Needles,
}

pub(super) struct Secret {
    /// As people name it: `password`, `oauth.client_secret`.
    pub field: String,
    /// In the credential; nothing for a hidden one.
    pointer: Option<String>,
    pub value: Zeroizing<String>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.secrets.iter().map(|s| s.field.as_str()).collect();
        f.debug_struct("Vault")
            .field("name", &self.spec.name)
            .field("secrets", &fields)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Takes the secrets out of `body`: every text but addresses, names of users and what `spec` calls plain.
    pub fn new(spec: CredentialSpec, body: Map<String, Value>) -> Vault {
        let mut template = Value::Object(body);
        let mut secrets = Vec::new();
        if let Value::Object(fields) = &mut template {
            take_secrets(fields, &spec.plain, ("", ""), &mut secrets);
        }
        for (field, text) in &spec.hidden {
            // Looked for once, as what a guest is given a placeholder for.
            if secrets.iter().any(|known| *known.value == text.expose()) {
                continue;
            }
            secrets.push(Secret {
                field: field.clone(),
                pointer: None,
                value: text.own(),
            });
        }
        let needles = Needles::new(secrets.iter().map(|secret| secret.value.as_str()));
        Vault {
            spec,
            template,
            secrets,
            needles,
        }
    }

    /// This credential over `below`, which belongs to `origins`.
    pub fn over(&self, below: &Map<String, Value>, origins: Vec<Origin>) -> Vault {
        let mut spec = self.spec.clone();
        spec.origins.extend(origins);
        let mut body = below.clone();
        body.extend(self.body());
        Vault::new(spec, body)
    }

    /// This credential with `fields` over its own, more hidden secrets, and somebody to hear that it was not taken.
    pub fn with(
        &self,
        fields: Map<String, Value>,
        hidden: Vec<(String, SecretText)>,
        refused: Arc<dyn Refused>,
    ) -> Vault {
        let mut spec = self.spec.clone();
        spec.hidden.extend(hidden);
        spec.refused = Some(refused);
        let mut body = self.body();
        body.extend(fields);
        Vault::new(spec, body)
    }

    /// Everything but what is hidden, with the secrets in their places.
    fn body(&self) -> Map<String, Value> {
        match filled(self.template.clone(), &self.secrets, |secret| &secret.value) {
            Value::Object(body) => body,
            _ => Map::new(),
        }
    }

    /// Its name in the project.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it opens.
    pub fn origins(&self) -> &[Origin] {
        &self.spec.origins
    }

    /// Whether guests get the secrets themselves.
    pub fn reveals(&self) -> bool {
        self.spec.reveal
    }

    /// The names of the fields that are sealed, for the table of who may do what.
    pub fn sealed_fields(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|secret| secret.field.as_str())
    }

    /// Where in a request to its origins it may stand.
    pub fn open_in(&self) -> &[OpenIn] {
        &self.spec.open_in
    }

    /// The fields with secrets that sealing serves badly, and why.
    pub fn weak_fields(&self) -> impl Iterator<Item = (&str, Weakness)> {
        self.secrets.iter().filter_map(|secret| {
            let weakness = Weakness::of(&secret.value, SECRET_MIN_BYTES)?;
            Some((secret.field.as_str(), weakness))
        })
    }
}

/// `template` with each secret's place filled.
fn filled<'t>(
    mut template: Value,
    secrets: &'t [Secret],
    mut with: impl FnMut(&'t Secret) -> &'t String,
) -> Value {
    for secret in secrets {
        // Asked for in any case: placeholders are counted off.
        let text = with(secret);
        let pointer = secret.pointer.as_deref();
        if let Some(field) = pointer.and_then(|pointer| template.pointer_mut(pointer)) {
            *field = Value::String(text.to_owned());
        }
    }
    template
}

/// Moves each secret text below `fields` into `secrets`. `path` is that of `fields`: as a pointer, and for people.
fn take_secrets(
    fields: &mut Map<String, Value>,
    plain: &[String],
    path: (&str, &str),
    secrets: &mut Vec<Secret>,
) {
    for (key, value) in fields {
        let pointer = format!("{}/{}", path.0, key.replace('~', "~0").replace('/', "~1"));
        let field = [path.1, key].join(if path.1.is_empty() { "" } else { "." });
        if is_plain(key, &field, plain) && !has_password(value) {
            continue;
        }
        take_secret(value, plain, (pointer, field), secrets);
    }
}

fn take_secret(
    value: &mut Value,
    plain: &[String],
    (pointer, field): (String, String),
    secrets: &mut Vec<Secret>,
) {
    match value {
        Value::String(text) if !text.is_empty() => secrets.push(Secret {
            value: Zeroizing::new(std::mem::take(text)),
            field,
            pointer: Some(pointer),
        }),
        Value::Object(fields) => take_secrets(fields, plain, (&pointer, &field), secrets),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let at = (format!("{pointer}/{index}"), format!("{field}[{index}]"));
                take_secret(item, plain, at, secrets);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// A password within an address makes the address a secret.
fn has_password(value: &Value) -> bool {
    let authority = value
        .as_str()
        .and_then(|text| text.split_once("://"))
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.is_some_and(|authority| authority.contains('@'))
}

fn is_plain(key: &str, field: &str, plain: &[String]) -> bool {
    let folded = key.replace(['_', '-'], "").to_lowercase();
    PLAIN_FIELDS.contains(&folded.as_str())
        || PLAIN_ENDINGS.iter().any(|ending| folded.ends_with(ending))
        || plain.iter().any(|named| named == field)
}

/// A credential as one step sees it; by default there is none.
#[derive(Clone, Debug, Default)]
pub struct Seals {
    pub(super) vault: Arc<Vault>,
    /// As many as the vault has secrets, in their order; none if it reveals them.
    pub(super) placeholders: Arc<[String]>,
    /// The secret each placeholder stands for.
    pub(super) by_placeholder: Arc<BTreeMap<String, usize>>,
}

impl Seals {
    /// Placeholders for one step.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn mint(vault: Arc<Vault>) -> Result<Seals, getrandom::Error> {
        let sealed = if vault.spec.reveal {
            0
        } else {
            vault.secrets.len()
        };
        let placeholders: Vec<String> = (0..sealed)
            .map(|_| placeholder::mint())
            .collect::<Result<_, _>>()?;
        // One for a hidden secret stands for it in a reply, and opens nothing.
        let given = placeholders.iter().cloned().zip(0..);
        let by_placeholder = given
            .filter(|(_, secret): &(String, usize)| vault.secrets[*secret].pointer.is_some())
            .collect();
        Ok(Seals {
            vault,
            placeholders: placeholders.into(),
            by_placeholder: Arc::new(by_placeholder),
        })
    }

    /// `state.configuration`: the credential, with placeholders for its secrets unless they are revealed.
    pub fn configuration(&self) -> Value {
        let mut placeholders = self.placeholders.iter();
        filled(self.vault.template.clone(), &self.vault.secrets, |secret| {
            placeholders.next().unwrap_or(&secret.value)
        })
    }

    /// A system of the credential did not take it.
    pub(crate) fn were_refused(&self) {
        if let Some(refused) = &self.vault.spec.refused {
            refused.refused();
        }
    }

    /// Whether guests of this step have placeholders.
    pub(crate) fn seals(&self) -> bool {
        !self.placeholders.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub fn seals(body: Value, origins: &[&str], open_in: Vec<OpenIn>, reveal: bool) -> Seals {
        let Value::Object(body) = body else {
            panic!("a credential is an object");
        };
        let spec = CredentialSpec {
            name: "dhis2".into(),
            origins: origins
                .iter()
                .map(|origin| origin.parse().expect("an origin"))
                .collect(),
            open_in,
            plain: vec!["colour".into()],
            reveal,
            ..CredentialSpec::default()
        };
        Seals::mint(Arc::new(Vault::new(spec, body))).expect("random bytes")
    }

    #[test]
    fn addresses_and_names_stay_and_every_other_text_is_sealed() {
        let body = json!({
            "baseUrl": "https://play.example.org", "username": "admin", "password": "hush-hush", "port": 8080, "colour": "red", "api_key_header": "x-key",
            "oauth": {"client_id": "us", "client_secret": "deep/secret"}, "keys": ["first", ""], "a/b": "slash", "host": "https://me:slash-pass@x.org/",
        });
        let seals = seals(body, &[], vec![OpenIn::Headers], false);
        let fields: Vec<&str> = seals.vault.sealed_fields().collect();
        assert_eq!(
            fields,
            ["password", "oauth.client_secret", "keys[0]", "a/b", "host"]
        );
        let seen = seals.configuration();
        assert_eq!(seen["baseUrl"], "https://play.example.org");
        assert_eq!(seen["username"], "admin");
        assert_eq!(seen["port"], 8080);
        assert_eq!(seen["colour"], "red");
        assert_eq!(seen["oauth"]["client_id"], "us");
        for sealed in [
            &seen["password"],
            &seen["oauth"]["client_secret"],
            &seen["keys"][0],
            &seen["a/b"],
        ] {
            let text = sealed.as_str().expect("of the same type");
            assert_eq!(placeholder::find(text.as_bytes()).count(), 1, "{text}");
        }
        let seen = seen.to_string();
        for secret in ["hush", "deep/secret", "first", "slash"] {
            assert!(!seen.contains(secret), "{seen}");
        }
        assert!(!format!("{seals:?}").contains("hush"));
    }

    #[test]
    fn what_is_hidden_is_in_no_configuration_and_opens_nothing() {
        for reveal in [false, true] {
            let hidden = SecretText::new("hidden-hush".into());
            let spec = CredentialSpec {
                hidden: vec![("client_secret".into(), hidden)],
                reveal,
                ..CredentialSpec::default()
            };
            let Value::Object(body) = json!({"access_token": "token-hush"}) else {
                return;
            };
            let vault = Arc::new(Vault::new(spec, body));
            let seals = Seals::mint(Arc::clone(&vault)).expect("random bytes");
            let seen = seals.configuration();
            assert_eq!(seen.as_object().map(Map::len), Some(1), "{seen}");
            assert_eq!(
                seals.redact("a hidden-hush b"),
                "a [sealed client_secret] b"
            );
            for placeholder in seals.placeholders.iter() {
                let is_given = seen["access_token"] == json!(placeholder);
                assert_eq!(seals.secret(placeholder.as_bytes()).is_ok(), is_given);
            }
            assert!(!format!("{vault:?} {:?}", vault.spec).contains("hush"));
        }
    }

    #[test]
    fn each_step_has_its_own() {
        let one = seals(json!({"password": "hush-hush"}), &[], vec![], false);
        let other = Seals::mint(Arc::clone(&one.vault)).expect("random bytes");
        assert_ne!(one.configuration(), other.configuration());
    }

    #[test]
    fn what_is_revealed_is_given_as_it_is() {
        let body = json!({"password": "hush-hush"});
        let seals = seals(body.clone(), &[], vec![], true);
        assert_eq!(seals.configuration(), body);
        assert!(!seals.seals());
    }
}
