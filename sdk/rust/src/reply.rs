//! What an operation gives back.

use crate::Value;

/// The result of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Becomes `state.data`.
    pub data: Value,
    /// Becomes `state.response`: what came with the data, for example status and headers.
    pub response: Option<Value>,
}

impl Reply {
    /// A reply that is data alone.
    pub fn data(data: impl Into<Value>) -> Reply {
        Reply {
            data: data.into(),
            response: None,
        }
    }

    /// Adds what came with the data.
    #[must_use]
    pub fn with_response(mut self, response: impl Into<Value>) -> Reply {
        self.response = Some(response.into());
        self
    }
}
