//! XML messages, above all OpenRosa submissions from ODK, Kobo and CommCare.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value, json};

use super::body::BodyError;
use super::xml_shape;

/// Elements in one message; a form has hundreds.
const NODES_MAX: u32 = 200_000;

/// The text under `_xml`, the root element under its own name, that name under `_root`, and the root's `id`, which in
/// OpenRosa names the form, under `_form`: criteria compare whole top-level values, so they need one to compare with.
///
/// An element without attributes and children is its text; otherwise an object: attributes as `@name`, text beside
/// children as `#text`, children by name, repeated ones as an array. Namespace prefixes are dropped. Document type
/// declarations are refused: entities are how XML attacks its reader.
pub fn parse(text: &str) -> Result<Value, BodyError> {
    xml_shape::check(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| BodyError::Xml(error.to_string()))?;
    let root = document.root_element();
    let parsed = element(root);
    let name = root.tag_name().name();
    let mut message = Map::from_iter([
        ("_xml".to_owned(), json!(text)),
        ("_root".to_owned(), json!(name)),
    ]);
    if let Some(form) = root.attribute("id") {
        message.insert("_form".to_owned(), json!(form));
    }
    message.insert(name.to_owned(), parsed);
    Ok(Value::Object(message))
}

/// As deep as `xml_shape` lets it be.
fn element(node: Node<'_, '_>) -> Value {
    let mut fields = Map::new();
    for attribute in node.attributes() {
        fields.insert(format!("@{}", attribute.name()), attribute.value().into());
    }
    for child in node.children().filter(Node::is_element) {
        add(&mut fields, child.tag_name().name(), element(child));
    }
    let text: String = node
        .children()
        .filter_map(|child| child.is_text().then(|| child.text())?)
        .collect();
    let text = text.trim();
    if fields.is_empty() {
        return Value::String(text.to_owned());
    }
    if !text.is_empty() {
        fields.insert("#text".to_owned(), text.into());
    }
    Value::Object(fields)
}

/// A name met again becomes an array: repeat groups of a form are repeated elements.
fn add(fields: &mut Map<String, Value>, name: &str, value: Value) {
    match fields.get_mut(name) {
        None => {
            fields.insert(name.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(single) => *single = Value::Array(vec![single.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_text_and_fields() {
        let text = r#"<data id="hh" xmlns:h="u"><h:head>Ama</h:head><child><n>1</n></child><child><n>2</n></child></data>"#;
        assert_eq!(
            parse(text).expect("valid"),
            json!({"_xml": text, "_root": "data", "_form": "hh", "data": {"@id": "hh", "head": "Ama", "child": [{"n": "1"}, {"n": "2"}]}})
        );
    }

    #[test]
    fn entities_are_refused() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>"#;
        assert!(matches!(parse(bomb), Err(BodyError::Xml(_))));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(500), "</a>".repeat(500));
        assert_eq!(
            parse(&deep).expect_err("too deep").to_string(),
            "the body is not valid XML: elements nest deeper than 128"
        );
    }
}
