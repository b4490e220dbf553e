//! Fails with details that are not JSON.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Failure, Reply};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        Err(Error::Failed(Failure {
            code: "X".into(),
            message: "it failed".into(),
            details: "not json".into(),
        }))
    }
}

fonio_test_guests::export!(Guest);
