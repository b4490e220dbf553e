//! What is wrong with a project, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Longest source line that is shown; a longer one is most likely generated, and would hide the sentence above it.
const SOURCE_LINE_MAX_CHARS: usize = 160;

/// Whether a project can be served in spite of a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The project must not be served as it is.
    Error,
    /// Worth telling the author; the project works.
    Warning,
}

impl Severity {
    /// The word that a person reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to tell the author of a project.
///
/// `Display` renders it for a person, without colours; `Serialize` is the same for machines (`check --format json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The file, relative to the project directory; `(environment)` for a variable of the process.
    pub file: PathBuf,
    /// Line from 1; 0 when the whole file is meant, such as one that is missing.
    pub line: u32,
    /// Column from 1, in characters; 0 when the whole line or file is meant.
    pub column: u32,
    /// What happened, without a full stop.
    pub message: String,
    /// What to do about it. Lines after the first are text to copy.
    pub help: Option<String>,
    /// The line at fault; absent where it could hold a secret (`.env`, credentials).
    pub source_line: Option<String>,
}

impl Problem {
    /// Adds what to do about it.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }

    /// File, line and column: the order in which problems are told.
    pub fn place(&self) -> (&Path, u32, u32) {
        (&self.file, self.line, self.column)
    }

    /// Whether the project must not be served.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, in_a_line(&self.message))?;
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        write!(
            f,
            "\n{margin}--> {}",
            in_a_line(&self.file.display().to_string())
        )?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column.max(1))?;
        }
        if let Some(line) = self
            .source_line
            .as_deref()
            .filter(|line| line.chars().count() <= SOURCE_LINE_MAX_CHARS)
        {
            let line = column_for_column(line);
            write!(
                f,
                "\n{margin} |\n{number} | {line}\n{margin} | {}",
                underline(&line, self.column)
            )?;
        }
        let Some(help) = &self.help else {
            return Ok(());
        };
        for (index, line) in help.lines().enumerate() {
            let lead = if index == 0 { " = " } else { "       " };
            write!(f, "\n{margin}{lead}{}", in_a_line(line))?;
        }
        Ok(())
    }
}

/// Marks the word that starts at `column`, or its first character if no word does.
fn underline(line: &str, column: u32) -> String {
    let column = column.max(1) as usize;
    let lead: String = line
        .chars()
        .take(column - 1)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let mut rest = line.chars().skip(column - 1);
    let length = match rest.next() {
        Some(quote @ ('"' | '\'')) => match rest.clone().position(|c| c == quote) {
            Some(inside) => inside + 2,
            None => 1,
        },
        Some(c) if is_word(c) => 1 + rest.take_while(|c| is_word(*c)).count(),
        _ => 1,
    };
    format!("{lead}{}", "^".repeat(length))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/')
}

/// Whether it could drive a terminal, or turn around what stands in a line (the marks of Unicode for direction): what a
/// person reads is then not what is there. Tab and newline are left to the caller.
pub fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control()
}

