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
//! - `event_loop`: promises and timers, driven until a run settles.
//! - `bindings`: the few host functions that the library sees.
//! - `rejections`: promises that failed while nothing waited for them.
//! - `report`: how a thrown value becomes a [`JobError`].
//! - `library`: the JavaScript that jobs see (`src/library/*.js`); `start.js` says which file owns what.
//! - `guest`: the glue to the world `runtime`, in the WebAssembly build only.

mod bindings;
pub mod engine;
mod event_loop;
#[cfg(target_arch = "wasm32")]
mod guest;
pub mod host;
mod library;
mod rejections;
mod report;
mod text;

pub use engine::{Engine, Job, Operation};
pub use host::{Failure, Host, Level, Reply};
pub use report::{JobError, Position, Problem};
