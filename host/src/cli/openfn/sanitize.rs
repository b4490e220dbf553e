//! `--sanitize`: what becomes of the objects and arrays that jobs log.
//!
//! Only where a job calls `console` is an object still an object; the host gets a line of text. So the policy goes to the
//! job, as functions do that a workflow gives all its jobs: behind them, where it moves no line.

use std::path::PathBuf;

use clap::ValueEnum;
use fonio_project::{Expression, Workflow};

const WRAP_CONSOLE: &str = include_str!("sanitize.js");

/// What to show of an object or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Policy {
    /// All of it.
    None,
    /// Nothing; a line with nothing else is left out.
    Remove,
    /// Its keys, or how many items it has.
    Summarize,
    /// Which of the two it is.
    Obfuscate,
}

impl Policy {
    /// Makes it count for the jobs of the workflow.
    pub fn apply(self, workflow: &mut Workflow) {
        let name = match self {
            Policy::None => return,
            Policy::Remove => "remove",
            Policy::Summarize => "summarize",
            Policy::Obfuscate => "obfuscate",
        };
        let source = WRAP_CONSOLE.replace("POLICY", name);
        match &mut workflow.globals {
            Some(globals) => globals.source = format!("{}\n{source}", globals.source),
            none => *none = Some(Expression::from_file(&PathBuf::from("--sanitize"), source)),
        }
    }
}
