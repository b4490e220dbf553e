//! Requests that the host makes itself, by the way that guests go: granted by name, every address checked, no redirect
//! followed, and everything bounded.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use zeroize::Zeroizing;

use super::Egress;
use super::connector::{ConnectError, origin};
use super::step::source;

/// From the first try to connect to the last byte of the reply.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// The host asks for small documents only.
const REPLY_MAX_BYTES: usize = 64 << 10;

/// Why there is no reply. It says nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is none, or of another scheme.
    #[error("it is not an address on http or https")]
    Address,
    /// Nothing grants it.
    #[error("this project grants no network to it")]
    NotGranted,
    /// No connection, or not to there.
    #[error("{0}")]
    NoConnection(String),
    /// It took too long.
    #[error("there was no reply within {FETCH_TIMEOUT:?}")]
    Timeout,
    /// It is too long.
    #[error("its reply is longer than {REPLY_MAX_BYTES} bytes")]
    TooLong,
    /// It is not HTTP, or ends in the middle.
    #[error("its reply cannot be read: {0}")]
    Broken(String),
}

impl Egress {
    /// Sends a request of the host's own, within 30 s, and reads the whole reply, of at most 64 KiB. A redirect is a
    /// reply like any other.
    ///
    /// # Errors
    /// When the address is not granted, or there is no such reply.
    pub async fn fetch(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Zeroizing<Vec<u8>>>, FetchError> {
        let (mut parts, body) = request.into_parts();
        let (scheme, host, port) = origin(&parts.uri).ok_or(FetchError::Address)?;
        if !self.grants.permits(scheme, host, port) {
            return Err(FetchError::NotGranted);
        }
        // The pool adds none: a guest's own is checked elsewhere.
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let authority = authority.and_then(|name| HeaderValue::from_str(name).ok());
        let authority = authority.ok_or(FetchError::Address)?;
        parts.headers.insert(header::HOST, authority);
        let body = Full::new(body).map_err(|never| match never {});
        let request = Request::from_parts(parts, body.boxed_unsync());
        tokio::time::timeout(FETCH_TIMEOUT, self.fetch_all(request))
            .await
            .unwrap_or(Err(FetchError::Timeout))
    }

    async fn fetch_all(
        &self,
        request: Request<super::egress::RequestBody>,
    ) -> Result<Response<Zeroizing<Vec<u8>>>, FetchError> {
        let reply = self.client.request(request).await.map_err(|error| {
            match source::<ConnectError>(&error) {
                Some(reason) => FetchError::NoConnection(reason.to_string()),
                None => FetchError::Broken(error.to_string()),
            }
        })?;
        let (parts, mut incoming) = reply.into_parts();
        let mut incoming = Limited::new(&mut incoming, REPLY_MAX_BYTES);
        let mut whole = Zeroizing::new(Vec::with_capacity(REPLY_MAX_BYTES));
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => FetchError::TooLong,
                Err(error) => FetchError::Broken(error.to_string()),
            })?;
            if let Ok(data) = frame.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(Response::from_parts(parts, whole))
    }
}
