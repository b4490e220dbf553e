//! How well-known programs write a text into a larger one: what the filter must know, by their own rules.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Its name, and how it writes a text.
type Writer = (&'static str, fn(&str) -> String);

/// Each with who writes so.
pub const WRITERS: &[Writer] = &[
    ("it is", str::to_owned),
    ("JSON of JavaScript and Rust", |text| json(text, &JSON)),
    ("JSON of Python", |text| json(text, &JSON_PYTHON)),
    ("JSON of PHP", |text| json(text, &JSON_PHP)),
    ("JSON of Go", |text| json(text, &JSON_GO)),
    ("JSON of .NET", |text| json(text, &JSON_NET)),
    ("JSON with slashes escaped", |text| json(text, &JSON_SLASH)),
    ("encodeURIComponent", |text| {
        percent(text, "-_.!~*'()", false)
    }),
    ("percent-encoding of RFC 3986", |text| {
        percent(text, "-_.~", false)
    }),
    ("percent-encoding in lower case", |text| {
        percent(text, "-_.~", false).replace_escapes()
    }),
    ("encodeURI", |text| {
        percent(text, "-_.!~*'();/?:@&=+$,#", false)
    }),
    ("quote of Python", |text| percent(text, "-_.~/", false)),
    ("PathEscape of Go", |text| {
        percent(text, "-_.~$&+:=@", false)
    }),
    ("a form of a browser", |text| percent(text, "-_.*", true)),
    ("a form of Python and PHP", |text| {
        percent(text, "-_.~", true)
    }),
    ("hex", |text| hex(text, false)),
    ("HEX", |text| hex(text, true)),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 without padding", |text| {
        STANDARD_NO_PAD.encode(text)
    }),
    ("base64url", |text| URL_SAFE_NO_PAD.encode(text)),
    ("markup without quotes", |text| markup(text, "\"", "'")),
    ("markup of PHP", |text| markup(text, "&quot;", "&#039;")),
    ("markup of Python", |text| markup(text, "&quot;", "&#x27;")),
    ("markup of Go", |text| markup(text, "&#34;", "&#39;")),
    ("markup of XML", |text| markup(text, "&quot;", "&apos;")),
    ("markup of JavaScript", |text| {
        markup(text, "&quot;", "&#39;")
    }),
    // Whole, and once more.
    ("every byte in percent", |text| {
        each(text, |byte| format!("%{byte:02X}"))
    }),
    ("every byte in percent, lower", |text| {
        each(text, |byte| format!("%{byte:02x}"))
    }),
    ("percent twice", |text| {
        percent(&percent(text, "-_.~", false), "-_.~", false)
    }),
    ("every unit in JSON", |text| units(text, "\\u")),
    ("every unit in JSON in JSON", |text| units(text, "\\\\u")),
    ("JSON in JSON", |text| json(&json(text, &JSON), &JSON)),
    ("every character in decimal", |text| {
        characters(text, |c| format!("&#{c};"))
    }),
    ("every character in hexadecimal", |text| {
        characters(text, |c| format!("&#x{c:X};"))
    }),
    ("CSV", |text| text.replace('"', "\"\"")),
    ("CSV in JSON", |text| {
        json(&text.replace('"', "\"\""), &JSON)
    }),
    ("base64 of JSON", |text| {
        STANDARD.encode(format!("{{\"password\":\"{}\"}}", json(text, &JSON)))
    }),
    ("base64 of JSON of Python", |text| {
        STANDARD.encode(format!("{{\"token\": \"{}\"}}", json(text, &JSON_PYTHON)))
    }),
    ("hex in groups", |text| grouped(text, " ")),
    ("hex with colons", |text| grouped(text, ":")),
    ("quoted-printable", |text| {
        each(text, |byte| format!("={byte:02X}=\r\n"))
    }),
    ("base64 in lines", |text| {
        let letters = STANDARD.encode(text);
        let lines: Vec<&str> = letters
            .as_bytes()
            .chunks(8)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        lines.join("\r\n")
    }),
];

fn each(text: &str, written: impl Fn(u8) -> String) -> String {
    text.bytes().map(written).collect()
}

fn units(text: &str, lead: &str) -> String {
    let units = text.encode_utf16();
    units.map(|unit| format!("{lead}{unit:04x}")).collect()
}

fn characters(text: &str, written: impl Fn(u32) -> String) -> String {
    text.chars().map(|c| written(c.into())).collect()
}

fn grouped(text: &str, between: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(between)
}

