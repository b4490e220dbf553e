//! The edge to the contract: `wit/operations` exported, `wit/log` and `wit/events` imported, and nothing but translation.

use crate::http::Wasi;
use crate::log::Level;
use crate::{Adaptor, Operation, Parameter};

#[doc(hidden)]
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated from wit/, where the docs are"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/log", "../../wit/events", "../../wit/operations"],
        inline: "
            package fonio:sdk@1.0.0;
            world guest {
                import fonio:events/events@1.0.0;
                import fonio:log/log@1.0.0;
                export fonio:operations/operations@1.0.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "fonio_sdk::guest::bindings",
    });
}

pub use bindings::export;
pub use bindings::exports::fonio::operations::operations::{
    Description, Error, Guest as Exports, Reply,
};
/// The texts that cross the contract; named here so that [`crate::adaptor!`] does not depend on the author's prelude.
pub type Text = String;

use bindings::exports::fonio::operations::operations as wit;
use bindings::fonio::events::events as wit_events;
use bindings::fonio::log::log as wit_log;

/// Tells the host what the adaptor is.
pub fn describe(adaptor: &Adaptor) -> Description {
    Description {
        name: adaptor.name.into(),
        version: adaptor.version.into(),
        docs: adaptor.docs.into(),
        operations: adaptor.operations.iter().map(operation).collect(),
        credential_schema: adaptor.credential_schema.into(),
        answers_to: adaptor.answers_to.iter().map(|&name| name.into()).collect(),
        wants: adaptor.wants.iter().map(|&name| name.into()).collect(),
    }
}

fn operation(operation: &Operation) -> wit::Operation {
    wit::Operation {
        name: operation.name.into(),
        docs: operation.docs.into(),
        parameters: operation.parameters.iter().map(parameter).collect(),
    }
}

fn parameter(parameter: &Parameter) -> wit::Parameter {
    wit::Parameter {
        name: parameter.name.into(),
        docs: parameter.docs.into(),
        schema: parameter.schema.into(),
        optional: parameter.optional,
    }
}

/// Runs an operation over the host's network.
///
/// # Errors
/// As [`Adaptor::invoke`].
pub fn invoke(
    adaptor: &Adaptor,
    operation: &str,
    arguments: Text,
    state: Text,
) -> Result<Reply, Error> {
    let reply = adaptor
        .invoke(operation, arguments, state, &Wasi)
        .map_err(error)?;
    Ok(Reply {
        data: reply.data.to_string(),
        response: reply.response.map(|response| response.to_string()),
    })
}

fn error(error: crate::Error) -> Error {
    match error {
        crate::Error::UnknownOperation(message) => Error::UnknownOperation(message),
        crate::Error::InvalidArgument(message) => Error::InvalidArgument(message),
        crate::Error::Failed(failure) => Error::Failed(wit::Failure {
            code: failure.code,
            message: failure.message,
            details: serde_json::Value::Object(failure.details).to_string(),
        }),
        crate::Error::Denied(message) => Error::Denied(message),
        crate::Error::Timeout(message) => Error::Timeout(message),
        crate::Error::TooLarge(message) => Error::TooLarge(message),
        crate::Error::Other(message) => Error::Other(message),
    }
}

pub(crate) fn publish(name: &str, payload: &str) -> Result<(), crate::Error> {
    wit_events::publish(name, payload).map_err(|error| match error {
        wit_events::Error::Invalid(message) => crate::Error::InvalidArgument(message),
        wit_events::Error::Denied(message) => crate::Error::Denied(message),
        wit_events::Error::Limit(message) => crate::Error::TooLarge(message),
        wit_events::Error::Other(message) => crate::Error::Other(message),
    })
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit_log::Level::Debug,
        Level::Info => wit_log::Level::Info,
        Level::Warn => wit_log::Level::Warn,
        Level::Error => wit_log::Level::Error,
    };
    wit_log::write(level, message);
}
