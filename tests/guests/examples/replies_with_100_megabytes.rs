//! Gives back a string of a hundred million characters.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data, quoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data(quoted(&"x".repeat(100_000_000)))
    }
}

fonio_test_guests::export!(Guest);
