//! What sealing costs a request: opening placeholders in its headers and looking through both bodies.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use fonio_project::OpenIn;
use fonio_sandbox::{CredentialSpec, Seals, Vault};
use http::{Request, Response};
use serde_json::{Value, json};

use crate::report::Spread;

const REQUESTS: usize = 5000;
/// Not counted: the first touch memory that later ones find mapped.
const WARM_UP: usize = 500;

/// A credential of two secrets; a record of 2 KB sent, with the one in its header; one of 4 KB and the usual headers back.
pub fn measure() -> anyhow::Result<Spread> {
    let spec = CredentialSpec {
        name: "far".into(),
        origins: vec!["https://far.example.org".parse()?],
        open_in: vec![OpenIn::Headers],
        ..CredentialSpec::default()
    };
    let body =
        json!({"token": "d2pat_0123456789abcdefghijklmnop", "password": "correct horse battery"});
    let Value::Object(body) = body else {
        return Err(anyhow!("a credential is an object"));
    };
    let seals = Seals::mint(Arc::new(Vault::new(spec, body)))?;
    let configuration = seals.configuration();
    let token = configuration["token"].as_str().context("a placeholder")?;
    let mut taken = Vec::with_capacity(REQUESTS);
    for number in 0..WARM_UP + REQUESTS {
        let request = Request::post("https://far.example.org/api/events?async=false")
            .header("host", "far.example.org")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(record(2 << 10)))?;
        let reply = Response::builder()
            .header("content-type", "application/json;charset=UTF-8")
            .header("cache-control", "no-cache, private")
            .header("date", "Sat, 21 Nov 2026 12:00:00 GMT")
            .header("server", "nginx")
            .body(Bytes::from(record(4 << 10)))?;
        let took = seals.time(request, reply).map_err(|why| anyhow!(why))?;
        if number >= WARM_UP {
            taken.push(took.as_secs_f64() * 1e6);
        }
    }
    Spread::of(&taken)
}

/// JSON of about this many bytes.
fn record(bytes: usize) -> String {
    let field = json!({"dataElement": "fbfJHSPpUQD", "value": "12", "storedBy": "admin"});
    let fields = vec![field.clone(); bytes / field.to_string().len()];
    json!({"orgUnit": "DiszpKrYNg8", "eventDate": "2026-11-21", "dataValues": fields}).to_string()
}
