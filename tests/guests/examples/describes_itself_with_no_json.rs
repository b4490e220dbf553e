//! Gives a schema that is not JSON.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Reply, data, description};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        Description {
            credential_schema: "{half a schema".into(),
            ..description("test", "1.0.0")
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("null")
    }
}

fonio_test_guests::export!(Guest);
