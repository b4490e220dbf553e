//! What an ID token has to be before its word counts: each way in which one can be wrong is refused, by a host that a right
//! one signs in to.

use std::sync::Arc;

use fonio_tests::identity_provider::{CLIENT, now_s, token};
use fonio_tests::ministry::{host, provider};
use fonio_tests::{Host, IdentityProvider, SigningKey, wait_for};
use ring::hmac;
use serde_json::{Value, json};

fn set(name: &'static str, value: Value) -> impl Fn(&mut Value) + Send + 'static {
    move |claims| claims[name] = value.clone()
}

#[track_caller]
fn refused(host: &Host, provider: &IdentityProvider, words: &str) {
    let said = host.sign_in_by(provider).problem(403);
    assert!(said.contains(words), "{words}: {said}");
}

/// To the claims of a token, before they are signed.
type Change = Box<dyn Fn(&mut Value) + Send>;

/// What is said of tokens whose claims are changed so before they are signed; nothing if they sign somebody in.
fn with_claims(table: Vec<(&str, Change)>) {
    let (provider, key) = (provider(), SigningKey::es256("k"));
    provider.publishes(&[key.published()]);
    let host = host(&provider);
    let key = Arc::new(key);
    for (words, change) in table {
        let signing = Arc::clone(&key);
        provider.makes(move |mut claims| {
            change(&mut claims);
            signing.token(&claims)
        });
        if words.is_empty() {
            host.sign_in_by(&provider).session_cookie();
        } else {
            refused(&host, &provider, words);
        }
    }
}

#[test]
fn claims_that_are_wrong_let_nobody_in() {
    let now = now_s();
    let without = |name: &'static str| {
        move |claims: &mut Value| {
            claims.as_object_mut().expect("claims").remove(name);
        }
    };
    with_claims(vec![
        ("", Box::new(|_| {})),
        (
            "another issuer",
            Box::new(set("iss", json!("https://evil.example.org"))),
        ),
        ("another client", Box::new(set("aud", json!("other")))),
        ("another client", Box::new(set("aud", json!([])))),
        (
            "another client",
            Box::new(set("aud", json!([CLIENT, "other"]))),
        ),
        ("another client", Box::new(set("azp", json!("other")))),
        ("another sign-in", Box::new(set("nonce", json!("other")))),
        ("another sign-in", Box::new(without("nonce"))),
        ("expired", Box::new(set("exp", json!(now - 120)))),
        ("not good yet", Box::new(set("iat", json!(now + 3600)))),
        ("not good yet", Box::new(set("nbf", json!(now + 3600)))),
        ("cannot be read", Box::new(set("exp", json!("never")))),
        ("cannot be read", Box::new(set("nbf", json!("later")))),
        ("cannot be read", Box::new(without("exp"))),
        ("cannot be read", Box::new(without("iat"))),
        ("cannot be read", Box::new(without("aud"))),
        ("cannot be read", Box::new(set("sub", json!("")))),
        // Right ones of rarer kinds; the clocks may differ by a minute.
        ("", Box::new(set("aud", json!([CLIENT])))),
        ("", Box::new(set("exp", json!(now.saturating_sub(20))))),
        ("", Box::new(set("iat", json!(now + 20)))),
        (
            "",
            Box::new(|claims| {
                claims["aud"] = json!([CLIENT, "other"]);
                claims["azp"] = json!(CLIENT);
            }),
        ),
    ]);
}

#[test]
fn a_name_without_end_or_that_cannot_be_read_is_not_given_back_as_it_is() {
    let (provider, key) = (provider(), SigningKey::es256("k"));
    provider.publishes(&[key.published()]);
    let host = host(&provider);
    let key = Arc::new(key);
    let said = |verified: bool, name: String| {
        let signing = Arc::clone(&key);
        provider.makes(move |mut claims| {
            claims["email"] = json!(name);
            claims["email_verified"] = json!(verified);
            signing.token(&claims)
        });
        host.sign_in_by(&provider).problem(403)
    };
    for verified in [true, false] {
        let long = said(verified, format!("{}@example.org", "x".repeat(100_000)));
        assert!(long.len() < 1000, "{long}");
        let odd = said(verified, "am\u{200b}a\u{202e}@example.org".to_owned());
        assert!(odd.contains("am\\u{200b}a\\u{202e}@example.org"), "{odd}");
    }
    let rows = host.project.fonio(&["audit"]).stdout;
    assert!(!rows.contains(&"x".repeat(400)), "{rows}");
}

