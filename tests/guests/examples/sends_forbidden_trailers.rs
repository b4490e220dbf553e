//! Sends an authority a body, and after it headers that only a head may have.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, unquoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let asking = Asking {
            authority: unquoted(argument),
            path: "/".into(),
            body: b"hello".to_vec(),
            trailers: vec![
                ("host".into(), b"evil.example".to_vec()),
                ("content-length".into(), b"0".to_vec()),
            ],
            ..Asking::default()
        };
        data(asking.send().map_err(Error::Other)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
