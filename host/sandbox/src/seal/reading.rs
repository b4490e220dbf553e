//! Texts that are written once more: within JSON, an address, markup or a mail, or in lines and groups. Each reading undoes
//! one such way, whatever it was done to; what comes out is looked through for the known forms, so a secret is found in any
//! of these within any of those.
//!
//! ```text
//! text ──▶ units of a reading ──▶ what it says ──▶ known forms ──▶ where they are written in the text
//! ```
//!
//! A unit is told by itself and what of a secret is beside it, so that a text may be cut between units.

use std::ops::Range;

use memchr::memchr3;

/// No unit is longer. What looks like a longer one is no unit: numbers with more zeros before them, deeper indentation.
pub(super) const UNIT_MAX_BYTES: usize = 32;
/// A byte of what is read takes at most so many, but where lines are shorter than four letters: `&#x00006f;`.
pub(super) const BYTES_EACH_MAX: usize = 10;

/// One way in which a text is written once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// `%2f`, as in addresses, and `%u002f` as `escape` of JavaScript writes.
    Percent,
    /// `\/`, `\u002f` and `\x2f`.
    Json,
    /// `\u002f` with as many backslashes as it has where JSON is within JSON.
    Units,
    /// `&#47;`, `&#x2f;`, `&amp;`.
    Markup,
    /// `""`, as in CSV, and `\"\"`, as in CSV within JSON.
    Quotes,
    /// `''`, as in SQL.
    Apostrophes,
    /// `=2F` and the soft ends of lines of quoted-printable.
    Mail,
    /// Base64 in lines, whose ends may themselves be written as in JSON.
    Lines,
    /// Hexadecimal with a space, `:` or `-` between the bytes.
    Pairs,
}

/// How many there are.
pub(super) const READINGS: usize = 9;

/// A piece of a text that does not say itself. Figures are small: a text is read in blocks.
#[derive(Clone, Copy, Debug)]
struct Unit {
    at: u32,
    said: u32,
    len: u8,
    says: u8,
}

/// What a text says in one reading.
#[derive(Debug)]
pub(super) struct Read {
    /// What it says.
    pub bytes: Vec<u8>,
    units: Vec<Unit>,
    /// Where it was begun.
    from: usize,
}

/// The length of a unit, and what it says.
struct Says(usize, [u8; 4], usize);

impl Says {
    fn nothing(len: usize) -> Says {
        Says(len, [0; 4], 0)
    }

    fn byte(len: usize, byte: u8) -> Says {
        Says(len, [byte, 0, 0, 0], 1)
    }

    fn char(len: usize, c: char) -> Says {
        let mut bytes = [0; 4];
        let says = c.encode_utf8(&mut bytes).len();
        Says(len, bytes, says)
    }
}

impl Reading {
    pub const ALL: [Reading; READINGS] = [
        Reading::Percent,
        Reading::Json,
        Reading::Units,
        Reading::Markup,
        Reading::Quotes,
        Reading::Apostrophes,
        Reading::Mail,
        Reading::Lines,
        Reading::Pairs,
    ];

    /// Whether it can bring to light any of these: JSON has `""` in many places, and few secrets have a quote.
    pub fn serves(self, forms: &[Vec<u8>]) -> bool {
        let has = |byte| forms.iter().any(|form| form.contains(&byte));
        match self {
            Reading::Quotes => has(b'"'),
            Reading::Apostrophes => has(b'\''),
            _ => true,
        }
    }

