//! The network, as `wasi:http/outgoing-handler` sees it: every request of every guest passes [`Egress`].
//!
//! ```text
//! guest ── request ──▶ StepHttp ──▶ granted by name? ──▶ Egress (pool) ──▶ Connector: resolve once, check every
//!                        │ counts                                         address, connect to exactly that one
//!                        ▼ notes each refusal, for the sentence that the author reads
//! ```
//!
//! - [`egress`]: what a project keeps: its grants and its connections.
//! - [`connector`]: from a name to a connected, and if https encrypted, stream.
//! - [`fetch`]: requests of the host itself, by the same way.
//! - [`step`]: what a step keeps: the hooks that `wasi:http` calls.
//! - [`body`]: reply bodies, with their size and time limits.
//! - [`marks`], [`reached`]: what is added to a step's requests, and what became of them.

pub mod body;
pub mod connector;
pub mod egress;
pub mod fetch;
pub mod marks;
pub mod reached;
pub mod step;

pub use connector::{AuthorityError, trust_also, trusted};
pub use egress::Egress;
pub use fetch::FetchError;
pub use marks::RequestMarks;
pub use reached::{Reach, Reached, asked_to_wait};

/// What is added to a step's requests, and what is kept of them. By default nothing is added.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Marks those that change something.
    pub marks: Option<RequestMarks>,
    /// Where they went.
    pub reached: Reached,
}
