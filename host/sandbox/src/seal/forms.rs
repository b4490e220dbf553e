//! How a secret may look after somebody wrote it: as it is, escaped, or encoded, alone or within a longer text.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What `encodeURIComponent` leaves besides.
const JAVASCRIPT: &AsciiSet = &COMPONENT
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// What `encodeURI` leaves besides.
const JAVASCRIPT_WHOLE: &AsciiSet = &GO_PATH
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b',')
    .remove(b'#');
/// What `url.PathEscape` of Go leaves.
const GO_PATH: &AsciiSet = &COMPONENT
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b':')
    .remove(b'=')
    .remove(b'@');
/// What `quote` of Python leaves.
const PYTHON: &AsciiSet = &COMPONENT.remove(b'/');
const PERCENT: &[&AsciiSet] = &[COMPONENT, JAVASCRIPT, JAVASCRIPT_WHOLE, GO_PATH, PYTHON];
/// What a browser's form leaves, spaces aside.
const FORM: &AsciiSet = &COMPONENT.remove(b'*').add(b'~');
/// What forms by Go and Python leave, and those by PHP.
const FORMS: &[&AsciiSet] = &[FORM, COMPONENT, &COMPONENT.add(b'~')];

/// How writers of JSON differ: what they write as `\u` and four digits of hexadecimal, and how those look.
struct Json {
    /// Whatever is not ASCII, too.
    ascii: bool,
    upper: bool,
    /// `/` as `\/`.
    slash: bool,
    marks: &'static str,
}

const PLAIN_JSON: Json = Json {
    ascii: false,
    upper: false,
    slash: false,
    marks: "",
};
const JSON: &[Json] = &[
    // JavaScript and Rust; with slashes, some of PHP.
    PLAIN_JSON,
    Json {
        slash: true,
        ..PLAIN_JSON
    },
    // Python, Ruby; PHP.
    Json {
        ascii: true,
        ..PLAIN_JSON
    },
    Json {
        ascii: true,
        slash: true,
        ..PLAIN_JSON
    },
    // Jackson, when asked for ASCII.
    Json {
        ascii: true,
        upper: true,
        ..PLAIN_JSON
    },
    // Go, Rails; Gson; System.Text.Json. They keep JSON safe within HTML.
    Json {
        marks: "<>&\u{2028}\u{2029}",
        ..PLAIN_JSON
    },
    Json {
        marks: "<>&='\u{2028}\u{2029}",
        ..PLAIN_JSON
    },
    Json {
        ascii: true,
        upper: true,
        slash: false,
        marks: "<>&\"'+`",
    },
];

/// Those whose documents are looked for in base64, too. Few secrets have what these escape, so that most have no more forms.
const IN_BASE64: &[Json] = &[
    PLAIN_JSON,
    Json {
        ascii: true,
        ..PLAIN_JSON
    },
];

/// What all of them write with one letter: `\n`.
const SHORT: &str = "\u{8}\u{c}\n\r\t";

/// Quotes in markup: of whatever leaves them, XML, PHP, Python, Go and JavaScript.
const QUOTES: &[(&str, &str)] = &[
    ("\"", "'"),
    ("&quot;", "'"),
    ("&quot;", "&apos;"),
    ("&quot;", "&#039;"),
    ("&quot;", "&#x27;"),
    ("&quot;", "&#39;"),
    ("&#34;", "&#39;"),
];
/// A shorter piece of base64 would be found in anything.
const BASE64_MIN: usize = 8;

/// Every form of `secret` that is looked for, without duplicates.
pub(super) fn forms(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut forms: BTreeSet<Vec<u8>> = [secret.as_bytes().to_vec()].into();
    let mut add = |form: String| {
        forms.insert(form.into_bytes());
    };
    let json = JSON.iter().map(|style| style.escaped(secret));
    json.for_each(&mut add);
    percent_encoded(secret).into_iter().for_each(&mut add);
    base64_within(secret).into_iter().for_each(&mut add);
    for style in IN_BASE64 {
        let escaped = style.escaped(secret);
        if escaped != secret {
            base64_within(&escaped).into_iter().for_each(&mut add);
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    add(hex.to_uppercase());
    add(hex);
    let markup = QUOTES.iter().map(|quotes| in_markup(secret, *quotes));
    markup.for_each(&mut add);
    forms.extend(utf16(secret));
    forms
}

/// As it is in UTF-16, in either order of bytes.
fn utf16(secret: &str) -> [Vec<u8>; 2] {
    let units = || secret.encode_utf16();
    [
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
    ]
}

impl Json {
    fn escaped(&self, secret: &str) -> String {
        let mut escaped = String::with_capacity(secret.len());
        for c in secret.chars() {
            match c {
                c if self.marks.contains(c)
                    || self.ascii && !c.is_ascii()
                    || c < ' ' && !SHORT.contains(c) =>
                {
                    self.put_units(c, &mut escaped);
                }
                '/' if self.slash => escaped.push_str("\\/"),
                c => {
                    let quoted = serde_json::Value::from(c.to_string()).to_string();
                    escaped.push_str(&quoted[1..quoted.len() - 1]);
                }
            }
        }
        escaped
    }

    fn put_units(&self, c: char, escaped: &mut String) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            *escaped += &if self.upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            };
        }
    }
}

