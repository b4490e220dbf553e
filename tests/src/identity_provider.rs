//! A service that says who people are (OpenID Connect): as strict as it should be, and a liar where a test wants one.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::client::base64;
use crate::tls::server_config;
use crate::{Answer, FarSide, Identity, Received, request};

/// What the host is known by there.
pub const CLIENT: &str = "fonio";
/// And shows.
pub const CLIENT_SECRET: &str = "client+hush/17";
/// Made for these tests, because ring makes none: RSA, 2048 bits.
const RSA: &[u8] = include_bytes!("identity_provider/rsa.pk8");

/// A key that tokens are signed with.
pub struct SigningKey {
    id: String,
    algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A running service. Its threads end with the test.
pub struct IdentityProvider {
    far_side: FarSide,
    service: Arc<Mutex<Service>>,
}

/// How an ID token is made of its claims.
type Make = Box<dyn Fn(Value) -> String + Send>;

struct Service {
    issuer: String,
    /// Where it sends people back to.
    callback: String,
    /// Its description, where it is another than usual.
    described: Value,
    keys: Vec<Value>,
    /// Who sits at the browser.
    person: Value,
    make: Make,
    down: bool,
    /// What was asked for, by code.
    codes: BTreeMap<String, BTreeMap<String, String>>,
    given: usize,
}

impl SigningKey {
    /// ES256.
    pub fn es256(id: &str) -> SigningKey {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(how, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(how, key.as_ref(), &random).expect("a pair");
        SigningKey::new(id, "ES256", Pair::Ecdsa(pair))
    }

    /// EdDSA with Ed25519.
    pub fn ed25519(id: &str) -> SigningKey {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a pair");
        SigningKey::new(id, "EdDSA", Pair::Ed25519(pair))
    }

    /// RS256; always the same.
    pub fn rs256(id: &str) -> SigningKey {
        let pair = RsaKeyPair::from_pkcs8(RSA).expect("a pair");
        SigningKey::new(id, "RS256", Pair::Rsa(pair))
    }

    fn new(id: &str, algorithm: &'static str, pair: Pair) -> SigningKey {
        let id = id.to_owned();
        SigningKey {
            id,
            algorithm,
            pair,
        }
    }

    /// As it is published.
    pub fn published(&self) -> Value {
        let (id, algorithm) = (&self.id, self.algorithm);
        let mut key = match &self.pair {
            Pair::Ecdsa(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
            Pair::Rsa(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({ "kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e) })
            }
        };
        key["kid"] = id.as_str().into();
        key["alg"] = algorithm.into();
        key["use"] = "sig".into();
        key
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).expect("a signature");
                signature.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("a signature");
                signature
            }
        }
    }

    /// A token as it should be.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm, "kid": self.id, "typ": "JWT" });
        token(&header, claims, |message| self.sign(message))
    }
}

/// A token of any kind.
pub fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |part: &Value| base64url(part.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = base64url(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

impl IdentityProvider {
    /// That sends people back to `callback`, and signs with a key of ES256.
    pub fn sending_back_to(callback: &str) -> IdentityProvider {
        let key = SigningKey::es256("first");
        let service = Arc::new(Mutex::new(Service {
            issuer: String::new(),
            callback: callback.to_owned(),
            described: json!({}),
            keys: vec![key.published()],
            person: json!({}),
            make: Box::new(move |claims| key.token(&claims)),
            down: false,
            codes: BTreeMap::new(),
            given: 0,
        }));
        let answering = Arc::clone(&service);
        let far_side = FarSide::answering(move |request| lock(&answering).answer(request));
        lock(&service).issuer = far_side.origin();
        IdentityProvider { far_side, service }
    }

    /// The same behind TLS: gives where it is found then. Only reading is possible there.
    pub fn behind_tls(&self, identity: &Identity) -> String {
        let config = server_config(identity);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let to = self.far_side.address();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
                // Who does not trust it goes away.
                let _ = pass_on(StreamOwned::new(tls, stream), to);
            }
        });
        let issuer = format!("https://{address}");
        self.service().issuer.clone_from(&issuer);
        issuer
    }

    /// What it calls itself.
    pub fn issuer(&self) -> String {
        self.service().issuer.clone()
    }

    /// From now on these are the claims of whoever sits at the browser.
    pub fn knows(&self, person: Value) {
        self.service().person = person;
    }

    /// From now on ID tokens are made so.
    pub fn makes(&self, make: impl Fn(Value) -> String + Send + 'static) {
        self.service().make = Box::new(make);
    }

