//! Where in a message a field is: `patient.id`, or as a JSON Pointer where a name has dots.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::reading::Reading;
use crate::tree::Node;

/// Deeper than any form nests, and what JSON may nest.
const SEGMENTS_MAX: usize = 128;
/// What a value adds to a row for each message. A UUID has 36, a URL rarely 200.
const VALUE_MAX_BYTES: usize = 255;

/// The way to a field of a message: names, and places in lists counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    written: String,
    segments: Vec<String>,
}

/// Why something is no [`FieldPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// Two dots follow each other, or one stands at an end.
    #[error("a name between two dots is missing")]
    EmptyName,
    /// It is empty.
    #[error("it has no name")]
    Nothing,
    /// A JSON Pointer's escape that is none.
    #[error("`~` is followed by neither 0, which stands for `~`, nor 1, which stands for `/`")]
    Escape,
    /// Nobody's messages nest so deep.
    #[error("it has more than {SEGMENTS_MAX} names")]
    TooDeep,
}

impl FieldPath {
    /// The top-level field that it leads through.
    pub fn top(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// What is there.
    pub fn find<'v>(&self, body: &'v Value) -> Option<&'v Value> {
        self.segments
            .iter()
            .try_fold(body, |value, segment| match value {
                Value::Object(fields) => fields.get(segment),
                Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
                _ => None,
            })
    }

    /// What is there as the text that messages are told apart by: that of a text, a number, or true and false, if it is
    /// 1 to 255 bytes. A list, an object, null and nothing tell no messages apart.
    pub fn find_text(&self, body: &Value) -> Option<String> {
        let text = match self.find(body)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (1..=VALUE_MAX_BYTES).contains(&text.len()).then_some(text)
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(written: &str) -> Result<FieldPath, FieldPathError> {
        let segments = match written.strip_prefix('/') {
            Some(pointer) => pointer
                .split('/')
                .map(unescaped)
                .collect::<Result<_, _>>()?,
            None if written.is_empty() => return Err(FieldPathError::Nothing),
            None => written
                .split('.')
                .map(named)
                .collect::<Result<Vec<_>, _>>()?,
        };
        if segments.len() > SEGMENTS_MAX {
            return Err(FieldPathError::TooDeep);
        }
        Ok(FieldPath {
            written: written.to_owned(),
            segments,
        })
    }
}

fn named(segment: &str) -> Result<String, FieldPathError> {
    match segment {
        "" => Err(FieldPathError::EmptyName),
        name => Ok(name.to_owned()),
    }
}

/// As in RFC 6901.
fn unescaped(segment: &str) -> Result<String, FieldPathError> {
    let mut parts = segment.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', &part[1..]),
            Some(b'1') => ('/', &part[1..]),
            _ => return Err(FieldPathError::Escape),
        };
        name.push(escaped);
        name.push_str(rest);
    }
    Ok(name)
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Reading<'_> {
    /// A field of a message; `place` names the setting.
    pub(crate) fn field_path(&mut self, node: &Node, place: &str) -> Option<FieldPath> {
        let text = self.text(node, place)?;
        match text.parse() {
            Ok(path) => Some(path),
            Err(error) => {
                self.error(node.at, format!("{place} does not name a field: {error}"))
                    .help(
                        "names with dots between them, for instance \"patient.id\"; if a name has dots itself, a JSON Pointer: \"/a.b/id\"",
                    );
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(path: &str) -> Option<String> {
        let body = json!({
            "patient": {"id": "p-1", "age": 7, "alive": true, "none": null},
            "a.b": {"~/": ["x", {"y": 1.5}]},
            "@id": "",
            "long": "x".repeat(256),
        });
        let path: FieldPath = path.parse().expect("a path");
        path.find_text(&body)
    }

    #[test]
    fn a_path_of_names_and_places_leads_to_a_text() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found("patient.id"), text("p-1"));
        assert_eq!(found("patient.age"), text("7"));
        assert_eq!(found("/patient/alive"), text("true"));
        assert_eq!(found("/a.b/~0~1/0"), text("x"));
        assert_eq!(found("/a.b/~0~1/1/y"), text("1.5"));
    }

    #[test]
    fn what_tells_no_messages_apart_is_nothing() {
        for path in [
            "patient",
            "patient.none",
            "patient.id.x",
            "other",
            "@id",
            "long",
            "a.b",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_that_cannot_be_one_says_why() {
        let deep = vec!["a"; SEGMENTS_MAX + 1].join(".");
        for (path, why) in [
            ("", FieldPathError::Nothing),
            ("a..b", FieldPathError::EmptyName),
            (".a", FieldPathError::EmptyName),
            ("/a~2", FieldPathError::Escape),
            ("/a~", FieldPathError::Escape),
            (deep.as_str(), FieldPathError::TooDeep),
        ] {
            assert_eq!(path.parse::<FieldPath>(), Err(why), "{path}");
        }
    }
}
