//! Texts in quotes with escapes: which characters of the file each character of the value is written with.

use std::iter::Peekable;
use std::str::Chars;

use crate::report::Place;

/// The characters between the quotes, if they stand for `value`. `text` starts behind the opening quote.
pub(crate) fn raw_of(text: &str, value: &str) -> Option<String> {
    let mut chars = text.chars().peekable();
    let mut raw = String::new();
    for wanted in value.chars() {
        if next(&mut chars, &mut raw)? != wanted {
            return None;
        }
    }
    Some(raw)
}

/// The place of the character with this index in the value, `start` being the place of the first.
pub(crate) fn place(raw: &str, start: Place, index: usize) -> Place {
    let mut chars = raw.chars().peekable();
    let mut read = String::new();
    for _ in 0..index {
        if next(&mut chars, &mut read).is_none() {
            break;
        }
    }
    read.chars().fold(start, Place::behind)
}

/// The next character of the value. What it is written with is appended to `raw`.
fn next(chars: &mut Peekable<Chars<'_>>, raw: &mut String) -> Option<char> {
    let mut take = || {
        let c = chars.next()?;
        raw.push(c);
        Some(c)
    };
    loop {
        match take()? {
            '\\' => {}
            c => return Some(c),
        }
        return match take()? {
            // A line that goes on in the next one.
            '\n' => continue,
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            'a' => Some('\u{7}'),
            'e' => Some('\u{1b}'),
            '0' => Some('\0'),
            'x' => char::from_u32(hex(&mut take, 2)?),
            'U' => char::from_u32(hex(&mut take, 8)?),
            'u' => match hex(&mut take, 4)? {
                high @ 0xd800..0xdc00 => {
                    if take()? != '\\' || take()? != 'u' {
                        return None;
                    }
                    let low = hex(&mut take, 4)?.checked_sub(0xdc00)?;
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)
                }
                code => char::from_u32(code),
            },
            c => Some(c),
        };
    }
}

fn hex(take: &mut impl FnMut() -> Option<char>, digits: u32) -> Option<u32> {
    (0..digits).try_fold(0, |code, _| Some(code * 16 + take()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_of_the_value_has_the_place_of_its_escape() {
        let value = "a\n😀\"é\\b";
        let text = r#"a\n\ud83d\ude00\"\u00e9\\b", "more""#;
        let raw = raw_of(text, value).expect("the same text");
        assert_eq!(raw, r#"a\n\ud83d\ude00\"\u00e9\\b"#);
        let columns: Vec<u32> = (0..7)
            .map(|index| {
                place(
                    &raw,
                    Place {
                        line: 1,
                        column: 10,
                    },
                    index,
                )
                .column
            })
            .collect();
        assert_eq!(columns, [10, 11, 13, 25, 27, 33, 35]);
    }

    #[test]
    fn another_text_is_none_of_it() {
        for text in ["b", "", "\\", "\\u12", "\\ud83d", "\\ud83dx"] {
            assert_eq!(raw_of(text, "a"), None, "{text}");
        }
    }
}