    /// From now on these are its keys.
    pub fn publishes(&self, keys: &[Value]) {
        self.service().keys = keys.to_vec();
    }

    /// From now on it describes itself so, where it says something.
    pub fn describes(&self, described: Value) {
        self.service().described = described;
    }

    /// Whether it answers nothing but 503.
    pub fn is_down(&self, down: bool) {
        self.service().down = down;
    }

    /// The requests to this path so far.
    pub fn asked(&self, path: &str) -> Vec<Received> {
        let mut received = self.far_side.received();
        received.retain(|request| request.target.split('?').next() == Some(path));
        received
    }

    /// Goes where the host sends a browser, agrees to everything, and gives the address that it is sent back to.
    #[track_caller]
    pub fn visited(&self, location: &str) -> String {
        let target = location.strip_prefix(&self.far_side.origin());
        let target = target.unwrap_or_else(|| panic!("{location} is not here"));
        let reply = request(self.far_side.address(), "GET", target, &[], b"").expect("a reply");
        assert_eq!(reply.status, 302, "{}", reply.text());
        reply.header("location").expect("it goes on").to_owned()
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        lock(&self.service)
    }
}

fn lock(service: &Mutex<Service>) -> MutexGuard<'_, Service> {
    service.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    fn answer(&mut self, request: &Received) -> Answer {
        if self.down {
            return Answer::empty().status(503);
        }
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        match path {
            "/.well-known/openid-configuration" => Answer::json(&self.description()),
            "/keys" => Answer::json(&json!({ "keys": self.keys })),
            "/authorize" => self.authorize(fields(query)),
            "/token" => match self.exchange(request) {
                Ok(tokens) => Answer::json(&tokens),
                Err(why) => Answer::json(&json!({ "error": why })).status(400),
            },
            "/userinfo" => self.tell(request),
            _ => Answer::empty().status(404),
        }
    }

    fn description(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let mut description = json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
        });
        for (name, value) in self.described.as_object().into_iter().flatten() {
            description[name] = value.clone();
        }
        description
    }

    fn authorize(&mut self, asked: BTreeMap<String, String>) -> Answer {
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", &self.callback),
            ("code_challenge_method", "S256"),
        ] {
            if asked.get(name).map(String::as_str) != Some(value) {
                return Answer::new("text/plain", format!("{name} in {asked:?}")).status(400);
            }
        }
        self.given += 1;
        let code = format!("code-hush-{}", self.given);
        let state = asked.get("state").cloned().unwrap_or_default();
        let back = form_urlencoded::Serializer::new(format!("{}?", self.callback))
            .append_pair("code", &code)
            .append_pair("state", &state)
            .finish();
        self.codes.insert(code, asked);
        Answer::empty().status(302).header("location", &back)
    }

    fn exchange(&mut self, request: &Received) -> Result<Value, &'static str> {
        let sent = fields(&request.text());
        let field = |name: &str| sent.get(name).map_or("", String::as_str);
        let basic = format!(
            "{CLIENT}:{}",
            CLIENT_SECRET.replace('+', "%2B").replace('/', "%2F")
        );
        let basic = format!("Basic {}", base64(basic.as_bytes()));
        match request.header("authorization") {
            Some(shown) if shown == basic => {}
            None if field("client_id") == CLIENT
                && ["", CLIENT_SECRET].contains(&field("client_secret")) => {}
            _ => return Err("invalid_client"),
        }
        let asked = self.codes.remove(field("code")).ok_or("invalid_grant")?;
        let challenge = base64url(digest(&SHA256, field("code_verifier").as_bytes()).as_ref());
        if asked.get("code_challenge") != Some(&challenge)
            || field("redirect_uri") != self.callback
            || field("grant_type") != "authorization_code"
        {
            return Err("invalid_grant");
        }
        let now = now_s();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked.get("nonce"),
        });
        for (name, value) in self.person.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let token = (self.make)(claims);
        Ok(json!({ "id_token": token, "access_token": "access-hush", "token_type": "Bearer" }))
    }

    /// Of the person, to whoever has the access token.
    fn tell(&self, request: &Received) -> Answer {
        if request.header("authorization") != Some("Bearer access-hush") {
            return Answer::empty().status(401);
        }
        Answer::json(&self.person["told"])
    }
}

/// Seconds since 1970.
pub fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later").as_secs()
}

fn fields(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn base64url(bytes: &[u8]) -> String {
    let text = base64(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}

/// One request without a body, and its answer.
fn pass_on(mut from: impl Read + Write, to: SocketAddr) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(&head)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    from.write_all(&answer)?;
    from.flush()
}
