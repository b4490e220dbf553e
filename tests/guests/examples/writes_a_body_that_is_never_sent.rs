//! Fills the body of a request that it does not send.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply};
use wasip2::http::types::{Fields, OutgoingRequest};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let request = OutgoingRequest::new(Fields::new());
        let body = request
            .body()
            .map_err(|()| Error::Other("no body".into()))?;
        let stream = body
            .write()
            .map_err(|()| Error::Other("no stream".into()))?;
        loop {
            stream
                .blocking_write_and_flush(&[b'x'; 4096])
                .map_err(|error| Error::Other(error.to_string()))?;
        }
    }
}

fonio_test_guests::export!(Guest);