#[test]
fn a_token_that_nobody_or_somebody_else_has_signed_lets_nobody_in() {
    let (provider, key) = (provider(), SigningKey::rs256("k"));
    let public = key.published();
    provider.publishes(std::slice::from_ref(&public));
    let host = host(&provider);
    let header = |algorithm: &str| json!({ "alg": algorithm, "kid": "k" });
    for algorithm in ["none", "None", ""] {
        let header = header(algorithm);
        provider.makes(move |claims| token(&header, &claims, |_| vec![]));
        refused(&host, &provider, "not signed");
    }
    // With what everybody knows in the place of a secret, in each form in which a program could hold it.
    for known in [
        public["n"].as_str().expect("a number").to_owned(),
        public.to_string(),
    ] {
        for algorithm in ["HS256", "hs256"] {
            let (header, known) = (header(algorithm), known.clone());
            provider.makes(move |claims| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, known.as_bytes());
                token(&header, &claims, |message| {
                    hmac::sign(&key, message).as_ref().to_vec()
                })
            });
            refused(&host, &provider, "in a way that does not count");
        }
    }
    let (other, right) = (SigningKey::es256("k"), header("RS256"));
    provider.makes(move |claims| token(&right, &claims, |message| other.sign(message)));
    refused(&host, &provider, "signature of its ID token is wrong");
    // The key that would fit stands in the token itself.
    let other = SigningKey::es256("k");
    let brought = json!({ "alg": "ES256", "kid": "k", "jwk": other.published() });
    provider.makes(move |claims| token(&brought, &claims, |message| other.sign(message)));
    refused(&host, &provider, "signature of its ID token is wrong");
    let key = Arc::new(key);
    let signing = |change: fn(String) -> String| {
        let key = Arc::clone(&key);
        move |claims: Value| change(key.token(&claims))
    };
    provider.makes(signing(|token| {
        let (message, _) = token.rsplit_once('.').unwrap_or_default();
        format!("{message}.")
    }));
    refused(&host, &provider, "signature of its ID token is wrong");
    provider.makes(signing(|token| format!("{token}.x")));
    refused(&host, &provider, "cannot be read");
    provider.makes(|_| "hush".to_owned());
    refused(&host, &provider, "cannot be read");
    let signing_key = Arc::clone(&key);
    provider.makes(move |claims| {
        let header = json!({ "alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false });
        token(&header, &claims, |message| signing_key.sign(message))
    });
    refused(&host, &provider, "critical");
    provider.makes(signing(|token| token));
    host.sign_in_by(&provider).session_cookie();
    let rows = wait_for("the rows", || {
        let rows = host.project.fonio(&["audit"]).stdout;
        (rows.matches("sign-in-failed").count() == 13).then_some(rows)
    });
    assert!(
        rows.contains("the signature of its ID token is wrong, from 127.0.0.1"),
        "{rows}"
    );
}

#[test]
fn a_key_is_for_signing_in_the_way_that_is_said_of_it() {
    for (name, value) in [("use", "enc"), ("alg", "PS256")] {
        let (provider, key) = (provider(), SigningKey::rs256("k"));
        let mut public = key.published();
        public[name] = value.into();
        provider.publishes(&[public]);
        provider.makes(move |claims| key.token(&claims));
        host(&provider).sign_in_by(&provider).problem(403);
    }
}

#[test]
fn keys_of_every_kind_that_counts_sign_somebody_in() {
    let (provider, keys) = (
        provider(),
        [
            SigningKey::es256("a"),
            SigningKey::ed25519("b"),
            SigningKey::rs256("c"),
        ],
    );
    let mut published = vec![json!({ "kty": "oct", "k": "c2VjcmV0" }), json!("nonsense")];
    published.extend(keys.iter().map(SigningKey::published));
    provider.publishes(&published);
    let host = host(&provider);
    for key in keys {
        provider.makes(move |claims| key.token(&claims));
        host.sign_in_by(&provider).session_cookie();
    }
}

#[test]
fn without_a_keys_name_every_key_of_the_service_counts() {
    let (provider, key) = (provider(), SigningKey::es256("k"));
    provider.publishes(&[SigningKey::es256("other").published(), key.published()]);
    provider.makes(move |claims| {
        token(&json!({ "alg": "ES256" }), &claims, |message| {
            key.sign(message)
        })
    });
    let host = host(&provider);
    host.sign_in_by(&provider).session_cookie();
    let other = SigningKey::es256("k");
    provider.makes(move |claims| {
        token(&json!({ "alg": "ES256" }), &claims, |message| {
            other.sign(message)
        })
    });
    refused(&host, &provider, "does not publish");
}

#[test]
fn a_service_changes_its_keys_and_unknown_ones_have_them_read_again_once_a_minute() {
    let provider = provider();
    let host = host(&provider);
    host.sign_in_by(&provider).session_cookie();
    host.sign_in_by(&provider).session_cookie();
    assert_eq!(provider.asked("/keys").len(), 1);
    let next = SigningKey::es256("next");
    provider.publishes(&[next.published()]);
    provider.makes(move |claims| next.token(&claims));
    host.sign_in_by(&provider).session_cookie();
    assert_eq!(provider.asked("/keys").len(), 2);
    for _ in 0..3 {
        let unknown = SigningKey::es256("unknown");
        provider.makes(move |claims| unknown.token(&claims));
        refused(&host, &provider, "does not publish");
    }
    assert_eq!(provider.asked("/keys").len(), 2);
    assert_eq!(provider.asked("/.well-known/openid-configuration").len(), 1);
}
