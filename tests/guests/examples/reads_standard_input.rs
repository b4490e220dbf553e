//! Reads what whoever started the host types, by plain WASI.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data, quoted};
use wasip2::cli::stdin::get_stdin;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let read = get_stdin().blocking_read(u64::MAX);
        data(quoted(&format!(
            "{:?}",
            read.map_err(|error| error.to_string())
        )))
    }
}

fonio_test_guests::export!(Guest);
