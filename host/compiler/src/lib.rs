//! The job compiler: from what an author wrote to a module that the expression runtime runs.
//!
//! ```text
//! fn(state => state);                 __operation(async () => (fn(state => state)), 1);
//! get($.url).then(log);        ->     __operation(async () => (__defer(get(state => (state.url)), …)), 2);
//! const limit = 10;                   const limit = 10;
//! ```
//!
//! It never prints a syntax tree. It reads one ([`syntax`]) and collects edits at its spans ([`edit`]), so comments,
//! formatting and line numbers stay the author's, and a few shifts per line lead every position of the output back to
//! the source. What is edited, in this order: imports of adaptors ([`imports`]), top-level calls ([`operations`]),
//! `.then` and `.catch` on them ([`promises`]), the lazy state `$` ([`lazy`]), declarations that take values apart
//! ([`destructuring`]), errors that are made ([`thrown`]); then names are checked ([`names`]), and operations that nothing runs are found
//! ([`unused`]). Where operations are told to go is noted, for the host to compare with its grants ([`addresses`]).
//!
//! A condition on an edge is one expression, and no job ([`condition`]).
//!
//! It runs as a guest, because the parser recurses: source that overflows its stack ends in a trap, not in a dead host.
//! Of the 1 MiB stack that the linker gives a guest, 800 nested object literals or 8,000 added strings are enough. The
//! host makes a sentence of such a trap (`host/sandbox/src/nesting.rs`).

#[cfg(target_arch = "wasm32")]
mod guest;

mod adaptors;
mod addresses;
mod calls;
mod condition;
mod destructuring;
mod edit;
mod globals;
mod imports;
mod job;
mod lazy;
mod names;
mod nearest;
mod operations;
mod position;
mod promises;
mod syntax;
mod thrown;
mod unused;

pub use condition::compile_condition;
pub use edit::Shift;

use std::collections::HashSet;

use edit::Edits;
use job::{Job, Purpose};
use oxc::allocator::Allocator;
use position::Lines;

/// Something to tell the author. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Of the source.
    pub line: u32,
    /// Of the source.
    pub column: u32,
    /// What to do about it.
    pub help: Option<String>,
    /// Line and column of the bracket that is not closed, if that is what is wrong.
    pub unclosed: Option<(u32, u32)>,
}

/// Where an operation is told to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it is called: `post`, `http.get`.
    pub operation: String,
    /// Begins with `http://` or `https://` and a whole host.
    pub text: String,
    /// Of the source, from 1.
    pub line: u32,
    /// Of the source, from 1, in characters.
    pub column: u32,
}

/// A module for the expression runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// As many lines as the source has.
    pub module: String,
    /// In order of position; see [`Shift`].
    pub shifts: Vec<Shift>,
    /// Worth telling the author, though the job runs.
    pub warnings: Vec<Problem>,
    /// In order of position.
    pub addresses: Vec<Address>,
}

/// Every syntax error in a job's source, for one whose operations are not known; none if there is none.
pub fn check_syntax(source: &str) -> Vec<Problem> {
    let allocator = Allocator::default();
    let parsed = syntax::parse(&allocator, source, &Lines::new(source));
    parsed.err().unwrap_or_default()
}

/// Compiles a job's source. `known` names every operation it can call: the common ones and its adaptor's; of a namespace
/// also its members, as `http.get`.
///
/// # Errors
/// Every problem found, in order of position: never an empty list.
pub fn compile(source: &str, known: &[String]) -> Result<Compiled, Vec<Problem>> {
    let allocator = Allocator::default();
    let lines = Lines::new(source);
    let (program, semantic) = syntax::parse(&allocator, source, &lines)?;
    let job = Job {
        program,
        semantic,
        known: known.iter().map(String::as_str).collect::<HashSet<_>>(),
        purpose: Purpose::Operations,
    };

    let mut findings = Findings::new(&lines);
    names::declare_assigned(&job, &mut findings);
    imports::rewrite(&job, &mut findings);
    if !job.is_compiled() {
        operations::collect(&job, &mut findings);
        promises::defer(&job, &mut findings);
        calls::mark(&job, &mut findings);
        lazy::rewrite(&job, &mut findings);
        addresses::collect(&job, &mut findings);
    }
    destructuring::mark(&job, &mut findings);
    thrown::mark(&job, &mut findings);
    names::check(&job, &mut findings);
    names::check_members(&job, &mut findings);
    unused::warn(&job, &mut findings);
    findings.into_result(source)
}

/// What the passes found and want changed.
struct Findings<'a> {
    lines: &'a Lines<'a>,
    edits: Edits,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    addresses: Vec<Address>,
}

impl<'a> Findings<'a> {
    fn new(lines: &'a Lines<'a>) -> Findings<'a> {
        Findings {
            lines,
            edits: Edits::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
            addresses: Vec::new(),
        }
    }

    fn problem(
        &mut self,
        offset: u32,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.problems
            .push(self.lines.problem(offset, message.into(), help.into()));
    }

    fn warn(&mut self, offset: u32, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.warnings
            .push(self.lines.problem(offset, message.into(), help.into()));
    }

    fn into_result(mut self, source: &str) -> Result<Compiled, Vec<Problem>> {
        let position = |problem: &Problem| (problem.line, problem.column);
        if !self.problems.is_empty() {
            self.problems.sort_by_key(position);
            return Err(self.problems);
        }
        self.warnings.sort_by_key(position);
        let (module, shifts) = self.edits.apply(source);
        Ok(Compiled {
            module,
            shifts,
            warnings: self.warnings,
            addresses: self.addresses,
        })
    }
}