/// Whether there is nothing in a text that a reading of the filter could take for something else.
pub fn says_itself(text: &str) -> bool {
    let grouped = text.as_bytes().windows(8).any(|window| {
        let is_hex = |at: usize| window[at].is_ascii_hexdigit();
        window[2] == window[5]
            && b" :-".contains(&window[2])
            && [0, 1, 3, 4, 6, 7].into_iter().all(is_hex)
    });
    !grouped && !text.contains(['%', '\\', '&', '=', '\r', '\n', '"', '\'', '\0'])
}

/// What a writer of JSON writes as `\u….`, and how.
struct Json {
    ascii: bool,
    upper: bool,
    slash: bool,
    escaped: &'static str,
}

const JSON: Json = Json {
    ascii: false,
    upper: false,
    slash: false,
    escaped: "",
};
const JSON_PYTHON: Json = Json {
    ascii: true,
    ..JSON
};
const JSON_SLASH: Json = Json {
    slash: true,
    ..JSON
};
const JSON_PHP: Json = Json {
    ascii: true,
    slash: true,
    ..JSON
};
const JSON_GO: Json = Json {
    escaped: "<>&\u{2028}\u{2029}",
    ..JSON
};
const JSON_NET: Json = Json {
    ascii: true,
    upper: true,
    escaped: "<>&'\"+`",
    ..JSON
};

fn json(text: &str, style: &Json) -> String {
    let unit = |unit: u16| match style.upper {
        true => format!("\\u{unit:04X}"),
        false => format!("\\u{unit:04x}"),
    };
    let units = |c: char| {
        c.encode_utf16(&mut [0; 2])
            .iter()
            .copied()
            .map(unit)
            .collect()
    };
    let one = |c: char| -> String {
        match c {
            c if style.escaped.contains(c) => units(c),
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '/' if style.slash => "\\/".to_owned(),
            c if c < ' ' || style.ascii && !c.is_ascii() => units(c),
            c => c.to_string(),
        }
    };
    text.chars().map(one).collect()
}

fn percent(text: &str, kept: &str, plus: bool) -> String {
    let one = |byte: u8| match char::from(byte) {
        ' ' if plus => "+".to_owned(),
        c if c.is_ascii_alphanumeric() || c.is_ascii() && kept.contains(c) => c.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

trait Escapes {
    fn replace_escapes(self) -> String;
}

impl Escapes for String {
    /// `%2F` as `%2f`.
    fn replace_escapes(self) -> String {
        let mut parts = self.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (escape, rest) = part.split_at(2);
            text + "%" + &escape.to_lowercase() + rest
        })
    }
}

fn hex(text: &str, upper: bool) -> String {
    let one = |byte: u8| match upper {
        true => format!("{byte:02X}"),
        false => format!("{byte:02x}"),
    };
    text.bytes().map(one).collect()
}

fn markup(text: &str, double: &str, single: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => double.to_owned(),
        '\'' => single.to_owned(),
        c => c.to_string(),
    };
    text.chars().map(one).collect()
}

const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Whether some stretch of `text` is base64 of something with `secret` in it, wherever its groups of four begin.
pub fn in_base64(text: &str, secret: &str) -> bool {
    ALPHABETS.iter().any(|alphabet| {
        let value = |byte: u8| alphabet.iter().position(|letter| *letter == byte);
        let runs = text.as_bytes().split(|byte| value(*byte).is_none());
        runs.filter(|run| run.len() > secret.len()).any(|run| {
            (0..4).any(|skip| {
                let sextets = run.iter().skip(skip).filter_map(|byte| value(*byte));
                contains(&decoded(sextets), secret.as_bytes())
            })
        })
    })
}

fn decoded(sextets: impl Iterator<Item = usize>) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0, 0_usize, Vec::new());
    for sextet in sextets {
        held = (held << 6 | sextet) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether `text` has eight characters in a row of the base64 of something with `secret` in it, as it is or as JSON: what the
/// filter may go by.
pub fn nearly_in_base64(text: &str, secret: &str) -> bool {
    let written = [
        secret.to_owned(),
        json(secret, &JSON),
        json(secret, &JSON_PYTHON),
    ];
    written.iter().any(|written| {
        (0..3).any(|before| {
            let bytes = [&[0; 3][..before], written.as_bytes()].concat();
            [STANDARD_NO_PAD, URL_SAFE_NO_PAD].iter().any(|engine| {
                let encoded = engine.encode(&bytes);
                encoded
                    .as_bytes()
                    .windows(8)
                    .any(|window| contains(text.as_bytes(), window))
            })
        })
    })
}
