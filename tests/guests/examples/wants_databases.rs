//! Says that it wants a capability that no host has yet, and imports nothing of the kind.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Reply, data, description};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        Description {
            wants: vec!["log".into(), "databases".into()],
            ..description("crier", "1.0.0")
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("1")
    }
}

fonio_test_guests::export!(Guest);
