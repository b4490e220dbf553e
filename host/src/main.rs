//! The `fonio` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fonio::cli::main()
}
