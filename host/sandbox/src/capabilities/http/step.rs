//! What a step keeps of the network: its way out, its counts, and what it was refused.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpHooks};

use super::Egress;
use super::body::{LimitedBody, check_announced};
use super::connector::{ConnectError, origin};
use crate::meter::Meter;

/// Until the first byte, and between bytes, unless the guest asks for less. The step's wall time usually ends first.
const SILENCE: Duration = Duration::from_secs(300);

/// A request the host would not send, in the words the author reads.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Option<String>>>);

impl Refusals {
    fn note(&self, sentence: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence);
    }

    /// The last refusal since this was last asked.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The hooks that `wasi:http` calls for one step's guest.
pub(crate) struct StepHttp {
    egress: Egress,
    meter: Arc<Meter>,
    refusals: Refusals,
}

type Body = UnsyncBoxBody<Bytes, Error>;
type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Reply = Result<(Response<Body>, Io), Error>;

impl StepHttp {
    pub fn new(egress: Egress, meter: Arc<Meter>, refusals: Refusals) -> StepHttp {
        StepHttp {
            egress,
            meter,
            refusals,
        }
    }

    /// By name, before anything is resolved or connected.
    fn check(&self, request: &Request<Body>) -> Result<(), Error> {
        let uri = request.uri();
        let (scheme, host, port) = origin(uri).ok_or(Error::HttpRequestUriInvalid)?;
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            self.refusals.note(format!(
                "{} {scheme}://{host}:{port} was refused: the address carries a user name or password; put them in a credential",
                request.method()
            ));
            return Err(Error::HttpRequestDenied);
        }
        if !self.egress.grants.permits(scheme, host, port) {
            self.refusals.note(refusal(
                request.method().as_str(),
                &self.egress,
                scheme,
                host,
                port,
                None,
            ));
            return Err(Error::HttpRequestDenied);
        }
        if let Err(hit) = self.meter.count_request() {
            self.refusals.note(hit.to_string());
            return Err(Error::HttpRequestDenied);
        }
        Ok(())
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
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let origin = match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{shown}"),
        _ => format!("{scheme}://{shown}:{port}"),
    };
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

fn indent(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!("        {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl WasiHttpHooks for StepHttp {
    fn send_request(
        &mut self,
        request: Request<Body>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Reply> + Send> {
        if let Err(refused) = self.check(&request) {
            return Box::new(async move { Err(refused) });
        }
        let egress = self.egress.clone();
        let meter = Arc::clone(&self.meter);
        let refusals = self.refusals.clone();
        Box::new(send(
            egress,
            meter,
            refusals,
            request,
            options.unwrap_or_default(),
        ))
    }
}

async fn send(
    egress: Egress,
    meter: Arc<Meter>,
    refusals: Refusals,
    mut request: Request<Body>,
    options: RequestOptions,
) -> Reply {
    let first_byte = options
        .first_byte_timeout
        .map_or(SILENCE, |asked| asked.min(SILENCE));
    let between_bytes = options
        .between_bytes_timeout
        .map_or(SILENCE, |asked| asked.min(SILENCE));
    let method = request.method().clone();
    let uri = request.uri().clone();
    let headers = request.headers_mut();
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!(
            "fonio/",
            env!("CARGO_PKG_VERSION")
        )));
    let reply = tokio::time::timeout(first_byte, egress.client.request(request))
        .await
        .map_err(|_| Error::HttpResponseTimeout)?
        .map_err(|error| explain(&error, method.as_str(), &egress, &uri, &refusals))?;
    let (parts, incoming) = reply.into_parts();
    check_announced(&incoming, &meter)?;
    let body = LimitedBody::new(incoming, meter, between_bytes).boxed_unsync();
    let io: Io = Box::new(async { Ok(()) });
    Ok((Response::from_parts(parts, body), io))
}

/// The pool's error as the guest may see it; a refusal also becomes the sentence that the author reads.
fn explain(
    error: &hyper_util::client::legacy::Error,
    method: &str,
    egress: &Egress,
    uri: &http::Uri,
    refusals: &Refusals,
) -> Error {
    let Some(reason) = source::<ConnectError>(error) else {
        return match source::<hyper::Error>(error) {
            Some(error) if error.is_incomplete_message() || error.is_closed() => {
                Error::ConnectionTerminated
            }
            Some(error) => {
                Error::InternalError(Some(format!("the reply is not valid HTTP: {error}")))
            }
            None => Error::InternalError(Some(error.to_string())),
        };
    };
    match reason {
        ConnectError::Prohibited { addresses, .. } => {
            if let Some((scheme, host, port)) = origin(uri) {
                refusals.note(refusal(method, egress, scheme, host, port, Some(addresses)));
            }
            Error::DestinationIpProhibited
        }
        ConnectError::Resolve(..) => Error::DnsError {
            rcode: Some(reason.to_string()),
            info_code: None,
        },
        ConnectError::Connect(_, io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            Error::ConnectionRefused
        }
        ConnectError::Timeout(_) => Error::ConnectionTimeout,
        ConnectError::Connect(..) | ConnectError::Tls(..) | ConnectError::Address(_) => {
            Error::InternalError(Some(reason.to_string()))
        }
    }
}

/// Looks down the chain of causes.
fn source<'e, E: std::error::Error + 'static>(
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
