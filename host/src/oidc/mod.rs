//! Sign-in by OpenID Connect: another service says who somebody is, and Fonio whether they may come in.
//!
//! ```text
//! browser ── begin ──▶ the service's page ── back with a code ──▶ resume ── identify ──▶ fonio-access: which user?
//!              │                                                    │          │
//!              └────────── pending: once, by this browser ──────────┘          └─ provider ─ keys ─ id_token
//! ```
//!
//! Authorization code with PKCE, `state` and `nonce`. Nothing is asked of the service before somebody wants to sign in, so
//! that a dead one keeps no host from starting, and nobody from signing in with a password.
//!
//! - [`pending`]: sign-ins that have begun, in memory.
//! - [`provider`]: what the service says of itself, its keys, and from a code to an ID token; by [`client`].
//! - [`id_token`]: what must be true of that token; [`keys`]: signatures.
//!
//! No library does the protocol, because those there are bring a second cryptography (`rsa`, which is not constant in time,
//! or aws-lc) or an HTTP client of their own. What is here is comparing; the cryptography is ring's.

mod client;
mod id_token;
mod keys;
mod pending;
mod provider;

use std::fmt;
use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fonio_access::Identity;
use fonio_project::{OidcClaim, OidcSettings, excerpt};
use sha2::{Digest, Sha256};

pub use client::FetchFailed;
pub use id_token::Untrusted;
use id_token::{Claims, Expected};
use pending::Pending;
pub use pending::{FLOW_LIFETIME, Flow};
use provider::{Document, Provider};

/// Where the service sends browsers back to, behind the public address.
pub const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// Where a sign-in begins, behind the public address and what stands before a tenant's paths.
pub const BEGIN: &str = "/api/v1/session/oidc";

/// Why nobody has been identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The service gives no answer.
    #[error("the sign-in service does not answer: {url}: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What was in the way.
        why: FetchFailed,
    },
    /// It gives another than it should.
    #[error("the sign-in service is not set up for this host: {url} {what}")]
    Strange {
        /// What was asked.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// It says no.
    #[error("the sign-in service says no: {0}")]
    Refused(String),
    /// Its word is not to be trusted.
    #[error("the sign-in service's word does not count: {0}")]
    Untrusted(#[from] Untrusted),
    /// It does not say who somebody is.
    #[error(
        "the sign-in service does not say the `{0}` of this account, which is what this host goes by"
    )]
    Unsaid(&'static str),
    /// It does not vouch for a mail address.
    #[error("the sign-in service has not verified that {0} is the mail address of this account")]
    Unverified(String),
    /// The authorities in `ca` are none, or the system gives no random numbers.
    #[error("{0}")]
    System(String),
}

/// What a browser is sent away with.
#[derive(Debug)]
pub struct Begun {
    /// The service's page.
    pub location: String,
    /// For the cookie by which the browser is known again.
    pub cookie: String,
}

/// What it comes back with.
#[derive(Debug, Default)]
pub struct Returned {
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: Option<String>,
    /// `error` and `error_description`.
    pub error: Option<String>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
}

/// Sign-in by one service.
pub struct Oidc {
    settings: OidcSettings,
    provider: Provider,
    pending: Pending,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Oidc").field(&self.settings.issuer).finish()
    }
}

impl Oidc {
    /// By the service that `settings` names.
    ///
    /// # Errors
    /// When the authorities in `ca` are none.
    pub fn new(settings: OidcSettings) -> Result<Oidc, OidcError> {
        Ok(Oidc {
            provider: Provider::new(&settings)?,
            pending: Pending::default(),
            settings,
        })
    }

    /// What the service is called.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where a browser begins to sign in, from the page at `prefix`.
    pub fn begin_at(&self, prefix: &str) -> String {
        format!("{}{prefix}{BEGIN}", self.settings.public_url)
    }

    /// The page at `prefix`, as browsers find it.
    pub fn page(&self, prefix: &str) -> String {
        format!("{}{prefix}/", self.settings.public_url)
    }

    /// What of the public address is a path: cookies for the callback are for what is below it.
    pub fn cookie_path(&self) -> String {
        let rest = self.settings.public_url.splitn(4, '/').nth(3);
        let path = rest.map_or_else(String::new, |rest| format!("/{rest}"));
        format!("{path}{BEGIN}")
    }

