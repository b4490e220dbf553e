//! The options of a request: read once, checked, and nothing of them silently dropped.

use std::time::Duration;

use fonio_sdk::http::TIMEOUT;
use fonio_sdk::{Error, Map, Value, log};

use crate::auth::Login;

/// For the person who writes a job.
pub const DOCS: &str = "`query`, `headers`, `body` (or `json`, `form`, `urlencoded`), `contentType`, `parseAs`, `errors`, `timeout` \
                        (ms), `maxRedirections`, `authentication`, `baseUrl`.";

/// For `fonio check` and editors.
pub const SCHEMA: &str = include_str!("options.schema.json");

/// As OpenFn's users have it: five hops, then the redirect itself is the answer.
const REDIRECTS: u64 = 5;

/// Options of Node's own HTTP clients, which have no meaning here: connections, TLS and cookies are the host's.
const IGNORED: [&str; 8] = [
    "agentOptions",
    "gzip",
    "keepCookie",
    "keepCookies",
    "rejectUnauthorized",
    "strictSSL",
    "resolveBodyOnly",
    "followAllRedirects",
];

/// What a job may say about a request.
#[derive(Debug)]
pub struct Options {
    /// Of the call itself, `post(path, data)`; goes before `payload`.
    pub data: Option<Value>,
    /// The body among the options.
    pub payload: Option<Payload>,
    pub query: Option<Value>,
    pub headers: Map<String, Value>,
    /// `json`, `xml`, `string`, `form`, `urlencoded`, or a media type.
    pub content_type: Option<String>,
    pub parse_as: ParseAs,
    pub errors: Errors,
    pub timeout: Duration,
    pub max_redirections: u64,
    pub base_url: Option<String>,
    pub login: Option<Login>,
}

/// A body among the options, by the name it was given under.
#[derive(Debug)]
pub enum Payload {
    /// `body`: an object is JSON, a text goes as it is.
    Body(Value),
    /// `json`: always JSON.
    Json(Value),
    /// `form`, `formData`: multipart.
    Form(Map<String, Value>),
    /// `urlencoded`
    UrlEncoded(Map<String, Value>),
}

/// How to read the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseAs {
    /// By its content type.
    Auto,
    Json,
    Text,
    Base64,
}

/// Which statuses are failures.
#[derive(Debug, PartialEq)]
pub enum Errors {
    /// From 400 on.
    Usual,
    /// None: `errors: false`.
    Never,
    /// By status: `false` for no failure, a text for a failure with that message. The usual for the rest.
    ByStatus(Map<String, Value>),
}

impl Default for Options {
    fn default() -> Options {
        Options {
            data: None,
            payload: None,
            query: None,
            headers: Map::new(),
            content_type: None,
            parse_as: ParseAs::Auto,
            errors: Errors::Usual,
            timeout: TIMEOUT,
            max_redirections: REDIRECTS,
            base_url: None,
            login: None,
        }
    }
}

impl Options {
    /// Reads what a job wrote. Unknown names are logged, as a typing error would otherwise go unseen.
    pub fn read(written: Option<Map<String, Value>>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut unknown = Vec::new();
        for (name, value) in written.unwrap_or_default() {
            if !value.is_null() && !options.take(&name, value)? {
                unknown.push(name);
            }
        }
        if !unknown.is_empty() {
            log::warn(format!(
                "options that http does not know are ignored: {}",
                unknown.join(", ")
            ));
        }
        Ok(options)
    }

    /// Whether an object is made of nothing but options, so that `post(path, object)` means the dialect with `{ body, … }`.
    /// A `query` that is a text is GraphQL, and data.
    pub fn are(object: &Map<String, Value>) -> bool {
        let is_option = |(name, value): (&String, &Value)| match name.as_str() {
            "query" | "headers" | "form" | "formData" | "urlencoded" | "authentication"
            | "auth" | "tls" => value.is_object(),
            "body" | "json" | "errors" => true,
            "contentType" | "parseAs" | "baseUrl" => value.is_string(),
            "timeout" | "maxRedirections" => value.is_number(),
            other => IGNORED.contains(&other),
        };
        !object.is_empty() && object.iter().all(is_option)
    }

    /// Takes one option; `false` when there is none of that name.
    fn take(&mut self, name: &str, value: Value) -> Result<bool, Error> {
        match name {
            "query" => self.query = Some(value),
            "headers" => self.headers = object(name, value)?,
            "body" => self.set_payload(Payload::Body(value)),
            // `json: true` says how to send `body`, which is what happens anyway.
            "json" if value.is_boolean() => {}
            "json" => self.set_payload(Payload::Json(value)),
            "form" | "formData" => self.payload = Some(Payload::Form(object(name, value)?)),
            "urlencoded" => self.payload = Some(Payload::UrlEncoded(object(name, value)?)),
            "contentType" => self.content_type = Some(text(name, value)?),
            "parseAs" => self.parse_as = parse_as(&text(name, value)?)?,
            "errors" => self.errors = errors(value)?,
            "timeout" => self.timeout = Duration::from_millis(number(name, &value)?),
            "maxRedirections" => self.max_redirections = number(name, &value)?,
            "baseUrl" => self.base_url = Some(text(name, value)?),
            "authentication" | "auth" => self.login = Login::read(&object(name, value)?),
            "tls" => refuse_tls(&value)?,
            other if IGNORED.contains(&other) => log::warn(format!(
                "the option `{other}` has no effect: the host keeps the connections"
            )),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A form goes before a body, whatever their order.
    fn set_payload(&mut self, payload: Payload) {
        self.payload.get_or_insert(payload);
    }
}

/// Client certificates are the host's to hold; pretending to use one would send the request without it.
pub fn refuse_tls(value: &Value) -> Result<(), Error> {
    match value.as_object() {
        Some(none) if none.is_empty() => Ok(()),
        _ => Err(Error::InvalidArgument(
            "`tls` cannot be used: this host opens the connections itself and takes no client certificates or authorities from a job".into(),
        )),
    }
}

fn parse_as(name: &str) -> Result<ParseAs, Error> {
    match name {
        "auto" => Ok(ParseAs::Auto),
        "json" => Ok(ParseAs::Json),
        "text" | "string" => Ok(ParseAs::Text),
        "base64" => Ok(ParseAs::Base64),
        "stream" => {
            log::warn(
                "parseAs 'stream' gives the whole text: nothing outlives a step to be read from later",
            );
            Ok(ParseAs::Text)
        }
        other => Err(invalid(
            "parseAs",
            &format!("has no `{other}`; there are json, text, base64 and auto"),
        )),
    }
}

fn errors(value: Value) -> Result<Errors, Error> {
    match value {
        Value::Bool(false) => Ok(Errors::Never),
        Value::Bool(true) => Ok(Errors::Usual),
        Value::Object(by_status) => Ok(Errors::ByStatus(by_status)),
        _ => Err(invalid(
            "errors",
            "must be false or an object like { 404: false, 500: 'It is down' }",
        )),
    }
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>, Error> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(invalid(name, "must be an object")),
    }
}

fn text(name: &str, value: Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(invalid(name, "must be a text")),
    }
}

fn number(name: &str, value: &Value) -> Result<u64, Error> {
    let whole = value.as_u64().or_else(|| {
        value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .map(|number| number as u64)
    });
    whole.ok_or_else(|| invalid(name, "must be a number, 0 or more"))
}

fn invalid(option: &str, what: &str) -> Error {
    Error::InvalidArgument(format!("the option `{option}` {what}"))
}
