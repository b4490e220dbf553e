//! Well-behaved: says two, so that a test can see what it replaced.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data("\"two\"")
    }
}

fonio_test_guests::export!(Guest);