fn percent_encoded(secret: &str) -> Vec<String> {
    let percent = PERCENT
        .iter()
        .map(|set| utf8_percent_encode(secret, set).to_string());
    let forms = FORMS.iter().map(|set| {
        utf8_percent_encode(secret, set)
            .to_string()
            .replace("%20", "+")
    });
    percent
        .chain(forms)
        .flat_map(|upper| [lower_escapes(&upper), upper])
        .collect()
}

/// As an HTML form writes it: a space becomes `+`.
pub(super) fn form_urlencoded(secret: &str) -> String {
    utf8_percent_encode(secret, FORM)
        .to_string()
        .replace("%20", "+")
}

/// As a part of a path or a query.
pub(super) fn component(secret: &str) -> String {
    utf8_percent_encode(secret, COMPONENT).to_string()
}

fn lower_escapes(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    let mut escape = 0;
    for c in text.chars() {
        escape = if c == '%' { 2 } else { escape };
        lower.push(if escape > 0 {
            c.to_ascii_lowercase()
        } else {
            c
        });
        escape -= i32::from(c != '%' && escape > 0);
    }
    lower
}

/// What the secret becomes within the base64 of a longer text, as in `Basic`: three ways, by how many bytes come before
/// it. The characters at either end also depend on its neighbours and are left out.
fn base64_within(secret: &str) -> Vec<String> {
    let mut forms = vec![
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        let start = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            forms.extend(encoded.get(start..end).map(str::to_owned));
        }
    }
    forms.retain(|form| form.len() >= BASE64_MIN);
    forms
}

/// As HTML and XML write it.
pub(super) fn markup_escaped(secret: &str) -> String {
    in_markup(secret, ("&quot;", "'"))
}

fn in_markup(secret: &str, (double, single): (&str, &str)) -> String {
    secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', double)
        .replace('\'', single)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p/ss wörd&\"+:district";

    fn is_found_in(text: &str) -> bool {
        is_found_in_bytes(text.as_bytes())
    }

    fn is_found_in_bytes(text: &[u8]) -> bool {
        let within = |form: &Vec<u8>| text.windows(form.len()).any(|part| part == form);
        forms(SECRET).iter().any(within)
    }

    #[test]
    fn it_is_found_in_utf_16() {
        let text: Vec<u16> = format!("got {SECRET}.").encode_utf16().collect();
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let text: Vec<u8> = text.iter().copied().flat_map(bytes).collect();
            assert!(is_found_in_bytes(&text));
        }
    }

    #[test]
    fn it_is_found_however_it_is_escaped() {
        let json = serde_json::json!({"got": SECRET}).to_string();
        for text in [
            SECRET.to_owned(),
            json.replace('/', "\\/"),
            json,
            "p/ss w\\u00f6rd&\\\"+:district".to_owned(),
            "?x=p%2Fss%20w%C3%B6rd%26%22%2B%3Adistrict".to_owned(),
            "?x=p%2fss+w%c3%b6rd%26%22%2b%3adistrict".to_owned(),
            "702f73732077c3b67264262".to_owned() + "22b3a6469737472696374",
            "<got>p/ss wörd&amp;&quot;+:district</got>".to_owned(),
        ] {
            assert!(is_found_in(&text), "{text}");
        }
    }

    /// Found by the fuzz target `sealing`: what these write was only known piece by piece.
    #[test]
    fn it_is_found_as_well_known_programs_escape_it() {
        for text in [
            // PHP, Go, System.Text.Json
            r#"{"got":"p\/ss w\u00f6rd&\"+:district"}"#,
            r#"{"got":"p/ss wörd\u0026\"+:district"}"#,
            r#"{"got":"p/ss w\u00F6rd\u0026\u0022\u002B:district"}"#,
            // encodeURI; url.PathEscape of Go; quote of Python
            "p/ss%20w%C3%B6rd&%22+:district",
            "p%2Fss%20w%C3%B6rd&%22+:district",
            "p/ss%20w%C3%B6rd%26%22%2B%3Adistrict",
            // html/template of Go
            "p/ss wörd&amp;&#34;+:district",
        ] {
            assert!(is_found_in(text), "{text}");
        }
    }

    #[test]
    fn it_is_found_in_base64_wherever_it_stands() {
        for before in ["", "a", "ab", "admin:", "nobody:"] {
            for after in ["", "x", "xy", "\n"] {
                let text = format!("{before}{SECRET}{after}");
                for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                    assert!(is_found_in(&engine.encode(&text)), "{text}");
                }
            }
        }
    }

    #[test]
    fn it_is_found_in_the_base64_of_a_json_document() {
        let json = serde_json::json!({"user": "ama", "password": SECRET}).to_string();
        let ascii = json.replace('ö', "\\u00f6");
        for document in [json, ascii] {
            for before in ["", " ", "  "] {
                let encoded = STANDARD_NO_PAD.encode(format!("{before}{document}"));
                assert!(is_found_in(&encoded), "{document}");
            }
        }
    }

    #[test]
    fn a_text_without_it_has_none_of_its_forms() {
        assert!(!is_found_in(
            "an ordinary reply about a district and a w\u{f6}rd"
        ));
    }
}
