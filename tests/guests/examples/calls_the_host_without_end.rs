//! Asks the host for the time, over and over.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};
use wasip2::clocks::wall_clock;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        loop {
            core::hint::black_box(wall_clock::now());
        }
    }
}

fonio_test_guests::export!(Guest);
