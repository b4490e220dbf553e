//! What the service says of itself (OpenID Connect Discovery 1.0), its keys, and what it gives for a code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fonio_project::{ClientSecret, OidcSettings, excerpt, is_exposed};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::OidcError;
use super::client::{Client, FetchFailed, Fetched};
use super::id_token::Claims;
use super::keys::Keys;

/// What the service said of itself, and its keys, count for so long: a key that it withdraws is good for no longer.
const FRESH: Duration = Duration::from_secs(3600);
/// That it does not answer counts for so long: those who wait in turn do not each wait for it.
const FAILED: Duration = Duration::from_secs(5);
/// A token with an unknown key has the keys read again so often at most: anybody can name a key.
const NEWER_EVERY: Duration = Duration::from_secs(60);

/// Where the service is asked for what.
#[derive(Deserialize)]
pub struct Document {
    issuer: String,
    pub authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What it gives for a code.
#[derive(Deserialize)]
pub struct Tokens {
    pub id_token: String,
    access_token: Option<String>,
}

/// The service.
pub struct Provider {
    issuer: String,
    client_id: String,
    client_secret: Option<ClientSecret>,
    client: Client,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    document: Option<(Instant, Arc<Document>)>,
    failed: Option<(Instant, OidcError)>,
    keys: Option<(Instant, Arc<Keys>)>,
    /// When they were last read because of an unknown key.
    newer: Option<Instant>,
}

/// What was found, unless it is too old.
fn fresh<T: Clone>(found: Option<&(Instant, T)>, within: Duration) -> Option<T> {
    let (since, found) = found?;
    (since.elapsed() < within).then(|| found.clone())
}

impl Provider {
    pub fn new(settings: &OidcSettings) -> Result<Provider, OidcError> {
        Ok(Provider {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            client: Client::new(settings.ca.as_deref())?,
            known: Mutex::default(),
        })
    }

    /// What it says of itself.
    pub async fn document(&self) -> Result<Arc<Document>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some(document) = fresh(known.document.as_ref(), FRESH) {
            return Ok(document);
        }
        if let Some(error) = fresh(known.failed.as_ref(), FAILED) {
            return Err(error);
        }
        let described = self.describe().await.map(Arc::new);
        let now = Instant::now();
        known.failed = described.as_ref().err().map(|error| (now, error.clone()));
        let document = described.inspect_err(|error| {
            tracing::warn!(%error, "nobody can sign in by the service");
        })?;
        known.document = Some((now, Arc::clone(&document)));
        Ok(document)
    }

    async fn describe(&self) -> Result<Document, OidcError> {
        let issuer = self.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let document: Document = self.get(&url).await?;
        let strange = |what: String| OidcError::Strange {
            url: url.clone(),
            what,
        };
        if document.issuer != self.issuer {
            return Err(strange(format!(
                "calls it `{}`, and `issuer` has to be the very same",
                excerpt(&document.issuer)
            )));
        }
        let others = document.userinfo_endpoint.iter();
        for address in others.chain([
            &document.authorization_endpoint,
            &document.token_endpoint,
            &document.jwks_uri,
        ]) {
            // A service on this machine may name others here, and no other may.
            let here = self.issuer.starts_with("http:") && address.starts_with("http:");
            let private = address.starts_with("https:") || (here && !is_exposed(address));
            if !private || !address.chars().all(|c| c.is_ascii_graphic()) {
                let what = format!("names {}, which is no address on https", excerpt(address));
                return Err(strange(what));
            }
        }
        Ok(document)
    }

    /// Its keys.
    pub async fn keys(&self, document: &Document) -> Result<Arc<Keys>, OidcError> {
        let mut known = self.known.lock().await;
        match fresh(known.keys.as_ref(), FRESH) {
            Some(keys) => Ok(keys),
            None => self.read_keys(&mut known, document).await,
        }
    }

    /// Its keys, if they may be others than `these` by now.
    pub async fn newer_keys(
        &self,
        document: &Document,
        these: &Arc<Keys>,
    ) -> Result<Option<Arc<Keys>>, OidcError> {
        let mut known = self.known.lock().await;
        // Somebody else has read them meanwhile.
        let other = |(_, keys): &&(Instant, Arc<Keys>)| !Arc::ptr_eq(keys, these);
        if let Some((_, keys)) = known.keys.as_ref().filter(other) {
            return Ok(Some(Arc::clone(keys)));
        }
        if known.newer.is_some_and(|at| at.elapsed() < NEWER_EVERY) {
            return Ok(None);
        }
        known.newer = Some(Instant::now());
        self.read_keys(&mut known, document).await.map(Some)
    }

