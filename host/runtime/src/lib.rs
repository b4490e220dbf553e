//! The expression runtime: QuickJS with OpenFn's common operations, as a guest.
//!
//! A step's life here is short. The host starts the guest from a snapshot that was taken after `initialize`, so the
//! interpreter and the library are already in memory; [`Engine::run`] loads one job's bytecode, collects the job's
//! operations, runs them one after another over the state, and the instance is dropped.
//!
//! In the order to read:
//!
//! - [`host`]: the imports, as a trait.
//! - [`engine`]: `compile` and `run`.
//! - [`outside`]: the imports of the runtime for packages, as a trait.
//! - `package`: a package from npm in the engine, beside or instead of an adaptor of the host's.
//! - `event_loop`: promises, timers and requests, driven until a run settles.
//! - `bindings`, `collections` and `events`: the few host functions that the library sees.
//! - `rejections`: promises that failed while nothing waited for them.
//! - `report`: how a thrown value becomes a [`JobError`].
//! - `library`: the JavaScript that jobs see (`src/library/*.js`); `start.js` says which file owns what.
//! - [`natives`]: what npm packages need of their host and no import gives.
//! - `guest`: the glue to the world `runtime`, or with the feature `package` to `package-runtime`; `wasi`: the outside by
//!   `wasi:http`. Both in the WebAssembly build only.

mod bindings;
mod collections;
pub mod engine;
mod event_loop;
mod events;
#[cfg(target_arch = "wasm32")]
mod guest;
pub mod host;
mod library;
pub mod natives;
pub mod outside;
mod package;
mod rejections;
mod report;
mod text;
#[cfg(all(target_arch = "wasm32", feature = "package"))]
mod wasi;

pub use engine::{Engine, Job, Operation, StartError};
pub use host::{Failure, Host, ItemPage, ItemQuery, Level, Reply};
pub use report::{JobError, Position, Problem};