    /// What `text` says from `from` on; nothing if it says itself.
    pub fn read(self, text: &[u8], from: usize) -> Option<Read> {
        if self == Reading::Pairs && !has_pairs(text) {
            return None;
        }
        let mut read = Read {
            bytes: Vec::new(),
            units: Vec::new(),
            from,
        };
        let [one, two, three] = self.leads();
        let (mut done, mut next) = (from, from);
        while let Some(lead) = memchr3(one, two, three, text.get(next..)?) {
            let at = next + lead;
            let Some(Says(len, bytes, says)) = self.unit(text, at) else {
                next = at + 1;
                continue;
            };
            if read.units.is_empty() {
                read.bytes.reserve(text.len() - from);
            }
            read.bytes.extend_from_slice(&text[done..at]);
            read.units.push(Unit {
                at: u32::try_from(at).ok()?,
                said: u32::try_from(read.bytes.len()).ok()?,
                len: u8::try_from(len).ok()?,
                says: u8::try_from(says).ok()?,
            });
            read.bytes.extend_from_slice(&bytes[..says]);
            (done, next) = (at + len, at + len);
        }
        read.bytes.extend_from_slice(text.get(done..)?);
        (!read.units.is_empty()).then_some(read)
    }

    /// The bytes that its units begin with.
    fn leads(self) -> [u8; 3] {
        match self {
            Reading::Percent => *b"%%%",
            Reading::Json | Reading::Units => *b"\\\\\\",
            Reading::Markup => *b"&&&",
            Reading::Quotes => *b"\"\"\\",
            Reading::Apostrophes => *b"'''",
            Reading::Mail => *b"===",
            Reading::Lines => *b"\r\n\\",
            Reading::Pairs => *b" :-",
        }
    }

    fn unit(self, text: &[u8], at: usize) -> Option<Says> {
        let rest = &text[at..];
        match self {
            Reading::Percent => percent(rest),
            Reading::Json => json(rest),
            Reading::Units => json_unit(rest, BACKSLASHES_MAX),
            Reading::Markup => markup(rest),
            Reading::Quotes if rest.starts_with(br#"\"\""#) => Some(Says(4, *b"\\\"\0\0", 2)),
            Reading::Quotes | Reading::Apostrophes => {
                let quotes = rest[0] != b'\\' && rest.get(1)? == &rest[0];
                quotes.then(|| Says::byte(2, rest[0]))
            }
            Reading::Mail => mail(rest),
            Reading::Lines => {
                let before = text[..at].last()?;
                is_base64(*before).then(|| end_of_line(rest))?
            }
            Reading::Pairs => between_pairs(text, at),
        }
    }
}

impl Read {
    /// Where the byte at `index` of what is read is written.
    pub fn written(&self, index: usize) -> Range<usize> {
        let after = self.units.partition_point(|unit| unit.said() <= index);
        let Some(unit) = after.checked_sub(1).map(|last| &self.units[last]) else {
            return self.from + index..self.from + index + 1;
        };
        let beyond = index - unit.said();
        match beyond.checked_sub(usize::from(unit.says)) {
            None => unit.at()..unit.end(),
            Some(beyond) => unit.end() + beyond..unit.end() + beyond + 1,
        }
    }

    /// The first byte of what is read that is written at `at` or behind it.
    pub fn said_from(&self, at: usize) -> usize {
        let after = self.units.partition_point(|unit| unit.at() < at);
        match after.checked_sub(1).map(|last| &self.units[last]) {
            None => at.saturating_sub(self.from),
            Some(unit) => unit.said() + usize::from(unit.says) + at.saturating_sub(unit.end()),
        }
    }

    /// How much of a unit that begins before `at` is behind it.
    pub fn over(&self, at: usize) -> usize {
        let after = self.units.partition_point(|unit| unit.at() < at);
        let unit = after.checked_sub(1).map(|last| &self.units[last]);
        unit.map_or(self.from, Unit::end).saturating_sub(at)
    }
}

impl Unit {
    fn at(&self) -> usize {
        self.at as usize
    }

    fn said(&self) -> usize {
        self.said as usize
    }

