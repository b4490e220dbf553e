//! `[credentials.NAME] oauth`: where the host gets access tokens for a credential, and how it asks.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::credential::origin_of_address;
use crate::grants::Origin;
use crate::reading::Reading;
use crate::tree::Node;

/// How the host gets access tokens (RFC 6749). The secrets for it are in the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthSettings {
    /// `token_url`: the endpoint that gives tokens.
    pub token_url: String,
    /// What `token_url` belongs to; the host may reach it because it is named there.
    pub origin: Origin,
    /// `grant`. Default: `refresh_token` if the credential has one, else `client_credentials`.
    pub grant: Option<OAuthGrant>,
    /// `client_id`, unless the credential has it.
    pub client_id: Option<String>,
    /// `scope`: what is asked for. Default: what the endpoint gives without being asked.
    pub scope: Option<String>,
    /// `client_auth`: where the client's id and secret stand. Default: `basic`.
    pub client_auth: ClientAuth,
    /// `parameters`: more of them, such as `audience` or `resource`.
    pub parameters: BTreeMap<String, String>,
}

/// What an access token is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthGrant {
    /// `client_credentials`: the client's own id and secret.
    ClientCredentials,
    /// `refresh_token`: what a person agreed to once.
    RefreshToken,
}

/// Where the client's id and secret stand in a request for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// In `Authorization: Basic`, which every endpoint has to understand.
    #[default]
    Basic,
    /// In the body, as some endpoints want it.
    Body,
}

impl OAuthGrant {
    /// As requests and fonio.toml write it.
    pub fn as_str(self) -> &'static str {
        match self {
            OAuthGrant::ClientCredentials => "client_credentials",
            OAuthGrant::RefreshToken => "refresh_token",
        }
    }
}

impl fmt::Display for OAuthGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Parameters that the host writes itself.
const OWN: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "refresh_token",
    "scope",
];
const KEYS: &[&str] = &[
    "token_url",
    "grant",
    "client_id",
    "scope",
    "client_auth",
    "parameters",
];

impl OAuthSettings {
    /// The grant for a credential with this content.
    pub fn grant_for(&self, body: &Map<String, Value>) -> OAuthGrant {
        let usual = match oauth_field(body, "refresh_token") {
            Some(_) => OAuthGrant::RefreshToken,
            None => OAuthGrant::ClientCredentials,
        };
        self.grant.unwrap_or(usual)
    }

    /// The client's id: the credential's own, else that in fonio.toml.
    pub fn client_id_for<'s>(&'s self, body: &'s Map<String, Value>) -> Option<&'s str> {
        oauth_field(body, "client_id").or(self.client_id.as_deref())
    }

    /// What a credential with this content lacks to get a token. Without a secret only a public client can refresh.
    pub fn lacks(&self, body: &Map<String, Value>) -> Vec<&'static str> {
        let mut lacks = Vec::new();
        if self.client_id_for(body).is_none() {
            lacks.push("client_id");
        }
        let needed = match self.grant_for(body) {
            OAuthGrant::ClientCredentials => "client_secret",
            OAuthGrant::RefreshToken => "refresh_token",
        };
        if oauth_field(body, needed).is_none() {
            lacks.push(needed);
        }
        lacks
    }
}

/// Whether `key` is `name`, which is in small letters with `_`; OpenFn's credentials have `refreshToken`, too.
pub fn is_oauth_field(key: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        let kept = text.chars().filter(|c| !"_-".contains(*c));
        kept.map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(key) == letters(name)
}

/// The text of this name in a credential; an empty one is none.
pub fn oauth_field<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b str> {
    let found = body.iter().find(|(key, _)| is_oauth_field(key, name));
    found?.1.as_str().filter(|text| !text.is_empty())
}

impl Reading<'_> {
    /// Nothing if it does not say where tokens come from, which is an error.
    pub(super) fn oauth(&mut self, node: &Node) -> Option<OAuthSettings> {
        let mut token_url = None;
        let (mut grant, mut client_id, mut scope) = (None, None, None);
        let mut client_auth = ClientAuth::default();
        let mut parameters = BTreeMap::new();
        for (key, value) in self.map(node, "`oauth`")? {
            match key.text.as_str() {
                "token_url" => token_url = Some(self.token_url(value)?),
                "grant" => grant = self.oauth_grant(value),
                "client_id" => client_id = self.text(value, "`client_id`"),
                "scope" => scope = self.text(value, "`scope`"),
                "client_auth" => client_auth = self.client_auth(value).unwrap_or_default(),
                "parameters" => parameters = self.parameters(value),
                "client_secret" | "refresh_token" => {
                    self.error(
                        key.at,
                        format!("`{}` is a secret, and this file is none", key.text),
                    )
                    .help("put it into the credential itself");
                }
                _ => self.unknown(key, "`oauth`", KEYS),
            }
        }
        let Some((token_url, origin)) = token_url else {
            self.error(node.at, "`oauth` does not say where tokens come from")
                .help("token_url = \"https://…\"");
            return None;
        };
        Some(OAuthSettings {
            token_url,
            origin,
            grant,
            client_id,
            scope,
            client_auth,
            parameters,
        })
    }

    fn token_url(&mut self, node: &Node) -> Option<(String, Origin)> {
        let text = self.text(node, "`token_url`")?;
        let authority = text.split_once("://").map(|(_, rest)| rest);
        let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
        let plain = |c: char| c.is_ascii_graphic() && c != '#' && c != '\\';
        let well_formed =
            text.chars().all(plain) && authority.is_some_and(|authority| !authority.contains('@'));
        let origin = origin_of_address(&text).ok().filter(|_| well_formed);
        let Some(origin) = origin else {
            self.error(
                node.at,
                "`token_url` is not the address of a token endpoint",
            )
            .help("such as https://login.example.org/oauth2/token, without a user name, a password and `#`");
            return None;
        };
        let host = authority.unwrap_or_default();
        let here = ["localhost", "127.", "[::1]"];
        if text.starts_with("http:") && !here.iter().any(|here| host.starts_with(here)) {
            self.warning(
                node.at,
                "the secrets of this credential go to `token_url` unencrypted",
            )
            .help("use https");
        }
        Some((text, origin))
    }

    fn oauth_grant(&mut self, node: &Node) -> Option<OAuthGrant> {
        let text = self.text(node, "`grant`")?;
        let all = [OAuthGrant::ClientCredentials, OAuthGrant::RefreshToken];
        let found = all.into_iter().find(|grant| grant.as_str() == text);
        if found.is_none() {
            self.error(node.at, format!("`{text}` is no grant that the host knows"))
                .help("one of client_credentials and refresh_token");
        }
        found
    }

    fn client_auth(&mut self, node: &Node) -> Option<ClientAuth> {
        match self.text(node, "`client_auth`")?.as_str() {
            "basic" => Some(ClientAuth::Basic),
            "body" => Some(ClientAuth::Body),
            other => {
                self.error(
                    node.at,
                    format!("`{other}` is no place for the client's id and secret"),
                )
                .help("one of basic and body");
                None
            }
        }
    }

    fn parameters(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::new();
        for (key, value) in self.map(node, "`parameters`").unwrap_or_default() {
            if OWN.contains(&key.text.as_str()) {
                self.error(
                    key.at,
                    format!("the host writes the parameter `{}` itself", key.text),
                );
                continue;
            }
            if let Some(text) = self.text(value, "a parameter") {
                parameters.insert(key.text.clone(), text);
            }
        }
        parameters
    }
}
