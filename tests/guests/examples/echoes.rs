//! Well-behaved: gives back its argument.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        data(argument)
    }
}

fonio_test_guests::export!(Guest);
