//! Writing YAML that is read back as it was, character for character, and that a person likes to edit.
//!
//! Texts of several lines are literal blocks (`|`), in which nothing is escaped. What a block cannot hold exactly
//! (carriage returns, control characters) is quoted with escapes.

use serde_json::{Map, Value};

const INDENT: usize = 2;

/// A document.
pub(super) fn write(root: &Value) -> String {
    let mut out = String::new();
    match root {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0, false),
        other => {
            write_value(&mut out, other, 0);
            out = out.trim_start().to_owned();
        }
    }
    out
}

/// `inline` is whether the first key goes on the line that is begun.
fn write_map(out: &mut String, map: &Map<String, Value>, indent: usize, mut inline: bool) {
    for (key, value) in map {
        if !inline {
            out.push_str(&" ".repeat(indent));
        }
        inline = false;
        out.push_str(&scalar(key));
        out.push(':');
        write_value(out, value, indent);
    }
}

/// What comes after `key:` or `-`, with the end of the line.
fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::Array(list) if list.is_empty() => out.push_str(" []\n"),
        Value::Object(map) => {
            out.push('\n');
            write_map(out, map, indent + INDENT, false);
        }
        Value::Array(list) => {
            out.push('\n');
            for item in list {
                out.push_str(&" ".repeat(indent + INDENT));
                out.push('-');
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        out.push(' ');
                        write_map(out, map, indent + 2 * INDENT, true);
                    }
                    other => write_value(out, other, indent + INDENT),
                }
            }
        }
        Value::String(text) if fits_block(text) => write_block(out, text, indent + INDENT),
        Value::String(text) => {
            out.push(' ');
            out.push_str(&scalar(text));
            out.push('\n');
        }
        Value::Null => out.push_str(" null\n"),
        other => {
            out.push_str(&format!(" {other}\n"));
        }
    }
}

/// Whether a text has lines, and nothing that a block would change.
fn fits_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n') || (text.ends_with('\n') && text.len() > 1)
}

fn write_block(out: &mut String, text: &str, indent: usize) {
    if text.chars().any(needs_escape) || text.trim().is_empty() {
        out.push(' ');
        out.push_str(&quoted(text));
        out.push('\n');
        return;
    }
    out.push_str(" |");
    // Otherwise the blanks that the text starts with would be taken for indentation.
    if text.starts_with([' ', '\t', '\n']) {
        out.push_str(&INDENT.to_string());
    }
    match text.len() - text.trim_end_matches('\n').len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    out.push('\n');
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(line);
    }
    if !text.ends_with('\n') {
        out.push('\n');
    }
}

/// A text on one line.
fn scalar(text: &str) -> String {
    if text.contains('\n') || text.chars().any(needs_escape) {
        quoted(text)
    } else if is_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Only what no version of YAML reads as anything but a text.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let letters = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '@'));
    starts && letters && !text.ends_with(' ') && !WORDS.contains(&text.to_lowercase().as_str())
}

/// What a block or single quotes would lose, or a reader could take for a line's end.
fn needs_escape(c: char) -> bool {
    let line_end = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || line_end
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_yaml;
    use proptest::prelude::*;
    use serde_json::json;

    fn read_back(value: &Value) -> Value {
        let text = write(value);
        parse_yaml(&text)
            .unwrap_or_else(|error| panic!("{}:\n{text}", error.message))
            .to_json()
    }

    #[test]
    fn a_document_reads_as_a_person_would_write_it() {
        let value = json!({"name": "A b", "list": [{"id": "x", "code": "a\n b\n"}, "yes", []], "empty": {}, "count": 1});
        let expected = "name: A b\nlist:\n  - id: x\n    code: |\n      a\n       b\n  - 'yes'\n  - []\nempty: {}\ncount: 1\n";
        assert_eq!(write(&value), expected);
        assert_eq!(read_back(&value), value);
    }

    #[test]
    fn texts_are_read_back_as_they_were() {
        for text in [
            "",
            " ",
            "\n",
            "\n\n",
            "a\n",
            "a\n\n",
            "a\nb",
            " a\n b\n",
            "\ta\nb",
            "\n a\n",
            "a \nb  \n",
            "a: b",
            "a #b",
            "- a",
            "'a'",
            "\"a\"",
            "a\r\nb\r\n",
            "a\tb",
            "😀\n😀",
            "\u{85}",
            "\u{2028}a\nb",
            "\u{feff}a\nb",
            "null",
            "~",
            "1",
            "1.5",
            "0x1f",
            "2020-01-01",
            "a\\nb",
            "%a",
            "@a",
            "`a",
            "a\n\n\nb",
            "a\n  \nb\n",
            "---\na\n",
            "...\na",
            "a\n---\nb",
            "\0",
            "{}",
            "[]",
            "true",
            "a:",
            ":a",
            "?",
            "? a",
            "a\n\t\nb",
            "  \na",
            "a\n ",
        ] {
            let value =
                json!({"before": 1, "text": text, "list": [text, {"deep": text}], "after": 2});
            assert_eq!(read_back(&value), value, "{text:?} as\n{}", write(&value));
            let value = json!({text: 1});
            assert_eq!(
                read_back(&value),
                value,
                "the key {text:?} as\n{}",
                write(&value)
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in "[a-c \t\r\n:#'\"\\\\|>é😀{}\\[\\],&*!%@`~\u{0}\u{7f}\u{85}\u{2028}-]{0,24}") {
            let value = json!({"text": text, "list": [text]});
            prop_assert_eq!(read_back(&value), value);
        }
    }
}
