//! What every test guest shares: the bindings to the contract, and a description with one operation, `attack`.
//!
//! An example implements [`Adaptor`], overriding what it does wrong, and ends with [`export!`]. Natively there is nothing
//! here: guests are built by `cargo xtask guests`.
#![cfg(target_arch = "wasm32")]

#[allow(
    missing_docs,
    clippy::all,
    reason = "generated from wit/, where the docs are"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/operations"],
        inline: "
            package fonio:test@1.0.0;
            world guest {
                import fonio:collections/collections@1.0.0;
                import fonio:events/events@1.0.0;
                import fonio:log/log@1.0.0;
                export fonio:operations/operations@1.0.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "fonio_test_guests::bindings",
    });
}

pub mod asking;

pub use bindings::exports::fonio::operations::operations::{
    Description, Error, Failure, Guest, Operation, Parameter, Reply,
};
pub use bindings::fonio::collections::collections;
pub use bindings::fonio::events::events;
pub use bindings::fonio::log::log;

/// A test guest. What it does not override is well-behaved.
pub trait Adaptor {
    /// Describes one operation, `attack(argument?)`.
    fn describe() -> Description {
        description("test", "1.0.0")
    }

    /// Runs it. `argument` is JSON, `null` when the call gave none.
    fn attack(argument: &str) -> Result<Reply, Error>;
}

/// The description that guests have unless they say otherwise.
pub fn description(name: &str, version: &str) -> Description {
    let argument = Parameter {
        name: "argument".into(),
        docs: "Anything.".into(),
        schema: "{}".into(),
        optional: true,
    };
    let attack = Operation {
        name: "attack".into(),
        docs: "Does it.".into(),
        parameters: vec![argument],
    };
    Description {
        name: name.into(),
        version: version.into(),
        docs: "A guest for tests.".into(),
        operations: vec![attack],
        credential_schema: "{}".into(),
        answers_to: vec![],
        wants: vec![],
    }
}

/// A reply with this JSON as its data.
pub fn data(json: impl Into<String>) -> Result<Reply, Error> {
    Ok(Reply {
        data: json.into(),
        response: None,
    })
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// What a JSON string holds, if it needs no escapes but those of line ends, tabs and nulls.
pub fn unquoted(json: &str) -> String {
    json.trim_matches('"')
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("\\u0000", "\0")
}

/// The first argument of a call, out of the JSON array of all.
pub fn argument(arguments: &str) -> &str {
    match arguments
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map(str::trim)
    {
        None | Some("") => "null",
        Some(argument) => argument,
    }
}

/// Exports an [`Adaptor`] as the contract has it.
#[macro_export]
macro_rules! export {
    ($adaptor:ident) => {
        impl $crate::Guest for $adaptor {
            fn describe() -> $crate::Description {
                <$adaptor as $crate::Adaptor>::describe()
            }
            fn invoke(_: String, arguments: String, _: String) -> Result<$crate::Reply, $crate::Error> {
                <$adaptor as $crate::Adaptor>::attack($crate::argument(&arguments))
            }
        }
        $crate::bindings::export_bindings!($adaptor with_types_in $crate::bindings);
    };
}
