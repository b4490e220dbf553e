//! Where problems are collected while a project is read, with the lines they point to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::masked::line_of_settings;
use crate::problem::{Problem, Severity};

/// A position in a file: line and column from 1, the column in characters. Both 0 mean the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The whole file, such as one that is missing.
    pub const FILE: Place = Place { line: 0, column: 0 };
    /// Where a file starts.
    pub const START: Place = Place { line: 1, column: 1 };

    /// Behind the character `c`, which is here.
    pub fn behind(self, c: char) -> Place {
        match c {
            '\n' => Place {
                line: self.line + 1,
                column: 1,
            },
            _ => Place {
                column: self.column + 1,
                ..self
            },
        }
    }

    /// The place of a byte in `text`.
    pub fn of_byte(text: &str, byte: usize) -> Place {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: count(before.matches('\n').count()) + 1,
            column: count(before[line_start..].chars().count()) + 1,
        }
    }
}

/// Positions and sizes as they are reported; what does not fit is past any file that is read.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Which lines of a file must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Every line may be shown.
    Open,
    /// All but those under the top-level key `credentials` and those of a step's `configuration`.
    Credentials,
    /// All, but for values in the table of a credential.
    Settings,
    /// No line may be shown.
    Secret,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    texts: BTreeMap<PathBuf, (String, Secrecy)>,
}

impl Report {
    /// Keeps the text of a file, to show the lines at fault.
    pub fn keep_text(&mut self, file: &Path, text: &str, secrecy: Secrecy) {
        self.texts
            .insert(file.to_owned(), (text.to_owned(), secrecy));
    }

    pub fn error(&mut self, file: &Path, at: Place, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, file, at, message.into())
    }

    pub fn warning(&mut self, file: &Path, at: Place, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, file, at, message.into())
    }

    /// Whether something has been said about this very place.
    pub fn has_problem_at(&self, file: &Path, at: Place) -> bool {
        let here = (file, at.line, at.column);
        self.problems.iter().any(|problem| problem.place() == here)
    }

    fn add(&mut self, severity: Severity, file: &Path, at: Place, message: String) -> &mut Problem {
        let source_line = self.source_line(file, at.line);
        let (file, line, column) = (file.to_owned(), at.line, at.column);
        self.problems.push(Problem {
            severity,
            file,
            line,
            column,
            message,
            help: None,
            source_line,
        });
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn source_line(&self, file: &Path, line: u32) -> Option<String> {
        let (text, secrecy) = self.texts.get(file)?;
        let index = line.checked_sub(1)? as usize;
        let found = text.lines().nth(index)?;
        let hidden = match secrecy {
            Secrecy::Settings => return line_of_settings(text, index),
            Secrecy::Open => false,
            Secrecy::Secret => true,
            Secrecy::Credentials => {
                is_below_credentials(text, index) || is_in_configuration(text, index)
            }
        };
        if hidden {
            None
        } else {
            Some(found.trim_end().to_owned())
        }
    }

    /// All problems, in the order of files and lines.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.sort_by(|a, b| a.place().cmp(&b.place()));
        problems.dedup();
        problems
    }
}

/// Judged by the text alone, because a file that is not YAML has secrets too: the last line that starts at the
/// margin must be a key other than `credentials`. A file in flow style has no such lines and shows none.
fn is_below_credentials(text: &str, index: usize) -> bool {
    let lines: Vec<&str> = text.lines().take(index + 1).collect();
    let margin =
        |line: &&&str| line.starts_with(|c: char| !c.is_whitespace() && c != '#' && c != '-');
    match lines.iter().rev().find(margin) {
        Some(line) => line.contains("credentials") || line.starts_with(['{', '[', '}', ']']),
        None => false,
    }
}

/// Whether this line, or one that it is indented under, has the key `configuration`: workflows of the command line
/// may write a credential out there.
fn is_in_configuration(text: &str, index: usize) -> bool {
    const KEY: &str = "configuration";
    let lines: Vec<&str> = text.lines().take(index + 1).collect();
    let mut margin = usize::MAX;
    for line in lines.iter().rev().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start().len();
        if indent < margin {
            if line.contains(KEY) {
                return true;
            }
            margin = indent;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "jobs:\n  a:\n    adaptor: x\ncredentials:\n  c:\n# note\n    password: hush\ntriggers:\n  t: {}\n";

    fn line(text: &str, secrecy: Secrecy, line: u32) -> Option<String> {
        let mut report = Report::default();
        report.keep_text(Path::new("f"), text, secrecy);
        report
            .error(Path::new("f"), Place { line, column: 1 }, "wrong")
            .source_line
            .clone()
    }

    #[test]
    fn lines_under_credentials_are_not_shown() {
        assert_eq!(
            line(PROJECT, Secrecy::Credentials, 3).as_deref(),
            Some("    adaptor: x")
        );
        assert_eq!(line(PROJECT, Secrecy::Credentials, 5), None);
        assert_eq!(line(PROJECT, Secrecy::Credentials, 7), None);
        assert_eq!(
            line(PROJECT, Secrecy::Credentials, 9).as_deref(),
            Some("  t: {}")
        );
        assert_eq!(
            line(
                "{\"credentials\": {\"c\":\n  \"hush\"}}",
                Secrecy::Credentials,
                2
            ),
            None
        );
        assert_eq!(line(PROJECT, Secrecy::Secret, 3), None);
        assert_eq!(
            line(PROJECT, Secrecy::Open, 7).as_deref(),
            Some("    password: hush")
        );
    }

    #[test]
    fn lines_of_a_configuration_are_not_shown() {
        let text = "steps:\n  - id: a\n    configuration:\n\n      password: hush\n    state: {}\n  - { id: b, configuration: { x: hush } }\n";
        let shown: Vec<bool> = (1..=7)
            .map(|number| line(text, Secrecy::Credentials, number).is_some())
            .collect();
        assert_eq!(shown, [true, true, false, false, false, true, false]);
    }

    #[test]
    fn a_line_that_is_not_there_is_not_shown() {
        assert_eq!(line(PROJECT, Secrecy::Open, 0), None);
        assert_eq!(line(PROJECT, Secrecy::Open, 99), None);
    }

    #[test]
    fn problems_come_in_the_order_of_the_files_and_lines() {
        let mut report = Report::default();
        for (file, line) in [("b", 1), ("a", 9), ("a", 2), ("a", 2)] {
            report.error(Path::new(file), Place { line, column: 1 }, "wrong");
        }
        let order: Vec<_> = report
            .into_problems()
            .into_iter()
            .map(|p| (p.file.display().to_string(), p.line))
            .collect();
        assert_eq!(
            order,
            [
                ("a".to_owned(), 2),
                ("a".to_owned(), 9),
                ("b".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn a_byte_has_its_line_and_its_column_in_characters() {
        assert_eq!(Place::of_byte("ä: b", 3), Place { line: 1, column: 3 });
        assert_eq!(Place::of_byte("a\nbc\n", 3), Place { line: 2, column: 2 });
        assert_eq!(Place::of_byte("a", 99), Place { line: 1, column: 2 });
    }
}
