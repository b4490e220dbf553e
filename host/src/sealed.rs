//! From a project's credential to what the sandbox seals: what is in it, where it belongs, and where it may stand.

use std::sync::{Arc, Mutex, PoisonError};

use fonio_project::{
    Credential, OpenIn, Origin, Settings, Wiped, is_oauth_field, oauth_field, origins_of_credential,
};
use fonio_sandbox::{Adaptor, CredentialSpec, FailureKind, Seals, SecretText, StepFailure, Vault};
use serde_json::{Map, Value};

use crate::oauth::{AccessToken, OAuthError, Tokens};

/// In the JSON Schema of an adaptor's credential: a list of places in a request, written as in `open_in`.
const OPEN_IN: &str = "x-open-in";
/// What the host alone uses of a credential for which it gets tokens.
const HIDDEN: &[&str] = &["client_secret", "refresh_token"];
/// What comes with each token anew.
const OF_A_TOKEN: &[&str] = &["access_token", "id_token", "expires_at", "expires_in"];
/// What says of a token how to show it, and nothing that opens a door.
const PLAIN: &[&str] = &["token_type", "issued_at"];

/// The credential of a job as steps are given it.
#[derive(Debug)]
pub struct Held {
    /// Without an access token that the host gets.
    vault: Arc<Vault>,
    tokens: Option<Arc<Tokens>>,
    /// With the last token, by its number: making one costs as much as a small step.
    with_token: Mutex<Option<(u64, Arc<Vault>)>>,
}

impl Held {
    fn new(vault: Vault, tokens: Option<Arc<Tokens>>) -> Held {
        Held {
            vault: Arc::new(vault),
            tokens,
            with_token: Mutex::default(),
        }
    }

    /// What of it is sealed, and where it belongs; without an access token that the host gets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// For a job with this adaptor. With `tokens` the host gets its access token.
    pub fn of(
        credential: &Credential,
        adaptor: Option<&Adaptor>,
        tokens: Option<Arc<Tokens>>,
    ) -> Held {
        let mut body = (*credential.body).clone();
        let named = credential.open_in.clone();
        let mut spec = CredentialSpec {
            name: credential.name.clone(),
            origins: credential.origins.clone(),
            open_in: named.unwrap_or_else(|| open_in(adaptor)),
            plain: credential.plain.clone(),
            reveal: credential.reveal,
            ..CredentialSpec::default()
        };
        if tokens.is_some() {
            keep_back(&mut spec, &mut body);
        }
        Held::new(Vault::new(spec, body), tokens)
    }

    /// Its name, if guests get its secrets themselves.
    pub fn revealed(&self) -> Option<&str> {
        self.vault.reveals().then(|| self.vault.name())
    }

    /// This credential over `below`, which belongs to `origins`.
    pub fn over(&self, below: &Map<String, Value>, origins: Vec<Origin>) -> Held {
        Held::new(self.vault.over(below, origins), self.tokens.clone())
    }

    async fn current(&self) -> Result<Arc<Vault>, OAuthError> {
        let Some(tokens) = &self.tokens else {
            return Ok(Arc::clone(&self.vault));
        };
        let token = tokens.current().await?;
        let mut last = self
            .with_token
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((number, vault)) = &*last
            && *number == token.number
        {
            return Ok(Arc::clone(vault));
        }
        let refused = tokens.drop_when_refused(token.number);
        let vault = self
            .vault
            .with(fields(&token), token.known.clone(), refused);
        let vault = Arc::new(vault);
        *last = Some((token.number, Arc::clone(&vault)));
        Ok(vault)
    }
}

/// What a token adds to its credential, under the names that OpenFn's adaptors know.
fn fields(token: &AccessToken) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("access_token", token.value.expose().into());
    set("expires_at", token.expires_at().into());
    for (name, text) in [("token_type", &token.token_type), ("scope", &token.scope)] {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    fields
}

