//! Waits for no time at all, over and over.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};
use wasip2::clocks::monotonic_clock::subscribe_duration;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        loop {
            subscribe_duration(0).block();
        }
    }
}

fonio_test_guests::export!(Guest);
