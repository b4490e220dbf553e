//! Asking for a password: at a terminal without showing it, else from standard input.

use std::io::{BufRead, IsTerminal, Read, Write, stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::Failure;

/// Longer lines are no passwords.
const LINE_BYTES_MAX: u64 = 4096;

/// A new password: typed twice at a terminal, else the first line of standard input.
pub(crate) fn new_password() -> Result<String, Failure> {
    if !stdin().is_terminal() {
        return line();
    }
    let first = hidden("password: ")?;
    if hidden("again: ")? == first {
        Ok(first)
    } else {
        Err(Failure::usage(
            "the two are not the same; nothing is changed",
        ))
    }
}

fn hidden(prompt: &str) -> Result<String, Failure> {
    let mut err = anstream::stderr();
    // Who has no standard error can still type.
    let _ = write!(err, "{prompt}").and_then(|()| err.flush());
    let quiet = Quiet::new()?;
    let line = line();
    drop(quiet);
    let _ = writeln!(err);
    line
}

fn line() -> Result<String, Failure> {
    let mut text = String::new();
    stdin()
        .lock()
        .take(LINE_BYTES_MAX)
        .read_line(&mut text)
        .map_err(|error| Failure::failed(format!("the password cannot be read: {error}")))?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    if text.is_empty() {
        return Err(Failure::usage("there is no password on standard input"));
    }
    Ok(text)
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Quiet, Failure> {
        let failed = |error| Failure::failed(format!("the terminal cannot be made quiet: {error}"));
        let before = tcgetattr(stdin()).map_err(failed)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet).map_err(failed)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // It could be set a moment ago; if it is gone now there is nobody to show anything to.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}
