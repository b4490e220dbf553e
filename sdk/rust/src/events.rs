//! Telling other workflows of the project that something has happened.
//!
//! An adaptor that publishes says so in [`Adaptor::wants`](crate::Adaptor), as `events`, and the project grants it names in
//! `[adaptors.NAME]`. What it publishes leaves with the step, once that has succeeded; a step that fails publishes nothing,
//! and one that is tried again publishes once.

use crate::{Error, Value};

/// Publishes an event. Its name has 1 to 128 characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `/` and `-`; a step publishes at
/// most 1,000, whose data counts as its output.
///
/// # Errors
/// [`Error::InvalidArgument`] for a name that none can be, [`Error::Denied`] for one that the project does not grant,
/// [`Error::TooLarge`] beyond a limit, which it names.
pub fn publish(name: &str, data: &Value) -> Result<(), Error> {
    send(name, &data.to_string())
}

#[cfg(target_arch = "wasm32")]
use crate::guest::publish as send;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::publish as send;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::json;
    use crate::testing::take_events;

    #[test]
    fn a_test_sees_what_was_published_once() {
        super::publish("patient.added", &json!({ "id": 7 })).expect("it is kept");
        let published = ("patient.added".to_owned(), json!({ "id": 7 }));
        assert_eq!(take_events(), [published]);
        assert_eq!(take_events(), []);
    }
}
