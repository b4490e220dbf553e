//! Computes for ever when it is called.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        loop {
            core::hint::black_box(());
        }
    }
}

fonio_test_guests::export!(Guest);
