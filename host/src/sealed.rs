//! From a project's credential to what the sandbox seals: what is in it, where it belongs, and where it may stand.

use std::sync::Arc;

use fonio_project::{Credential, OpenIn, Origin, Settings, origins_of_credential};
use fonio_sandbox::{Adaptor, CredentialSpec, FailureKind, Seals, StepFailure, Vault};
use serde_json::{Map, Value};

/// In the JSON Schema of an adaptor's credential: a list of places in a request, written as in `open_in`.
const OPEN_IN: &str = "x-open-in";

/// The credential of a job with this adaptor. `own` is what the job's own state has as `configuration`; the credential
/// comes over it.
pub fn of_job(
    credential: Option<&Credential>,
    own: Option<&Map<String, Value>>,
    adaptor: Option<&Adaptor>,
) -> Option<Arc<Vault>> {
    let mut body = own.cloned().unwrap_or_default();
    let Some(credential) = credential else {
        let spec = CredentialSpec {
            name: "configuration".to_owned(),
            origins: origins_of_credential(&body),
            open_in: open_in(adaptor),
            ..CredentialSpec::default()
        };
        return own.map(|_| Arc::new(Vault::new(spec, body)));
    };
    body.extend(credential.body.clone());
    let spec = CredentialSpec {
        name: credential.name.clone(),
        origins: credential.origins.clone(),
        open_in: credential
            .open_in
            .clone()
            .unwrap_or_else(|| open_in(adaptor)),
        plain: credential.plain.clone(),
        reveal: credential.reveal,
    };
    Some(Arc::new(Vault::new(spec, body)))
}

/// A credential that a person gave for one run: it belongs to the systems it names, and to `origins`; what fonio.toml
/// says of one called `name` holds for it too.
pub fn given(
    name: &str,
    body: Map<String, Value>,
    origins: &[Origin],
    adaptor: Option<&Adaptor>,
    settings: Option<&Settings>,
) -> Vault {
    let said = settings.and_then(|settings| settings.credentials.get(name));
    let mut belongs = origins_of_credential(&body);
    belongs.extend_from_slice(origins);
    belongs.extend(said.map(|said| said.hosts.clone()).unwrap_or_default());
    let named = said.and_then(|said| said.open_in.clone());
    let spec = CredentialSpec {
        name: name.to_owned(),
        origins: belongs,
        open_in: named.unwrap_or_else(|| open_in(adaptor)),
        plain: said.map(|said| said.plain.clone()).unwrap_or_default(),
        reveal: said.is_some_and(|said| said.reveal),
    };
    Vault::new(spec, body)
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
/// The system has no random bytes to give.
pub fn mint(vault: Option<Arc<Vault>>) -> Result<(Seals, Option<Value>), StepFailure> {
    let Some(vault) = vault else {
        return Ok((Seals::default(), None));
    };
    let seals = Seals::mint(vault).map_err(|error| {
        let said =
            format!("its credential cannot be sealed: the system gives no random bytes: {error}");
        StepFailure::new(FailureKind::Load, "LoadError", said)
    })?;
    let configuration = seals.configuration();
    Ok((seals, Some(configuration)))
}
