//! Logs ten gigabytes, a megabyte a line.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data, log};

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let line = "x".repeat(1 << 20);
        for _ in 0..10_000 {
            log::write(log::Level::Info, &line);
        }
        data("\"flooded\"")
    }
}

fonio_test_guests::export!(Guest);
