//! What black-box tests of the built program are made of. They use what users and scripts use: files, the command line
//! and HTTP.
//!
//! - [`Project`]: the files of a project, in a folder of its own; [`Host`]: `fonio serve` on it, until it is dropped;
//!   [`Store`]: where it keeps what it accepts.
//! - [`Job`]: `fonio run` of one expression.
//! - [`FarSide`]: the other system: an HTTP server that remembers what it got and can misbehave down to the byte.
//! - [`Feed`]: a client of `/api/v1/events`.
//! - [`Package`]: a package to be imported; [`Npm`]: those of the registry.
//! - [`authoring`]: adaptors made with the compilers and package managers of this machine.
//! - [`Authority`] and [`TlsClient`]: certificates, and who trusts them; [`Impostor`]: who shows one all the same.
//!   [`Handshakes`]: who counts by which handshake each request came.
//! - [`network`]: a network of a test's own, in which names lead to where the test says.
//! - [`IdentityProvider`]: who says who people are, and lies where it should; [`SentAway`]: a browser on its way there;
//!   [`ministry`]: both together.
//! - [`FakeClock`]: a system's clock that jumps when the test says so.
//! - [`Wire`]: the way to a database, which can be slow or cut; [`Accounts`]: nothing is lost, and the counts add up.
//! - [`wait_for`]: the only place that waits, with an end.
//! - [`Attack`]: a hostile job, and that its host, its neighbour and the secret survive it; [`sinks`]: where a secret could be.
//! - [`guest`]: the hostile and the well-behaved adaptors of `tests/guests`; [`component`] makes worse ones of them.
//!
//! The program is `FONIO_BIN`, the guests are in `FONIO_GUESTS`; both default to where `cargo xtask test` puts them.

mod accounts;
pub mod authoring;
mod beside;
mod client;
pub mod component;
mod content;
pub mod evil;
mod fake_clock;
mod far_side;
mod feed;
mod guard;
mod handshakes;
mod host;
pub mod identity_provider;
mod imports;
mod impostor;
mod job;
pub mod ministry;
pub mod network;
mod npm;
mod places;
mod program;
mod project;
mod redirected;
mod runs;
pub mod schema;
pub mod sinks;
mod store;
mod tls;
mod wait;
mod wire;
mod written;

pub use accounts::Accounts;
pub use beside::{Attack, SECRET, TIGHT};
pub use client::{Response, base64, request};
pub use content::Headers;
pub use fake_clock::FakeClock;
pub use far_side::{Answer, FarSide, Gate, Received};
pub use feed::{Feed, Sent};
pub use guard::{Browser, PASSWORD};
pub use handshakes::{Handshakes, Met};
pub use host::Host;
pub use identity_provider::{IdentityProvider, SigningKey};
pub use imports::Package;
pub use impostor::Impostor;
pub use job::{Finished, Job};
pub use npm::Npm;
pub use places::{code_cache, code_key, fonio, guest, guests};
pub use program::{Ended, Program};
pub use project::Project;
pub use redirected::{PUBLIC, SentAway};
pub use runs::{Run, Step};
pub use store::Store;
pub use tls::{Authority, Identity, TlsClient};
pub use wait::{wait_for, wait_past_a_lease};
pub use wire::Wire;
