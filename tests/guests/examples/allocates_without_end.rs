//! Takes memory and keeps it.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let mut kept = Vec::new();
        loop {
            kept.push(core::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }
}

fonio_test_guests::export!(Guest);
