//! Sends an authority a body that goes on for as long as it is let.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, unquoted};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let request = OutgoingRequest::new(Fields::new());
        let set = request
            .set_method(&Method::Post)
            .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
            .and_then(|()| request.set_authority(Some(&unquoted(argument))))
            .and_then(|()| request.set_path_with_query(Some("/")));
        set.map_err(|()| Error::Other("the host takes no such address".into()))?;
        let body = request
            .body()
            .map_err(|()| Error::Other("no body".into()))?;
        let _reply = outgoing_handler::handle(request, None)
            .map_err(|code| Error::Other(format!("{code:?}")))?;
        let stream = body
            .write()
            .map_err(|()| Error::Other("no stream".into()))?;
        loop {
            stream
                .blocking_write_and_flush(&[b'x'; 4096])
                .map_err(|error| Error::Other(format!("the body stopped: {error}")))?;
        }
    }
}

fonio_test_guests::export!(Guest);
