//! What must be true of an ID token before it says anything (OpenID Connect Core 1.0, 3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fonio_project::OidcClaim;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::keys::{self, Keys};

/// So much may the service's clock and this one's differ.
const LEEWAY_S: f64 = 60.0;

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is none.
    #[error("its ID token cannot be read")]
    Form,
    /// It demands what is not known here.
    #[error("its ID token has critical parts that this host does not know")]
    Critical,
    /// It is signed in no way that counts.
    #[error("its ID token is not signed, or in a way that does not count")]
    Algorithm,
    /// It is signed with a key that the service does not publish.
    #[error("its ID token is signed with a key that it does not publish")]
    Key,
    /// It is not what was signed.
    #[error("the signature of its ID token is wrong")]
    Signature,
    /// It is another service's.
    #[error("its ID token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("its ID token is for another client")]
    Audience,
    /// It is over, or not yet good.
    #[error("its ID token has expired or is not good yet; do the clocks agree?")]
    Time,
    /// It is of another sign-in.
    #[error("its ID token is of another sign-in")]
    Nonce,
}

/// What a token must be.
pub struct Expected<'e> {
    pub issuer: &'e str,
    pub client_id: &'e str,
    pub nonce: &'e str,
    /// Seconds since 1970.
    pub now_s: f64,
}

/// What is said of somebody, here or at the service's other address. A name that comes twice is an error, and so is another
/// type of value.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: String,
    email: Option<String>,
    email_verified: Option<Value>,
    preferred_username: Option<String>,
}

/// What is said of the token itself.
#[derive(Deserialize)]
struct Frame {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Claims {
    /// Who it is, by this claim.
    pub fn value(&self, claim: OidcClaim) -> Option<String> {
        let value = match claim {
            OidcClaim::Subject => Some(&self.sub),
            OidcClaim::Email => self.email.as_ref(),
            OidcClaim::Username => self.preferred_username.as_ref(),
        };
        value.filter(|value| !value.is_empty()).cloned()
    }

    /// `true` itself, and nothing that some would take for it.
    pub fn has_verified_email(&self) -> bool {
        self.email_verified == Some(Value::Bool(true))
    }
}

/// What the token says, if it counts.
pub fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Untrusted> {
    let (message, signature) = token.rsplit_once('.').ok_or(Untrusted::Form)?;
    let (header, payload) = message.split_once('.').ok_or(Untrusted::Form)?;
    let header: Header = parsed(header)?;
    if header.crit.is_some() {
        return Err(Untrusted::Critical);
    }
    let algorithm = keys::algorithm(&header.alg).ok_or(Untrusted::Algorithm)?;
    let id = header.kid.as_deref();
    let signature = decoded(signature)?;
    match keys.have_signed(id, &header.alg, algorithm, message.as_bytes(), &signature) {
        Some(true) => {}
        Some(false) => return Err(Untrusted::Signature),
        None => return Err(Untrusted::Key),
    }
    fits(&parsed(payload)?, expected)?;
    let claims: Claims = parsed(payload)?;
    if claims.sub.is_empty() {
        return Err(Untrusted::Form);
    }
    Ok(claims)
}

fn fits(frame: &Frame, expected: &Expected<'_>) -> Result<(), Untrusted> {
    if frame.iss != expected.issuer {
        return Err(Untrusted::Issuer);
    }
    let (ours, several) = match &frame.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Several(all) => (
            all.iter().any(|one| one == expected.client_id),
            all.len() > 1,
        ),
    };
    // For whom it was made is said where it is for several, and is never somebody else.
    let party = match frame.azp.as_deref() {
        Some(party) => party == expected.client_id,
        None => !several,
    };
    if !ours || !party {
        return Err(Untrusted::Audience);
    }
    let begun = frame.iat.max(frame.nbf.unwrap_or(frame.iat));
    if expected.now_s >= frame.exp + LEEWAY_S || begun > expected.now_s + LEEWAY_S {
        return Err(Untrusted::Time);
    }
    if frame.nonce.as_deref() != Some(expected.nonce) {
        return Err(Untrusted::Nonce);
    }
    Ok(())
}

fn parsed<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Untrusted> {
    serde_json::from_slice(&decoded(part)?).map_err(|_| Untrusted::Form)
}

fn decoded(part: &str) -> Result<Vec<u8>, Untrusted> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Untrusted::Form)
}
