//! What a step keeps of the network: its way out, its counts, and what it was refused.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use fonio_project::Grants;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiHttpHooks,
};

use super::body::{Patience, ReplyBody, SentBody, ask_for_packed, check_announced};
use super::connector::{ConnectError, origin};
use super::reached::Answer;
use super::{Egress, Requests};
use crate::capabilities::log::{Level, StepLog};
use crate::expression::{DENIED, LIMIT};
use crate::meter::Meter;
use crate::seal::{self, Seals};

/// Until the first byte, and between bytes, unless the guest asks for less. The step's wall time usually ends first, and
/// says the same of the system; whoever raises that for one which thinks for minutes need not raise this too.
const SILENCE: Duration = Duration::from_secs(300);

/// What the host would not do for a guest, in the words the author reads.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Vec<Said>>>);

/// A job that goes on after so many refusals has shown that it does not mind them.
const REFUSALS_MAX: usize = 64;

impl Refusals {
    pub(crate) fn note(&self, said: Said) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() == REFUSALS_MAX {
            noted.remove(0);
        }
        noted.push(said);
    }

    /// The last refusal since this was last asked.
    pub(crate) fn take(&self) -> Option<Said> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *noted).pop()
    }

    /// The refusal that a message tells of, whatever a package says before and after it.
    pub(crate) fn told_in(&self, message: &str) -> Option<Said> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = noted.iter().find(|said| message.contains(&said.sentence));
        told.cloned()
    }
}

/// What the host says of its own accord about what it did not do: the guest's own words would be poorer.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// [`DENIED`], [`LIMIT`] or `TIMEOUT`.
    pub code: &'static str,
    pub sentence: String,
}

impl Said {
    pub fn denied(sentence: String) -> Said {
        let code = DENIED;
        Said { code, sentence }
    }
}

/// Why there is no reply: for `wasi:http`, and for the author.
struct Failed {
    error: Error,
    said: Option<Said>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, said: None }
    }
}

fn denied(sentence: String) -> Failed {
    Failed {
        error: Error::HttpRequestDenied,
        said: Some(Said::denied(sentence)),
    }
}

/// Whether the guest is told the host's sentence. `wasi:http` has no word for it, so it stands in an internal error, as
/// `fonio CODE: sentence`; host/runtime/src/wasi/errors.rs reads it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// One request at a time: the host finds the sentence in [`Refusals`] when the adaptor's operation failed.
    Apart,
    /// Several at once, whose errors a package turns into its own: each must bear its own sentence.
    InTheError,
}

/// What a step has of the world outside: the way there, and what opens doors on it.
#[derive(Clone, Debug)]
pub(crate) struct StepOutside {
    pub egress: Egress,
    pub seals: Seals,
    pub variables: Arc<[(String, String)]>,
    pub requests: Requests,
}

impl StepOutside {
    /// Nothing may be reached.
    pub fn nothing() -> StepOutside {
        StepOutside {
            egress: Egress::new(Grants::default()),
            seals: Seals::default(),
            variables: Arc::default(),
            requests: Requests::default(),
        }
    }
}

/// The hooks that `wasi:http` calls for one step's guest.
#[derive(Clone)]
pub(crate) struct StepHttp {
    egress: Egress,
    seals: Seals,
    meter: Arc<Meter>,
    log: StepLog,
    refusals: Refusals,
    telling: Telling,
    requests: Requests,
}

type Body = UnsyncBoxBody<Bytes, Error>;
type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Reply = Result<(Response<Body>, Io), Error>;

impl StepHttp {
    pub fn new(outside: StepOutside, meter: Arc<Meter>, log: StepLog) -> StepHttp {
        let StepOutside {
            egress,
            seals,
            requests,
            ..
        } = outside;
        StepHttp {
            egress,
            seals,
            meter,
            log,
            refusals: Refusals::default(),
            telling: Telling::Apart,
            requests,
        }
    }

    /// What it will refuse, for whoever words the error.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    pub fn telling(self, telling: Telling) -> StepHttp {
        StepHttp { telling, ..self }
    }

    fn tell(&self, failed: Failed) -> Error {
        let Failed { error, said } = failed;
        let Some(said) = said else {
            return error;
        };
        let marked = format!("fonio {}: {}", said.code, said.sentence);
        self.refusals.note(said);
        match self.telling {
            Telling::Apart => error,
            Telling::InTheError => Error::InternalError(Some(marked)),
        }
    }

    /// By name, before anything is resolved or connected.
    fn check(&self, request: &Request<Body>) -> Result<(), Failed> {
        let uri = request.uri();
        let (scheme, host, port) = origin(uri).ok_or(Error::HttpRequestUriInvalid)?;
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(denied(format!(
                "{} {scheme}://{host}:{port} was refused: the address carries a user name or password; put them in a credential",
                request.method()
            )));
        }
        if !self.egress.grants.permits(scheme, host, port) {
            let method = request.method().as_str();
            let sentence = refusal(method, &self.egress, scheme, host, port, None);
            return Err(denied(sentence));
        }
        self.meter.count_request().map_err(|hit| Failed {
            error: Error::HttpRequestDenied,
            said: Some(Said {
                code: LIMIT,
                sentence: hit.sentence,
            }),
        })
    }
}

