//! YAML to a tree, by serde-saphyr with its budgets on: the text is not trusted.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Location, Spanned};

use super::{Data, Key, NODES_MAX, Node, SyntaxError};
use crate::report::{Place, count};

const REPLAYED_EVENTS_MAX: usize = 100_000;
const SCALAR_BYTES_MAX: usize = 16 << 20;

/// Reads one YAML document.
pub(crate) fn parse_yaml(text: &str) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_total_scalar_bytes: SCALAR_BYTES_MAX,
            max_recorded_anchor_bytes: SCALAR_BYTES_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_EVENTS_MAX,
        },
        // As in the engine that these files were written for: `yes` is a word.
        strict_booleans: true,
        with_snippet: false,
    };
    let parsed: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options);
    parsed.map(node).map_err(|error| syntax_error(text, &error))
}

fn syntax_error(text: &str, error: &serde_saphyr::Error) -> SyntaxError {
    let at = error.location().map_or(Place::START, place);
    let line = text
        .lines()
        .nth(at.line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let indented_by_tab = line
        .chars()
        .take_while(|c| c.is_whitespace())
        .any(|c| c == '\t');
    match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => SyntaxError {
            at,
            message: match key {
                Some(key) => format!("the key `{key}` is there twice"),
                None => "a key is there twice".to_owned(),
            },
            help: Some("only one of the two could count; rename or remove one".to_owned()),
        },
        _ if indented_by_tab => SyntaxError {
            at: Place {
                line: at.line,
                column: 1,
            },
            message: "this line is indented with a tab".to_owned(),
            help: Some("YAML is indented with spaces only".to_owned()),
        },
        error => SyntaxError {
            at,
            message: format!("this is not YAML: {}", words(error)),
            help: None,
        },
    }
}

/// The library's sentence without the position, which is told apart from it.
fn words(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    text[..end]
        .trim_end_matches([':', '.', ' ', '\n'])
        .to_owned()
}

/// A value as serde hands it over, its places still in the library's type.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(raw: Spanned<Raw>) -> Node {
    let data = match raw.value {
        Raw::Null => Data::Null,
        Raw::Bool(yes) => Data::Bool(yes),
        Raw::Number(number) => Data::Number(number),
        Raw::Text(text) => Data::Text(text),
        Raw::List(nodes) => Data::List(nodes.into_iter().map(node).collect()),
        Raw::Map(entries) => Data::Map(
            entries
                .into_iter()
                .map(|(key, value)| (self::key(key), node(value)))
                .collect(),
        ),
    };
    Node {
        at: place(raw.referenced),
        written_at: place(raw.defined),
        data,
    }
}

fn key(key: Spanned<String>) -> Key {
    Key {
        at: place(key.referenced),
        text: key.value,
    }
}

fn place(location: Location) -> Place {
    let position = |n: u64| count(usize::try_from(n).unwrap_or(usize::MAX));
    Place {
        line: position(location.line()),
        column: position(location.column()),
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Raw, E> {
        Number::from_f64(number)
            .map(Raw::Number)
            .ok_or_else(|| E::custom("this number has no JSON form"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries: Vec<(Spanned<String>, Spanned<Raw>)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Raw>>()? {
            entries.push((key, value));
            if entries.len() > NODES_MAX {
                return Err(A::Error::custom("this map is larger than any project's"));
            }
        }
        Ok(Raw::Map(entries))
    }
}
