//! Requests put together by hand, without the care that the SDK takes.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};

/// A GET by plain HTTP, unless it says otherwise.
#[derive(Default)]
pub struct Asking {
    /// Another method.
    pub method: Option<Method>,
    /// Another scheme.
    pub scheme: Option<Scheme>,
    /// `host:port`, as it is given to the host.
    pub authority: String,
    /// Path and query; none at all if it is empty.
    pub path: String,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What follows the head.
    pub body: Vec<u8>,
    /// What follows the body.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// For connecting, for the first byte and between bytes, in nanoseconds.
    pub timeout: Option<u64>,
}

impl Asking {
    /// Sends it, and gives the status of the reply, or what the host said instead.
    pub fn send(&self) -> Result<u16, String> {
        let outgoing = OutgoingRequest::new(fields(&self.headers)?);
        let path = (!self.path.is_empty()).then_some(self.path.as_str());
        let set = outgoing
            .set_method(self.method.as_ref().unwrap_or(&Method::Get))
            .and_then(|()| outgoing.set_scheme(Some(self.scheme.as_ref().unwrap_or(&Scheme::Http))))
            .and_then(|()| outgoing.set_authority(Some(&self.authority)))
            .and_then(|()| outgoing.set_path_with_query(path));
        set.map_err(|()| "the host takes no such address".to_owned())?;
        let options = RequestOptions::new();
        for set in [
            options.set_connect_timeout(self.timeout),
            options.set_first_byte_timeout(self.timeout),
            options.set_between_bytes_timeout(self.timeout),
        ] {
            set.map_err(|()| "the host takes no such timeout".to_owned())?;
        }
        let body = outgoing.body().map_err(|()| "no body".to_owned())?;
        let future = outgoing_handler::handle(outgoing, Some(options)).map_err(shown)?;
        if !self.body.is_empty() {
            let stream = body.write().map_err(|()| "no stream".to_owned())?;
            for piece in self.body.chunks(4096) {
                stream
                    .blocking_write_and_flush(piece)
                    .map_err(|error| format!("the body stopped: {error}"))?;
            }
        }
        let trailers = match self.trailers.as_slice() {
            [] => None,
            trailers => Some(fields(trailers)?),
        };
        OutgoingBody::finish(body, trailers).map_err(shown)?;
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(answer))) => Ok(answer.status()),
            Some(Ok(Err(code))) => Err(shown(code)),
            Some(Err(())) | None => Err("no answer".to_owned()),
        }
    }
}

/// A list of headers, or which of them the host does not take.
pub fn fields(headers: &[(String, Vec<u8>)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(name, value)
            .map_err(|error| format!("the host takes no header {name}: {error}"))?;
    }
    Ok(fields)
}

fn shown(code: ErrorCode) -> String {
    format!("the host said {code:?}")
}
