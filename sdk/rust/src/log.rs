//! Lines for the log of the step that is running. The host stamps them, filters secrets and limits their sum.

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the adaptor's own author.
    Debug,
    /// What was done.
    Info,
    /// Something the job's author should change.
    Warn,
    /// Something went wrong.
    Error,
}

/// Writes a line for the adaptor's own author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Writes a line that says what was done.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Writes a line that asks for a change in the job.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Writes a line about something that went wrong.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
use crate::guest::log as write;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::record as write;
