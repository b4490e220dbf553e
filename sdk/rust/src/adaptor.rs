//! An adaptor as data: what it says of itself and the functions behind it, in one table.

use crate::http::Transport;
use crate::{Call, Error, Reply, State, Value};

/// An adaptor. All of it is `static`, so that describing it costs nothing and one place defines each operation.
#[derive(Debug)]
pub struct Adaptor {
    /// Short name, as in `adaptors/<name>.wasm` and `[adaptors.<name>]`.
    pub name: &'static str,
    /// Semantic version of the adaptor itself.
    pub version: &'static str,
    /// A sentence or a page, in Markdown.
    pub docs: &'static str,
    /// OpenFn package names this adaptor stands for, for example `@openfn/language-http`.
    pub answers_to: &'static [&'static str],
    /// Capabilities it wants, by name: `network`, `log`, `collections`, `events`.
    pub wants: &'static [&'static str],
    /// JSON Schema of `state.configuration`, `writeOnly` on what is secret.
    pub credential_schema: &'static str,
    /// What a job can call.
    pub operations: &'static [Operation],
}

/// One function that jobs can call.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The name in a job's expression.
    pub name: &'static str,
    /// A sentence or a page, in Markdown.
    pub docs: &'static str,
    /// In order. In a job, a function given after the last of them is a callback that runs on the result.
    pub parameters: &'static [Parameter],
    /// Does the work.
    pub run: fn(&Call<'_>) -> Result<Reply, Error>,
}

/// One parameter of an [`Operation`].
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name by which [`Call::required`] and [`Call::optional`] read it.
    pub name: &'static str,
    /// A sentence, in Markdown.
    pub docs: &'static str,
    /// JSON Schema of the value, after functions of state have been resolved.
    pub schema: &'static str,
    /// Whether a call may leave it out.
    pub optional: bool,
}

impl Parameter {
    /// A parameter that every call gives.
    pub const fn required(
        name: &'static str,
        docs: &'static str,
        schema: &'static str,
    ) -> Parameter {
        Parameter {
            name,
            docs,
            schema,
            optional: false,
        }
    }

    /// A parameter that a call may leave out, or give as `null`.
    pub const fn optional(
        name: &'static str,
        docs: &'static str,
        schema: &'static str,
    ) -> Parameter {
        Parameter {
            optional: true,
            ..Parameter::required(name, docs, schema)
        }
    }
}

impl Adaptor {
    /// Runs an operation. `arguments` is a JSON array, `state` a JSON object; given as
    /// `String`s, neither is copied, and the first is freed before the operation runs.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`] with the names there are; [`Error::InvalidArgument`] when either text is not what it should be;
    /// whatever the operation itself answers.
    pub fn invoke(
        &self,
        operation: &str,
        arguments: impl Into<String>,
        state: impl Into<String>,
        transport: &dyn Transport,
    ) -> Result<Reply, Error> {
        let operation = self.operation(operation)?;
        let arguments: Vec<Value> = serde_json::from_str(&arguments.into()).map_err(|why| {
            Error::InvalidArgument(format!(
                "arguments of `{}` are not a JSON array: {why}",
                operation.name
            ))
        })?;
        let state = State::parse(state.into())?;
        (operation.run)(&Call::new(operation, arguments, state, transport))
    }

    fn operation(&self, name: &str) -> Result<&Operation, Error> {
        self.operations
            .iter()
            .find(|operation| operation.name == name)
            .ok_or_else(|| {
                let known: Vec<_> = self
                    .operations
                    .iter()
                    .map(|operation| operation.name)
                    .collect();
                Error::UnknownOperation(format!(
                    "`{}` has no operation `{name}`; it has {}",
                    self.name,
                    known.join(", ")
                ))
            })
    }
}
