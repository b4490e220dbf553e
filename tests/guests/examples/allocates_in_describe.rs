//! Takes memory and keeps it when it is asked who it is.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        let mut kept = Vec::new();
        loop {
            kept.push(core::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("null")
    }
}

fonio_test_guests::export!(Guest);
