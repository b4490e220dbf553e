//! What is sent: JSON, text, a form, or a multipart form.

use fonio_sdk::http::Request;
use fonio_sdk::{Error, Map, Value};

use crate::address::{pairs, text};
use crate::options::{Options, Payload};

/// How a body is written down.
#[derive(PartialEq)]
enum Form {
    Plain,
    UrlEncoded,
    Multipart,
}

/// Gives the request its body and, where the job's headers do not say otherwise, its content type.
pub fn attach(request: &mut Request, options: &mut Options) -> Result<(), Error> {
    let form = form(request, options);
    match (
        options
            .data
            .take()
            .map(Payload::Body)
            .or_else(|| options.payload.take()),
        form,
    ) {
        (None | Some(Payload::Body(Value::Null)), _) => {}
        (Some(Payload::Form(fields)), _)
        | (Some(Payload::Body(Value::Object(fields))), Form::Multipart) => {
            multipart(request, &fields)
        }
        (Some(Payload::UrlEncoded(fields)), _)
        | (Some(Payload::Body(Value::Object(fields))), Form::UrlEncoded) => {
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs(&fields))
                .finish();
            request.body = body.into_bytes();
            request
                .headers
                .set("content-type", "application/x-www-form-urlencoded");
        }
        (Some(Payload::Body(_)), Form::Multipart) => {
            return Err(Error::InvalidArgument(
                "a body of contentType 'form' must be an object: its fields are the form's".into(),
            ));
        }
        (Some(Payload::Body(Value::String(text))), _) => plain(request, options, text.into_bytes()),
        (Some(Payload::Body(value) | Payload::Json(value)), _) => {
            plain(request, options, value.to_string().into_bytes())
        }
    }
    Ok(())
}

fn form(request: &Request, options: &Options) -> Form {
    let header = request
        .headers
        .get("content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    match options.content_type.as_deref() {
        Some("form") => Form::Multipart,
        Some("urlencoded") => Form::UrlEncoded,
        _ if header.starts_with("multipart/form-data") => Form::Multipart,
        _ if header.starts_with("application/x-www-form-urlencoded") => Form::UrlEncoded,
        _ => Form::Plain,
    }
}

fn plain(request: &mut Request, options: &Options, body: Vec<u8>) {
    request.body = body;
    if request.headers.get("content-type").is_none() {
        let content_type = match options.content_type.as_deref() {
            Some("xml") => "application/xml",
            Some("string" | "text") => "text/plain",
            Some("urlencoded") => "application/x-www-form-urlencoded",
            Some(media_type) if media_type.contains('/') => media_type,
            // Also for a text: OpenFn's users write JSON.stringify(…) and expect it so.
            _ => "application/json",
        };
        request.headers.set("content-type", content_type);
    }
}

/// RFC 7578. A field is a text, anything else as JSON, or a file: `{ value, options: { filename, contentType } }`.
fn multipart(request: &mut Request, fields: &Map<String, Value>) {
    let parts: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| part(name, value))
        .collect();
    let boundary = boundary(&parts);
    let mut body = String::new();
    for (head, content) in &parts {
        body.push_str(&format!("--{boundary}\r\n{head}\r\n\r\n{content}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    request.body = body.into_bytes();
    request.headers.set(
        "content-type",
        format!("multipart/form-data; boundary={boundary}"),
    );
}

fn part(name: &str, value: &Value) -> (String, String) {
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    let Some((content, options)) = value
        .get("value")
        .zip(value.get("options").and_then(Value::as_object))
    else {
        return (head, text(value));
    };
    if let Some(filename) = options.get("filename").and_then(Value::as_str) {
        head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
    }
    if let Some(content_type) = options.get("contentType").and_then(Value::as_str) {
        head.push_str(&format!(
            "\r\nContent-Type: {}",
            content_type.replace(['\r', '\n'], " ")
        ));
    }
    (head, text(content))
}

/// As browsers write names (HTML standard, multipart/form-data encoding), so that a name cannot end its own line.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A line that is in none of the parts. The same form gives the same bytes each time, so a retried step repeats itself exactly.
fn boundary(parts: &[(String, String)]) -> String {
    let mut boundary = String::from("fonio-form-boundary");
    while parts
        .iter()
        .any(|(head, content)| head.contains(&boundary) || content.contains(&boundary))
    {
        boundary.push_str("-x");
    }
    boundary
}
