//! Fills megabytes of its memory, an instruction each time, so that few instructions take long.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let mut memory = vec![0_u8; 16 << 20];
        for value in (0..=u8::MAX).cycle() {
            core::hint::black_box(&mut memory).fill(value);
        }
        data("null")
    }
}

fonio_test_guests::export!(Guest);
