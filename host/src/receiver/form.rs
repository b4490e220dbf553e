//! Forms: flat and nested names, text parts, and the XML part of an OpenRosa submission.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use mime::Mime;
use multer::Multipart;
use serde_json::{Map, Value, json};

use super::body::{BodyError, is_xml};
use super::xml;

/// Names may nest as web frameworks have it: `a[b]=1` is `{"a":{"b":"1"}}`, `a[]=1&a[]=2` is `{"a":["1","2"]}`.
/// Of a plain name given twice, the last value counts.
pub fn decode<'a>(
    pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
) -> Result<Value, BodyError> {
    let mut fields = Map::new();
    for (count, (name, value)) in pairs.enumerate() {
        if count >= FIELDS_MAX {
            return Err(BodyError::TooManyFields);
        }
        put(&mut fields, &name, Value::String(value.into_owned()));
    }
    Ok(Value::Object(fields))
}

/// Fields of one form. A nested name makes up to 32 values of a few bytes: 140,000 of them took 1.3 GB.
pub const FIELDS_MAX: usize = 10_000;

/// Puts a value under a name, which may nest. A field without a name has the name that is empty, as in the URL standard.
fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let path = path(name);
    let (first, rest) = path.split_first().unwrap_or((&name, &[]));
    insert(fields.entry(*first).or_insert(Value::Null), rest, value);
}

/// How deep names may nest; a name deeper than that is taken as one plain name.
const NESTING_MAX: usize = 32;

fn path(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[') else {
        return vec![name];
    };
    let Some(rest) = rest.strip_suffix(']') else {
        return vec![name];
    };
    let mut path = vec![first];
    path.extend(rest.split("]["));
    if first.is_empty() || path.len() > NESTING_MAX {
        vec![name]
    } else {
        path
    }
}

fn insert(into: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    if first.is_empty() {
        if !into.is_array() {
            *into = json!([]);
        }
        if let Value::Array(items) = into {
            items.push(Value::Null);
            if let Some(last) = items.last_mut() {
                insert(last, rest, value);
            }
        }
        return;
    }
    if !into.is_object() {
        *into = json!({});
    }
    if let Value::Object(fields) = into {
        insert(fields.entry(*first).or_insert(Value::Null), rest, value);
    }
}

/// Text parts become fields. An XML part (ODK and Kobo send `xml_submission_file`) is parsed into the message as a
/// plain XML body would be. Other files are named with type and size; their bytes stay in the stored original.
pub async fn multipart(mime: &Mime, body: Bytes) -> Result<Value, BodyError> {
    let invalid = |error: multer::Error| BodyError::Multipart(error.to_string());
    let boundary = mime
        .get_param("boundary")
        .ok_or_else(|| BodyError::Multipart("it names no boundary".into()))?;
    let mut parts = Multipart::new(
        stream::once(async { Ok::<_, Infallible>(body) }),
        boundary.as_str(),
    );
    let mut data = Map::new();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(invalid)? {
        count += 1;
        if count > FIELDS_MAX {
            return Err(BodyError::TooManyFields);
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let says_xml = part.content_type().is_some_and(is_xml);
        let content_type = part
            .content_type()
            .map(|mime| mime.essence_str().to_owned());
        let bytes = part.bytes().await.map_err(invalid)?;
        match (says_xml || name == "xml_submission_file", file_name) {
            (true, _) => {
                if let Value::Object(parsed) = xml::parse(&text(&bytes))? {
                    data.extend(parsed);
                }
            }
            (false, None) => put(&mut data, &name, Value::String(text(&bytes).into_owned())),
            (false, Some(file)) => {
                let described =
                    json!({ "filename": file, "content_type": content_type, "size": bytes.len() });
                put(&mut data, &name, described);
            }
        }
    }
    Ok(Value::Object(data))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> Value {
        decode(form_urlencoded::parse(body.as_bytes())).expect("few fields")
    }

    #[test]
    fn a_form_of_fields_without_end_is_refused() {
        let body = "a[]=&".repeat(FIELDS_MAX + 1);
        let refused = decode(form_urlencoded::parse(body.as_bytes())).expect_err("too many");
        assert_eq!(refused.to_string(), "the form has more than 10000 fields");
    }

    #[test]
    fn names_with_brackets_nest() {
        assert_eq!(
            decoded("name=Ama&visit[date]=2026-03-01&visit[tests][]=hb&visit[tests][]=rdt"),
            json!({"name": "Ama", "visit": {"date": "2026-03-01", "tests": ["hb", "rdt"]}})
        );
    }

    #[test]
    fn a_name_with_broken_brackets_stays_a_plain_name() {
        assert_eq!(decoded("a[b=1&[x]=2"), json!({"a[b": "1", "[x]": "2"}));
    }

    #[test]
    fn a_name_nested_without_end_is_one_plain_name() {
        let name = format!("a{}", "[b]".repeat(10_000));
        assert_eq!(decoded(&format!("{name}=1")), json!({ name: "1" }));
    }

    /// Found by the fuzz target `bodies`: it took the place of the whole message.
    #[tokio::test]
    async fn a_field_without_a_name_is_a_field_like_others() {
        assert_eq!(decoded("a=1&=2"), json!({"a": "1", "": "2"}));
        let body = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X\r\n\
            Content-Disposition: form-data\r\n\r\n2\r\n--X--\r\n";
        let mime: Mime = "multipart/form-data; boundary=X"
            .parse()
            .expect("a mime type");
        let data = multipart(&mime, Bytes::from(body)).await.expect("valid");
        assert_eq!(data, json!({"a": "1", "": "2"}));
    }

    #[tokio::test]
    async fn an_openrosa_submission_is_its_form_as_text_and_parsed_and_its_files_by_name() {
        let body = "--X\r\nContent-Disposition: form-data; name=\"xml_submission_file\"; filename=\"s.xml\"\r\n\
            Content-Type: text/xml\r\n\r\n<visit id=\"v1\"><age>4</age></visit>\r\n--X\r\n\
            Content-Disposition: form-data; name=\"photo.jpg\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\
            1234\r\n--X--\r\n";
        let mime: Mime = "multipart/form-data; boundary=X"
            .parse()
            .expect("a mime type");
        let data = multipart(&mime, Bytes::from(body)).await.expect("valid");
        assert_eq!(data["visit"], json!({"@id": "v1", "age": "4"}));
        assert_eq!(data["_xml"], "<visit id=\"v1\"><age>4</age></visit>");
        assert_eq!(
            data["photo.jpg"],
            json!({"filename": "photo.jpg", "content_type": "image/jpeg", "size": 4})
        );
    }
}
