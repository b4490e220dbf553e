//! Waits for the first of no things at all.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::io::poll::poll;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data(poll(&[]).len().to_string())
    }
}

fonio_test_guests::export!(Guest);
