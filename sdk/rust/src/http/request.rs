//! What is asked of another system.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Headers, Url};
use crate::Error;

/// Default of [`Request::timeout`]: 300 s, as OpenFn's users expect. The step's own wall time applies as well, and is usually shorter.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// Default of [`Request::body_limit`]: 10 MiB, the default limit of a step's output, so that a larger reply could not be kept anyway.
pub const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// A request. Build it with [`Request::get`] and its like, then set what differs.
#[derive(Clone, Debug)]
pub struct Request {
    /// Default `GET`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// `content-length` is added when there is a body; `host` and the fields of the connection itself belong to the host.
    pub headers: Headers,
    /// Empty for none.
    pub body: Vec<u8>,
    /// For the whole exchange, until the last byte of the answer. Default [`TIMEOUT`].
    pub timeout: Duration,
    /// The longest answer that is read, in bytes. Default [`BODY_LIMIT`].
    pub body_limit: usize,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, url: Url) -> Request {
        Request {
            method,
            url,
            headers: Headers::default(),
            body: Vec::new(),
            timeout: TIMEOUT,
            body_limit: BODY_LIMIT,
        }
    }

    /// A `GET`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the text is not an absolute `http` or `https` URL.
    pub fn get(url: &str) -> Result<Request, Error> {
        Ok(Request::new(Method::Get, Url::parse(url)?))
    }

    /// A `POST` of JSON.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the text is not an absolute `http` or `https` URL, or the body cannot be JSON.
    pub fn post(url: &str, body: &impl Serialize) -> Result<Request, Error> {
        Request::new(Method::Post, Url::parse(url)?).json(body)
    }

    /// Sets the body, as JSON, and its `content-type`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when it cannot be JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Request, Error> {
        self.body = serde_json::to_vec(body)
            .map_err(|why| Error::InvalidArgument(format!("the body cannot be JSON: {why}")))?;
        Ok(self.header("content-type", "application/json"))
    }

    /// Sets a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.set(name, value);
        self
    }

    /// `METHOD URL`, without the query: for log lines and errors.
    pub fn summary(&self) -> String {
        format!("{} {}", self.method, self.url.without_query())
    }
}

/// A method of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Any other, in capitals.
    Other(String),
}

impl Method {
    /// From a name in any case.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when it has other characters than letters and `-`.
    pub fn parse(name: &str) -> Result<Method, Error> {
        let upper = name.trim().to_ascii_uppercase();
        Ok(match upper.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            other
                if !other.is_empty()
                    && other
                        .bytes()
                        .all(|byte| byte.is_ascii_alphabetic() || byte == b'-') =>
            {
                Method::Other(upper)
            }
            _ => {
                return Err(Error::InvalidArgument(format!(
                    "`{name}` is not an HTTP method; write one like GET or POST"
                )));
            }
        })
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
