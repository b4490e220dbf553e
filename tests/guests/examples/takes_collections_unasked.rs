//! Imports collections without a word of it in its description, and tells what it found in the collection `seen`.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, collections, data, quoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        match collections::get("seen", "secret-plan") {
            Ok(found) => data(quoted(&format!("found {}", found.unwrap_or_default()))),
            Err(error) => data(quoted(&error.to_string())),
        }
    }
}

fonio_test_guests::export!(Guest);
