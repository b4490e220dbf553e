//! Fuzz targets: each takes any bytes and panics when something that must hold does not.
//!
//! What must hold is judged by other code than the host's: the `url` crate and tables of our own for grants, `serde_json` and
//! `roxmltree` for messages, decoders for the sealing filter. Where there is nothing to compare with, what was written must
//! be readable again, and there is always an answer.
//!
//! - [`grants`]: what is granted, and what a request meets; [`sealing`]: secrets in and out of requests and replies.
//! - [`projects`]: the files of a project, of every generation; [`criteria`]: which messages a trigger takes.
//! - [`bodies`]: what arrives, made into JSON; [`wire`]: any bytes, sent to a server that runs.
//!
//! Inputs are text wherever possible, so that a person can read and write one. Each target starts from [`seeds`] (files of
//! `examples/` and `tests/`, and hand-made ones). [`mutate`] changes them, the same way for the same number; [`campaign`]
//! drives a target so. `bin/guided.rs` hands the targets to libFuzzer, which looks for inputs that reach new code.
//! `docs/security/fuzzing.md` is for people.

pub mod bodies;
pub mod campaign;
pub mod criteria;
pub mod grants;
pub mod mutate;
pub mod projects;
pub mod sealing;
pub mod seeds;
#[path = "../../../host/project/tests/project/shape.rs"]
mod shape;
pub mod wire;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As people name it.
    pub name: &'static str,
    /// Panics if what must hold does not.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What mutations put in, and libFuzzer's dictionary.
    pub words: &'static [&'static str],
    /// Mutations of the short run in CI: at most some 10 s of one slow core.
    pub short: u64,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    grants::TARGET,
    sealing::TARGET,
    projects::TARGET,
    criteria::TARGET,
    bodies::TARGET,
    wire::TARGET,
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
