//! Waits for a clock, through plain WASI, for a year.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::clocks::monotonic_clock::subscribe_duration;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        subscribe_duration(365 * 24 * 3_600 * 1_000_000_000).block();
        data("null")
    }
}

fonio_test_guests::export!(Guest);
