//! A real PostgreSQL server for tests: Debian's own programs on a temporary folder and a socket in it, never a mock.
//!
//! `cargo xtask test` starts one server for all tests and names its socket in [`SOCKET`]; a test that is run by itself
//! starts one of its own. Each test has a database of its own, so that none sees another's.

#[cfg(feature = "client")]
mod database;
mod server;

#[cfg(feature = "client")]
pub use database::Database;
pub use server::{Server, programs};

/// The variable with the folder of the socket of a server that is shared.
pub const SOCKET: &str = "FONIO_TEST_POSTGRES";
