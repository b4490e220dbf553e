//! Asks for the addresses of a name that spells a secret, by plain WASI.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let stream = resolve_addresses(&instance_network(), "secret.in.a.name.example")
            .map_err(|error| Error::Other(format!("no lookup: {error:?}")))?;
        stream.subscribe().block();
        let found = stream
            .resolve_next_address()
            .map_err(|error| Error::Other(format!("no lookup: {error:?}")))?;
        data(found.is_some().to_string())
    }
}

fonio_test_guests::export!(Guest);
