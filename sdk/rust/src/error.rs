//! What an operation can fail with: the contract's `error`, typed.

use crate::{Map, Value};

/// Why an operation gave no reply. Each sentence is read by the person who wrote the job.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The adaptor has no operation of that name.
    #[error("{0}")]
    UnknownOperation(String),
    /// The job gave something the operation cannot use; names the parameter.
    #[error("{0}")]
    InvalidArgument(String),
    /// The other system answered, and its answer was a failure.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The host refused: the project does not grant it.
    #[error("{0}")]
    Denied(String),
    /// Names what was waited for and the limit.
    #[error("{0}")]
    Timeout(String),
    /// Names the limit and its value.
    #[error("{0}")]
    TooLarge(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// An answer of the other system that means failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Short and stable, for example `NOT_FOUND` or `404`.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// Its fields appear on the error that the job can catch.
    pub details: Map<String, Value>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            code: code.into(),
            message: message.into(),
            details: Map::new(),
        }
    }

    /// Adds a field that the job can read on the error.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Failure {
        self.details.insert(field.to_owned(), value.into());
        self
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::Failed(failure)
    }
}
