//! The job's state, as an operation may read it.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{Error, Value};

/// State: `data`, `configuration` (the credential) and whatever else the job put there.
///
/// Only the credential is parsed at once. Most operations never look at the rest, which may be megabytes: a field of it is parsed,
/// straight into a type of yours, when it is asked for.
pub struct State {
    text: String,
    configuration: Value,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(default)]
    configuration: Value,
}

impl State {
    pub(crate) fn parse(text: String) -> Result<State, Error> {
        let read = serde_json::from_str(&text);
        let Credential { configuration } = read.map_err(|why| not_an_object(&why))?;
        Ok(State {
            text,
            configuration,
        })
    }

    /// A field of state, for example `data`, as a type of yours; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], naming the field, when it is of another shape.
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let mut json = serde_json::Deserializer::from_str(&self.text);
        let read = Field {
            name,
            of: PhantomData,
        }
        .deserialize(&mut json);
        read.map_err(|why| Error::InvalidArgument(format!("state.{name} does not fit: {why}")))
    }

    /// A field of the credential, `None` when there is no credential or the field is absent or `null`. Put secrets into
    /// request headers and nowhere else: a later host seals them, and opens them only there.
    pub fn configuration(&self, field: &str) -> Option<&Value> {
        self.configuration
            .get(field)
            .filter(|value| !value.is_null())
    }

    /// The same as a text, `None` also when it is not one or is empty.
    pub fn configuration_text(&self, field: &str) -> Option<&str> {
        self.configuration(field)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// A field that the credential must have, as a type of yours.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], naming the field, when it is missing or of another shape.
    pub fn credential<T: DeserializeOwned>(&self, field: &str) -> Result<T, Error> {
        let value = self.configuration(field).ok_or_else(|| {
            Error::InvalidArgument(format!(
                "the credential has no `{field}` (state.configuration.{field})"
            ))
        })?;
        T::deserialize(value).map_err(|why| {
            Error::InvalidArgument(format!("`{field}` of the credential does not fit: {why}"))
        })
    }
}

fn not_an_object(why: &serde_json::Error) -> Error {
    Error::InvalidArgument(format!("state is not a JSON object: {why}"))
}

/// Reads one field of an object and skips the others, without building them.
struct Field<'a, T> {
    name: &'a str,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Field<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<T>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Field<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut fields: M) -> Result<Option<T>, M::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<String>()? {
            if name == self.name {
                found = fields.next_value()?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        State::parse(text.into()).expect("a state of this test")
    }

    #[test]
    fn a_field_is_read_as_the_type_that_is_asked_for() {
        let state = state(r#"{"data": [1, 2], "name": "Asha", "none": null}"#);
        assert_eq!(state.field("data"), Ok(Some(vec![1, 2])));
        assert_eq!(state.field("name"), Ok(Some(String::from("Asha"))));
        assert_eq!(state.field::<String>("none"), Ok(None));
        assert_eq!(state.field::<String>("absent"), Ok(None));
    }

    #[test]
    fn a_field_of_another_shape_is_an_error_that_names_it() {
        let error = state(r#"{"data": "text"}"#)
            .field::<Vec<u8>>("data")
            .expect_err("a text is no list");
        assert!(error.to_string().contains("state.data"), "{error}");
    }

    #[test]
    fn a_credential_may_be_absent_and_its_fields_are_named_when_missing() {
        for text in [
            "{}",
            r#"{"configuration": null}"#,
            r#"{"configuration": {"token": ""}}"#,
        ] {
            let state = state(text);
            assert_eq!(state.configuration_text("token"), None, "{text}");
            let error = state.credential::<u64>("token").expect_err("no number");
            assert!(error.to_string().contains("`token`"), "{error}");
        }
    }

    #[test]
    fn a_state_that_is_no_object_is_refused() {
        assert!(State::parse("[".into()).is_err());
    }
}
