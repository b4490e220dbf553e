//! The network: one blocking request at a time, through the host's choke point.
//!
//! A [`Request`] names a [`Url`], a [`Method`], [`Headers`], a body and a timeout; [`crate::Call::send`] gives back a [`Response`] with
//! its whole body, at most [`Request::body_limit`] bytes of it. Redirects are answers like any other: nothing follows them unasked.
//!
//! In a guest the way out is `wasi:http/outgoing-handler` 0.2. In a native test it is whatever implements [`Transport`].

mod headers;
mod request;
mod response;
mod status;
mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

pub use headers::Headers;
pub use request::{BODY_LIMIT, Method, Request, TIMEOUT};
pub use response::Response;
pub use url::{Scheme, Url};
#[cfg(target_arch = "wasm32")]
pub(crate) use wasi::Wasi;

use crate::Error;

/// What carries a request out and its answer back.
pub trait Transport {
    /// Sends a request and waits for the whole answer, whatever its status.
    ///
    /// # Errors
    /// As [`crate::Call::send`].
    fn send(&self, request: &Request) -> Result<Response, Error>;
}
