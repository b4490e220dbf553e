//! The JavaScript of a job, and where each of its characters stands in a file.

use std::path::{Path, PathBuf};

use crate::escaped;
use crate::report::{Place, count};

/// What a job that does nothing on purpose is written with.
pub(crate) const NOTHING: &str = "none";

/// A job's expression, from a file of its own or from within the project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The JavaScript. A folded YAML block (`>`) is folded here too, as OpenFn runs it.
    pub source: String,
    /// The file it stands in, relative to the project directory.
    pub file: PathBuf,
    /// The line in `file` of its first line, from 1.
    pub first_line: u32,
    /// How many characters each of its lines is indented in `file`.
    pub indent: u32,
    placement: Placement,
}

impl Expression {
    /// A file that is nothing but the expression.
    pub fn from_file(file: &Path, source: String) -> Expression {
        Expression {
            source,
            file: file.to_owned(),
            first_line: 1,
            indent: 0,
            placement: Placement::whole_file(),
        }
    }

    /// Of a job that passes its state on, and stands at `at`.
    pub(crate) fn nothing(file: &Path, at: Place) -> Expression {
        Expression::from_scalar(file, NOTHING.to_owned(), Placement::Start(at))
    }

    /// A text within the YAML of `file`.
    pub(crate) fn from_scalar(file: &Path, source: String, placement: Placement) -> Expression {
        let (first_line, indent) = placement.origin();
        Expression {
            source,
            file: file.to_owned(),
            first_line,
            indent,
            placement,
        }
    }

    /// Line and column in [`file`](Expression::file) of a line and column in [`source`](Expression::source), all from 1.
    ///
    /// Exact, also in folded blocks and in texts with escapes, as JSON has them. Only of a text that YAML both folds and
    /// escapes is it the start.
    pub fn position(&self, line: u32, column: u32) -> (u32, u32) {
        let place = self.placement.place(&self.source, Place { line, column });
        (place.line, place.column)
    }

    /// The line of the file in which [`position`](Expression::position) has a line and column of the source; nothing
    /// where only the start of the text is known. What stands before the text is blank.
    pub fn file_line(&self, line: u32, column: u32) -> Option<String> {
        let indented = |indent: u32, text: &str| " ".repeat(indent as usize) + text;
        match &self.placement {
            Placement::Verbatim { indent, .. } => {
                Some(indented(*indent, nth_line(&self.source, line)?))
            }
            Placement::Folded { start, raw } | Placement::Escaped { start, raw } => {
                let place = self.placement.place(&self.source, Place { line, column });
                let text = nth_line(raw, (place.line + 1).checked_sub(start.line)?)?;
                let before = if place.line == start.line {
                    start.column - 1
                } else {
                    0
                };
                Some(indented(before, text))
            }
            Placement::Start(_) => None,
        }
    }

    /// The first comment that hides code, because folding put the lines after it on its own line.
    pub(crate) fn comment_that_hides_code(&self) -> Option<Place> {
        if !matches!(self.placement, Placement::Folded { .. }) {
            return None;
        }
        self.source.lines().enumerate().find_map(|(index, text)| {
            let line = count(index) + 1;
            let (first, column) = self.position(line, count(comment_start(text)?) + 1);
            let (last, _) = self.position(line, count(text.chars().count()));
            (last > first).then_some(Place {
                line: first,
                column,
            })
        })
    }
}

/// A line of a text, from 1.
fn nth_line(text: &str, line: u32) -> Option<&str> {
    text.lines().nth((line as usize).checked_sub(1)?)
}

/// Where `//` starts a comment, in characters: after white space and outside of quotes, as far as one line can tell.
fn comment_start(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    let mut chars = line.chars().enumerate().peekable();
    while let Some((index, c)) = chars.next() {
        match quote {
            Some(open) if c == open && before != '\\' => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '/'
                && before.is_whitespace()
                && chars.peek().is_some_and(|(_, next)| *next == '/') =>
            {
                return Some(index);
            }
            None => {}
        }
        before = c;
    }
    None
}

/// How a text relates to the lines of the file that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Line for line, each `indent` characters further right.
    Verbatim { first_line: u32, indent: u32 },
    /// The same characters with other white space between them: `raw` is what the file has from `start` on.
    Folded { start: Place, raw: String },
    /// In quotes, with escapes: `raw` is what the file has from `start` on, behind the quote.
    Escaped { start: Place, raw: String },
    /// Other characters; only the start is known.
    Start(Place),
}

impl Placement {
    pub fn whole_file() -> Placement {
        Placement::Verbatim {
            first_line: 1,
            indent: 0,
        }
    }

    /// Of a scalar with this `value` that starts at `at` in the YAML text `file`.
    pub fn of_scalar(file: &str, at: Place, value: &str) -> Placement {
        let found = match file.lines().nth(at.line.saturating_sub(1) as usize) {
            Some(line) => line.chars().nth(at.column.saturating_sub(1) as usize),
            None => None,
        };
        match found {
            Some('|' | '>') => of_block(file, at, value),
            Some('"' | '\'' | '`') => {
                let start = Place {
                    line: at.line,
                    column: at.column + 1,
                };
                folded(file, start, value).or_else(|| escaped(file, start, value))
            }
            Some(_) => folded(file, at, value),
            None => None,
        }
        .unwrap_or(Placement::Start(at))
    }

