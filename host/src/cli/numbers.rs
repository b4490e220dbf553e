//! Numbers of runs and messages, as they are typed.

/// Of a run.
pub(crate) fn run(text: &str) -> Result<i64, String> {
    number(text).ok_or_else(|| "a run has a number, which `fonio runs list` shows".to_owned())
}

/// Of a message.
pub(crate) fn message(text: &str) -> Result<i64, String> {
    number(text)
        .ok_or_else(|| "a message has a number, which `fonio messages list` shows".to_owned())
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number > 0)
}
