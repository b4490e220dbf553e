//! Gives back what plain WASI lets it see of the machine: folders, variables, arguments.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::cli::environment::{get_arguments, get_environment};
use wasip2::filesystem::preopens::get_directories;

struct Guest;

impl Adaptor for Guest {
    fn attack(_: &str) -> Result<Reply, Error> {
        let (folders, variables, arguments) =
            (get_directories().len(), get_environment(), get_arguments());
        // As Rust shows them for debugging, plain words are JSON too.
        let variables: Vec<[String; 2]> = variables.into_iter().map(<[String; 2]>::from).collect();
        data(format!("[{folders},{variables:?},{}]", arguments.len()))
    }
}

fonio_test_guests::export!(Guest);
