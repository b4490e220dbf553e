//! Jobs: compiled when the project loads, to bytecode that each step starts from.

use crate::adaptor::Adaptor;
use crate::bindings::compiler::exports::fonio::compiler::compile::{Address, Problem, Shift};
use std::sync::Arc;

pub use fonio_project::COMMON_OPERATIONS;

/// Something wrong with an expression, or worth saying about it. Lines and columns count from 1 in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobProblem {
    /// What is wrong.
    pub message: String,
    /// The line in the expression.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// What to do about it, but for what [`JobProblem::help_at`] adds.
    pub help: Option<String>,
    /// Line and column of the bracket that is not closed, if that is what is wrong.
    pub unclosed: Option<(u32, u32)>,
}

impl JobProblem {
    /// What is wrong at a place, and nothing more to say.
    pub(crate) fn at((line, column): (u32, u32), message: impl Into<String>) -> JobProblem {
        JobProblem {
            message: message.into(),
            line,
            column,
            help: None,
            unclosed: None,
        }
    }

    /// What to do about it, with places as the author finds them: `place` leads from one in the expression to one in the
    /// file that the expression stands in.
    pub fn help_at(&self, place: impl FnOnce(u32, u32) -> (u32, u32)) -> Option<String> {
        let Some((line, column)) = self.unclosed else {
            return self.help.clone();
        };
        let (line, column) = place(line, column);
        Some(format!(
            "the bracket that opens at line {line}, column {column} is not closed"
        ))
    }
}

impl From<Problem> for JobProblem {
    fn from(problem: Problem) -> JobProblem {
        JobProblem {
            message: problem.message,
            line: problem.at.line,
            column: problem.at.column,
            help: problem.help,
            unclosed: problem.unclosed.map(|at| (at.line, at.column)),
        }
    }
}

/// Where an operation of a job is told to go, as far as that is written in the job itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAddress {
    /// The operation, as it is called: `post`, `http.get`.
    pub operation: String,
    /// Begins with `http://` or `https://` and a whole host.
    pub text: String,
    /// The line in the expression, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

impl From<Address> for WrittenAddress {
    fn from(address: Address) -> WrittenAddress {
        WrittenAddress {
            operation: address.operation,
            text: address.text,
            line: address.line,
            column: address.column,
        }
    }
}

/// A job that is ready to run.
#[derive(Debug)]
pub struct CompiledJob {
    /// The module that runs in the author's place, line for line.
    pub module: String,
    pub(crate) bytecode: Vec<u8>,
    pub(crate) shifts: Vec<Shift>,
    pub(crate) adaptor: Option<Arc<Adaptor>>,
    /// Worth telling the author, though the job runs.
    pub warnings: Vec<JobProblem>,
    /// Where its operations are told to go.
    pub addresses: Vec<WrittenAddress>,
}

impl CompiledJob {
    /// The author's position for one in the compiled module.
    pub(crate) fn authors(&self, line: u32, column: u32) -> (u32, u32) {
        source_position(&self.shifts, line, column)
    }
}

/// Takes off what the compiler inserted before `column` on its line.
pub(crate) fn source_position(shifts: &[Shift], line: u32, column: u32) -> (u32, u32) {
    let inserted: i64 = shifts
        .iter()
        .filter(|shift| shift.line == line && shift.column <= column)
        .map(|shift| i64::from(shift.length))
        .sum();
    let column = i64::from(column) - inserted;
    (line, u32::try_from(column.max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_after_an_insertion_maps_back_to_the_authors_column() {
        let shifts = [Shift {
            line: 2,
            column: 1,
            length: 24,
        }];
        assert_eq!(source_position(&shifts, 2, 30), (2, 6));
        assert_eq!(source_position(&shifts, 3, 30), (3, 30));
        assert_eq!(source_position(&shifts, 2, 3), (2, 1));
    }
}
