//! JSON, and JavaScript object literals as v1's project files are written: a tree of values, never a program.
//!
//! One reader for both, because a place is wanted for every value, and JSON is the smaller part of the same language.

mod text;

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::Number;

use super::{Data, Key, NODES_MAX, Node, SyntaxError};
use crate::report::Place;

/// Deeper than any project; shallow enough for the stack.
const DEPTH_MAX: u32 = 128;
/// What may stand before the value of a file: `module.exports =`, `export default`, `const project =`.
const LEAD_WORDS: &[&str] = &[
    "module", "exports", "export", "default", "const", "let", "var",
];

/// Reads a file that holds one object, as JSON or as JavaScript.
pub(crate) fn parse_literal(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser {
        chars: text.chars().peekable(),
        at: Place::START,
        nodes: 0,
    };
    parser.file()
}

struct Parser<'t> {
    chars: Peekable<Chars<'t>>,
    at: Place,
    nodes: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    fn file(&mut self) -> Parsed<Node> {
        self.skip_lead()?;
        let node = self.value(0)?;
        loop {
            self.skip_blank()?;
            match self.chars.peek() {
                None => return Ok(node),
                Some(')' | ';') => self.advance(),
                Some(_) => {
                    return Err(self.wrong("here is more than one value"));
                }
            };
        }
    }

    /// Up to the value itself.
    fn skip_lead(&mut self) -> Parsed<()> {
        loop {
            self.skip_blank()?;
            match self.chars.peek() {
                Some('(' | '=' | '.') => _ = self.advance(),
                Some(c) if is_name_start(*c) => {
                    let at = self.at;
                    let word = self.word();
                    self.skip_blank()?;
                    let assigned = matches!(self.chars.peek(), Some('='));
                    if !LEAD_WORDS.contains(&word.as_str()) && !assigned {
                        return Err(no_value(at, &word));
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self, depth: u32) -> Parsed<Node> {
        self.skip_blank()?;
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(self.wrong("this is larger than any project's"));
        }
        let at = self.at;
        let data = match self.chars.peek().copied() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"' | '\'' | '`') => Data::Text(self.texts()?),
            Some(c) if c == '-' || c == '+' || c == '.' || c.is_ascii_digit() => self.number()?,
            Some('(') => return Err(function(at)),
            Some(c) if is_name_start(c) => self.constant()?,
            Some(c) => return Err(self.wrong(&format!("a value cannot start with `{c}`"))),
            None => return Err(self.wrong("the file ends before its value")),
        };
        Ok(Node {
            at,
            written_at: at,
            data,
        })
    }

    fn map(&mut self, depth: u32) -> Parsed<Data> {
        self.advance();
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen = BTreeSet::new();
        while !self.ends_with('}')? {
            let key = self.key()?;
            if !seen.insert(key.text.clone()) {
                return Err(SyntaxError {
                    at: key.at,
                    message: format!("the key `{}` is there twice", key.text),
                    help: Some("only one of the two could count; rename or remove one".to_owned()),
                });
            }
            self.skip_blank()?;
            match self.chars.peek() {
                Some(':') => self.advance(),
                Some('(') => return Err(function(key.at)),
                _ => {
                    return Err(
                        self.wrong(&format!("after the key `{}` there is no `:`", key.text))
                    );
                }
            };
            entries.push((key, self.value(depth + 1)?));
            self.comma('}')?;
        }
        Ok(Data::Map(entries))
    }

    fn list(&mut self, depth: u32) -> Parsed<Data> {
        self.advance();
        let mut nodes = Vec::new();
        while !self.ends_with(']')? {
            nodes.push(self.value(depth + 1)?);
            self.comma(']')?;
        }
        Ok(Data::List(nodes))
    }

    /// Whether the list or map ends here, and past its end.
    fn ends_with(&mut self, end: char) -> Parsed<bool> {
        self.skip_blank()?;
        let ends = self.chars.peek() == Some(&end);
        if ends {
            self.advance();
        }
        Ok(ends)
    }

    fn comma(&mut self, end: char) -> Parsed<()> {
        self.skip_blank()?;
        match self.chars.peek() {
            Some(',') => {
                self.advance();
                Ok(())
            }
            Some(c) if *c == end => Ok(()),
            Some('=') => Err(function(self.at)),
            _ => Err(self.wrong(&format!("a `,` or `{end}` is missing here"))),
        }
    }

    fn key(&mut self) -> Parsed<Key> {
        let at = self.at;
        let text = match self.chars.peek().copied() {
            Some('"' | '\'') => self.text()?,
            Some(c) if is_name_start(c) || c.is_ascii_digit() => self.word(),
            Some('.') => return Err(self.wrong("`...` is not read: write out what it stands for")),
            Some(_) => return Err(self.wrong("a key is missing here")),
            None => return Err(self.wrong("the file ends before this map does")),
        };
        Ok(Key { text, at })
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.chars.peek().copied().filter(|c| is_name(*c)) {
            word.push(c);
            self.advance();
        }
        word
    }

    fn constant(&mut self) -> Parsed<Data> {
        let at = self.at;
        let word = self.word();
        match word.as_str() {
            "true" => Ok(Data::Bool(true)),
            "false" => Ok(Data::Bool(false)),
            "null" | "undefined" => Ok(Data::Null),
            "function" | "async" | "class" | "new" => Err(function(at)),
            _ => {
                self.skip_blank()?;
                match self.chars.peek() {
                    Some('=' | '(') => Err(function(at)),
                    _ => Err(no_value(at, &word)),
                }
            }
        }
    }

    fn number(&mut self) -> Parsed<Data> {
        let at = self.at;
        let mut text = String::new();
        while let Some(c) = self
            .chars
            .peek()
            .copied()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        {
            text.push(c);
            self.advance();
        }
        let number = text
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| text.parse::<u64>().map(Number::from))
            .ok()
            .or_else(|| Number::from_f64(text.parse().ok()?));
        number.map(Data::Number).ok_or_else(|| SyntaxError {
            at,
            message: format!("`{text}` is not a number"),
            help: None,
        })
    }

    /// White space and comments.
    fn skip_blank(&mut self) -> Parsed<()> {
        while let Some(c) = self.chars.peek().copied() {
            if c.is_whitespace() || c == '\u{feff}' {
                self.advance();
            } else if c == '/' {
                self.comment()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Parsed<()> {
        let start = self.at;
        self.advance();
        match self.advance() {
            Some('/') => while !matches!(self.advance(), None | Some('\n')) {},
            Some('*') => {
                let mut before = ' ';
                loop {
                    match self.advance() {
                        Some('/') if before == '*' => break,
                        Some(c) => before = c,
                        None => {
                            return Err(SyntaxError {
                                at: start,
                                message: "this comment has no end".to_owned(),
                                help: None,
                            });
                        }
                    }
                }
            }
            _ => {
                return Err(SyntaxError {
                    at: start,
                    message: "a value cannot start with `/`".to_owned(),
                    help: None,
                });
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn wrong(&self, message: &str) -> SyntaxError {
        SyntaxError {
            at: self.at,
            message: message.to_owned(),
            help: None,
        }
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}

fn function(at: Place) -> SyntaxError {
    SyntaxError {
        at,
        message: "this would have to be run, and a project file is only read".to_owned(),
        help: Some("write a job's code as a text, or into a file of its own".to_owned()),
    }
}

fn no_value(at: Place, word: &str) -> SyntaxError {
    SyntaxError {
        at,
        message: format!("`{word}` is no value, and a project file is only read, not run"),
        help: Some("write the value itself; texts are in quotes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> serde_json::Value {
        parse_literal(text).expect(text).to_json()
    }

    fn place(text: &str) -> (u32, u32, String) {
        let error = parse_literal(text).expect_err(text);
        (error.at.line, error.at.column, error.message)
    }

    #[test]
    fn json_is_read_as_any_reader_of_json_reads_it() {
        for text in [
            r#"{"a": [1, -2.5, 1e3, true, false, null], "b": {"c": "x\n\t\"\u00e9\ud83d\ude00\/"}}"#,
            "{\n\t\"tabs\": \"are fine\"\n}",
            "{}",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn an_object_literal_may_have_all_that_javascript_writes_values_with() {
        let text = "// v1\nconst project = {\n  async: true, /* all */\n  'a-b': `two\nlines`, c: 'it\\'s' +\n    ' one',\n  list: [1, 2,],\n};\n";
        let expected = json!({"async": true, "a-b": "two\nlines", "c": "it's one", "list": [1, 2]});
        assert_eq!(value(text), expected);
        for lead in ["module.exports = ", "export default ", "(", "project = "] {
            assert_eq!(
                value(&format!("{lead}{{ a: 1 }}")),
                json!({"a": 1}),
                "{lead}"
            );
        }
    }

    #[test]
    fn what_would_have_to_be_run_is_refused_where_it_stands() {
        for (text, line, column) in [
            ("{ a: () => 1 }", 1, 6),
            ("{ a: x => 1 }", 1, 6),
            ("{\n  a: function () {} }", 2, 6),
            ("{ a() { return 1 } }", 1, 3),
            ("{ a: require('x') }", 1, 6),
        ] {
            let (found_line, found_column, message) = place(text);
            assert_eq!(
                (found_line, found_column),
                (line, column),
                "{text}: {message}"
            );
            assert!(message.contains("would have to be run"), "{message}");
        }
        assert!(
            place("{ a: process.env }")
                .2
                .contains("`process` is no value")
        );
        assert!(place("{ a: `${x}` }").2.contains("computed"));
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, expected) in [
            ("{ a: 1, a: 2 }", (1, 9, "the key `a` is there twice")),
            ("{ a: 1\n  b: 2 }", (2, 3, "a `,` or `}` is missing here")),
            ("{ a: 'x\n' }", (1, 6, "this text does not end on its line")),
            ("{ a: \"x", (1, 6, "this text has no end")),
            ("{ a: 1", (1, 7, "a `,` or `}` is missing here")),
            ("{} {}", (1, 4, "here is more than one value")),
            ("", (1, 1, "the file ends before its value")),
            ("{ a: 1.2.3 }", (1, 6, "`1.2.3` is not a number")),
            (
                "{ ...b }",
                (1, 3, "`...` is not read: write out what it stands for"),
            ),
            (
                "{ a: '\\ud83d' }",
                (1, 7, "this escape stands for no character"),
            ),
        ] {
            let (line, column, message) = place(text);
            assert_eq!((line, column, message.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_large_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(place(&deep).2.contains("larger than any project's"));
        let many = format!("[{}]", "1,".repeat(NODES_MAX + 1));
        assert!(place(&many).2.contains("larger than any project's"));
    }
}
