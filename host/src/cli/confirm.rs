//! Asking whether something is meant that cannot be taken back.

use std::io::{BufRead, IsTerminal, Write, stdin};

use super::Failure;

/// Asks at the terminal, where what is not `y` or `yes` is no. Where there is no terminal nobody can answer.
///
/// # Errors
/// Wrong use, without a terminal: `--yes` says it beforehand.
pub(crate) fn confirm(what: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{what}; say --yes if that is meant"
        )));
    }
    let mut err = anstream::stderr();
    // Who has no standard error can still type.
    let _ = write!(err, "{what}; is that meant? [y/N] ").and_then(|()| err.flush());
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.map_err(Failure::failed)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
