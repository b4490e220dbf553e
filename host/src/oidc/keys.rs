//! The service's public keys (JWKS, RFC 7517), and whether one of them has signed something.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::Value;

/// Services have two or three. Each one more could cost another check of a signature.
const KEYS_MAX: usize = 100;

/// How a signature is checked.
#[derive(Clone, Copy)]
pub enum Algorithm {
    /// With a key of RSA, 2048 bits at least.
    Rsa(&'static RsaParameters),
    /// With a key of this curve.
    Curve(&'static str, &'static dyn VerificationAlgorithm),
}

/// Those that count. What is not here does not: neither `none` nor those for which a secret is shared (HS…), in whose place
/// anybody could put a public key.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Algorithm::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Algorithm::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Algorithm::Rsa(&RSA_PSS_2048_8192_SHA256),
        "PS384" => Algorithm::Rsa(&RSA_PSS_2048_8192_SHA384),
        "PS512" => Algorithm::Rsa(&RSA_PSS_2048_8192_SHA512),
        "ES256" => Algorithm::Curve("P-256", &ECDSA_P256_SHA256_FIXED),
        "ES384" => Algorithm::Curve("P-384", &ECDSA_P384_SHA384_FIXED),
        "EdDSA" | "Ed25519" => Algorithm::Curve("Ed25519", &ED25519),
        _ => return None,
    })
}

/// All that can be used of what the service publishes.
pub struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    /// What it is for alone, if that is said.
    algorithm: Option<String>,
    public: Public,
}

enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Curve { name: String, point: Vec<u8> },
}

/// As it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Those in a document that are for signatures; what cannot be understood is passed over, as the standard asks.
    pub fn read(document: &Value) -> Option<Keys> {
        let keys = document.get("keys")?.as_array()?.iter();
        let written = keys.filter_map(|key| Written::deserialize(key).ok());
        let keys = written.filter_map(Key::read).take(KEYS_MAX);
        Some(Keys(keys.collect()))
    }

    /// Whether the key of this id, or any if none is named, has signed `message`. `None` if there is no such key.
    pub fn have_signed(
        &self,
        id: Option<&str>,
        name: &str,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let meant = |key: &&Key| key.algorithm.as_deref().is_none_or(|only| only == name);
        let mut keys = self.0.iter().filter(named).filter(meant);
        let signed = keys.any(|key| key.public.has_signed(algorithm, message, signature));
        let known = id.is_some() && self.0.iter().any(|key| named(&key));
        (signed || known).then_some(signed)
    }
}

impl Key {
    fn read(written: Written) -> Option<Key> {
        if written.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let public = match (written.kty.as_str(), written.crv) {
            ("RSA", _) => {
                let n = bytes(written.n)?;
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                Public::Rsa {
                    n: n[zeros..].to_vec(),
                    e: bytes(written.e)?,
                }
            }
            ("EC", Some(name)) => Public::Curve {
                // Uncompressed (SEC 1, 2.3.3).
                point: [vec![4], bytes(written.x)?, bytes(written.y)?].concat(),
                name,
            },
            ("OKP", Some(name)) => Public::Curve {
                point: bytes(written.x)?,
                name,
            },
            _ => return None,
        };
        Some(Key {
            id: written.kid,
            algorithm: written.alg,
            public,
        })
    }
}

impl Public {
    fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Public::Rsa { n, e }, Algorithm::Rsa(parameters)) => RsaPublicKeyComponents { n, e }
                .verify(parameters, message, signature)
                .is_ok(),
            (Public::Curve { name, point }, Algorithm::Curve(curve, check)) => {
                name == curve
                    && UnparsedPublicKey::new(check, point)
                        .verify(message, signature)
                        .is_ok()
            }
            _ => false,
        }
    }
}
