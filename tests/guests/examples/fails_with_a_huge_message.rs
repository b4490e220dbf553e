//! Fails with a sentence of ten million characters.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        Err(Error::Other("x".repeat(10_000_000)))
    }
}

fonio_test_guests::export!(Guest);