    fn end(&self) -> usize {
        self.at() + usize::from(self.len)
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn hex_byte(digits: Option<&[u8]>) -> Option<u8> {
    u8::try_from(hex(digits?)?).ok()
}

/// A character as `uXXXX`, or as two of them with `lead` before the second; and how long that is.
fn utf16(text: &[u8], lead: &[u8]) -> Option<(usize, char)> {
    let unit = |text: &[u8]| hex(text.strip_prefix(b"u")?.get(..4)?);
    let first = unit(text)?;
    if let Some(c) = char::from_u32(first) {
        return Some((5, c));
    }
    let second = unit(text[5..].strip_prefix(lead)?)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    Some((10 + lead.len(), c))
}

fn percent(text: &[u8]) -> Option<Says> {
    if let Some(byte) = hex_byte(text.get(1..3)) {
        return Some(Says::byte(3, byte));
    }
    let (len, c) = utf16(&text[1..], b"%")?;
    Some(Says::char(1 + len, c))
}

/// As many as JSON within JSON within JSON has before one of its own escapes.
const BACKSLASHES_MAX: usize = 4;

fn json(text: &[u8]) -> Option<Says> {
    let byte = match text.get(1)? {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'x' => return Some(Says::byte(4, hex_byte(text.get(2..4))?)),
        b'u' => return json_unit(text, 1),
        itself @ (b'"' | b'\\' | b'/' | b'\'') => *itself,
        _ => return None,
    };
    Some(Says::byte(2, byte))
}

fn json_unit(text: &[u8], backslashes_max: usize) -> Option<Says> {
    let slashes = text.iter().take_while(|byte| **byte == b'\\');
    let slashes = slashes.take(backslashes_max).count();
    let (lead, behind) = text.split_at(slashes);
    let (len, c) = utf16(behind, lead)?;
    Some(Says::char(slashes + len, c))
}

/// A reference to a character, by name or by number.
fn markup(text: &[u8]) -> Option<Says> {
    const NAMED: &[(&[u8], u8)] = &[
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
    ];
    if let Some((name, byte)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some(Says::byte(name.len(), *byte));
    }
    let number = text.strip_prefix(b"&#")?;
    let len = number.iter().take(8).position(|byte| *byte == b';')?;
    let number = match &number[..len] {
        [b'x' | b'X', digits @ ..] if !digits.is_empty() => hex(digits)?,
        digits if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok()?.parse().ok()?
        }
        _ => return None,
    };
    Some(Says::char(len + 3, char::from_u32(number)?))
}

fn mail(text: &[u8]) -> Option<Says> {
    match text {
        [_, b'\r', b'\n', ..] => Some(Says::nothing(3)),
        [_, b'\n', ..] => Some(Says::nothing(2)),
        _ => Some(Says::byte(3, hex_byte(text.get(1..3))?)),
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// The end of a line and the indentation of the next, where base64 goes on.
fn end_of_line(text: &[u8]) -> Option<Says> {
    const ENDS: &[&[u8]] = &[b"\r", b"\n", b"\\r", b"\\n", b"\\\\r", b"\\\\n"];
    // Most backslashes are before quotes.
    if let [b'\\', other, ..] = text
        && !b"rn\\".contains(other)
    {
        return None;
    }
    let mut len = 0;
    while len <= UNIT_MAX_BYTES
        && let Some(end) = ENDS.iter().find(|end| text[len..].starts_with(end))
    {
        len += end.len();
    }
    let blank = text[len..].iter().take(UNIT_MAX_BYTES);
    len += blank.take_while(|byte| b" \t".contains(byte)).count();
    let goes_on = is_base64(*text.get(len)?) && (1..=UNIT_MAX_BYTES).contains(&len);
    goes_on.then(|| Says::nothing(len))
}

/// A look at every ninth place, because spaces and colons are everywhere: four pairs are eleven bytes, and any three of them
/// have what stands between.
fn has_pairs(text: &[u8]) -> bool {
    let is_between = |at: usize| b" :-".contains(&text[at]) && between_pairs(text, at).is_some();
    (0..text.len().saturating_sub(2))
        .step_by(9)
        .any(|at| (at..at + 3).any(is_between))
}

/// What stands between two bytes in hexadecimal, if the same stands between two more pairs beside it: four bytes are the
/// shortest secret, and no time of day has four.
fn between_pairs(text: &[u8], at: usize) -> Option<Says> {
    let between = text[at];
    let before = text.get(at.checked_sub(1)?)?;
    hex(text.get(at + 1..at + 3)?)?;
    let same = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&between);
    let (left, right) = (same(at.checked_sub(3)), same(Some(at + 3)));
    let again = match (left, right) {
        (true, true) => true,
        (true, false) => same(at.checked_sub(6)),
        (false, true) => same(Some(at + 6)),
        (false, false) => false,
    };
    (before.is_ascii_hexdigit() && again).then(|| Says::nothing(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reading: Reading, text: &str) -> String {
        let read = reading.read(text.as_bytes(), 0);
        let bytes = read.map_or_else(|| text.as_bytes().to_vec(), |read| read.bytes);
        String::from_utf8(bytes).expect("text says text")
    }

    #[test]
    fn each_reading_undoes_one_way_of_writing_and_leaves_the_rest() {
        for (reading, text, says) in [
            (Reading::Percent, "a%2Fb%2fc %zz %", "a/b/c %zz %"),
            (
                Reading::Percent,
                "%252F %u00f6%uD83D%uDE00%uD83D",
                "%2F ö😀%uD83D",
            ),
            (Reading::Json, r#"\/ \" \n \q"#, "/ \" \n \\q"),
            (
                Reading::Json,
                r"\u00f6\\u00f6\ud83d\ude00\ud83d\x41",
                "ö\\u00f6😀\\ud83dA",
            ),
            (
                Reading::Units,
                r#"\u00f6\\u00f6\\ud83d\\ude00\\\""#,
                "öö😀\\\\\\\"",
            ),
            (Reading::Json, r#"a\\\"b"#, "a\\\"b"),
            (Reading::Markup, "&#65;&#x42;&#X0043;&amp;&lt;", "ABC&<"),
            (
                Reading::Markup,
                "&#00000065; &#; &#x; &#+1; &nbsp; &#xd800;",
                "&#00000065; &#; &#x; &#+1; &nbsp; &#xd800;",
            ),
            (Reading::Quotes, "a\"\"b''\"", "a\"b''\""),
            (Reading::Quotes, r#"a\"\"b\"c\\d"#, r#"a\"b\"c\\d"#),
            (Reading::Apostrophes, "a\"\"b''\"", "a\"\"b'\""),
            (Reading::Mail, "=41=\r\nB=\nC=4=", "ABC=4="),
            (Reading::Lines, "ab\r\ncd\n  ef\\r\\ngh\\\\ni", "abcdefghi"),
            (Reading::Lines, "ab\n\"cd\n", "ab\n\"cd\n"),
            (
                Reading::Pairs,
                "61 62 63 64, 61:62:63:64",
                "61626364, 61626364",
            ),
            (Reading::Pairs, "2026-11-21 12:00:00", "2026-11-21 12:00:00"),
        ] {
            assert_eq!(said(reading, text), says, "{reading:?} of {text}");
        }
    }

    #[test]
    fn what_is_read_is_where_it_was_written() {
        let text = "x%2Fy%C3%B6%41";
        let read = Reading::Percent
            .read(text.as_bytes(), 0)
            .expect("it has units");
        assert_eq!(read.bytes, "x/yöA".as_bytes());
        let written: Vec<_> = (0..6).map(|index| &text[read.written(index)]).collect();
        assert_eq!(written, ["x", "%2F", "y", "%C3", "%B6", "%41"]);
        let said: Vec<usize> = (0..6).map(|at| read.said_from(at)).collect();
        assert_eq!(said, [0, 1, 2, 2, 2, 3]);
        let over: Vec<usize> = (0..6).map(|at| read.over(at)).collect();
        assert_eq!(over, [0, 0, 2, 1, 0, 0]);
    }
}
