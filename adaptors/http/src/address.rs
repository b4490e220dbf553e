//! Where to: path, base URL and query, into one URL.

use fonio_sdk::http::Url;
use fonio_sdk::{Error, Failure, Map, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters and `!'()*`, as Node's `querystring` has it: servers that compare signatures of
/// queries were set up against that.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');

/// Where a request goes, and the way it is written in replies and errors: without the option `query`, which may be long.
pub struct Address {
    pub url: Url,
    pub shown: String,
}

/// Resolves a path against a base URL.
///
/// # Errors
/// A relative path without a base; an absolute URL of another origin than the base; anything that is not a URL.
pub fn resolve(path: &str, base: Option<&str>, query: Option<&Value>) -> Result<Address, Error> {
    let base = base.map(Url::parse).transpose()?;
    let url = match (is_absolute(path), &base) {
        (true, None) => Url::parse(path)?,
        (true, Some(base)) => same_origin(Url::parse(path)?, base)?,
        (false, Some(base)) => below(base, path)?,
        (false, None) => return Err(no_base(path)),
    };
    let shown = url.to_string();
    let url = match query {
        None => url,
        Some(query) => {
            let merged = merge(query, url.query().unwrap_or_default());
            url.with_query(Some(merged))
        }
    };
    Ok(Address { url, shown })
}

fn is_absolute(path: &str) -> bool {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// `/patients` below `https://a.org/api` is `https://a.org/api/patients`, not `https://a.org/patients`.
fn below(base: &Url, path: &str) -> Result<Url, Error> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.trim_start_matches('/');
    let query: Vec<&str> = base
        .query()
        .into_iter()
        .chain([query])
        .filter(|part| !part.is_empty())
        .collect();
    let query = query.join("&");
    if path.is_empty() {
        return base.join(&format!("?{query}")).map(|url| {
            if query.is_empty() {
                url.with_query(None)
            } else {
                url
            }
        });
    }
    let folder = base.path().trim_end_matches('/');
    // `./` keeps a path like `http://elsewhere` from being read as an absolute URL.
    let mut reference = format!("{folder}/./{path}");
    if !query.is_empty() {
        reference.push('?');
        reference.push_str(&query);
    }
    base.join(&reference)
}

fn same_origin(url: Url, base: &Url) -> Result<Url, Error> {
    if url.origin() == base.origin() {
        return Ok(url);
    }
    let message = format!(
        "{} is not at {}, the origin of the credential's baseUrl",
        url.without_query(),
        base.origin()
    );
    Err(Failure::new("BASE_URL_MISMATCH", message)
        .with(
            "description",
            "With a baseUrl, only its own origin is asked, so that its secrets go nowhere else",
        )
        .with("target", url.to_string())
        .with("baseUrl", base.to_string())
        .with(
            "fix",
            "Use a path relative to baseUrl, or a credential without baseUrl for this step",
        )
        .into())
}

fn no_base(path: &str) -> Error {
    Failure::new(
        "UNEXPECTED_RELATIVE_URL",
        format!("`{path}` is relative, and the credential has no baseUrl"),
    )
    .with("description", "A relative path needs a baseUrl")
    .with("url", path)
    .with(
        "fix",
        "Set baseUrl in the credential, or write an absolute URL like https://example.org/api",
    )
    .into()
}

/// The option's pairs with those of the path, which win where both have a name (as OpenFn's users have it).
fn merge(option: &Value, path: &str) -> String {
    let mut pairs: Vec<(String, String)> = match option {
        Value::Object(object) => pairs(object),
        Value::String(text) => decode(text.trim_start_matches('?')),
        _ => Vec::new(),
    };
    let path = decode(path);
    pairs.retain(|(name, _)| path.iter().all(|(other, _)| other != name));
    let written: Vec<String> = pairs
        .into_iter()
        .chain(path)
        .map(|(name, value)| format!("{}={}", encode(&name), encode(&value)))
        .collect();
    written.join("&")
}

/// Names and values of an object, an array repeating its name.
pub fn pairs(object: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in object {
        match value {
            Value::Array(values) => {
                pairs.extend(values.iter().map(|value| (name.clone(), text(value))))
            }
            single => pairs.push((name.clone(), text(single))),
        }
    }
    pairs
}

/// A value inside a query, a form or a header: nothing for `null`, JSON for an object or array.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn decode(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}
