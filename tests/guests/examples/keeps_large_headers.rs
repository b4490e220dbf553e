//! Has the host keep headers that are never sent, in lists of as many bytes as it is told, or of a hundred thousand.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::fields;
use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let bytes = argument.parse().unwrap_or(100_000);
        let large = [("x".to_owned(), b"y".repeat(bytes))];
        let mut kept = Vec::new();
        for _ in 0..10_000 {
            kept.push(fields(&large).map_err(Error::Other)?);
        }
        data(kept.len().to_string())
    }
}

fonio_test_guests::export!(Guest);
