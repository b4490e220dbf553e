//! Asks for as many random bytes as a number can say.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::random::random::get_random_bytes;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data(get_random_bytes(u64::MAX).len().to_string())
    }
}

fonio_test_guests::export!(Guest);