/// Whether it is seen nowhere, so that two names that differ by it look the same: soft hyphens, joiners and spaces without
/// width, fillers, tags. Behind letters of the scripts in which they decide how a word is written (Persian, Hindi), the two
/// joiners are letters like others.
fn hides(c: char, before: Option<char>) -> bool {
    let joins = |before: char| {
        matches!(
            before,
            '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}'
            // Pictures that are put together of several.
            | '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
        )
    };
    match c {
        '\u{200c}' | '\u{200d}' => !before.is_some_and(joins),
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2064}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Each character, and whether it is not what a person would read.
fn looked_at(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    text.chars().map(move |c| {
        let deceives = steers(c) || hides(c, before);
        before = Some(c);
        (c, deceives)
    })
}

/// Names come from files and from other systems: what could steer a terminal, and what cannot be seen, is shown as
/// `\u{1b}`, not sent. Lines stay lines.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (c, deceives) in looked_at(text) {
        if deceives && !matches!(c, '\t' | '\n') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same of what stands in a line: it stays one.
pub fn in_a_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

/// The most that is repeated of what somebody else said.
const EXCERPT_MAX_CHARS: usize = 300;

/// What strangers and other systems chose, for a sentence of ours: in a line, printable, and no longer than 300 characters;
/// what was longer ends in `…`.
pub fn excerpt(text: &str) -> String {
    // Escaping makes nothing shorter: what is behind these is cut in any case.
    let beginning = text.char_indices().nth(EXCERPT_MAX_CHARS + 1);
    let beginning = beginning.map_or(text, |(end, _)| &text[..end]);
    let line = in_a_line(beginning);
    match line.char_indices().nth(EXCERPT_MAX_CHARS) {
        None => line,
        Some(_) => line
            .chars()
            .take(EXCERPT_MAX_CHARS - 1)
            .chain(['…'])
            .collect(),
    }
}

/// The same of a line that something is written under.
fn column_for_column(text: &str) -> String {
    looked_at(text)
        .map(|(c, deceives)| {
            if deceives && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: u32, column: u32, source: &str) -> Problem {
        Problem {
            severity: Severity::Error,
            file: PathBuf::from("project.yaml"),
            line,
            column,
            message: "this is wrong".to_owned(),
            help: None,
            source_line: Some(source.to_owned()),
        }
    }

    #[test]
    fn a_problem_reads_like_a_compilers_message() {
        let mut problem = problem(12, 12, "  trigger: trigr-1");
        problem.message =
            "job `send` waits for the trigger `trigr-1`, which is not there".to_owned();
        problem.help("add it:\n[network]\nallow = []");
        let expected = "\
error: job `send` waits for the trigger `trigr-1`, which is not there
  --> project.yaml:12:12
   |
12 |   trigger: trigr-1
   |            ^^^^^^^
   = add it:
         [network]
         allow = []";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_problem_with_a_whole_file_shows_no_position() {
        let mut problem = problem(0, 0, "");
        problem.source_line = None;
        assert_eq!(
            problem.to_string(),
            "error: this is wrong\n --> project.yaml"
        );
    }

    #[test]
    fn a_quoted_value_is_underlined_whole_and_tabs_keep_their_width() {
        assert_eq!(underline("\tcron: '* * *'", 8), "\t      ^^^^^^^");
        assert_eq!(underline("a", 5), " ^");
    }

    #[test]
    fn escape_sequences_in_a_file_never_reach_the_terminal() {
        let shown = problem(1, 1, "jobs: \u{1b}[31m\u{202e}").to_string();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        assert!(shown.contains('\u{fffd}'), "{shown}");
    }

    #[test]
    fn a_name_in_a_message_is_told_apart_from_others_by_its_escapes() {
        let mut problem = problem(1, 1, "x");
        problem.message = "job a\0b\u{1b}[31m\nerror: c".to_owned();
        let shown = problem.to_string();
        assert!(
            shown.starts_with("error: job a\\u{0}b\\u{1b}[31m\\nerror: c\n"),
            "{shown}"
        );
        assert_eq!(printable("a\n\tb\r"), "a\n\tb\\u{d}");
        let turning = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}";
        assert_eq!(
            printable(turning),
            "\\u{61c}\\u{200e}\\u{200f}\\u{202a}\\u{202e}\\u{2066}\\u{2069}"
        );
    }

    #[test]
    fn a_line_too_long_to_read_is_left_out() {
        let shown = problem(1, 1, &"x".repeat(SOURCE_LINE_MAX_CHARS + 1)).to_string();
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }

    #[test]
    fn machines_get_the_same_fields() {
        let json = serde_json::to_value(problem(1, 2, "x")).expect("a problem is JSON");
        assert_eq!(json["severity"], "error");
        assert_eq!(json["file"], "project.yaml");
        assert_eq!((&json["line"], &json["column"]), (&1.into(), &2.into()));
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for (text, shown) in [
            ("pay\u{200b}pal", "pay\\u{200b}pal"),
            ("pay\u{200d}pal\u{200c}", "pay\\u{200d}pal\\u{200c}"),
            ("\u{feff}a\u{ad}\u{2060}", "\\u{feff}a\\u{ad}\\u{2060}"),
            ("a\u{e0041}", "a\\u{e0041}"),
            // Persian and Hindi, where joiners are spelling.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            // A picture of two.
            ("👩🏾\u{200d}⚕️", "👩🏾\u{200d}⚕️"),
        ] {
            assert_eq!(printable(text), shown);
        }
        let problem = problem(1, 3, "  a\u{200b}b");
        assert!(problem.to_string().contains("1 |   a\u{fffd}b\n"));
    }

    #[test]
    fn an_excerpt_is_a_line_and_ends_somewhere() {
        assert_eq!(excerpt("no\nsuch\u{1b}[1m"), "no\\nsuch\\u{1b}[1m");
        let as_long_as_may_be = "é".repeat(EXCERPT_MAX_CHARS);
        assert_eq!(excerpt(&as_long_as_may_be), as_long_as_may_be);
        for long in ["é".repeat(100_000), "\u{1b}".repeat(100_000)] {
            let shown = excerpt(&long);
            assert_eq!(shown.chars().count(), EXCERPT_MAX_CHARS);
            assert!(shown.ends_with('…'));
        }
    }
}
