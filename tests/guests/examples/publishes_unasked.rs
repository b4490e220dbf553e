//! Publishes an event without a word of that in its description, and tells what became of it.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data, events, quoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        match events::publish("intake.accepted", "1") {
            Ok(()) => data(quoted("published")),
            Err(error) => data(quoted(&error.to_string())),
        }
    }
}

fonio_test_guests::export!(Guest);
