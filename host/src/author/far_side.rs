//! The scripted server that plays the other system: it answers as the case says and remembers what was not as expected.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::case::{Exchange, ExpectedRequest, Reply};
use super::compare::{Difference, compare};

/// More than a step may send by default.
const BODY_MAX_BYTES: usize = 16 << 20;

/// A place on loopback, before it is known what is to be served there: what is served names it.
pub struct Place {
    listener: TcpListener,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
}

/// A running server; it ends when it is dropped.
pub struct FarSide {
    script: Arc<Mutex<Progress>>,
    accepting: JoinHandle<()>,
}

/// How far a case has come.
#[derive(Default)]
struct Progress {
    /// Those that no request has met yet are there.
    left: Vec<Option<Exchange>>,
    wrong: Vec<Difference>,
}

/// A request as it came.
struct Came {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Bytes,
}

impl Place {
    /// Takes a free port on 127.0.0.1.
    pub async fn take() -> io::Result<Place> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        Ok(Place { listener, origin })
    }

    /// Serves there.
    pub fn serve(self, exchanges: Vec<Exchange>) -> FarSide {
        let script = Arc::new(Mutex::new(Progress {
            left: exchanges.into_iter().map(Some).collect(),
            wrong: Vec::new(),
        }));
        let accepting = tokio::spawn(accept(self.listener, Arc::clone(&script)));
        FarSide { script, accepting }
    }
}

impl FarSide {
    /// What was not as expected, requests that did not come among it.
    pub fn differences(&self) -> Vec<Difference> {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let left = script.left.iter().enumerate();
        let missed = left.filter_map(|(index, exchange)| {
            let expected = &exchange.as_ref()?.expect;
            Some(Difference::said(format!(
                "farSide/{index}: the request did not come: {}",
                named(expected)
            )))
        });
        script.wrong.iter().cloned().chain(missed).collect()
    }
}

impl Drop for FarSide {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Progress>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &script));
            // A connection that breaks shows in the job, which is what is tested.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    script: &Mutex<Progress>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ok(refusal(&format!("the body cannot be read: {error}"))),
    };
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let path = head.uri.path_and_query();
    let came = Came {
        method: head.method.to_string(),
        path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: headers.collect(),
        body,
    };
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(match script.take(&came) {
        Some(reply) => response(&reply),
        None => refusal("no request like this is expected"),
    })
}

impl Progress {
    /// The first exchange that the request fits is met by it: requests may come at once, and then in any order.
    fn take(&mut self, came: &Came) -> Option<Reply> {
        let fitting = self.left.iter_mut().find(|exchange| {
            let expected = exchange.as_ref().map(|exchange| &exchange.expect);
            expected.is_some_and(|expected| came.against(expected).is_empty())
        });
        if let Some(exchange) = fitting.and_then(Option::take) {
            return Some(exchange.reply);
        }
        let summary = format!("{} {}", came.method, came.path);
        let next = self.left.iter().enumerate();
        let next = next.filter_map(|(index, exchange)| Some((index, exchange.as_ref()?)));
        // The one that it is most like; of equals the first.
        let nearest = next
            .map(|(index, exchange)| (index, came.against(&exchange.expect)))
            .min_by_key(|(_, differences)| differences.len());
        match nearest {
            None => self.wrong.push(Difference::said(format!(
                "{summary} came, and no further request is expected"
            ))),
            Some((index, differences)) => {
                self.wrong
                    .extend(differences.into_iter().map(|each| Difference {
                        at: format!("farSide/{index}/{}", each.at),
                        ..each
                    }));
            }
        }
        None
    }
}

impl Came {
    fn against(&self, expected: &ExpectedRequest) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (at, expected, came) in [
            ("method", &expected.method, &self.method),
            ("path", &expected.path, &self.path),
        ] {
            if let Some(expected) = expected.as_ref().filter(|expected| *expected != came) {
                differences.push(Difference::between(at, expected, Some(came)));
            }
        }
        for (name, expected) in &expected.headers {
            let came = self.headers.get(&name.to_ascii_lowercase());
            if came != Some(expected) {
                let at = format!("headers/{name}");
                differences.push(Difference::between(&at, expected, came.map(String::as_str)));
            }
        }
        match &expected.body {
            None => {}
            Some(Value::String(expected)) => {
                let came = String::from_utf8_lossy(&self.body);
                if came != *expected {
                    differences.push(Difference::between("body", expected, Some(&came)));
                }
            }
            Some(expected) => {
                let came = serde_json::from_slice(&self.body).unwrap_or_else(|_| {
                    Value::String(String::from_utf8_lossy(&self.body).into_owned())
                });
                differences.extend(compare("body", expected, &came));
            }
        }
        differences
    }
}

fn named(expected: &ExpectedRequest) -> String {
    let method = expected.method.as_deref().unwrap_or("any method");
    let path = expected.path.as_deref().unwrap_or("any path");
    format!("{method} {path}")
}

/// JSON, unless the body is a text; a content type of the case's own wins.
fn response(reply: &Reply) -> Response<Full<Bytes>> {
    let (kind, body) = match &reply.body {
        None => (None, String::new()),
        Some(Value::String(text)) => (Some("text/plain; charset=utf-8"), text.clone()),
        Some(json) => (Some("application/json"), json.to_string()),
    };
    let mut response = Response::builder().status(reply.status);
    let own = reply.headers.keys();
    if let Some(kind) = kind
        && !own
            .into_iter()
            .any(|name| name.eq_ignore_ascii_case("content-type"))
    {
        response = response.header("content-type", kind);
    }
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let built = response.body(Full::from(body));
    built.unwrap_or_else(|error| refusal(&format!("the case's reply cannot be sent: {error}")))
}

fn refusal(why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("the scripted far side: {why}")));
    *response.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
    response
}
