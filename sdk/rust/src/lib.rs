//! What an author of an adaptor in Rust uses.
//!
//! An adaptor is a `static` of type [`Adaptor`]: its name, its credential's schema, and a table of [`Operation`]s, each with its
//! docs, its parameters and the function that does the work. [`adaptor!`] exports it from a WebAssembly guest:
//!
//! ```
//! use fonio_sdk::{Adaptor, Call, Error, Operation, Parameter, Reply, adaptor, http};
//!
//! static CLINIC: Adaptor = Adaptor {
//!     name: "clinic",
//!     version: "1.0.0",
//!     docs: "Patients of the clinic's register.",
//!     answers_to: &[],
//!     wants: &["network"],
//!     credential_schema: r#"{"type": "object", "properties": {"baseUrl": {"type": "string", "format": "uri"}}}"#,
//!     operations: &[Operation {
//!         name: "getPatient",
//!         docs: "Reads one patient.",
//!         parameters: &[Parameter::required("id", "The patient's number.", r#"{"type": "integer"}"#)],
//!         run: get_patient,
//!     }],
//! };
//! adaptor!(CLINIC);
//!
//! fn get_patient(call: &Call) -> Result<Reply, Error> {
//!     let id: u64 = call.required("id")?;
//!     let base: String = call.state().credential("baseUrl")?;
//!     let response = call.send(&http::Request::get(&format!("{base}/patients/{id}"))?)?;
//!     Ok(Reply::data(response.json::<fonio_sdk::Value>()?))
//! }
//! ```
//!
//! Where to look next: [`Call`] (what a function is given), [`http`] (the network), [`log`], [`events`], [`testing`] (an adaptor's logic, tested
//! natively against a scripted server). The contract behind it is `wit/operations/operations.wit`.
//!
//! **Invariant.** Only `guest.rs` and `http/wasi.rs` know of WebAssembly; everything else compiles and is tested natively.

mod adaptor;
mod call;
mod error;
pub mod events;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod http;
pub mod log;
mod reply;
mod state;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use adaptor::{Adaptor, Operation, Parameter};
pub use call::Call;
pub use error::{Error, Failure};
pub use reply::Reply;
pub use serde_json::{Map, Value, json};
pub use state::State;

/// Exports a `static` [`Adaptor`] from this crate. Compiled natively, it only checks the type, so that the same crate has tests.
#[macro_export]
macro_rules! adaptor {
    ($adaptor:path) => {
        const _: &$crate::Adaptor = &$adaptor;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            impl $crate::guest::Exports for Exported {
                fn describe() -> $crate::guest::Description {
                    $crate::guest::describe(&$adaptor)
                }
                fn invoke(
                    operation: $crate::guest::Text,
                    arguments: $crate::guest::Text,
                    state: $crate::guest::Text,
                ) -> Result<$crate::guest::Reply, $crate::guest::Error> {
                    $crate::guest::invoke(&$adaptor, &operation, arguments, state)
                }
            }
    $crate::guest::export!(Exported with_types_in $crate::guest::bindings);
        };
    };
}
