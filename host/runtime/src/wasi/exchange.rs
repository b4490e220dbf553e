//! One request on its way: what is written of it, then its reply.

use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::errors::{broken, late, refused, unsendable};
use super::nanoseconds;
use crate::outside::{Request, RequestId, Response, SendError};

/// 64 KiB: the host hands over at most its own buffer at a time; larger reads only reserve memory.
const CHUNK_BYTES: u64 = 64 * 1024;

/// One request on its way. Handles come before those they are made from: they must be given back in that order.
pub(super) struct Exchange {
    pub id: RequestId,
    /// Of the monotonic clock.
    pub deadline: u64,
    sent: Sent,
    upload: Option<Upload>,
    stage: Stage,
}

/// What errors say of a request.
pub(super) struct Sent {
    pub method: String,
    pub url: String,
    pub authority: String,
    pub timeout: Duration,
}

struct Upload {
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    written: usize,
}

enum Stage {
    Awaiting(FutureIncomingResponse),
    Reading(Reading),
}

struct Reading {
    stream: InputStream,
    _body: IncomingBody,
    response: Response,
}

/// How far one move took it.
enum Move {
    On,
    Blocked,
    Ended(Response),
}

impl Exchange {
    pub fn begin(id: RequestId, request: Request) -> Result<Exchange, SendError> {
        let target = Target::of(&request.url)
            .ok_or_else(|| unsendable(&request, "its address is not absolute"))?;
        let sent = Sent {
            method: request.method.clone(),
            url: request.url.clone(),
            authority: target.authority.to_owned(),
            timeout: request.timeout,
        };
        let outgoing = outgoing(&request, &target)?;
        let body = outgoing
            .body()
            .map_err(|()| unsendable(&request, "its body was taken before"))?;
        let deadline = monotonic_clock::now().saturating_add(nanoseconds(request.timeout));
        let future = outgoing_handler::handle(outgoing, Some(options(request.timeout)))
            .map_err(|code| refused(&sent, &code))?;
        let bytes = request.body.unwrap_or_default();
        let upload = if bytes.is_empty() {
            OutgoingBody::finish(body, None).map_err(|code| refused(&sent, &code))?;
            None
        } else {
            let stream = body.write().map_err(|()| SendError {
                code: "EPIPE".into(),
                message: format!("{} {}: the host takes no body", sent.method, sent.url),
            })?;
            Some(Upload {
                stream,
                body,
                bytes,
                written: 0,
            })
        };
        Ok(Exchange {
            id,
            deadline,
            sent,
            upload,
            stage: Stage::Awaiting(future),
        })
    }

    /// What it waits for.
    pub fn pollables(&self) -> Vec<Pollable> {
        let upload = self.upload.iter().map(|upload| upload.stream.subscribe());
        let stage = match &self.stage {
            Stage::Awaiting(future) => future.subscribe(),
            Stage::Reading(reading) => reading.stream.subscribe(),
        };
        upload.chain([stage]).collect()
    }

    /// Goes on as far as it can without waiting; gives how it ended, if it has.
    pub fn advance(&mut self) -> Option<Result<Response, SendError>> {
        self.write();
        loop {
            match self.read() {
                Ok(Move::On) => {}
                Ok(Move::Ended(response)) => return Some(Ok(response)),
                Err(error) => return Some(Err(error)),
                Ok(Move::Blocked) if monotonic_clock::now() >= self.deadline => {
                    return Some(Err(late(&self.sent)));
                }
                Ok(Move::Blocked) => return None,
            }
        }
    }

    /// A server may answer before it has read everything; then its answer counts, not our unfinished sentence.
    fn write(&mut self) {
        let Some(upload) = &mut self.upload else {
            return;
        };
        match upload.write() {
            Ok(false) => {}
            Ok(true) => {
                if let Some(Upload { stream, body, .. }) = self.upload.take() {
                    drop(stream);
                    // What is wrong with it, the reply's future tells.
                    let _ = OutgoingBody::finish(body, None);
                }
            }
            Err(_) => self.upload = None,
        }
    }

