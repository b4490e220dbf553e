//! Gives back what is not JSON.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data("{half a reply")
    }
}

fonio_test_guests::export!(Guest);
