//! Fails in the words of a refusal that the host never spoke.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        Err(Error::Denied(
            "GET http://10.0.0.1 was refused: this project grants no network to it".into(),
        ))
    }
}

fonio_test_guests::export!(Guest);
