//! Who asks: the credential's secrets, into headers. They go nowhere else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_sdk::http::Request;
use fonio_sdk::{Map, State, Value};

/// Where an API key goes when the credential does not say.
const API_KEY_HEADER: &str = "x-api-key";

/// One way to sign in by the `authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub enum Login {
    /// Name and password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl Login {
    /// From the option `authentication`, also as the `request` library wrote it (`user`, `pass`, `sendImmediately`: always so here).
    pub fn read(option: &Map<String, Value>) -> Option<Login> {
        let text = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|&name| option.get(name)?.as_str())
                .map(str::to_owned)
        };
        if let Some(token) = text(["bearer", "access_token"]) {
            return Some(Login::Bearer(token));
        }
        let username = text(["username", "user"])?;
        Some(Login::Basic(
            username,
            text(["password", "pass"]).unwrap_or_default(),
        ))
    }

    /// From the credential: a token goes before a name and password.
    fn of(state: &State) -> Option<Login> {
        if let Some(token) = ["access_token", "accessToken", "token"]
            .iter()
            .find_map(|name| state.configuration_text(name))
        {
            return Some(Login::Bearer(token.to_owned()));
        }
        let username = state.configuration_text("username")?;
        Some(Login::Basic(
            username.to_owned(),
            state
                .configuration_text("password")
                .unwrap_or_default()
                .to_owned(),
        ))
    }

    fn header(&self) -> String {
        match self {
            Login::Basic(username, password) => format!(
                "Basic {}",
                STANDARD.encode(format!("{username}:{password}"))
            ),
            Login::Bearer(token) => format!("Bearer {token}"),
        }
    }
}

/// Adds what the credential holds. What the job wrote into the headers itself stays; the option goes before the credential.
pub fn sign(request: &mut Request, option: Option<&Login>, state: &State) {
    if request.headers.get("authorization").is_none() {
        let of_state = if option.is_some() {
            None
        } else {
            Login::of(state)
        };
        if let Some(login) = option.or(of_state.as_ref()) {
            request.headers.set("authorization", login.header());
        }
    }
    let header = api_key_header(state);
    if let Some(key) = state
        .configuration_text("apiKey")
        .filter(|_| request.headers.get(header).is_none())
    {
        request.headers.set(header, key);
    }
}

/// Takes away what was meant for another server: sign-in, cookies and the API key.
pub fn unsign(request: &mut Request, state: &State) {
    for header in [
        "authorization",
        "proxy-authorization",
        "cookie",
        api_key_header(state),
    ] {
        request.headers.remove(header);
    }
}

fn api_key_header(state: &State) -> &str {
    state
        .configuration_text("apiKeyHeader")
        .unwrap_or(API_KEY_HEADER)
}
