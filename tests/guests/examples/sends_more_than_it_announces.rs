//! Announces five bytes to an authority and sends ten thousand.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, unquoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let asking = Asking {
            authority: unquoted(argument),
            path: "/".into(),
            headers: vec![("content-length".into(), b"5".to_vec())],
            body: b"x".repeat(10_000),
            ..Asking::default()
        };
        data(asking.send().map_err(Error::Other)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
