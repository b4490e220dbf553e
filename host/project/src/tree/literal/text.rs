//! Texts in quotes, with their escapes.

use super::super::SyntaxError;
use super::{Parsed, Parser};
use crate::report::Place;

impl Parser<'_> {
    /// Texts joined by `+` are one text.
    pub(super) fn texts(&mut self) -> Parsed<String> {
        let mut all = self.text()?;
        loop {
            self.skip_blank()?;
            if self.chars.peek() != Some(&'+') {
                return Ok(all);
            }
            self.advance();
            self.skip_blank()?;
            match self.chars.peek() {
                Some('"' | '\'' | '`') => all.push_str(&self.text()?),
                _ => return Err(self.wrong("only texts are joined by `+`")),
            }
        }
    }

    pub(super) fn text(&mut self) -> Parsed<String> {
        let start = self.at;
        let quote = self.advance();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.advance() {
                None => {
                    return Err(SyntaxError {
                        at: start,
                        message: "this text has no end".to_owned(),
                        help: None,
                    });
                }
                found if found == quote => return Ok(text),
                Some('\\') => self.escape(at, &mut text)?,
                Some('$') if quote == Some('`') && self.chars.peek() == Some(&'{') => {
                    return Err(SyntaxError {
                        at,
                        message:
                            "`${…}` would have to be computed, and a project file is only read"
                                .to_owned(),
                        help: Some("write the text itself".to_owned()),
                    });
                }
                Some('\n') if quote != Some('`') => {
                    return Err(SyntaxError {
                        at: start,
                        message: "this text does not end on its line".to_owned(),
                        help: Some(
                            "write `\\n` for a line break, or quote the text with `".to_owned(),
                        ),
                    });
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self, at: Place, text: &mut String) -> Parsed<()> {
        match self.advance() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('v') => text.push('\u{b}'),
            Some('0') => text.push('\0'),
            Some('\n') => {}
            Some('x') => text.push(self.code(at, 2)?),
            Some('u') => text.push(self.unicode(at)?),
            Some(c) => text.push(c),
            None => return Err(self.wrong("the file ends within a text")),
        }
        Ok(())
    }

    fn unicode(&mut self, at: Place) -> Parsed<char> {
        let first = self.hex(at, 4)?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| no_character(at));
        }
        // A character beyond the first 65,536 is written as two halves.
        if self.advance() != Some('\\') || self.advance() != Some('u') {
            return Err(no_character(at));
        }
        let second = self.hex(at, 4)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(no_character(at));
        }
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code).ok_or_else(|| no_character(at))
    }

    fn code(&mut self, at: Place, digits: u32) -> Parsed<char> {
        let code = self.hex(at, digits)?;
        char::from_u32(code).ok_or_else(|| no_character(at))
    }

    fn hex(&mut self, at: Place, digits: u32) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.advance().and_then(|c| c.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| no_character(at))?;
        }
        Ok(code)
    }
}

fn no_character(at: Place) -> SyntaxError {
    SyntaxError {
        at,
        message: "this escape stands for no character".to_owned(),
        help: None,
    }
}
