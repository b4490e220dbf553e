//! Several projects on one host, each of which has it to itself as far as it can tell.
//!
//! ```text
//! request ─▶ Sites ──(by path or host name)──▶ Host of one tenant ─▶ its own project, store, grants, vaults
//!                                                │ Ration: what it may use of what all share
//!                                                ▼
//!                          Places (fair) ─▶ Lanes (quick steps, long steps) ─▶ the sandbox
//! ```
//!
//! A host of one project is the same with one: [`Sites::one`], [`Ration::unlimited`]. Read next: [`folder`], which starts
//! and stops tenants as their folders come and go.

pub mod folder;
mod places;
mod ration;
mod running;
mod sites;
mod threads;

pub use places::{Place, Places, Share};
pub use ration::{Answering, Exhausted, Ration, exhausted};
pub use running::{Means, Running};
pub use sites::{Found, Sites};
pub use threads::{Lanes, Threads};