    fn read(&mut self) -> Result<Move, SendError> {
        match &mut self.stage {
            Stage::Awaiting(future) => match future.get() {
                None => Ok(Move::Blocked),
                Some(Ok(Ok(incoming))) => {
                    self.stage = Stage::Reading(self.reading(&incoming)?);
                    Ok(Move::On)
                }
                Some(Ok(Err(code))) => Err(refused(&self.sent, &code)),
                Some(Err(())) => Err(self.no("the host gave no answer")),
            },
            Stage::Reading(reading) => match reading.stream.read(CHUNK_BYTES) {
                Ok(chunk) if chunk.is_empty() => Ok(Move::Blocked),
                Ok(chunk) => {
                    reading.response.body.extend_from_slice(&chunk);
                    Ok(Move::On)
                }
                Err(StreamError::Closed) => {
                    let body = std::mem::take(&mut reading.response.body);
                    let headers = std::mem::take(&mut reading.response.headers);
                    Ok(Move::Ended(Response {
                        status: reading.response.status,
                        headers,
                        body,
                    }))
                }
                Err(StreamError::LastOperationFailed(why)) => Err(broken(&self.sent, &why)),
            },
        }
    }

    fn reading(&self, incoming: &IncomingResponse) -> Result<Reading, SendError> {
        let body = incoming
            .consume()
            .map_err(|()| self.no("the host gave no body"))?;
        let stream = body
            .stream()
            .map_err(|()| self.no("the host gave no body"))?;
        let headers = incoming
            .headers()
            .entries()
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect();
        Ok(Reading {
            stream,
            _body: body,
            response: Response {
                status: incoming.status(),
                headers,
                body: Vec::new(),
            },
        })
    }

    fn no(&self, why: &str) -> SendError {
        SendError {
            code: "ECONNRESET".into(),
            message: format!("{} {} failed: {why}", self.sent.method, self.sent.url),
        }
    }
}

impl Upload {
    /// Writes what there is room for; true once everything is written.
    fn write(&mut self) -> Result<bool, StreamError> {
        while self.written < self.bytes.len() {
            let room = usize::try_from(self.stream.check_write()?).unwrap_or(usize::MAX);
            if room == 0 {
                return Ok(false);
            }
            let rest = &self.bytes[self.written..];
            let chunk = &rest[..room.min(rest.len())];
            self.stream.write(chunk)?;
            self.written += chunk.len();
        }
        self.stream.flush()?;
        Ok(true)
    }
}

/// The parts of an absolute address.
struct Target<'a> {
    scheme: Scheme,
    authority: &'a str,
    path: &'a str,
}

impl Target<'_> {
    fn of(url: &str) -> Option<Target<'_>> {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let (scheme, rest) = url.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        Some(Target {
            scheme,
            authority,
            path,
        })
    }
}

fn outgoing(request: &Request, target: &Target<'_>) -> Result<OutgoingRequest, SendError> {
    let outgoing = OutgoingRequest::new(fields(request)?);
    let path = match target.path {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&target.scheme)))
        .and_then(|()| outgoing.set_authority(Some(target.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)))
        .map_err(|()| unsendable(request, "its method or its address is not one"))?;
    Ok(outgoing)
}

/// The connection is the host's business (`connection`, `transfer-encoding`, `host`, …): of those it refuses, nothing is
/// lost. The length is that of the body, whatever the package says.
fn fields(request: &Request) -> Result<Fields, SendError> {
    let fields = Fields::new();
    let announced = |name: &str| name.eq_ignore_ascii_case("content-length");
    for (name, value) in request.headers.iter().filter(|(name, _)| !announced(name)) {
        match fields.append(name, &bytes(value)) {
            Ok(()) | Err(HeaderError::Forbidden) => {}
            Err(_) => {
                return Err(unsendable(
                    request,
                    &format!("the header `{name}` is not one"),
                ));
            }
        }
    }
    // Without a length the host would announce a chunked body, even an empty one, which some servers refuse.
    let never_has_body = matches!(request.method.as_str(), "GET" | "HEAD");
    if request.body.is_some() || !never_has_body {
        let length = request.body.as_ref().map_or(0, Vec::len).to_string();
        fields
            .set("content-length", &[length.into_bytes()])
            .map_err(|_| unsendable(request, "the host takes no length"))?;
    }
    Ok(fields)
}

/// Header values are Latin-1 where they can be, as everywhere on the web, and UTF-8 where they cannot.
fn bytes(value: &str) -> Vec<u8> {
    let latin1 = value.chars().map(|c| u8::try_from(u32::from(c)));
    latin1
        .collect::<Result<Vec<u8>, _>>()
        .unwrap_or_else(|_| value.as_bytes().to_vec())
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8(value)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}

/// The host may not support a limit; the deadline holds all the same.
fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let limit = Some(nanoseconds(timeout));
    let _ = options.set_connect_timeout(limit);
    let _ = options.set_first_byte_timeout(limit);
    let _ = options.set_between_bytes_timeout(limit);
    options
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}
