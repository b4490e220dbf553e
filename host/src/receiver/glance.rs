//! As much of a JSON body as matching needs: whether it is valid, and the few top-level values that criteria compare.
//!
//! Most messages are stored as they came, and their values are of interest to nobody here. While the whole value was
//! built, a message at 256 connections took 25 µs of CPU where the durable floor took 16; since, 16 where that takes 13
//! (`cargo xtask bench`, two runs).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What a glance at a body shows.
#[derive(Debug, PartialEq)]
pub enum Glance {
    /// An object; of its fields, those that were asked for. Of a name that is there twice, the last value counts.
    Object(Map<String, Value>),
    /// Valid JSON that is no object.
    Other,
}

/// Checks the whole body (JSON nests 128 deep at most) and keeps the top-level values of `keys`.
pub fn glance(body: &[u8], keys: &BTreeSet<String>) -> Result<Glance, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seen = Top(keys).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(seen)
}

struct Top<'k>(&'k BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Glance;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Glance, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The visits of every value that is passed over; maps and sequences are passed over value by value, because only so
/// their nesting is limited and their strings are checked.
macro_rules! pass_over {
    ($value:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<Skipped>()?.is_some() {}
            Ok($value)
        }
    };
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Glance;

    pass_over!(Glance::Other);

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Glance, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = fields.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => {
                    kept.insert(name, fields.next_value()?);
                }
                None => {
                    fields.next_value::<Skipped>()?;
                }
            }
        }
        Ok(Glance::Object(kept))
    }
}

/// A field's name, if it is one that was asked for.
struct Name<'k>(&'k BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.contains(name).then(|| name.to_owned()))
    }
}

struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Skipped, D::Error> {
        deserializer.deserialize_any(Skipped)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Skipped;

    pass_over!(Skipped);

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Skipped, A::Error> {
        while fields.next_key::<Skipped>()?.is_some() {
            fields.next_value::<Skipped>()?;
        }
        Ok(Skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(body: &str) -> Result<Glance, serde_json::Error> {
        glance(body.as_bytes(), &["a", "b"].map(str::to_owned).into())
    }

    #[test]
    fn the_fields_that_were_asked_for_are_kept_whole() {
        let Ok(Glance::Object(kept)) = seen(r#"{"a":{"x":[1,2.5]},"c":[{"a":1}],"b":null}"#) else {
            panic!("an object")
        };
        assert_eq!(
            Value::Object(kept),
            json!({"a": {"x": [1, 2.5]}, "b": null})
        );
    }

    #[test]
    fn of_a_name_that_is_there_twice_the_last_value_counts() {
        let Ok(Glance::Object(kept)) = seen(r#"{"a":1,"a":2}"#) else {
            panic!("an object")
        };
        assert_eq!(kept["a"], 2);
    }

    #[test]
    fn what_is_no_object_is_seen_to_be_none() {
        for body in ["[1,{}]", "3", "\"a\"", "null", "true", "-1.5"] {
            assert_eq!(seen(body).expect("valid"), Glance::Other, "{body}");
        }
    }

    #[test]
    fn what_is_passed_over_is_checked_like_what_is_kept() {
        let deep = format!("{{\"c\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for body in [
            r#"{"c":[1,}"#,
            r#"{"c":tru}"#,
            r#"{"c":1} x"#,
            r#"{"c":"\ud800"}"#,
            r#"{"c":1e999}"#,
            &deep,
        ] {
            let whole = serde_json::from_str::<Value>(body).expect_err("not valid");
            let glanced = seen(body).expect_err("not valid");
            assert_eq!(glanced.to_string(), whole.to_string(), "{body}");
        }
        assert!(glance(b"{\"c\":\"\xff\"}", &BTreeSet::new()).is_err());
    }
}
