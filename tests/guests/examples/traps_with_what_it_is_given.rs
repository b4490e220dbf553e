//! Panics with its argument as the message.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        panic!("it was given {argument}")
    }
}

fonio_test_guests::export!(Guest);
