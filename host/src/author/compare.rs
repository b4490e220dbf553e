//! What came against what was expected, place by place.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// A longer value would bury the others.
const SHOWN_MAX_BYTES: usize = 300;

/// Where what came is not what was expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `data/name`; or a sentence, if there is nothing to compare.
    pub at: String,
    /// What was to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub came: Option<Value>,
}

impl Difference {
    /// A difference that is no value.
    pub(super) fn said(sentence: impl Into<String>) -> Difference {
        Difference {
            at: sentence.into(),
            expected: None,
            came: None,
        }
    }

    /// Of two texts.
    pub(super) fn between(at: &str, expected: &str, came: Option<&str>) -> Difference {
        Difference {
            at: at.to_owned(),
            expected: Some(expected.into()),
            came: came.map(Value::from),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        for (sign, value) in [("-", &self.expected), ("+", &self.came)] {
            if let Some(value) = value {
                write!(f, "\n  {sign} {}", shown(value))?;
            }
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= SHOWN_MAX_BYTES {
        return text;
    }
    let beginning = &text[..text.floor_char_boundary(SHOWN_MAX_BYTES)];
    format!("{beginning}… ({} bytes)", text.len())
}

/// Every place in which two values differ.
pub(super) fn compare(at: &str, expected: &Value, came: &Value) -> Vec<Difference> {
    match (expected, came) {
        (Value::Object(expected), Value::Object(came)) => {
            let missing_or_other = expected.iter().flat_map(|(name, value)| {
                let at = format!("{at}/{name}");
                match came.get(name) {
                    Some(there) => compare(&at, value, there),
                    None => vec![one(at, Some(value), None)],
                }
            });
            let more = came
                .iter()
                .filter(|(name, _)| !expected.contains_key(*name));
            let more = more.map(|(name, value)| one(format!("{at}/{name}"), None, Some(value)));
            missing_or_other.chain(more).collect()
        }
        (Value::Array(expected), Value::Array(came)) => (0..expected.len().max(came.len()))
            .flat_map(|index| {
                let at = format!("{at}/{index}");
                match (expected.get(index), came.get(index)) {
                    (Some(expected), Some(came)) => compare(&at, expected, came),
                    (expected, came) => vec![one(at, expected, came)],
                }
            })
            .collect(),
        _ if same(expected, came) => Vec::new(),
        _ => vec![one(at.to_owned(), Some(expected), Some(came))],
    }
}

/// Numbers by value: JavaScript has no 1.0.
fn same(expected: &Value, came: &Value) -> bool {
    expected == came || (expected.is_number() && expected.as_f64() == came.as_f64())
}

fn one(at: String, expected: Option<&Value>, came: Option<&Value>) -> Difference {
    Difference {
        at,
        expected: expected.cloned(),
        came: came.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_place_that_differs_is_named_with_both_values() {
        let expected = json!({"name": "Asha", "ids": [1, 2], "gone": true, "same": {"a": 1.0}});
        let came = json!({"name": "Anna", "ids": [1, 3, 4], "same": {"a": 1}, "more": null});
        let said: Vec<String> = compare("data", &expected, &came)
            .iter()
            .map(Difference::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "data/name\n  - \"Asha\"\n  + \"Anna\"",
                "data/ids/1\n  - 2\n  + 3",
                "data/ids/2\n  + 4",
                "data/gone\n  - true",
                "data/more\n  + null",
            ]
        );
        assert_eq!(compare("data", &expected, &expected), []);
    }

    #[test]
    fn a_long_value_is_shown_by_its_beginning() {
        let long = Difference::between("data", &"ä".repeat(1000), None).to_string();
        assert!(
            long.len() < 400 && long.ends_with("… (2002 bytes)"),
            "{long}"
        );
    }
}
