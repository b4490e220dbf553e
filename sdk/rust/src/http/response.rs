//! What the other system answered.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::status::phrase;
use super::{Headers, Method};
use crate::{Error, Failure, Map, Value};

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// Of the request.
    pub method: Method,
    /// Of the request.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Headers,
    /// As it came.
    pub body: Vec<u8>,
    /// From the first byte out to the last byte in.
    pub duration: Duration,
}

impl Response {
    /// The answer itself when its status is below 400.
    ///
    /// # Errors
    /// [`Error::Failed`] with [`Response::failure`] from 400 on.
    pub fn success(self) -> Result<Response, Error> {
        if self.status < 400 {
            Ok(self)
        } else {
            Err(self.failure().into())
        }
    }

    /// The body as JSON, as a type of yours.
    ///
    /// # Errors
    /// [`Error::Failed`] with the status as code, when it is not JSON or of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|why| self.unreadable("json", &why).into())
    }

    /// The body as text. `charset=iso-8859-1` is honoured, everything else is read as UTF-8; bytes that are neither become `U+FFFD`.
    pub fn text(&self) -> String {
        self.read_text().into_owned()
    }

    /// The same, without a copy where the body is UTF-8.
    pub fn into_text(mut self) -> String {
        if let Cow::Owned(text) = self.read_text() {
            return text;
        }
        let mark = self.body.len() - self.without_mark().len();
        self.body.drain(..mark);
        // Borrowed above, so it is UTF-8 as it stands.
        String::from_utf8(self.body).unwrap_or_default()
    }

    fn read_text(&self) -> Cow<'_, str> {
        let content_type = self
            .headers
            .get("content-type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if content_type.contains("iso-8859-1") || content_type.contains("latin1") {
            return self.body.iter().map(|&byte| char::from(byte)).collect();
        }
        String::from_utf8_lossy(self.without_mark())
    }

    /// The body without the byte order mark that some Windows servers put first.
    fn without_mark(&self) -> &[u8] {
        self.body
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(&self.body)
    }

    /// The content type without its parameters, in lower case; `None` when the answer has none.
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.get("content-type")?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }

    /// Whether the content type says JSON: `application/json`, or anything that ends in `+json`.
    pub fn is_json(&self) -> bool {
        self.content_type().is_some_and(|kind| {
            kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
        })
    }

    /// The reason phrase of the status; empty where none is registered. HTTP/2 has none on the wire, so this never is the server's own.
    pub fn status_message(&self) -> &'static str {
        phrase(self.status)
    }

    /// What users know as `state.response`: url, method, statusCode, statusMessage, headers, duration in milliseconds.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("url".into(), self.url.as_str().into());
        object.insert("method".into(), self.method.as_str().into());
        object.insert("statusCode".into(), self.status.into());
        object.insert("statusMessage".into(), self.status_message().into());
        object.insert("headers".into(), self.headers.to_json());
        object.insert("duration".into(), (self.duration.as_millis() as u64).into());
        object
    }

    /// This answer as a failure: `GET to URL returned 404: Not Found`, the status as code, [`Response::to_json`] and the body as details.
    pub fn failure(&self) -> Failure {
        let mut message = format!("{} to {} returned {}", self.method, self.url, self.status);
        if !self.status_message().is_empty() {
            message.push_str(": ");
            message.push_str(self.status_message());
        }
        let mut details = self.to_json();
        details.insert("body".into(), self.readable_body());
        Failure {
            code: self.status.to_string(),
            message,
            details,
        }
    }

    /// This answer as a failure to understand its body, which was to be read as `parse_as`.
    pub fn unreadable(&self, parse_as: &str, why: &dyn std::fmt::Display) -> Failure {
        let content_type = self.headers.get("content-type").unwrap_or_default();
        let message = format!(
            "{} to {} returned {}, but its body cannot be read as {parse_as}: {why} ({} bytes, content type `{content_type}`)",
            self.method,
            self.url,
            self.status,
            self.body.len(),
        );
        Failure {
            details: self.to_json(),
            ..Failure::new(self.status.to_string(), message)
        }
        .with("description", "Error parsing the response body")
        .with("parseAs", parse_as)
        .with("contentType", content_type)
        .with("bodyLength", self.body.len())
        .with("error", why.to_string())
        .with("body", self.text())
    }

    /// For an error, which should show what it can: JSON where it says so and is, else text, `null` when empty.
    fn readable_body(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        let json = self
            .is_json()
            .then(|| serde_json::from_slice(&self.body).ok())
            .flatten();
        json.unwrap_or_else(|| self.text().into())
    }
}
