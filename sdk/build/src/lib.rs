//! From Rust source to a WebAssembly component: which compiler can do it on this machine, and what is done to the module that it
//! writes.
//!
//! `cargo xtask` builds the guests of the repository with it, `fonio adaptor build` the adaptors of everyone else. The two
//! differ in what they may do to the machine: the first installs a distribution's packages where it must, the second asks.

pub mod component;
pub mod machine;
pub mod packages;
pub mod toolchain;