/// The sentence and the lines that would allow it.
fn refusal(
    method: &str,
    egress: &Egress,
    scheme: &str,
    host: &str,
    port: u16,
    addresses: Option<&str>,
) -> String {
    let origin = shown(scheme, host, port);
    // Naming the host again would not help: a private address is granted by being named itself.
    let allowed = addresses
        .and_then(|addresses| addresses.split(',').next())
        .unwrap_or(host);
    let why = match addresses {
        None => "this project grants no network to it".to_owned(),
        Some(addresses) => format!(
            "its name leads to {addresses}, an address on a private network that is not granted"
        ),
    };
    format!(
        "{method} {origin} was refused: {why}\n  = to allow it, add to fonio.toml:\n{}",
        indent(&egress.grants.line_to_allow(scheme, allowed, port))
    )
}

/// An origin as people write it.
fn shown(scheme: &str, host: &str, port: u16) -> String {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

fn indent(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!("        {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What stands between two ends of one connection only, beside what wasmtime forbids: it is the host's connection.
const OF_THE_CONNECTION: [HeaderName; 2] = [header::TE, header::TRAILER];

impl WasiHttpHooks for StepHttp {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| {
            OF_THE_CONNECTION.contains(name) || DEFAULT_FORBIDDEN_HEADERS.contains(name)
        })
    }

    fn send_request(
        &mut self,
        request: Request<Body>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Reply> + Send> {
        let step = self.clone();
        if let Err(refused) = self.check(&request) {
            return Box::new(async move { Err(step.tell(refused)) });
        }
        Box::new(async move {
            let reply = send(&step, request, options.unwrap_or_default()).await;
            reply.map_err(|failed| step.tell(failed))
        })
    }
}

async fn send(
    step: &StepHttp,
    request: Request<Body>,
    options: RequestOptions,
) -> Result<(Response<Body>, Io), Failed> {
    let StepHttp { egress, meter, .. } = step;
    let first_byte = options
        .first_byte_timeout
        .map_or(SILENCE, |asked| asked.min(SILENCE));
    let between_bytes = options
        .between_bytes_timeout
        .map_or(SILENCE, |asked| asked.min(SILENCE));
    let method = request.method().clone();
    let uri = request.uri().clone();
    let reached = &step.requests.reached;
    let there = origin(&uri).map(|(scheme, host, port)| shown(scheme, host, port));
    let there = there.unwrap_or_default();
    let answer = Arc::new(reached.answer_of(there.clone()));
    let (request, carries) = step.unsealed(request, Arc::downgrade(&answer)).await?;
    answer.is_awaited(true);
    let reply = match tokio::time::timeout(first_byte, egress.client.request(request)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => {
            reached.failed(there, &error);
            return Err(explain(&error, method.as_str(), step, &uri));
        }
        Err(_) => {
            answer.never_came();
            return Err(Error::HttpResponseTimeout.into());
        }
    };
    drop(answer);
    reached.replied(there.clone(), reply.status(), reply.headers());
    if reply.status().is_informational() {
        return Err(Error::InternalError(Some(format!(
            "the reply is not valid HTTP: {} is no answer to what was asked",
            reply.status()
        )))
        .into());
    }
    let (mut parts, incoming) = reply.into_parts();
    if carries && parts.status == StatusCode::UNAUTHORIZED {
        step.seals.were_refused();
    }
    check_announced(&incoming, meter).map_err(|error| too_large(error, meter))?;
    let headers = &mut parts.headers;
    step.seals.reseal_headers(headers);
    let body = ReplyBody::new(
        incoming,
        headers,
        &step.seals,
        Arc::clone(meter),
        Patience {
            silence: between_bytes,
            rest: reached.answer_of(there),
        },
    )?;
    let step = step.clone();
    let body = body.map_err(move |error| step.tell(too_large(error, &step.meter)));
    let body = body.boxed_unsync();
    let io: Io = Box::new(async { Ok(()) });
    Ok((Response::from_parts(parts, body), io))
}

impl StepHttp {
    /// The request as it goes out: sealed values opened where they may be, and the host's own headers. And whether it
    /// carries a secret; of a revealed one, which can be anywhere in it, whether it goes to where that belongs.
    async fn unsealed(
        &self,
        request: Request<Body>,
        answer: Weak<Answer>,
    ) -> Result<(Request<Body>, bool), Failed> {
        let (mut parts, body) = request.into_parts();
        let body = SentBody::new(body, Arc::clone(&self.meter), answer);
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let origin = origin(&uri).ok_or(Error::HttpRequestUriInvalid)?;
        let refused = |refusal: seal::Refusal| {
            let shown = shown(origin.0, origin.1, origin.2);
            denied(format!("{method} {shown} was refused: {refusal}"))
        };
        let mut opened = self.seals.open(&mut parts, origin).map_err(refused)?;
        let body = if self.seals.seals() {
            let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
            let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
            let whole = body.collect().await;
            let whole = whole
                .map_err(|error| too_large(error, &self.meter))?
                .to_bytes();
            let length = whole.len();
            let whole = self
                .seals
                .open_body(kind, whole, &mut opened)
                .map_err(refused)?;
            if whole.len() != length && parts.headers.contains_key(header::CONTENT_LENGTH) {
                parts
                    .headers
                    .insert(header::CONTENT_LENGTH, whole.len().into());
            }
            Full::new(whole)
                .map_err(|never| match never {})
                .boxed_unsync()
        } else {
            body.boxed_unsync()
        };
        for field in &opened.unopened {
            let said = self
                .seals
                .stayed_sealed(field, &shown(origin.0, origin.1, origin.2));
            self.log.write(Level::Warn, &said);
        }
        let headers = &mut parts.headers;
        ask_for_packed(headers);
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "fonio/",
                env!("CARGO_PKG_VERSION")
            )));
        if let Some(marks) = &self.requests.marks {
            marks.mark(&mut parts);
        }
        let carries = opened.carries || (opened.bound && !self.seals.seals());
        Ok((Request::from_parts(parts, body), carries))
    }
}

