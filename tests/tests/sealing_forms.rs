//! A secret that a system writes once more before it sends it back: in lines, in groups, with every letter escaped, or within
//! another text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use fonio_tests::{Answer, FarSide, Job};
use serde_json::json;

/// With what each encoding has to escape.
const SECRET: &str = "hush/hush+\"quoted\" & m'r";

fn each(text: &str, written: impl Fn(u8) -> String) -> String {
    text.bytes().map(written).collect()
}

fn in_lines(encoded: &str, letters: usize, end: &str) -> String {
    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(letters).collect();
    let lines = lines.iter().map(|line| String::from_utf8_lossy(line));
    lines.collect::<Vec<_>>().join(end)
}

fn in_json(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent(text: &str) -> String {
    each(text, |byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    })
}

/// Each way that docs/security/credentials.md names.
fn written() -> Vec<(&'static str, String)> {
    let long = format!("{:70}{SECRET}{:70}", "", "");
    let (base64, url) = (STANDARD.encode(&long), URL_SAFE.encode(&long));
    let mail = each(SECRET, |byte| format!("={byte:02X}"));
    let wide = |bytes: fn(u16) -> [u8; 2]| {
        let bytes: Vec<u8> = SECRET.encode_utf16().flat_map(bytes).collect();
        String::from_utf8(bytes).expect("of ASCII")
    };
    vec![
        ("mime", in_lines(&base64, 76, "\r\n")),
        ("pem", in_lines(&base64, 64, "\n")),
        ("url-in-lines", in_lines(&url, 76, "\n  ")),
        ("mime-in-json", in_json(&in_lines(&base64, 76, "\r\n"))),
        ("decimal", each(SECRET, |byte| format!("&#{byte};"))),
        ("hexadecimal", each(SECRET, |byte| format!("&#x{byte:X};"))),
        ("units", each(SECRET, |byte| format!("\\u{byte:04x}"))),
        (
            "units-in-json",
            each(SECRET, |byte| format!("\\\\u{byte:04X}")),
        ),
        ("percent", each(SECRET, |byte| format!("%{byte:02X}"))),
        ("percent-lower", each(SECRET, |byte| format!("%{byte:02x}"))),
        ("percent-twice", percent(&percent(SECRET))),
        ("json-in-json", in_json(&in_json(SECRET))),
        ("csv", SECRET.replace('"', "\"\"")),
        ("csv-in-json", in_json(&SECRET.replace('"', "\"\""))),
        (
            "json-in-base64",
            STANDARD.encode(json!({"user": "ama", "password": SECRET}).to_string()),
        ),
        ("spaces", each(SECRET, |byte| format!("{byte:02x} "))),
        ("colons", each(SECRET, |byte| format!("{byte:02X}:"))),
        ("mail", in_lines(&mail, 72, "=\r\n")),
        ("wide", wide(u16::to_le_bytes)),
        ("wide-big", wide(u16::to_be_bytes)),
    ]
}

#[test]
fn a_secret_that_is_written_once_more_is_sealed_again() {
    let names: Vec<&str> = written().iter().map(|(name, _)| *name).collect();
    let far_side = FarSide::answering(|_| {
        let texts = written().into_iter();
        let texts = texts.map(|(name, text)| format!("<{name}>{text}</{name}>\n"));
        Answer::new("text/plain", texts.collect::<String>())
    });
    let finished = Job::new("get('/x');\nfn(state => { console.log(state.data); return state; });")
        .adaptor("http")
        .credential(&json!({"baseUrl": far_side.origin(), "username": "admin", "password": SECRET}))
        .run();
    let said = finished.ended.stderr.clone();
    let state = finished.state();
    let data = state["data"].as_str().expect("a text");
    for name in names {
        let (_, rest) = data.split_once(&format!("<{name}>")).expect("it is there");
        let (text, _) = rest.split_once(&format!("</{name}>")).expect("it ends");
        assert_eq!(text.matches("fonioSealed").count(), 1, "{name}: {text}");
    }
    assert!(!said.contains("hush"), "{said}");
}