    /// Whether browsers reach this host by https.
    pub fn is_private(&self) -> bool {
        self.settings.public_url.starts_with("https:")
    }

    /// For whoever starts the host.
    pub fn in_words(&self) -> String {
        format!(
            "with {}, by {} of {}; the service sends people back to {}",
            self.settings.name,
            self.settings.claim.as_str(),
            self.settings.issuer,
            self.callback()
        )
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.settings.public_url)
    }

    /// Begins a sign-in for somebody at `from`, who comes back to the page at `prefix`.
    ///
    /// # Errors
    /// When the service cannot be asked where its page is.
    pub async fn begin(&self, prefix: &str, from: IpAddr) -> Result<Begun, OidcError> {
        let document = self.provider.document().await?;
        let flow = Flow {
            nonce: random()?,
            verifier: random()?,
            back: self.page(prefix),
        };
        let (state, cookie) = (random()?, random()?);
        let location = self.location(&document, &flow, &state);
        self.pending
            .begin(flow, &state, &cookie, from, Instant::now());
        Ok(Begun { location, cookie })
    }

    fn location(&self, document: &Document, flow: &Flow, state: &str) -> String {
        let scope = match self.settings.claim {
            OidcClaim::Email => "openid email",
            OidcClaim::Subject => "openid",
            OidcClaim::Username => "openid profile",
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&flow.verifier));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("scope", scope)
            .append_pair("state", state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let page = &document.authorization_endpoint;
        let joint = if page.contains('?') { '&' } else { '?' };
        format!("{page}{joint}{query}")
    }

    /// The sign-in that `state` is of, if this browser began it and has not come back from it yet. It is over with this.
    pub fn resume(&self, state: &str, cookie: &str) -> Option<Flow> {
        self.pending.take(state, cookie, Instant::now())
    }

    /// Who the service says it is.
    ///
    /// # Errors
    /// [`OidcError`] says why it is nobody.
    pub async fn identify(&self, flow: &Flow, returned: Returned) -> Result<Identity, OidcError> {
        if returned
            .issuer
            .is_some_and(|issuer| issuer != self.settings.issuer)
        {
            return Err(Untrusted::Issuer.into());
        }
        if let Some(error) = returned.error {
            return Err(OidcError::Refused(excerpt(&error)));
        }
        let code = returned
            .code
            .ok_or_else(|| OidcError::Refused("it gives no code".to_owned()))?;
        let document = self.provider.document().await?;
        let tokens = self
            .provider
            .exchange(&document, &code, &flow.verifier, &self.callback())
            .await?;
        let mut claims = self.verified(&document, &tokens.id_token, flow).await?;
        let wanted = self.settings.claim;
        if claims.value(wanted).is_none()
            && let Some(more) = self.provider.asked(&document, &tokens, &claims.sub).await?
        {
            claims = more;
        }
        self.identity(claims)
    }

    async fn verified(
        &self,
        document: &Document,
        token: &str,
        flow: &Flow,
    ) -> Result<Claims, OidcError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &flow.nonce,
            now_s: now.as_secs_f64(),
        };
        let keys = self.provider.keys(document).await?;
        match id_token::verify(token, &keys, &expected) {
            // Keys are changed now and then, before anybody is told.
            Err(Untrusted::Key) => match self.provider.newer_keys(document, &keys).await? {
                Some(newer) => Ok(id_token::verify(token, &newer, &expected)?),
                None => Err(Untrusted::Key.into()),
            },
            verified => Ok(verified?),
        }
    }

    fn identity(&self, claims: Claims) -> Result<Identity, OidcError> {
        let claim = self.settings.claim;
        let value = claims
            .value(claim)
            .ok_or(OidcError::Unsaid(claim.as_str()))?;
        if claim == OidcClaim::Email && !claims.has_verified_email() {
            return Err(OidcError::Unverified(excerpt(&value)));
        }
        Ok(Identity {
            issuer: self.settings.issuer.clone(),
            claim: claim.as_str(),
            value,
            subject: claims.sub,
        })
    }
}

/// 256 random bits as 43 letters.
fn random() -> Result<String, OidcError> {
    let mut bytes = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| OidcError::System("the system gives no random numbers".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