    fn origin(&self) -> (u32, u32) {
        match self {
            Placement::Verbatim { first_line, indent } => (*first_line, *indent),
            Placement::Folded { start, .. }
            | Placement::Escaped { start, .. }
            | Placement::Start(start) => (start.line, start.column.saturating_sub(1)),
        }
    }

    /// The place in the file of `at` in `text`.
    pub fn place(&self, text: &str, at: Place) -> Place {
        match self {
            Placement::Verbatim { first_line, indent } => Place {
                line: first_line + at.line.saturating_sub(1),
                column: at.column + indent,
            },
            Placement::Folded { start, raw } => {
                let (letters, on_letter) = letters_before(text, at);
                place_of_letter(raw, *start, letters, on_letter)
            }
            Placement::Escaped { start, raw } => {
                escaped::place(raw, *start, characters_before(text, at))
            }
            Placement::Start(start) => *start,
        }
    }
}

/// A block scalar, whose header (`|`, `>-`, `|2`) is at `at`.
fn of_block(file: &str, at: Place, value: &str) -> Option<Placement> {
    let first_line = at.line + 1;
    let raw: Vec<&str> = file.lines().skip(at.line as usize).collect();
    let first_raw = raw.iter().find(|line| !line.trim().is_empty())?;
    let first_value = value.lines().find(|line| !line.trim().is_empty())?;
    let indent = leading_spaces(first_raw).checked_sub(leading_spaces(first_value))?;
    let same = |(value, raw): (&str, &&str)| {
        value.is_empty() || raw.get(indent..).is_some_and(|raw| raw == value)
    };
    if value.lines().zip(&raw).all(same) && value.lines().count() <= raw.len() {
        return Some(Placement::Verbatim {
            first_line,
            indent: count(indent),
        });
    }
    let skipped = raw.iter().take_while(|line| line.trim().is_empty()).count();
    folded(
        file,
        Place {
            line: first_line + count(skipped),
            column: count(indent) + 1,
        },
        value,
    )
}

/// The file from a place on.
fn text_from(file: &str, start: Place) -> Option<&str> {
    let line_start: usize = file
        .split_inclusive('\n')
        .take(start.line as usize - 1)
        .map(str::len)
        .sum();
    let line = file.get(line_start..)?;
    let offset = line.char_indices().nth(start.column as usize - 1)?.0;
    line.get(offset..)
}

/// Only if the characters from `start` on are those of `value`, once their escapes are read.
fn escaped(file: &str, start: Place, value: &str) -> Option<Placement> {
    let raw = escaped::raw_of(text_from(file, start)?, value)?;
    Some(Placement::Escaped { start, raw })
}

/// Only if the characters from `start` on are those of `value` but for white space.
fn folded(file: &str, start: Place, value: &str) -> Option<Placement> {
    let rest = text_from(file, start)?;
    let mut raw = rest.char_indices().filter(|(_, c)| !c.is_whitespace());
    let mut end = 0;
    for wanted in value.chars().filter(|c| !c.is_whitespace()) {
        let (index, found) = raw.next()?;
        if found != wanted {
            return None;
        }
        end = index + found.len_utf8();
    }
    Some(Placement::Folded {
        start,
        raw: rest[..end].to_owned(),
    })
}

fn leading_spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// How many characters stand before `at`, which may be past the end of its line.
fn characters_before(text: &str, at: Place) -> usize {
    let mut lines = text.split_inclusive('\n');
    let above = lines.by_ref().take(at.line.saturating_sub(1) as usize);
    let above: usize = above.map(|line| line.chars().count()).sum();
    let line = lines.next().unwrap_or_default();
    let column = at.column.saturating_sub(1) as usize;
    above + column.min(line.trim_end_matches('\n').chars().count())
}

/// How many characters that are no white space stand before `at`, and whether one stands there.
fn letters_before(text: &str, at: Place) -> (usize, bool) {
    let line = at.line.saturating_sub(1) as usize;
    let column = at.column.saturating_sub(1) as usize;
    let letter = |c: &char| !c.is_whitespace();
    let above: usize = text
        .lines()
        .take(line)
        .map(|line| line.chars().filter(letter).count())
        .sum();
    let current = text.lines().nth(line).unwrap_or_default();
    let before = current.chars().take(column).filter(letter).count();
    (
        above + before,
        current.chars().nth(column).is_some_and(|c| letter(&c)),
    )
}

/// The place of the letter that `letters` others precede, or just behind the last of them.
fn place_of_letter(raw: &str, start: Place, letters: usize, on_letter: bool) -> Place {
    let mut place = start;
    let mut behind = start;
    let mut seen = 0;
    for c in raw.chars() {
        if !c.is_whitespace() {
            if on_letter && seen == letters {
                return place;
            }
            seen += 1;
        }
        place = place.behind(c);
        if !c.is_whitespace() && seen <= letters {
            behind = place;
        }
    }
    behind
}
