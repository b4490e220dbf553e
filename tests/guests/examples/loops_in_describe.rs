//! Computes for ever when it is asked who it is.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        loop {
            core::hint::black_box(());
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("null")
    }
}

fonio_test_guests::export!(Guest);
