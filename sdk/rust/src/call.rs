//! What the function behind an operation is given.

use serde::de::DeserializeOwned;

use crate::http::{Request, Response, Transport};
use crate::{Error, Operation, State, Value};

/// One call of an operation: its arguments by name, the state, and the way out.
pub struct Call<'a> {
    operation: &'a Operation,
    arguments: Vec<Value>,
    state: State,
    transport: &'a dyn Transport,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        operation: &'a Operation,
        arguments: Vec<Value>,
        state: State,
        transport: &'a dyn Transport,
    ) -> Call<'a> {
        Call {
            operation,
            arguments,
            state,
            transport,
        }
    }

    /// The name under which the operation was called.
    pub fn operation(&self) -> &str {
        self.operation.name
    }

    /// How many arguments the call gave, declared or not.
    pub fn given(&self) -> usize {
        self.arguments.len()
    }

    /// The argument of a declared parameter, as a type of yours.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], naming operation and parameter, when it is missing, `null` or of another shape.
    pub fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let value = self
            .argument(name)?
            .ok_or_else(|| self.invalid(name, "is missing"))?;
        self.read(name, value)
    }

    /// The same for a parameter that may be left out: `None` when it is missing or `null`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when it is of another shape.
    pub fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        self.argument(name)?
            .map(|value| self.read(name, value))
            .transpose()
    }

    /// State as the job has it now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Sends a request and waits for the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error::Denied`] when the project does not grant that address, [`Error::Timeout`], [`Error::TooLarge`], and
    /// [`Error::Other`] for what the network does.
    pub fn send(&self, request: &Request) -> Result<Response, Error> {
        self.transport.send(request)
    }

    fn argument(&self, name: &str) -> Result<Option<&Value>, Error> {
        let declared = self
            .operation
            .parameters
            .iter()
            .position(|parameter| parameter.name == name);
        let index = declared.ok_or_else(|| {
            self.invalid(name, "is not among the operation's declared parameters")
        })?;
        Ok(self.arguments.get(index).filter(|value| !value.is_null()))
    }

    fn read<T: DeserializeOwned>(&self, name: &str, value: &Value) -> Result<T, Error> {
        T::deserialize(value).map_err(|why| self.invalid(name, &format!("does not fit: {why}")))
    }

    fn invalid(&self, parameter: &str, what: &str) -> Error {
        Error::InvalidArgument(format!("`{parameter}` of {}() {what}", self.operation.name))
    }
}
