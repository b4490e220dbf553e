//! What a guest can reach. Each capability is the same room: what a project may grant, what a step keeps, and the
//! host's side of the interface.
//!
//! - [`collections`]: values by key that stay from one run to the next.
//! - [`events`]: what other workflows are told.
//! - [`http`]: the network, through one choke point.
//! - [`log`]: lines for the step's log, also from a guest's standard output.

pub mod collections;
pub mod events;
pub mod http;
pub mod log;
