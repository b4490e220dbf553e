//! What an imported package says about itself: what it exports is the truth, its `ast.json` the documentation of that.

use std::collections::BTreeMap;
use std::fs;

use fonio_sandbox::{Contents, Description, Export, Exports, Operation, Package, Parameter};
use serde_json::{Map, Value, json};

use super::npm::Installed;

/// The parts of `ast.json` that document functions.
const DOCUMENTED: [&str; 3] = ["common", "exports", "operations"];

/// Puts a description together.
pub fn describe(package: &Installed, exports: Exports) -> Package {
    let documentation = documentation(package);
    let functions = exports.functions().into_iter();
    let operations = functions
        .map(|name| operation(&name, &exports, documentation.get(&name)))
        .collect();
    let credential_schema = json_file(package, "configuration-schema.json");
    let description = Description {
        name: package.text("name").to_owned(),
        version: package.text("version").to_owned(),
        docs: package.text("description").to_owned(),
        operations,
        credential_schema: if credential_schema.is_object() {
            credential_schema
        } else {
            json!({})
        },
        answers_to: vec![package.text("name").to_owned()],
        wants: vec!["network".to_owned(), "log".to_owned()],
    };
    Package {
        contents: Contents {
            made_by: concat!("fonio ", env!("CARGO_PKG_VERSION")).to_owned(),
            licence: licence(&package.manifest),
            exports,
        },
        description,
    }
}

/// A text, or in old packages an object or a list of them.
fn licence(manifest: &Value) -> String {
    let licence = match &manifest["license"] {
        Value::Null => &manifest["licenses"][0],
        licence => licence,
    };
    let text = licence.as_str().or_else(|| licence["type"].as_str());
    text.unwrap_or("not stated").to_owned()
}

fn json_file(package: &Installed, name: &str) -> Value {
    let text = fs::read_to_string(package.folder.join(name)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn documentation(package: &Installed) -> BTreeMap<String, Value> {
    let ast = json_file(package, "ast.json");
    let documented = DOCUMENTED.iter().filter_map(|part| ast[part].as_array());
    let named = documented.flatten().filter_map(|entry| {
        let name = entry["name"].as_str()?;
        Some((name.to_owned(), entry.clone()))
    });
    named.collect()
}

fn operation(name: &str, exports: &Exports, documented: Option<&Value>) -> Operation {
    let Some(entry) = documented else {
        return undocumented(name, exports);
    };
    let docs = &entry["docs"];
    let parameters = match tags(docs).next() {
        Some(_) => documented_parameters(docs),
        None => entry["params"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|name| parameter(name, "", Map::new(), false))
            .collect(),
    };
    Operation {
        name: name.to_owned(),
        docs: docs["description"].as_str().unwrap_or_default().to_owned(),
        parameters,
    }
}

fn undocumented(name: &str, exports: &Exports) -> Operation {
    let count = match exports.at(name) {
        Some(Export::Function(count)) => *count,
        _ => 0,
    };
    // What a function says of its parameters; a careless one may say anything.
    let parameters =
        (1..=count.min(16)).map(|at| parameter(&format!("argument{at}"), "", Map::new(), false));
    Operation {
        name: name.to_owned(),
        docs: String::new(),
        parameters: parameters.collect(),
    }
}

/// Its `@param`s.
fn tags(docs: &Value) -> impl Iterator<Item = &Value> {
    let tags = docs["tags"].as_array().into_iter().flatten();
    tags.filter(|tag| tag["title"] == "param" && tag["name"].is_string())
}

/// `options.query` is a field of the parameter `options`.
fn documented_parameters(docs: &Value) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for tag in tags(docs) {
        let name = tag["name"].as_str().unwrap_or_default();
        let said = tag["description"].as_str().unwrap_or_default();
        let mut schema = schema(&tag["type"]);
        match name.split_once('.') {
            None => {
                let optional = tag["type"]["type"] == "OptionalType";
                parameters.push(parameter(name, said, schema, optional));
            }
            Some((whole, field)) => {
                if !said.is_empty() {
                    schema.insert("description".into(), said.into());
                }
                if let Some(whole) = parameters
                    .iter_mut()
                    .find(|parameter| parameter.name == whole)
                {
                    whole.schema["type"] = "object".into();
                    whole.schema["properties"][field] = schema.into();
                }
            }
        }
    }
    parameters
}

fn parameter(name: &str, docs: &str, schema: Map<String, Value>, optional: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        docs: docs.to_owned(),
        schema: schema.into(),
        optional,
    }
}

/// JSON Schema of a type as JSDoc writes it; of what JSON has no word for, nothing.
fn schema(jsdoc: &Value) -> Map<String, Value> {
    let inner = match jsdoc["type"].as_str() {
        Some("NameExpression") => jsdoc,
        Some("OptionalType") => return schema(&jsdoc["expression"]),
        _ => return Map::new(),
    };
    let name = inner["name"].as_str().unwrap_or_default().to_lowercase();
    let known = ["string", "number", "boolean", "object", "array"];
    let found = known.into_iter().find(|known| *known == name);
    found
        .map(|name| Map::from_iter([("type".to_owned(), name.into())]))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_from_the_documentation_with_the_fields_of_options() {
        let docs = json!({"tags": [
            {"title": "public"},
            {"title": "param", "name": "path", "description": "Where", "type": {"type": "NameExpression", "name": "string"}},
            {"title": "param", "name": "options", "type": {"type": "OptionalType", "expression": {"type": "NameExpression", "name": "Options"}}},
            {"title": "param", "name": "options.query", "description": "What", "type": {"type": "NameExpression", "name": "object"}},
        ]});
        let parameters = serde_json::to_value(documented_parameters(&docs)).expect("JSON");
        assert_eq!(
            parameters,
            json!([
                {"name": "path", "docs": "Where", "schema": {"type": "string"}, "optional": false},
                {"name": "options", "docs": "", "optional": true, "schema":
                    {"type": "object", "properties": {"query": {"type": "object", "description": "What"}}}},
            ])
        );
    }
}
