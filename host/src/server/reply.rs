//! Replies: JSON, problems as `application/problem+json`, and text.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Either, Full};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

/// So many every reply has, or fewer: a table that grows on the way to them costs a message 0.4 µs.
const HEADERS: usize = 12;

/// The body of every reply: whole, or in parts that come as there are any.
pub type Body = Either<Full<Bytes>, Parts>;

/// A body whose parts come one after another.
#[derive(Debug)]
pub struct Parts(mpsc::Receiver<Bytes>);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

/// A reply on its way.
#[derive(Debug)]
pub struct Reply(Response<Body>);

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
        Reply::with(status, content_type, Either::Left(Full::new(body.into())))
    }

    fn with(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.headers_mut() = headers;
        Reply(response)
    }

    /// JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
        match serde_json::to_vec(body) {
            Ok(body) => Reply::new(status, "application/json", body),
            Err(error) => Reply::problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("the reply could not be written: {error}"),
            ),
        }
    }

    /// JSON that is text already.
    pub fn json_text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
        Reply::new(status, "application/json", body)
    }

    /// What comes through `parts`, as it comes, until its sender is gone.
    pub fn stream(content_type: &'static str, parts: mpsc::Receiver<Bytes>) -> Reply {
        Reply::with(StatusCode::OK, content_type, Either::Right(Parts(parts)))
    }

    /// An error, with a sentence that says why (RFC 9457).
    pub fn problem(status: StatusCode, detail: &str) -> Reply {
        let title = status.canonical_reason().unwrap_or("error");
        let body = json!({ "title": title, "status": status.as_u16(), "detail": detail });
        Reply::new(status, "application/problem+json", body.to_string())
    }

    /// An error that passes: nothing was kept, and the sender may try again in 10 s.
    pub fn later(detail: &str) -> Reply {
        Reply::problem(StatusCode::SERVICE_UNAVAILABLE, detail).header("retry-after", "10")
    }

    /// The same is at another path, for good.
    pub fn moved(path: &str) -> Reply {
        Reply::problem(
            StatusCode::PERMANENT_REDIRECT,
            &format!("this is at {path}"),
        )
        .header("location", path)
    }

    /// Go on there, with a GET.
    pub fn go_on(address: &str) -> Reply {
        Reply::text("text/plain; charset=utf-8", format!("go on at {address}\n"))
            .status(StatusCode::SEE_OTHER)
            .header("location", address)
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Reply {
        *self.0.status_mut() = status;
        self
    }

    /// Plain text of a stated type.
    pub fn text(content_type: &'static str, body: String) -> Reply {
        Reply::new(StatusCode::OK, content_type, body)
    }

    /// Adds a header; a value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Sets a cookie, beside those that it sets already.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Reply {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            self.0.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    /// For the wire.
    pub fn finish(self) -> Response<Body> {
        self.0
    }
}
