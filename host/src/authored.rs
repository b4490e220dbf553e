//! What the author of a job wrote: its expression, and behind it the functions that its workflow gives all its jobs.
//!
//! `globals` come last, so that the job's own lines stay where they are. That is early enough: operations run when the
//! whole module has been evaluated.

use fonio_project::{Expression, Job, Problem, Severity, Unfinished, Workflow};
use fonio_sandbox::JobProblem;

/// The source of a job.
#[derive(Clone, Copy, Debug)]
pub struct Authored<'p> {
    expression: &'p Expression,
    globals: Option<&'p Expression>,
}

impl<'p> Authored<'p> {
    /// Of a job of this workflow.
    pub fn new(job: &'p Job, workflow: Option<&'p Workflow>) -> Authored<'p> {
        Authored {
            expression: &job.expression,
            globals: workflow.and_then(|workflow| workflow.globals.as_ref()),
        }
    }

    /// An expression alone.
    pub fn of(expression: &'p Expression) -> Authored<'p> {
        Authored {
            expression,
            globals: None,
        }
    }

    /// Of a job that is in no project.
    pub fn unfinished(job: &'p Unfinished) -> Authored<'p> {
        Authored {
            expression: &job.expression,
            globals: job.globals.as_ref(),
        }
    }

    /// What is compiled.
    pub fn source(&self) -> String {
        match self.globals {
            None => self.expression.source.clone(),
            Some(globals) => format!("{}\n{}", self.expression.source, globals.source),
        }
    }

    /// What the compiler found, where it was written. `key` is the job's.
    pub fn problem(&self, key: &str, found: &JobProblem, severity: Severity) -> Problem {
        let place = self.place(found.line, found.column);
        Problem {
            severity,
            file: place.file.to_path_buf(),
            line: place.line,
            column: place.column,
            message: format!("job {key}: {}", found.message),
            help: found.help_at(|line, column| {
                let place = self.place(line, column);
                (place.line, place.column)
            }),
            source_line: place.text,
        }
    }

    /// Where a line and column of [`source`](Authored::source) were written: file, line, column, and that line itself.
    pub fn place(&self, line: u32, column: u32) -> Place<'p> {
        let own = u32::try_from(self.expression.source.split('\n').count()).unwrap_or(u32::MAX);
        let (expression, line) = match self.globals {
            Some(globals) if line > own => (globals, line - own),
            _ => (self.expression, line),
        };
        let (file_line, file_column) = expression.position(line, column);
        Place {
            file: &expression.file,
            line: file_line,
            column: file_column,
            text: expression.file_line(line, column),
        }
    }
}

/// A place in a file of the project.
#[derive(Clone, Debug)]
pub struct Place<'p> {
    /// Relative to the project.
    pub file: &'p std::path::Path,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The line itself; nothing where it cannot be told.
    pub text: Option<String>,
}

impl Place<'_> {
    /// The lines under a sentence about this place, the same as under a problem that `check` finds.
    pub fn shown(&self) -> String {
        let problem = Problem {
            severity: Severity::Error,
            file: self.file.to_path_buf(),
            line: self.line,
            column: self.column,
            message: String::new(),
            help: None,
            source_line: self.text.clone(),
        };
        let text = problem.to_string();
        let under = text.split_once('\n').map_or("", |(_, under)| under);
        format!("\n{under}")
    }
}
