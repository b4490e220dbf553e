//! What arrives, made into the JSON that becomes `state.data`.

use std::collections::BTreeSet;

use bytes::Bytes;
use fonio_project::excerpt;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use mime::Mime;
use serde_json::{Map, Value, json};

use super::glance::{Glance, glance};
use super::{form, xml};

/// A body that can be stored and matched.
#[derive(Debug)]
pub struct Parsed {
    /// What matching needs to see of it: of a JSON object, the top-level values that criteria compare; else all.
    pub data: Value,
    /// What becomes `state.data`, as JSON text; the bytes as they came when they already were that.
    pub json: Bytes,
    /// What the sender said it is.
    pub content_type: String,
    /// The original, when it was not JSON.
    pub original: Option<Bytes>,
}

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// 415.
    #[error(
        "bodies of type `{0}` are not taken here; send application/json, a form (application/x-www-form-urlencoded or multipart/form-data) or XML (text/xml)"
    )]
    Unsupported(String),
    /// 400.
    #[error("the body is not valid JSON: {0}")]
    Json(serde_json::Error),
    /// 400.
    #[error("the body is not valid XML: {0}")]
    Xml(String),
    /// 400.
    #[error("the body is not a valid multipart form: {0}")]
    Multipart(String),
    /// 400.
    #[error("the form has more than {} fields", form::FIELDS_MAX)]
    TooManyFields,
    /// 400.
    #[error("the body is not UTF-8: the first wrong byte is number {0}")]
    Encoding(usize),
}

/// Reads a body by its content type; `keys` are those that matching will look at. Without a type, it is taken for JSON.
///
/// JSON that is not an object arrives as `{"_json": …}`, as it did with OpenFn/microservice, so that criteria and
/// `state.data` always meet an object. XML arrives as text and parsed: `{"_xml": "<…>", "root": {…}}`.
pub async fn parse(
    headers: &HeaderMap,
    body: Bytes,
    keys: &BTreeSet<String>,
) -> Result<Parsed, BodyError> {
    // Nearly every message; reading the type costs more than comparing it.
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|stated| stated == "application/json")
    {
        return parse_json(body, "application/json".to_owned(), keys);
    }
    let stated = headers
        .get(CONTENT_TYPE)
        .map_or("application/json", |value| value.to_str().unwrap_or(""));
    let unsupported = || BodyError::Unsupported(excerpt(stated));
    let mime: Mime = stated.parse().map_err(|_| unsupported())?;
    let content_type = mime.essence_str().to_owned();
    match (
        mime.type_().as_str(),
        mime.subtype().as_str(),
        mime.suffix().map(|suffix| suffix.as_str()),
    ) {
        (_, "json", _) | (_, _, Some("json")) => parse_json(body, content_type, keys),
        ("application", "x-www-form-urlencoded", _) => {
            let data = form::decode(form_urlencoded::parse(&body))?;
            Ok(from_other(data, body, content_type))
        }
        ("multipart", "form-data", _) => {
            let data = form::multipart(&mime, body.clone()).await?;
            Ok(from_other(data, body, content_type))
        }
        _ if is_xml(&mime) => {
            let text = std::str::from_utf8(&body)
                .map_err(|error| BodyError::Encoding(error.valid_up_to() + 1))?;
            let data = xml::parse(text)?;
            Ok(from_other(data, body, content_type))
        }
        _ => Err(unsupported()),
    }
}

/// By its name, or by the suffix of one that says more.
pub fn is_xml(mime: &Mime) -> bool {
    mime.subtype() == "xml" || mime.suffix().is_some_and(|suffix| suffix == "xml")
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn parse_json(
    body: Bytes,
    content_type: String,
    keys: &BTreeSet<String>,
) -> Result<Parsed, BodyError> {
    // Windows programs write one; RFC 8259 section 8.1 lets it be ignored.
    let body = match body.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => body.slice_ref(rest),
        None => body,
    };
    // An empty body is an empty message: pings and some webhooks send none.
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Parsed {
            data: json!({}),
            json: Bytes::from_static(b"{}"),
            content_type,
            original: None,
        });
    }
    if let Glance::Object(fields) = glance(&body, keys).map_err(BodyError::Json)? {
        let data = Value::Object(fields);
        return Ok(Parsed {
            data,
            json: body,
            content_type,
            original: None,
        });
    }
    let value: Value = serde_json::from_slice(&body).map_err(BodyError::Json)?;
    let data = Value::Object(Map::from_iter([("_json".to_owned(), value)]));
    // As it was written: a number written anew may have other digits.
    let json = Bytes::from([b"{\"_json\":", &body[..], b"}"].concat());
    Ok(Parsed {
        data,
        json,
        content_type,
        original: None,
    })
}

fn from_other(data: Value, original: Bytes, content_type: String) -> Parsed {
    let json = Bytes::from(data.to_string());
    Parsed {
        data,
        json,
        content_type,
        original: Some(original),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    async fn parsed(content_type: &'static str, body: &'static [u8]) -> Result<Parsed, BodyError> {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        parse(&headers, Bytes::from_static(body), &BTreeSet::new()).await
    }

    /// Found by the fuzz target `bodies`.
    #[tokio::test]
    async fn json_that_is_no_object_keeps_its_numbers_too() {
        let body = b"[666666666666666666666666666666666666666, 1.50]";
        let parsed = parsed("application/json", body).await.expect("valid");
        assert_eq!(
            parsed.json,
            "{\"_json\":[666666666666666666666666666666666666666, 1.50]}"
        );
    }

    #[tokio::test]
    async fn json_is_stored_as_it_came() {
        let body = br#"{ "number": 1.50 }"#;
        assert_eq!(
            parsed("application/json; charset=utf-8", body)
                .await
                .expect("valid")
                .json,
            &body[..]
        );
    }

    #[tokio::test]
    async fn a_byte_order_mark_before_json_is_ignored() {
        let marked = parsed("application/json", b"\xef\xbb\xbf{\"a\":1}").await;
        assert_eq!(marked.expect("valid").json, &b"{\"a\":1}"[..]);
    }

    #[tokio::test]
    async fn an_array_arrives_under_json() {
        assert_eq!(
            parsed("application/json", b"[1,2]")
                .await
                .expect("valid")
                .data,
            json!({"_json": [1, 2]})
        );
    }

    #[tokio::test]
    async fn half_a_json_body_says_where_it_breaks_off() {
        let error = parsed("application/json", b"{\"a\":")
            .await
            .expect_err("invalid");
        assert_eq!(
            error.to_string(),
            "the body is not valid JSON: EOF while parsing a value at line 1 column 5"
        );
    }

    #[tokio::test]
    async fn a_type_that_is_no_message_is_refused_by_name() {
        let error = parsed("image/png", b"x").await.expect_err("unsupported");
        assert!(
            error.to_string().starts_with(
                "bodies of type `image/png` are not taken here; send application/json"
            )
        );
    }

    #[tokio::test]
    async fn xml_that_is_not_utf8_says_which_byte() {
        let error = parsed("text/xml", b"<a>\xff</a>")
            .await
            .expect_err("not utf-8");
        assert!(matches!(error, BodyError::Encoding(4)));
    }
}
