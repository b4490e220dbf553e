//! YAML, TOML and JSON as one tree whose every node knows its place.
//!
//! Problems are about values that are well-formed and wrong, and all of them are wanted at once; typed
//! deserialization would stop at the first, and forget where it was.

mod json;
mod literal;
mod toml;
mod yaml;

use serde_json::{Map, Number, Value};

pub(crate) use json::parse_json;
pub(crate) use literal::parse_literal;
pub(crate) use toml::parse_toml;
pub(crate) use yaml::parse_yaml;

use crate::report::Place;

/// Far above what projects have (the largest of 14 real ones has some 2,000 nodes), far below what aliases of aliases
/// can make of a few lines: 256 MiB at most for a hostile file, instead of gigabytes.
const NODES_MAX: usize = 50_000;

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Where it is used: of an alias, the alias.
    pub at: Place,
    /// Where it is written: of an alias, what it stands for.
    pub written_at: Place,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub text: String,
    pub at: Place,
}

/// Why a text is not in its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub at: Place,
    pub message: String,
    pub help: Option<String>,
}

impl Node {
    /// What kind of value it is, with an article.
    pub fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// The value at a key of a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.text == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// The values of a list or map.
    pub fn values(&self) -> Vec<&Node> {
        match &self.data {
            Data::List(nodes) => nodes.iter().collect(),
            Data::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            _ => Vec::new(),
        }
    }

    pub fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    /// A text; also a number or boolean that was meant as one, as in `job: 1`.
    pub fn as_text(&self) -> Option<String> {
        match &self.data {
            Data::Text(text) => Some(text.clone()),
            Data::Number(number) => Some(number.to_string()),
            Data::Bool(yes) => Some(yes.to_string()),
            Data::Null | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(yes) => Value::Bool(*yes),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(nodes) => Value::Array(nodes.iter().map(Node::to_json).collect()),
            Data::Map(entries) => Value::Object(to_object(entries)),
        }
    }
}

/// A map without its places.
pub(crate) fn to_object(entries: &[(Key, Node)]) -> Map<String, Value> {
    entries
        .iter()
        .map(|(key, node)| (key.text.clone(), node.to_json()))
        .collect()
}
