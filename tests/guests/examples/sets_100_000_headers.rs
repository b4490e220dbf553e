//! Puts a hundred thousand headers on one request.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::fields;
use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let headers: Vec<_> = (0..100_000)
            .map(|number| (format!("x-{number}"), b"y".to_vec()))
            .collect();
        fields(&headers).map_err(Error::Other)?;
        data("\"all of them\"")
    }
}

fonio_test_guests::export!(Guest);
