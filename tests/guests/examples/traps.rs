//! Ends in a trap.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        core::arch::wasm32::unreachable()
    }
}

fonio_test_guests::export!(Guest);
