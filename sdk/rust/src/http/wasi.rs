//! The way out of a guest: `wasi:http/outgoing-handler` 0.2, one request at a time, one deadline for the whole exchange.

use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    self as wasi, ErrorCode, Fields, IncomingBody, OutgoingBody, OutgoingRequest, RequestOptions,
};
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::{Headers, Method, Request, Response, Scheme, Transport};
use crate::Error;

/// 64 KiB: the host hands over at most its own buffer at a time; larger reads only reserve memory.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The host's network.
pub(crate) struct Wasi;

impl Transport for Wasi {
    fn send(&self, request: &Request) -> Result<Response, Error> {
        Exchange::new(request).run()
    }
}

/// One request on its way: what it is and until when it may take.
struct Exchange<'a> {
    request: &'a Request,
    started: u64,
    deadline: Pollable,
}

impl<'a> Exchange<'a> {
    fn new(request: &'a Request) -> Exchange<'a> {
        let deadline = monotonic_clock::subscribe_duration(nanoseconds(request.timeout));
        Exchange {
            request,
            started: monotonic_clock::now(),
            deadline,
        }
    }

    fn run(&self) -> Result<Response, Error> {
        let outgoing = self.outgoing()?;
        let body = outgoing
            .body()
            .map_err(|()| self.failed("its body was taken before"))?;
        let future = outgoing_handler::handle(outgoing, Some(self.options()))
            .map_err(|code| self.refused(&code))?;
        // A server may answer before it has read everything; then its answer counts, not our unfinished sentence.
        let written = self.write(body);
        self.wait(&future.subscribe())?;
        let answer = match future.get() {
            Some(Ok(Ok(answer))) => answer,
            Some(Ok(Err(code))) => return Err(self.refused(&code)),
            Some(Err(())) | None => {
                return Err(written
                    .err()
                    .unwrap_or_else(|| self.failed("the host gave no answer")));
            }
        };
        let headers = headers(&answer.headers());
        let body = answer
            .consume()
            .map_err(|()| self.failed("the host gave no body"))?;
        Ok(Response {
            method: self.request.method.clone(),
            url: self.request.url.to_string(),
            status: answer.status(),
            headers,
            body: self.read(&body)?,
            duration: Duration::from_nanos(monotonic_clock::now().saturating_sub(self.started)),
        })
    }

    fn outgoing(&self) -> Result<OutgoingRequest, Error> {
        let fields = Fields::new();
        for (name, value) in self.request.headers.iter() {
            fields.append(name, value.as_bytes()).map_err(|why| {
                Error::InvalidArgument(format!("header `{name}` cannot be sent: {why}"))
            })?;
        }
        // Without a length the host would announce a chunked body, even an empty one, which some servers refuse.
        let never_has_body = matches!(self.request.method, Method::Get | Method::Head);
        if !self.request.body.is_empty() || !never_has_body {
            let length = self.request.body.len().to_string();
            fields
                .set("content-length", &[length.into_bytes()])
                .map_err(|why| self.failed(&why.to_string()))?;
        }
        let url = &self.request.url;
        let outgoing = OutgoingRequest::new(fields);
        let set = outgoing
            .set_method(&method(&self.request.method))
            .and_then(|()| outgoing.set_scheme(Some(&scheme(url.scheme()))))
            .and_then(|()| outgoing.set_authority(Some(url.authority())))
            .and_then(|()| outgoing.set_path_with_query(Some(&url.path_and_query())));
        set.map_err(|()| {
            Error::InvalidArgument(format!(
                "{} is not a request that the host can send",
                self.request.summary()
            ))
        })?;
        Ok(outgoing)
    }

    /// The host may not support a limit; the deadline holds all the same.
    fn options(&self) -> RequestOptions {
        let options = RequestOptions::new();
        let limit = Some(nanoseconds(self.request.timeout));
        let _ = options.set_connect_timeout(limit);
        let _ = options.set_first_byte_timeout(limit);
        let _ = options.set_between_bytes_timeout(limit);
        options
    }

    fn write(&self, body: OutgoingBody) -> Result<(), Error> {
        if !self.request.body.is_empty() {
            let stream = body
                .write()
                .map_err(|()| self.failed("the host takes no body"))?;
            self.write_all(&stream)?;
        }
        OutgoingBody::finish(body, None).map_err(|code| self.refused(&code))
    }

    fn write_all(&self, stream: &OutputStream) -> Result<(), Error> {
        let ready = stream.subscribe();
        let mut rest = self.request.body.as_slice();
        while !rest.is_empty() {
            self.wait(&ready)?;
            let room = stream.check_write().map_err(|why| self.broken(&why))?;
            let (chunk, after) =
                rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            stream.write(chunk).map_err(|why| self.broken(&why))?;
            rest = after;
        }
        stream.flush().map_err(|why| self.broken(&why))?;
        self.wait(&ready)
    }

    fn read(&self, body: &IncomingBody) -> Result<Vec<u8>, Error> {
        let stream: InputStream = body
            .stream()
            .map_err(|()| self.failed("the host gave no body"))?;
        let ready = stream.subscribe();
        let mut bytes = Vec::new();
        loop {
            self.wait(&ready)?;
            match stream.read(CHUNK_BYTES) {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(why) => return Err(self.broken(&why)),
            }
            if bytes.len() > self.request.body_limit {
                let limit = self.request.body_limit;
                return Err(Error::TooLarge(format!(
                    "{}: the reply is longer than {limit} bytes, the limit of a reply",
                    self.summary()
                )));
            }
        }
    }

    /// Waits for something, but not beyond the deadline.
    fn wait(&self, for_what: &Pollable) -> Result<(), Error> {
        let ready = poll::poll(&[for_what, &self.deadline]);
        if ready.contains(&0) {
            Ok(())
        } else {
            Err(self.late())
        }
    }

    fn summary(&self) -> String {
        self.request.summary()
    }

    fn late(&self) -> Error {
        Error::Timeout(format!(
            "{} was not answered in {} ms",
            self.summary(),
            self.request.timeout.as_millis()
        ))
    }

    fn failed(&self, why: &str) -> Error {
        Error::Other(format!("{} failed: {why}", self.summary()))
    }

    fn broken(&self, why: &StreamError) -> Error {
        match why {
            StreamError::Closed => self.failed("the connection closed early"),
            StreamError::LastOperationFailed(error) => match wasi::http_error_code(error) {
                Some(code) => self.refused(&code),
                None => self.failed(&error.to_debug_string()),
            },
        }
    }

    /// From the host's code to the sentence a user reads.
    fn refused(&self, code: &ErrorCode) -> Error {
        let host = self.request.url.authority();
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
                Error::Denied(format!(
                    "{} was refused: this project grants no network to it; to allow it, add allow = [\"{}\"] to [network] in fonio.toml",
                    self.summary(),
                    self.request.url.origin(),
                ))
            }
            ErrorCode::DnsTimeout
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => self.late(),
            ErrorCode::HttpResponseBodySize(limit) => self.too_large("the reply", limit.as_ref()),
            ErrorCode::HttpRequestBodySize(limit) => self.too_large("the body", limit.as_ref()),
            ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
                self.failed(&format!("no address is known for `{host}`"))
            }
            ErrorCode::ConnectionRefused => {
                self.failed(&format!("`{host}` refused the connection"))
            }
            ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
                self.failed(&format!("`{host}` cannot be reached"))
            }
            ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => self.failed(
                &format!("`{host}` closed the connection before its answer was complete"),
            ),
            ErrorCode::ConnectionLimitReached => {
                self.failed("too many connections are open; try again later")
            }
            ErrorCode::TlsCertificateError => {
                self.failed(&format!("the certificate of `{host}` is not trusted"))
            }
            ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
                self.failed(&format!("no TLS connection to `{host}`"))
            }
            ErrorCode::InternalError(Some(why)) => self.failed(why),
            other => self.failed(&format!("{other:?}")),
        }
    }

    fn too_large(&self, what: &str, limit: Option<&u64>) -> Error {
        let limit = limit.map_or_else(String::new, |bytes| format!(" of {bytes} bytes"));
        Error::TooLarge(format!(
            "{}: {what} is longer than the host's limit{limit}",
            self.summary()
        ))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn headers(fields: &Fields) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in fields.entries() {
        headers.append(&name, String::from_utf8_lossy(&value));
    }
    headers
}

fn scheme(scheme: Scheme) -> wasi::Scheme {
    match scheme {
        Scheme::Http => wasi::Scheme::Http,
        Scheme::Https => wasi::Scheme::Https,
    }
}

fn method(method: &Method) -> wasi::Method {
    match method {
        Method::Get => wasi::Method::Get,
        Method::Head => wasi::Method::Head,
        Method::Post => wasi::Method::Post,
        Method::Put => wasi::Method::Put,
        Method::Patch => wasi::Method::Patch,
        Method::Delete => wasi::Method::Delete,
        Method::Options => wasi::Method::Options,
        Method::Other(name) => wasi::Method::Other(name.clone()),
    }
}
