//! Takes memory up to its limit and computes for ever with it.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        while core::arch::wasm32::memory_grow(0, 1) != usize::MAX {}
        loop {
            core::hint::black_box(());
        }
    }
}

fonio_test_guests::export!(Guest);
