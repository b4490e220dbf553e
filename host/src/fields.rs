//! The fields of a JSON object, each as text. A job may leave a state that nests deeper than a parser may recurse (serde_json
//! stops at 128), and what is only handed on need not be parsed: so values are found without recursion and kept as they are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// An object, in the order of its names.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Of a text that is an object; of a name that is there twice, the last value counts.
    pub fn of(text: &str) -> Option<Fields> {
        serde_json::from_str(text).ok()
    }

    /// Of an object that is parsed already.
    pub fn of_map(map: &Map<String, Value>) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in map {
            fields.set(name, &value.to_string());
        }
        fields
    }

    /// The text of a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.get())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Puts JSON text under a name; text that is none changes nothing.
    pub fn set(&mut self, name: &str, json: &str) {
        let Ok(value) = RawValue::from_string(json.to_owned()) else {
            return;
        };
        self.put(name.to_owned(), value);
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Puts all of `above` over what is here.
    pub fn extend(&mut self, above: Fields) {
        for (name, value) in above.0 {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: String, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, there)) => *there = value,
            None => self.0.push((name, value)),
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", Value::from(name.as_str()), value.get())?;
        }
        f.write_str("}")
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    fields.put(name, value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kept_as_they_are_however_deep_they_nest() {
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        let mut fields =
            Fields::of(&format!(r#"{{"a":{deep}, "b": 1.50 ,"a\"":2,"b":3}}"#)).expect("an object");
        assert_eq!(fields.get("a"), Some(deep.as_str()));
        assert_eq!(fields.get("b"), Some("3"));
        fields.set("c", r#"{"x":1}"#);
        fields.set("b", "no json");
        fields.remove("a");
        assert_eq!(fields.to_string(), r#"{"b":3,"a\"":2,"c":{"x":1}}"#);
        assert!(Fields::of("[1]").is_none());
    }
}
