//! Has a million operations.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Operation, Reply, data, description};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        let operation = |number: u32| Operation {
            name: format!("o{number}"),
            docs: String::new(),
            parameters: vec![],
        };
        Description {
            operations: (0..1_000_000).map(operation).collect(),
            ..description("test", "1.0.0")
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("null")
    }
}

fonio_test_guests::export!(Guest);
