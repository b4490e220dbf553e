//! Who may send messages: what the project asks of them, before their message is read, or, of a signature, before it is
//! stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_access::Scope;
use fonio_project::{Proof, SignatureHash};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use ring::hmac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::host::{Figures, Host};
use crate::server::Reply;
use crate::server::peer::Peer;

/// A door that somebody stands before.
pub(super) struct Door<'d> {
    host: &'d Host,
    /// `inbox`, or `workflow/trigger`.
    name: &'d str,
    proofs: Vec<Proof<'d>>,
}

/// Somebody who was let in, unless the body has to be signed.
pub(super) struct Knock<'d> {
    door: Door<'d>,
    signed: bool,
}

impl<'d> Door<'d> {
    /// `proofs` is what the project asks for; any one of them suffices. If it says nothing, whoever can reach a listener on
    /// a loopback address is let in, as OpenFn's own programs do, and nobody elsewhere.
    pub(super) fn new(
        host: &'d Host,
        name: &'d str,
        proofs: Option<Vec<Proof<'d>>>,
        parts: &Parts,
    ) -> Result<Door<'d>, Reply> {
        let exposed = peer(parts).is_none_or(|peer| peer.doors.exposed);
        let proofs = match proofs {
            Some(proofs) => proofs,
            None if exposed => return Err(shut(host, name)),
            None => vec![Proof::Nothing],
        };
        Ok(Door { host, name, proofs })
    }

    /// Judges what the head of the request shows.
    pub(super) fn knock(self, parts: &Parts) -> Result<Knock<'d>, Reply> {
        let shown = |proof: &Proof<'_>| is_shown(self.host, proof, parts);
        if self.proofs.iter().any(shown) {
            return Ok(Knock {
                door: self,
                signed: true,
            });
        }
        let to_be_read = self.proofs.iter().any(|proof| {
            matches!(proof, Proof::Hmac { header, .. } if parts.headers.contains_key(*header))
        });
        if to_be_read {
            return Ok(Knock {
                door: self,
                signed: false,
            });
        }
        Err(self.refusal())
    }

    fn refusal(&self) -> Reply {
        Figures::count(&self.host.figures.unauthorized);
        let (mut ways, mut challenges) = (Vec::new(), Vec::new());
        for proof in &self.proofs {
            let (way, challenge) = wanted(proof);
            ways.push(way);
            challenges.push(format!("{challenge} realm=\"{}\"", realm(self.name)));
        }
        challenges.dedup();
        let said = format!("`{}` takes messages with {}", self.name, ways.join(", or "));
        Reply::problem(StatusCode::UNAUTHORIZED, &said)
            .header("www-authenticate", &challenges.join(", "))
    }
}

impl Knock<'_> {
    /// Judges the signature of the body, if it was not enough what the head showed.
    pub(super) fn judge(self, headers: &HeaderMap, body: &[u8]) -> Result<(), Reply> {
        let good = |proof: &Proof<'_>| is_signed(proof, headers, body);
        if self.signed || self.door.proofs.iter().any(good) {
            return Ok(());
        }
        Err(self.door.refusal())
    }
}

fn peer(parts: &Parts) -> Option<&Peer> {
    parts.extensions.get::<Peer>()
}

/// A name in the letters that a quoted string may have.
fn realm(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'))
        .collect()
}

fn shut(host: &Host, name: &str) -> Reply {
    Figures::count(&host.figures.unauthorized);
    let said = format!(
        "this host can be reached from elsewhere, and its project does not say who may send messages to `{name}`: \
         add `[triggers.\"{name}\"]` with `auth = …` to fonio.toml (\"none\" is for anybody)"
    );
    Reply::problem(StatusCode::UNAUTHORIZED, &said).header(
        "www-authenticate",
        &format!("Bearer realm=\"{}\"", realm(name)),
    )
}

/// In words, and as a challenge.
fn wanted(proof: &Proof<'_>) -> (String, &'static str) {
    match proof {
        Proof::ApiKey(_) => (
            "a key in `X-API-Key` or as `Authorization: Bearer`".to_owned(),
            "Bearer",
        ),
        Proof::Basic { .. } => (
            "a user name and a password (HTTP Basic)".to_owned(),
            "Basic",
        ),
        Proof::Hmac { header, .. } => (format!("a signature of the body in `{header}`"), "HMAC"),
        Proof::Token => (
            "a token of this host (`Authorization: Bearer fonio_…`) that has the scope `send`"
                .to_owned(),
            "Bearer",
        ),
        Proof::Mtls => (
            "a client's certificate, which a listener with --tls-client-ca asks for".to_owned(),
            "Mutual",
        ),
        Proof::Nothing => ("nothing".to_owned(), "Bearer"),
    }
}

fn is_shown(host: &Host, proof: &Proof<'_>, parts: &Parts) -> bool {
    let headers = &parts.headers;
    match proof {
        Proof::Nothing => true,
        Proof::ApiKey(key) => {
            let sent = headers.get("x-api-key").map(http::HeaderValue::as_bytes);
            let sent = sent.into_iter().chain(authorization(headers, "bearer"));
            sent.fold(false, |found, sent| found | same(sent, key.as_bytes()))
        }
        Proof::Basic { username, password } => {
            let sent = authorization(headers, "basic").and_then(|text| STANDARD.decode(text).ok());
            let wanted = format!("{username}:{password}");
            sent.is_some_and(|sent| same(&sent, wanted.as_bytes()))
        }
        Proof::Token => peer(parts).is_some_and(|peer| may_send(host, peer, headers)),
        Proof::Mtls => peer(parts).is_some_and(|peer| peer.certified),
        Proof::Hmac { .. } => false,
    }
}

/// A session does not count: a browser sends its cookie with what any page makes it send.
fn may_send(host: &Host, peer: &Peer, headers: &HeaderMap) -> bool {
    peer.doors
        .access
        .authenticate(headers)
        .is_ok_and(|principal| {
            principal.session().is_none()
                && principal.has(Scope::Send)
                && principal.role(&host.name()).is_some()
        })
}

/// What follows the scheme in `Authorization`.
fn authorization<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h [u8]> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then(|| rest.trim().as_bytes())
}

/// In a time that tells neither how much of the one is right nor how long the other is.
fn same(sent: &[u8], wanted: &[u8]) -> bool {
    Sha256::digest(sent).ct_eq(&Sha256::digest(wanted)).into()
}

fn is_signed(proof: &Proof<'_>, headers: &HeaderMap, body: &[u8]) -> bool {
    let Proof::Hmac {
        secret,
        header,
        algorithm,
        prefix,
    } = proof
    else {
        return false;
    };
    let sent = headers.get(*header).and_then(|value| value.to_str().ok());
    let Some(signature) = sent.and_then(|sent| sent.trim().strip_prefix(*prefix)) else {
        return false;
    };
    let (hash, bytes) = match algorithm {
        SignatureHash::Sha256 => (hmac::HMAC_SHA256, 32),
        SignatureHash::Sha512 => (hmac::HMAC_SHA512, 64),
    };
    // Senders write it in either; which one shows in its length.
    let signature = if signature.len() == 2 * bytes {
        from_hex(signature)
    } else {
        STANDARD.decode(signature).ok()
    };
    let key = hmac::Key::new(hash, secret.as_bytes());
    signature.is_some_and(|signature| hmac::verify(&key, body, &signature).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let pairs = digits?;
    let byte = |pair: &[u32]| u8::try_from((pair[0] << 4) | pair[1]).ok();
    pairs.chunks_exact(2).map(byte).collect()
}