    async fn read_keys(
        &self,
        known: &mut Known,
        document: &Document,
    ) -> Result<Arc<Keys>, OidcError> {
        let written: Value = self.get(&document.jwks_uri).await?;
        let keys = Keys::read(&written).ok_or_else(|| OidcError::Strange {
            url: document.jwks_uri.clone(),
            what: "gives no keys".to_owned(),
        })?;
        let keys = Arc::new(keys);
        known.keys = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    /// What it gives for a code.
    pub async fn exchange(
        &self,
        document: &Document,
        code: &str,
        verifier: &str,
        callback: &str,
    ) -> Result<Tokens, OidcError> {
        let url = &document.token_endpoint;
        let request = self.request(document, code, verifier, callback);
        let fetched = self.fetch(url, request).await?;
        if fetched.status != StatusCode::OK {
            return Err(Provider::not_given(url, &fetched));
        }
        parsed(url, &fetched)
    }

    fn request(
        &self,
        document: &Document,
        code: &str,
        verifier: &str,
        callback: &str,
    ) -> http::Result<Request<Bytes>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("code_verifier", verifier)
            .append_pair("redirect_uri", callback);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&document.token_endpoint)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &self.client_secret {
            Some(secret) if document.takes_basic() => {
                request = request.header(AUTHORIZATION, self.basic(secret).as_str());
            }
            secret => {
                form.append_pair("client_id", &self.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret);
                }
            }
        }
        let form = Zeroizing::new(form.finish());
        request.body(Bytes::copy_from_slice(form.as_bytes()))
    }

    /// Both parts are encoded first, as RFC 6749 has it in 2.3.1.
    fn basic(&self, secret: &str) -> Zeroizing<String> {
        let encoded = |text: &str| -> Zeroizing<String> {
            Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
        };
        let pair = Zeroizing::new(format!(
            "{}:{}",
            *encoded(&self.client_id),
            *encoded(secret)
        ));
        Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }

    /// Its code for the reason (`invalid_client`); in its words there may be what it was sent.
    fn not_given(url: &str, fetched: &Fetched) -> OidcError {
        let fields: Option<Value> = serde_json::from_slice(&fetched.body).ok();
        let code = fields.as_ref().and_then(|fields| fields["error"].as_str());
        let plain = |code: &&str| {
            code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let code = code.filter(plain).map(|code| format!(" ({code})"));
        OidcError::Strange {
            url: url.to_owned(),
            what: format!(
                "gives no token: it answers {}{}",
                fetched.status.as_u16(),
                code.unwrap_or_default()
            ),
        }
    }

    /// What it says of the account at its other address, if it has one; some put next to nothing into ID tokens.
    pub async fn asked(
        &self,
        document: &Document,
        tokens: &Tokens,
        subject: &str,
    ) -> Result<Option<Claims>, OidcError> {
        let (Some(url), Some(token)) = (&document.userinfo_endpoint, &tokens.access_token) else {
            return Ok(None);
        };
        let bearer = Zeroizing::new(format!("Bearer {token}"));
        let request = Request::get(url).header(AUTHORIZATION, bearer.as_str());
        let fetched = self.fetch(url, request.body(Bytes::new())).await?;
        if fetched.status != StatusCode::OK {
            return Ok(None);
        }
        let claims: Claims = parsed(url, &fetched)?;
        // Another's answer could have been put in its place (5.3.2).
        Ok((claims.sub == subject).then_some(claims))
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, OidcError> {
        let fetched = self
            .fetch(url, Request::get(url).body(Bytes::new()))
            .await?;
        if fetched.status != StatusCode::OK {
            return Err(OidcError::Strange {
                url: url.to_owned(),
                what: format!("answers {}", fetched.status.as_u16()),
            });
        }
        parsed(url, &fetched)
    }

    async fn fetch(
        &self,
        url: &str,
        request: http::Result<Request<Bytes>>,
    ) -> Result<Fetched, OidcError> {
        let unreachable = |why| OidcError::Unreachable {
            url: url.to_owned(),
            why,
        };
        let request = request.map_err(|_| unreachable(FetchFailed::Address))?;
        self.client.fetch(request).await.map_err(unreachable)
    }
}

impl Document {
    /// Unless it says that it does not.
    fn takes_basic(&self) -> bool {
        let methods = &self.token_endpoint_auth_methods_supported;
        methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic")
    }
}

fn parsed<T: DeserializeOwned>(url: &str, fetched: &Fetched) -> Result<T, OidcError> {
    serde_json::from_slice(&fetched.body).map_err(|error| OidcError::Strange {
        url: url.to_owned(),
        // Where, and not what: it may be a token.
        what: format!(
            "gives another answer than it should (line {}, column {})",
            error.line(),
            error.column()
        ),
    })
}
