//! Announces two lengths for one body to an authority.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, unquoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let length = |length: &str| ("content-length".to_owned(), length.as_bytes().to_vec());
        let asking = Asking {
            authority: unquoted(argument),
            path: "/".into(),
            headers: vec![length("5"), length("50")],
            body: b"hello".to_vec(),
            ..Asking::default()
        };
        data(asking.send().map_err(Error::Other)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
