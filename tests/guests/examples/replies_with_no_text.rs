//! Gives back bytes that are no UTF-8, in the place of a text.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        // SAFETY: there is none, which is the attack; the bytes are handed to the host and not read here.
        data(unsafe { String::from_utf8_unchecked(vec![b'"', 0xff, 0xfe, 0xc0, b'"']) })
    }
}

fonio_test_guests::export!(Guest);
