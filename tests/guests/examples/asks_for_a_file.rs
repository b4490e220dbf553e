//! Asks for a file of the machine, by the scheme of a request.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, unquoted};
use wasip2::http::types::Scheme;

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let asking = Asking {
            scheme: Some(Scheme::Other("file".into())),
            authority: unquoted(argument),
            path: "/etc/passwd".into(),
            ..Asking::default()
        };
        data(asking.send().map_err(Error::Other)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