/// The pool's error as the guest may see it; a refusal also becomes the sentence that the author reads.
fn explain(
    error: &hyper_util::client::legacy::Error,
    method: &str,
    step: &StepHttp,
    uri: &http::Uri,
) -> Failed {
    if let Some(Error::HttpRequestBodySize(limit)) = source::<Error>(error) {
        return too_large(Error::HttpRequestBodySize(*limit), &step.meter);
    }
    let Some(reason) = source::<ConnectError>(error) else {
        return match source::<hyper::Error>(error) {
            Some(error) if error.is_incomplete_message() || error.is_closed() => {
                Error::ConnectionTerminated
            }
            Some(error) => {
                Error::InternalError(Some(format!("the reply is not valid HTTP: {error}")))
            }
            None => Error::InternalError(Some(error.to_string())),
        }
        .into();
    };
    let error = match reason {
        ConnectError::Prohibited { addresses, .. } => {
            let sentence = origin(uri).map(|(scheme, host, port)| {
                refusal(method, &step.egress, scheme, host, port, Some(addresses))
            });
            return Failed {
                error: Error::DestinationIpProhibited,
                said: sentence.map(Said::denied),
            };
        }
        ConnectError::Resolve(..) => Error::DnsError {
            rcode: Some(reason.to_string()),
            info_code: None,
        },
        ConnectError::Connect(_, io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            Error::ConnectionRefused
        }
        ConnectError::Timeout => {
            let sentence = origin(uri).map(|(scheme, host, port)| {
                format!("{method} {} failed: {reason}", shown(scheme, host, port))
            });
            return Failed {
                error: Error::ConnectionTimeout,
                said: sentence.map(|sentence| Said {
                    code: "TIMEOUT",
                    sentence,
                }),
            };
        }
        ConnectError::Connect(..) | ConnectError::Tls(..) | ConnectError::Address(_) => {
            Error::InternalError(Some(reason.to_string()))
        }
    };
    error.into()
}

/// A body over a limit, with the sentence that names it.
fn too_large(error: Error, meter: &Meter) -> Failed {
    let said = match error {
        Error::HttpResponseBodySize(_) | Error::HttpRequestBodySize(_) => {
            meter.hit().map(|hit| Said {
                code: LIMIT,
                sentence: hit.sentence,
            })
        }
        _ => None,
    };
    Failed { error, said }
}

/// Looks down the chain of causes.
pub(super) fn source<'e, E: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e E> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}
