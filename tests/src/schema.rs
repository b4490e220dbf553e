//! JSON Schema, as far as the API's own document uses it: whether a value is as it is described.
//!
//! A word that this does not know is an error and not passed over, so that the document cannot say what nobody checks.

use serde_json::{Map, Value};

/// Words that say nothing about a value.
const REMARKS: &[&str] = &["description", "default", "$ref"];

/// A document with its schemas.
#[derive(Debug)]
pub struct Schemas<'d>(pub &'d Value);

impl Schemas<'_> {
    /// What is not as described, each with its place in the value.
    pub fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.look(schema, value, "", &mut problems);
        problems
    }

    fn look(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let Some(words) = schema.as_object() else {
            problems.push(format!("{at}: {schema} is no schema"));
            return;
        };
        if let Some(to) = schema["$ref"].as_str() {
            match self.0.pointer(to.trim_start_matches('#')) {
                Some(named) => self.look(named, value, at, problems),
                None => problems.push(format!("{at}: {to} leads nowhere")),
            }
        }
        for (word, wanted) in words {
            if let Err(why) = self.holds(word, wanted, words, value, at, problems) {
                problems.push(format!("{at}: {why}, not {value}"));
            }
        }
    }

    fn holds(
        &self,
        word: &str,
        wanted: &Value,
        words: &Map<String, Value>,
        value: &Value,
        at: &str,
        problems: &mut Vec<String>,
    ) -> Result<(), String> {
        let holds = match word {
            "type" => {
                let kinds = wanted.as_array().cloned().unwrap_or(vec![wanted.clone()]);
                kinds
                    .iter()
                    .any(|kind| is(kind.as_str().unwrap_or_default(), value))
            }
            "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
            "const" => wanted == value,
            "minimum" => value
                .as_f64()
                .is_none_or(|found| Some(found) >= wanted.as_f64()),
            "maximum" => value
                .as_f64()
                .is_none_or(|found| Some(found) <= wanted.as_f64()),
            "oneOf" => {
                let kinds = wanted.as_array().into_iter().flatten();
                kinds
                    .filter(|kind| self.problems(kind, value).is_empty())
                    .count()
                    == 1
            }
            "required" => value.as_object().is_none_or(|found| {
                let mut names = wanted.as_array().into_iter().flatten();
                names.all(|name| found.contains_key(name.as_str().unwrap_or_default()))
            }),
            "properties" => {
                for (name, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(found) = value.get(name) {
                        self.look(schema, found, &format!("{at}/{name}"), problems);
                    }
                }
                true
            }
            "additionalProperties" => value.as_object().is_none_or(|found| {
                let known = |name: &String| words["properties"].get(name).is_some();
                wanted == true || found.keys().all(known)
            }),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.look(wanted, item, &format!("{at}/{index}"), problems);
                }
                true
            }
            word if REMARKS.contains(&word) => true,
            word => return Err(format!("the word {word} is not known here")),
        };
        if holds {
            Ok(())
        } else {
            Err(format!("{word} {wanted}"))
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_as_described_is_found_with_its_place() {
        let document = json!({ "named": { "type": "integer", "minimum": 1 } });
        let schemas = Schemas(&document);
        let schema = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {
                "a": { "type": ["string", "null"] },
                "b": { "type": "array", "items": { "$ref": "#/named" } },
                "c": { "oneOf": [{ "const": "x" }, { "type": "integer" }] },
            },
        });
        assert!(
            schemas
                .problems(&schema, &json!({ "a": null, "b": [1, 2], "c": "x" }))
                .is_empty()
        );
        for (wrong, place) in [
            (json!([]), ": type"),
            (json!({}), ": required"),
            (json!({ "a": 1 }), "/a: type"),
            (json!({ "a": "x", "d": 1 }), ": additionalProperties"),
            (json!({ "a": "x", "b": [1, 0] }), "/b/1: minimum"),
            (json!({ "a": "x", "c": "y" }), "/c: oneOf"),
        ] {
            let problems = schemas.problems(&schema, &wrong);
            assert!(
                problems.iter().any(|found| found.starts_with(place)),
                "{wrong}: {problems:?}"
            );
        }
        let unknown = schemas.problems(&json!({ "pattern": "x" }), &json!("x"));
        assert!(unknown[0].contains("not known"), "{unknown:?}");
    }
}
