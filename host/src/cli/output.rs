//! Results on standard output: what cannot be written there is said, and never a panic.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::process::exit;

use super::paint;

/// Writes to standard output, or ends the program: with 1 and the reason when it cannot be written (a full disk), and
/// without a word when whoever read it has gone, as `fonio check | head -1` does.
pub(crate) fn write(text: Arguments<'_>) {
    let mut out = anstream::stdout().lock();
    let written = out.write_fmt(text).and_then(|()| out.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(1),
        Err(error) => {
            paint::error(&format!("standard output cannot be written: {error}"));
            exit(1)
        }
    }
}

/// For a person: what names and texts of files have in them that could steer a terminal is shown, and not sent.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::cli::output::write(format_args!("{}\n", fonio_project::printable(&format!($($text)*))))
    };
}
pub(crate) use tell;

/// As `std::println`, by [`write`]: for programs, byte by byte as it is.
macro_rules! println {
    ($($text:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use println;
