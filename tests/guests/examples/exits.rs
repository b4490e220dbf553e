//! Ends the program it runs in, by plain WASI.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::cli::exit::exit;

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        exit(if argument == "null" { Err(()) } else { Ok(()) });
        #[allow(unreachable_code, reason = "whether it comes back is up to the host")]
        data("\"it came back\"")
    }
}

fonio_test_guests::export!(Guest);
