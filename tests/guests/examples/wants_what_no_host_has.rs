//! Imports an interface that no host has.
#![cfg(target_arch = "wasm32")]

#[allow(missing_docs, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package evil:corp@1.0.0;
            interface thing { take: func() -> u32; }
            world wants { import thing; }
        ",
    });
}

use fonio_test_guests::{Adaptor, Error, Reply, data};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        data(bindings::evil::corp::thing::take().to_string())
    }
}

fonio_test_guests::export!(Guest);
