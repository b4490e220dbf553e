//! How a thrown value becomes something that a person can act on.
//!
//! The library (`errors.js`) describes the value, because only JavaScript can look at it safely; here the description
//! is read, and positions are found in stack traces.

use rquickjs::{CaughtError, Object, Result};

use crate::text::well_formed;

/// Where something went wrong, in the compiled module. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in bytes of the module's text.
    pub column: u32,
}

/// Why a module does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What the parser says.
    pub message: String,
    /// Where it stood.
    pub at: Option<Position>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct JobError {
    /// As JavaScript has it: `TypeError`, `AdaptorError`, or `Error`.
    pub name: String,
    /// What it says.
    pub message: String,
    /// Of an adaptor's failure.
    pub code: Option<String>,
    /// A JSON object with the enumerable fields of the error that was thrown.
    pub details: String,
    /// The innermost position in the job itself; where the error has none, that of the operation that failed.
    pub at: Option<Position>,
    /// JSON: state as the failing operation received it, with what the operation did to it, without `configuration`.
    pub state: Option<String>,
}

impl JobError {
    /// A failure before the job could start, or one that could not be described.
    pub(crate) fn of_engine(fault: &CaughtError<'_>) -> Self {
        let message = match fault {
            CaughtError::Exception(exception) => exception.message().unwrap_or_default(),
            other => other.to_string(),
        };
        Self {
            name: "Error".to_owned(),
            message,
            code: None,
            details: "{}".to_owned(),
            at: None,
            state: None,
        }
    }

    /// Reads the description that `errors.js` made.
    pub(crate) fn from_description(description: &Object<'_>, module: &str) -> Result<Self> {
        let stack: Option<String> = description.get("stack")?;
        let place: Option<String> = description.get("place")?;
        let json = |key: &str| -> Result<Option<String>> {
            let text: Option<String> = description.get(key)?;
            Ok(text.map(|text| well_formed(&text).into_owned()))
        };
        let within = |trace: Option<String>| trace.and_then(|trace| innermost(&trace, module));
        Ok(Self {
            name: description.get("name")?,
            message: description.get("message")?,
            code: description.get("code")?,
            details: json("details")?.unwrap_or_else(|| "{}".to_owned()),
            at: within(stack).or_else(|| within(place)),
            state: json("state")?,
        })
    }
}

/// The first frame of `stack` that lies in `module`. Frames look like `    at work (job:3:14)` or `    at job:3:14`.
pub(crate) fn innermost(stack: &str, module: &str) -> Option<Position> {
    stack.lines().find_map(|frame| {
        let place = frame.trim().strip_prefix("at ")?;
        let place = match place.rfind(" (") {
            Some(open) => place[open + 2..].strip_suffix(')')?,
            None => place,
        };
        let (line, column) = place
            .strip_prefix(module)?
            .strip_prefix(':')?
            .split_once(':')?;
        Some(Position {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Position, innermost};

    #[test]
    fn the_innermost_frame_of_the_job_is_found_between_frames_of_the_library() {
        let stack = "    at each (operations:10:3)\n    at <anonymous> (jobs/send (2).js:3:14)\n    at jobs/send (2).js:9:1\n";
        assert_eq!(innermost(stack, "jobs/send.js"), None);
        assert_eq!(
            innermost("    at f (job:3:14)\n    at job:9:1\n", "job"),
            Some(Position {
                line: 3,
                column: 14
            })
        );
        assert_eq!(
            innermost("    at job:9:1\n", "job"),
            Some(Position { line: 9, column: 1 })
        );
    }

    #[test]
    fn a_module_whose_name_only_begins_alike_is_not_the_job() {
        assert_eq!(innermost("    at f (job2:3:14)", "job"), None);
    }
}