/// Takes what only the host uses out of a credential for which it gets tokens.
fn keep_back(spec: &mut CredentialSpec, body: &mut Map<String, Value>) {
    for name in HIDDEN {
        if let Some(secret) = oauth_field(body, name) {
            let secret = SecretText::new(secret.to_owned());
            spec.hidden.push(((*name).to_owned(), secret));
        }
    }
    let is_one_of = |key: &str, names: &[&str]| names.iter().any(|name| is_oauth_field(key, name));
    let taken = HIDDEN.iter().chain(OF_A_TOKEN).copied().collect::<Vec<_>>();
    let whole = std::mem::take(body).into_iter();
    let (taken, rest): (Map<_, _>, Map<_, _>) = whole.partition(|(key, _)| is_one_of(key, &taken));
    drop(Wiped::from(taken));
    *body = rest;
    spec.plain
        .extend(PLAIN.iter().map(|name| (*name).to_owned()));
}

/// The credential of a job with this adaptor. `own` is what the job's own state has as `configuration`; the credential
/// comes over it. With `tokens` the host gets its access token.
pub fn of_job(
    credential: Option<&Credential>,
    own: Option<&Map<String, Value>>,
    adaptor: Option<&Adaptor>,
    tokens: Option<Arc<Tokens>>,
) -> Option<Held> {
    let Some(credential) = credential else {
        let own = own?.clone();
        let own = given("configuration", own, &[], adaptor, None);
        return Some(Held::of(&own, adaptor, None));
    };
    let held = Held::of(credential, adaptor, tokens);
    Some(match own {
        Some(own) => held.over(own, Vec::new()),
        None => held,
    })
}

/// A credential that a person gave for one run: it belongs to the systems it names, and to `origins`; what fonio.toml
/// says of one called `name` holds for it too.
pub fn given(
    name: &str,
    body: Map<String, Value>,
    origins: &[Origin],
    adaptor: Option<&Adaptor>,
    settings: Option<&Settings>,
) -> Credential {
    let said = settings.and_then(|settings| settings.credentials.get(name));
    let mut belongs = origins_of_credential(&body);
    belongs.extend_from_slice(origins);
    belongs.extend(said.map(|said| said.hosts.clone()).unwrap_or_default());
    let named = said.and_then(|said| said.open_in.clone());
    Credential {
        name: name.to_owned(),
        title: None,
        owner: None,
        kept: Map::new(),
        from: "the command line".to_owned(),
        body: body.into(),
        origins: belongs,
        open_in: Some(named.unwrap_or_else(|| open_in(adaptor))),
        plain: said.map(|said| said.plain.clone()).unwrap_or_default(),
        reveal: said.is_some_and(|said| said.reveal),
        oauth: said.and_then(|said| said.oauth.clone()),
    }
}

/// Headers, and what the adaptor describes.
fn open_in(adaptor: Option<&Adaptor>) -> Vec<OpenIn> {
    let schema = adaptor.map(|adaptor| &adaptor.description().credential_schema);
    let described = schema.and_then(|schema| schema[OPEN_IN].as_array());
    let described = described.into_iter().flatten();
    let places = described.filter_map(|place| place.as_str()?.parse().ok());
    std::iter::once(OpenIn::Headers).chain(places).collect()
}

/// Placeholders for one step, and `state.configuration` with them.
///
/// # Errors
/// An access token cannot be got, or the system has no random bytes to give.
pub async fn mint(held: Option<&Held>) -> Result<(Seals, Option<Value>), StepFailure> {
    let Some(held) = held else {
        return Ok((Seals::default(), None));
    };
    let vault = held.current().await.map_err(|error| {
        let name = held.vault.name();
        let said = format!("there is no access token for the credential `{name}`: {error}");
        let mut failure = StepFailure::new(FailureKind::Job, "CredentialError", said);
        failure.code = error.code();
        failure
    })?;
    let seals = Seals::mint(vault).map_err(|error| {
        let said =
            format!("its credential cannot be sealed: the system gives no random bytes: {error}");
        StepFailure::new(FailureKind::Load, "LoadError", said)
    })?;
    let configuration = seals.configuration();
    Ok((seals, Some(configuration)))
}
