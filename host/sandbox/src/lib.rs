//! Runs steps in fresh WebAssembly instances within their grants and limits.
//!
//! A step's life, and the files in that order:
//!
//! ```text
//!  claim      a place (`Sandbox::run`, step.rs): no more steps at once than the machine has memory for
//!  instantiate  the runtime from its snapshot (expression.rs), or that of the job's package (package/), the adaptor
//!               at its first call (adaptor.rs), each in a store with the step's meter (meter.rs, guest.rs)
//!  call       the job's bytecode (job.rs); its operations reach the adaptor, the adaptor the capabilities/
//!  settle     the final state, or a failure that names the place or the limit (step.rs)
//!  drop       the instances and all they held
//! ```
//!
//! Before that, once per file: code.rs finds or has compiled (in a child, compile.rs) the code of each guest for the
//! engine (engine.rs). Around it all, confine/ is what the process itself gives up, host and child alike. This crate
//! knows nothing of stores or of the formats of project files.

mod adaptor;
#[allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
mod bindings;
mod capabilities;
mod code;
mod compile;
pub mod confine;
mod description;
mod engine;
mod expression;
mod guest;
mod guests;
mod job;
mod load;
mod measure;
mod meter;
mod nesting;
mod package;
mod sandbox;
mod seal;
mod step;

pub use adaptor::{Adaptor, AdaptorError};
pub use capabilities::collections::{Collections, CollectionsError, Later, Page, Query};
pub use capabilities::events::{CHAIN_MAX, EVENTS_MAX, PublishedEvent, Publishing};
pub use capabilities::http::{
    AuthorityError, Egress, FetchError, Reach, Reached, RequestMarks, Requests, asked_to_wait,
    trust_also, trusted,
};
pub use capabilities::log::{Level, Listener, LogLine};
pub use code::{CodeError, CodeKey, KeyError, make_code_folder};
pub use compile::{Shape, compile_guest};
pub use description::{Description, Operation, Parameter};
pub use job::{CompiledJob, JobProblem, WrittenAddress};
pub use measure::InstanceTime;
pub use meter::LimitHit;
pub use package::{
    Contents, Export, Exports, Package, Snapshot, SnapshotError, snapshot_package,
    snapshot_package_here,
};
pub use sandbox::{Sandbox, SandboxError, SandboxOptions};
pub use seal::{CredentialSpec, Refused, Seals, SecretText, Vault, Weakness};
pub use step::{FailureKind, StepFailure, StepOutcome, StepRequest, Usage};
