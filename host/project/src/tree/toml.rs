//! TOML to a tree.

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Data, Key, Node, SyntaxError};
use crate::report::Place;

/// Reads a TOML document; every mistake in it is reported, not only the first.
pub(crate) fn parse_toml(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let data = map(text, table.get_ref());
        return Ok(Node {
            at: Place::START,
            written_at: Place::START,
            data,
        });
    }
    let syntax_error = |error: toml::de::Error| SyntaxError {
        at: error
            .span()
            .map_or(Place::START, |span| Place::of_byte(text, span.start)),
        message: format!("this is not TOML: {}", error.message()),
        help: None,
    };
    Err(errors.into_iter().map(syntax_error).collect())
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let at = Place::of_byte(text, value.span().start);
    let data = match value.get_ref() {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Data::Number(number.into()),
            Err(_) => Data::Text(integer.to_string()),
        },
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Data::Number(number),
            None => Data::Text(float.to_string()),
        },
        DeValue::Boolean(yes) => Data::Bool(*yes),
        DeValue::Datetime(time) => Data::Text(time.to_string()),
        DeValue::Array(values) => {
            Data::List(values.iter().map(|value| node(text, value)).collect())
        }
        DeValue::Table(table) => map(text, table),
    };
    Node {
        at,
        written_at: at,
        data,
    }
}

/// The library keeps keys in alphabetical order; their places give back the file's.
fn map(text: &str, table: &DeTable<'_>) -> Data {
    let mut entries: Vec<(Key, Node)> = table
        .iter()
        .map(|(key, value)| {
            let at = Place::of_byte(text, key.span().start);
            (
                Key {
                    text: key.get_ref().to_string(),
                    at,
                },
                node(text, value),
            )
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.at);
    Data::Map(entries)
}
