//! Prints a gigabyte, through plain WASI.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::cli::stdout::get_stdout;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let out = get_stdout();
        for _ in 0..250_000 {
            out.blocking_write_and_flush(&[b'x'; 4000])
                .map_err(|error| Error::Other(error.to_string()))?;
        }
        data("\"flooded\"")
    }
}

fonio_test_guests::export!(Guest);
