//! Says its argument in its log, on its standard output and error, and in its failure.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Failure, Reply, log};
use wasip2::cli::{stderr::get_stderr, stdout::get_stdout};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        log::write(log::Level::Error, argument);
        for stream in [get_stdout(), get_stderr()] {
            stream
                .blocking_write_and_flush(argument.as_bytes())
                .map_err(|error| Error::Other(error.to_string()))?;
        }
        Err(Error::Failed(Failure {
            code: argument.into(),
            message: argument.into(),
            details: format!("{{\"told\":{argument}}}"),
        }))
    }
}

fonio_test_guests::export!(Guest);
