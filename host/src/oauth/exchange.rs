//! One request to a token endpoint, and what its reply means.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fonio_project::{ClientAuth, OAuthGrant, OAuthSettings, excerpt, oauth_field};
use fonio_sandbox::{Egress, FetchError, SecretText, Vault};
use http::{Method, Request, StatusCode, Uri, header};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::known::{Named, filter};

/// A token that lives longer is treated as if it did not. Nobody means what is beyond.
const LIFETIME_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The credential has not what it takes.
    #[error("it has no {}", .0.join(" and no "))]
    Lacks(Vec<&'static str>),
    /// The endpoint gave no reply.
    #[error("{token_url}: {error}")]
    Unreachable {
        /// The endpoint.
        token_url: String,
        /// What was in the way.
        error: FetchError,
    },
    /// It said no.
    #[error("{token_url} answered {status}{}", said(error.as_deref(), description.as_deref()))]
    Refused {
        /// The endpoint.
        token_url: String,
        /// Of its reply.
        status: u16,
        /// `error` in it, without secrets.
        error: Option<String>,
        /// `error_description` in it, without secrets.
        description: Option<String>,
    },
    /// It said something else.
    #[error("{token_url} answered {status}, and {what}")]
    Strange {
        /// The endpoint.
        token_url: String,
        /// Of its reply.
        status: u16,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl OAuthError {
    /// For scripts: the endpoint's own code such as `invalid_grant`, else the status of its reply.
    pub fn code(&self) -> Option<String> {
        match self {
            OAuthError::Refused {
                error: Some(error), ..
            } => Some(error.clone()),
            OAuthError::Refused { status, .. } | OAuthError::Strange { status, .. } => {
                Some(status.to_string())
            }
            OAuthError::Lacks(_) | OAuthError::Unreachable { .. } => None,
        }
    }
}

fn said(error: Option<&str>, description: Option<&str>) -> String {
    match (error, description) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(": {one}"),
        (Some(error), Some(description)) => format!(": {error} ({description})"),
    }
}

/// What it takes to ask for a token.
#[derive(Debug)]
pub(super) struct Exchange {
    settings: OAuthSettings,
    grant: OAuthGrant,
    client_id: String,
    client_secret: Option<SecretText>,
    egress: Egress,
}

/// A token as the endpoint gave it.
#[derive(Debug)]
pub(super) struct Granted {
    pub token: SecretText,
    pub token_type: Option<String>,
    pub scope: Option<String>,
    /// Nothing if the endpoint did not say.
    pub lifetime: Option<Duration>,
    /// Another one than before.
    pub refresh_token: Option<SecretText>,
}

impl Exchange {
    /// From what fonio.toml and the credential's content say.
    pub fn new(
        settings: &OAuthSettings,
        body: &Map<String, Value>,
        egress: Egress,
    ) -> Result<Exchange, OAuthError> {
        let lacks = settings.lacks(body);
        if !lacks.is_empty() {
            return Err(OAuthError::Lacks(lacks));
        }
        let secret = oauth_field(body, "client_secret");
        Ok(Exchange {
            settings: settings.clone(),
            grant: settings.grant_for(body),
            client_id: settings.client_id_for(body).unwrap_or_default().to_owned(),
            client_secret: secret.map(|secret| SecretText::new(secret.to_owned())),
            egress,
        })
    }

    /// Asks for a token; with `refresh_token`, if that is the grant. What is said of it holds none of `known`.
    pub async fn ask(
        &self,
        refresh_token: Option<&SecretText>,
        known: Vec<Named>,
    ) -> Result<Granted, OAuthError> {
        let refresh_token = refresh_token.filter(|_| self.grant == OAuthGrant::RefreshToken);
        let unreachable = |error| OAuthError::Unreachable {
            token_url: self.settings.token_url.clone(),
            error,
        };
        let uri: Result<Uri, _> = self.settings.token_url.parse();
        let uri = uri.map_err(|_| unreachable(FetchError::Address))?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(
                header::USER_AGENT,
                concat!("fonio/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(basic) = self.basic() {
            request = request.header(header::AUTHORIZATION, basic.as_str());
        }
        let form = self.form(refresh_token);
        let request = request
            .body(Bytes::copy_from_slice(form.as_bytes()))
            .map_err(|_| unreachable(FetchError::Address))?;
        let reply = self.egress.fetch(request).await.map_err(unreachable)?;
        self.understood(reply.status(), reply.body(), known)
    }

    /// Both parts are encoded first, as RFC 6749 has it in 2.3.1. A client without a secret has nothing to show.
    fn basic(&self) -> Option<Zeroizing<String>> {
        let secret = self.client_secret.as_ref();
        let secret = secret.filter(|_| self.settings.client_auth == ClientAuth::Basic)?;
        let encoded = |text: &str| -> Zeroizing<String> {
            Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
        };
        let (id, secret) = (encoded(&self.client_id), encoded(secret.expose()));
        let pair = Zeroizing::new(format!("{}:{}", *id, *secret));
        Some(Zeroizing::new(format!(
            "Basic {}",
            STANDARD.encode(pair.as_bytes())
        )))
    }

    fn form(&self, refresh_token: Option<&SecretText>) -> Zeroizing<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", self.grant.as_str());
        if let Some(token) = refresh_token {
            form.append_pair("refresh_token", token.expose());
        }
        if let Some(scope) = &self.settings.scope {
            form.append_pair("scope", scope);
        }
        if self.settings.client_auth == ClientAuth::Body || self.client_secret.is_none() {
            form.append_pair("client_id", &self.client_id);
            if let Some(secret) = &self.client_secret {
                form.append_pair("client_secret", secret.expose());
            }
        }
        form.extend_pairs(&self.settings.parameters);
        Zeroizing::new(form.finish())
    }

    fn understood(
        &self,
        status: StatusCode,
        body: &[u8],
        mut known: Vec<Named>,
    ) -> Result<Granted, OAuthError> {
        let strange = |what| OAuthError::Strange {
            token_url: self.settings.token_url.clone(),
            status: status.as_u16(),
            what,
        };
        let fields: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
        if status.is_redirection() {
            return Err(strange("redirects are not followed: name its own address"));
        }
        let has = |name: &str| {
            fields
                .as_ref()
                .is_some_and(|fields| fields.contains_key(name))
        };
        if !status.is_success() || (has("error") && !has("access_token")) {
            return Err(self.refused(status, fields.as_ref(), &filter(known)));
        }
        let mut fields = fields.ok_or_else(|| strange("its reply is not a JSON object"))?;
        let token = take_text(&mut fields, "access_token")
            .ok_or_else(|| strange("its reply has no `access_token`"))?;
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(strange("its `access_token` cannot stand in a header"));
        }
        let refresh_token = take_text(&mut fields, "refresh_token");
        known.push(("access_token".to_owned(), token.clone()));
        known.extend(
            refresh_token
                .clone()
                .map(|next| ("refresh_token".to_owned(), next)),
        );
        let filter = filter(known);
        let has_secret = |text: &str| matches!(filter.redact(text), Cow::Owned(_));
        let plain = |name: &str, may_be: fn(&str) -> bool| {
            let text = fields.get(name)?.as_str().filter(|text| may_be(text))?;
            (!has_secret(text)).then(|| text.to_owned())
        };
        Ok(Granted {
            token_type: plain("token_type", is_token_type),
            // Words are put together as their reader likes: no secret is cut by what stands between them.
            scope: plain("scope", is_scope).filter(|scope| !has_secret(&scope.replace(' ', ""))),
            lifetime: fields.get("expires_in").and_then(seconds),
            token,
            refresh_token,
        })
    }

    /// An endpoint may well repeat what it was sent.
    fn refused(
        &self,
        status: StatusCode,
        fields: Option<&Map<String, Value>>,
        filter: &Vault,
    ) -> OAuthError {
        let shown = |name: &str| -> Option<String> {
            let text = fields?.get(name)?.as_str()?;
            Some(excerpt(&filter.redact(text)))
        };
        OAuthError::Refused {
            token_url: self.settings.token_url.clone(),
            status: status.as_u16(),
            error: shown("error"),
            description: shown("error_description"),
        }
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<SecretText> {
    match fields.get_mut(name)?.take() {
        Value::String(text) if !text.is_empty() => Some(SecretText::new(text)),
        _ => None,
    }
}

/// `scope` as RFC 6749 has it (3.3): words of printable ASCII but `"` and `\`. What is none is not told to a job.
fn is_scope(text: &str) -> bool {
    let in_word = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
    text.split(' ')
        .all(|word| !word.is_empty() && word.bytes().all(in_word))
}

/// The name of a type of token, as RFC 6749 has it (8.1).
fn is_token_type(text: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.bytes().all(in_name)
}

/// Some endpoints write the number as a text.
fn seconds(value: &Value) -> Option<Duration> {
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    let number = value.as_f64().or(text)?;
    let most = LIFETIME_MAX.as_secs_f64();
    // NaN is no number of seconds, and `clamp` leaves it as it is.
    Duration::try_from_secs_f64(number.clamp(0.0, most)).ok()
}

#[cfg(test)]
mod tests {
    use fonio_project::Grants;
    use serde_json::json;

    use super::*;

    fn exchange(client_auth: ClientAuth) -> Exchange {
        let settings = OAuthSettings {
            token_url: "https://login.example.org/token".into(),
            origin: "https://login.example.org".parse().expect("an origin"),
            grant: None,
            client_id: Some("us & them".into()),
            scope: Some("read write".into()),
            client_auth,
            parameters: [("audience".to_owned(), "https://api".to_owned())].into(),
        };
        let body = json!({"clientSecret": "hush:hush", "refresh_token": "refresh/hush"});
        let body = body.as_object().expect("an object");
        Exchange::new(&settings, body, Egress::new(Grants::default())).expect("it is complete")
    }

    fn understood(status: u16, reply: &str) -> Result<Granted, String> {
        let status = StatusCode::from_u16(status).expect("a status");
        let known = [
            ("client_secret", "hush:hush"),
            ("refresh_token", "refresh/hush"),
        ];
        let known = known.map(|(name, text)| (name.to_owned(), SecretText::new(text.into())));
        let result =
            exchange(ClientAuth::Basic).understood(status, reply.as_bytes(), known.to_vec());
        result.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_client_shows_itself_in_one_place() {
        let refresh = SecretText::new("refresh/hush".into());
        let basic = exchange(ClientAuth::Basic);
        let shown = basic.basic().expect("it has a secret");
        assert_eq!(
            *shown,
            format!("Basic {}", STANDARD.encode("us+%26+them:hush%3Ahush"))
        );
        assert_eq!(
            *basic.form(Some(&refresh)),
            "grant_type=refresh_token&refresh_token=refresh%2Fhush&scope=read+write&audience=https%3A%2F%2Fapi"
        );
        let body = exchange(ClientAuth::Body);
        assert!(body.basic().is_none());
        let form = body.form(Some(&refresh));
        assert!(
            form.contains("&client_id=us+%26+them&client_secret=hush%3Ahush&"),
            "{}",
            *form
        );
    }

    #[tokio::test]
    async fn a_token_is_taken_with_what_is_said_of_it() {
        let reply = r#"{"access_token":"t0ken","token_type":"Bearer","expires_in":"3600","refresh_token":"next"}"#;
        let granted = understood(200, reply).expect("a token");
        assert_eq!(granted.token.expose(), "t0ken");
        assert_eq!(granted.lifetime, Some(Duration::from_secs(3600)));
        assert_eq!(granted.refresh_token.expect("another").expose(), "next");
        for (expires, seconds) in [("-5", 0), ("1e300", 365 * 24 * 3600), ("0.0", 0)] {
            let reply = format!(r#"{{"access_token":"t","expires_in":{expires}}}"#);
            let granted = understood(200, &reply).expect("a token");
            assert_eq!(
                granted.lifetime,
                Some(Duration::from_secs(seconds)),
                "{expires}"
            );
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_without_the_secrets_that_it_repeats() {
        let reply = json!({
            "error": "invalid_grant", "error_description": "refresh/hush is revoked,\u{1b} hush:hush too, cmVmcmVzaC9odXNo also",
        });
        let said = understood(400, &reply.to_string()).expect_err("refused");
        assert_eq!(
            said,
            "https://login.example.org/token answered 400: invalid_grant ([sealed refresh_token] is revoked,\\u{1b} \
             [sealed client_secret] too, [sealed refresh_token] also)"
        );
        assert!(
            understood(200, r#"{"error":"bad"}"#)
                .expect_err("refused")
                .ends_with("answered 200: bad")
        );
        assert!(
            understood(502, "<html>")
                .expect_err("refused")
                .ends_with("answered 502")
        );
    }

    #[tokio::test]
    async fn what_is_said_of_a_token_is_told_only_if_it_is_that_and_holds_no_secret() {
        for (token_type, scope, told) in [
            (
                "Bearer",
                "read write:x/1",
                (Some("Bearer"), Some("read write:x/1")),
            ),
            ("tt hush:hush", "sc hush:hush", (None, None)),
            ("t0ken-hush", "next-hush", (None, None)),
            ("N_A", "refresh/hush", (Some("N_A"), None)),
            ("cmVmcmVzaC9odXNo", "a hush%3Ahush", (None, None)),
            ("a", "read hush :hu sh", (Some("a"), None)),
            ("a", "cmVm cmVz aC9o dXNo", (Some("a"), None)),
            ("B\n", "a\"b", (None, None)),
            ("", "a  b", (None, None)),
        ] {
            let reply = json!({"access_token": "t0ken-hush", "refresh_token": "next-hush", "token_type": token_type, "scope": scope});
            let granted = understood(200, &reply.to_string()).expect("a token");
            let got = (granted.token_type.as_deref(), granted.scope.as_deref());
            assert_eq!(got, told);
        }
    }

    #[tokio::test]
    async fn a_reply_that_is_no_token_is_none() {
        for (status, reply, words) in [
            (200, "t0ken", "is not a JSON object"),
            (200, "{}", "has no `access_token`"),
            (200, r#"{"access_token":""}"#, "has no `access_token`"),
            (200, r#"{"access_token":7}"#, "has no `access_token`"),
            (
                200,
                r#"{"access_token":"a\r\nx: y"}"#,
                "cannot stand in a header",
            ),
            (302, r#"{"access_token":"t"}"#, "redirects are not followed"),
        ] {
            let said = understood(status, reply).expect_err(reply);
            assert!(said.contains(words), "{said}");
        }
    }
}
