//! Content of a credential, wiped from memory when it is dropped.

use std::fmt;
use std::ops::Deref;

use serde_json::{Map, Value};
use zeroize::Zeroize;

/// Fields of a credential. Every text below is overwritten when it is dropped, also in a copy; numbers are not. `Debug`
/// shows names only.
#[derive(Clone, Default, PartialEq)]
pub struct Wiped(Map<String, Value>);

impl From<Map<String, Value>> for Wiped {
    fn from(fields: Map<String, Value>) -> Wiped {
        Wiped(fields)
    }
}

impl Deref for Wiped {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_is_overwritten_at_any_depth() {
        let mut value = json!({"a": "hush", "b": ["hush", {"c": "hush"}], "n": 1});
        wipe(&mut value);
        assert_eq!(value, json!({"a": "", "b": ["", {"c": ""}], "n": 1}));
    }

    #[test]
    fn debugging_shows_names_only() {
        let Value::Object(fields) = json!({"password": "hush"}) else {
            return;
        };
        let shown = format!("{:?}", Wiped::from(fields));
        assert_eq!(shown, "[\"password\"]");
    }
}
