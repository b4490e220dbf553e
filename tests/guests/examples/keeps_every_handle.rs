//! Takes handles of the host and gives none back.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::clocks::monotonic_clock::subscribe_duration;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        for _ in 0..1_000_000 {
            core::mem::forget(subscribe_duration(1));
        }
        data("\"kept\"")
    }
}

fonio_test_guests::export!(Guest);
