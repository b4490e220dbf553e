//! The filter against an oracle of its own making: whatever the secrets, whatever is around them, wherever it is cut.
//!
//! The oracle knows the documented forms and nothing of how they are looked for: at each byte it tries every form, in the text as
//! it is and as each reading has the whole of it, takes the longest, and goes on behind it.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::filter::Resealed;
use super::reading::Reading;
use super::vault::Seals;
use super::vault::tests::seals;

/// Each bit of a byte string, six at a time, as its letter.
fn base64(bytes: &[u8], last: &str) -> String {
    let letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".to_owned() + last;
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let sixes = bits.chunks(6).map(|six| {
        let padded = six.iter().chain([&0; 6]).take(6);
        padded.fold(0, |number, bit| number << 1 | usize::from(*bit))
    });
    sixes
        .map(|six| char::from(letters.as_bytes()[six]))
        .collect()
}

/// As `base64` of something longer has it, by how many bytes come before: only letters all of whose bits are the secret's.
fn base64_within(secret: &str, before: usize, last: &str) -> String {
    let whole = base64(&[&vec![0; before], secret.as_bytes()].concat(), last);
    let bits = before * 8..(before + secret.len()) * 8;
    let inside = |letter: &usize| bits.start <= letter * 6 && letter * 6 + 6 <= bits.end;
    let letters = whole.chars().enumerate();
    letters
        .filter(|(at, _)| inside(at))
        .map(|(_, c)| c)
        .collect()
}

fn percent(secret: &str, kept: &str, lower: bool) -> String {
    let one = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || kept.contains(c) => c.to_string(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    secret.bytes().map(one).collect()
}

fn json(secret: &str, ascii: bool, slash: bool) -> String {
    let one = |c: char| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '/' if slash => "\\/".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        c if c < ' ' => format!("\\u{:04x}", u32::from(c)),
        c if ascii && !c.is_ascii() => {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    };
    secret.chars().map(one).collect()
}

fn hex(secret: &str, lower: bool) -> String {
    let one = |byte: u8| {
        if lower {
            format!("{byte:02x}")
        } else {
            format!("{byte:02X}")
        }
    };
    secret.bytes().map(one).collect()
}

/// Every documented form of a secret that is text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), hex(secret, true), hex(secret, false)];
    forms.extend(
        [(false, false), (true, false), (false, true)]
            .map(|(ascii, slash)| json(secret, ascii, slash)),
    );
    for lower in [false, true] {
        forms.push(percent(secret, "-._~", lower));
        forms.push(percent(secret, "-._~!*'()", lower));
        let form = percent(secret, "-._*", lower);
        forms.push(form.replace("%20", "+"));
    }
    let html = [
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
    ];
    let escaped = |c: char| {
        html.iter()
            .find(|(one, _)| *one == c)
            .map_or(c.to_string(), |(_, text)| (*text).to_owned())
    };
    forms.push(secret.chars().map(escaped).collect());
    for last in ["+/", "-_"] {
        let within = (0..3).map(|before| base64_within(secret, before, last));
        let documents = [json(secret, false, false), json(secret, true, false)];
        let documents = documents.iter().filter(|escaped| *escaped != secret);
        let in_documents = documents.flat_map(|escaped| {
            let within = (0..3).map(|before| base64_within(escaped, before, last));
            within.chain([base64(escaped.as_bytes(), last)])
        });
        forms.extend(
            within
                .chain([base64(secret.as_bytes(), last)])
                .chain(in_documents)
                .filter(|form| form.len() >= 8),
        );
    }
    forms
}

fn utf16(secret: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    secret.encode_utf16().flat_map(bytes).collect()
}

fn all_forms(secret: &str) -> Vec<Vec<u8>> {
    let forms = forms(secret).into_iter().map(String::into_bytes);
    let utf16 = [u16::to_le_bytes, u16::to_be_bytes].map(|bytes| utf16(secret, bytes));
    forms.chain(utf16).collect()
}

fn lines(base64: &str, letters: usize, end: &str) -> String {
    let lines: Vec<&[u8]> = base64.as_bytes().chunks(letters).collect();
    let lines = lines.iter().map(|line| String::from_utf8_lossy(line));
    lines.collect::<Vec<_>>().join(end)
}

fn each(secret: &str, written: impl Fn(u8) -> String) -> String {
    secret.bytes().map(written).collect()
}

fn each_unit(secret: &str, written: impl Fn(u16) -> String) -> String {
    secret.encode_utf16().map(written).collect()
}

fn each_char(secret: &str, written: impl Fn(u32) -> String) -> String {
    secret.chars().map(|c| written(c.into())).collect()
}

/// A secret as it is after somebody wrote it once more: all letters escaped, in lines, in groups, one thing within another.
fn written_once_more(secret: &str) -> Vec<Vec<u8>> {
    let long = base64(format!("{:60}{secret}{:60}", "", "").as_bytes(), "+/");
    let url = base64(format!("{:61}{secret}{:60}", "", "").as_bytes(), "-_");
    let quoted = |text: &str| json(text, false, false);
    let in_mail = |text: &str| {
        let escaped = each(text, |byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("={byte:02X}"),
        });
        escaped.replace('e', "e=\r\n")
    };
    let texts = [
        lines(&long, 76, "\r\n"),
        lines(&long, 64, "\n"),
        lines(&url, 64, "\n  "),
        quoted(&lines(&long, 76, "\r\n")),
        quoted(&quoted(&lines(&long, 64, "\n"))),
        each_char(secret, |c| format!("&#{c};")),
        each_char(secret, |c| format!("&#x{c:x};")),
        each_char(secret, |c| format!("&#X{c:04X};")),
        each_unit(secret, |unit| format!("\\u{unit:04x}")),
        each_unit(secret, |unit| format!("\\u{unit:04X}")),
        quoted(&each_unit(secret, |unit| format!("\\u{unit:04x}"))),
        each(secret, |byte| format!("\\x{byte:02x}")),
        each(secret, |byte| format!("%{byte:02x}")),
        each(secret, |byte| format!("%{byte:02X}")),
        each_unit(secret, |unit| format!("%u{unit:04X}")),
        percent(&percent(secret, "-._~", false), "-._~", false),
        quoted(&quoted(secret)),
        percent(&quoted(secret), "-._~", true),
        secret.replace('"', "\"\""),
        quoted(secret).replace('"', "\"\""),
        quoted(&secret.replace('"', "\"\"")),
        secret.replace('\'', "''"),
        each(secret, |byte| format!("{byte:02x} ")),
        each(secret, |byte| format!("{byte:02X}:")),
        each(secret, |byte| format!("{byte:02x}-")),
        in_mail(secret),
    ];
    texts.map(String::into_bytes).to_vec()
}

/// What the filter should make of `text`.
fn oracle(secrets: &[String], placeholders: &[String], text: &[u8]) -> Vec<u8> {
    let known: Vec<(Vec<u8>, &String)> = secrets
        .iter()
        .zip(placeholders)
        .filter(|(secret, _)| secret.len() >= 4)
        .flat_map(|(secret, placeholder)| {
            let forms = all_forms(secret).into_iter();
            forms.map(move |form| (form, placeholder))
        })
        .collect();
    let reads = Reading::ALL
        .into_iter()
        .filter_map(|reading| reading.read(text, 0));
    let reads: Vec<_> = reads.collect();
    let (mut made, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let mut here = Vec::new();
        for (form, placeholder) in &known {
            if text[at..].starts_with(form) {
                here.push((at + form.len(), *placeholder));
            }
            for read in &reads {
                let said = read.said_from(at);
                let says = read.bytes.get(said..).unwrap_or_default();
                if says.starts_with(form) && read.written(said).start == at {
                    here.push((read.written(said + form.len() - 1).end, *placeholder));
                }
            }
        }
        // Of equal ones that of the first secret, as `max_by_key` would not.
        let longest =
            here.into_iter()
                .fold(None, |best: Option<(usize, &String)>, next| match best {
                    Some(best) if best.0 >= next.0 => Some(best),
                    _ => Some(next),
                });
        match longest {
            Some((end, placeholder)) => {
                made.extend_from_slice(placeholder.as_bytes());
                at = end;
            }
            None => {
                made.push(text[at]);
                at += 1;
            }
        }
    }
    made
}

fn sealing(secrets: &[String]) -> Seals {
    let fields = secrets.iter().enumerate();
    let fields = fields.map(|(at, secret)| (format!("secret{at}"), Value::from(secret.as_str())));
    seals(
        Value::Object(fields.collect::<Map<_, _>>()),
        &[],
        vec![],
        false,
    )
}

/// Through the filter, cut at these places.
fn filtered(seals: &Seals, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut filter = Resealed::new(seals.clone());
    let mut seen = Vec::new();
    for pair in cuts.windows(2) {
        seen.extend(filter.push(&text[pair[0]..pair[1]]));
    }
    seen.extend(filter.finish());
    seen
}

/// Whether some base64 in `text`, decoded from any of its letters on, says the secret.
fn says_in_base64(text: &[u8], secret: &str) -> bool {
    let decodes = |alphabet: &Alphabet, letters: &[u8]| {
        let lax = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let engine = GeneralPurpose::new(alphabet, lax);
        (0..4.min(letters.len())).any(|from| {
            let rest = &letters[from..];
            // One letter alone after the last four says nothing.
            let rest = &rest[..rest.len() - usize::from(rest.len() % 4 == 1)];
            let decoded = engine.decode(rest).unwrap_or_default();
            decoded
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        })
    };
    [(STANDARD, b"+/"), (URL_SAFE, b"-_")]
        .iter()
        .any(|(alphabet, last)| {
            let letter = |byte: &u8| byte.is_ascii_alphanumeric() || last.contains(byte);
            text.split(|byte| !letter(byte))
                .any(|letters| decodes(alphabet, letters))
        })
}

/// What may stand around and in a secret: all that some form has to escape, and letters of other kinds.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,24}",
        "[a-d]{4,8}",
        "\\PC{4,12}",
        vec(any::<char>(), 1..10).prop_map(|chars| chars.into_iter().collect()),
    ]
}

/// A piece of a reply: anything, a form of a secret, the beginning or end of one, or a secret within a longer base64.
#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Form(prop::sample::Index, prop::sample::Index),
    Part(
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
        bool,
    ),
    Base64(prop::sample::Index, Vec<u8>, Vec<u8>, bool),
    OnceMore(prop::sample::Index, prop::sample::Index),
    /// Long enough that a reply is settled before its end.
    Often(Vec<u8>, usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        vec(any::<u8>(), 0..20).prop_map(Piece::Bytes),
        "[a-d]{0,12}".prop_map(|text| Piece::Bytes(text.into_bytes())),
        (index(), index()).prop_map(|(secret, form)| Piece::Form(secret, form)),
        (index(), index(), index(), any::<bool>())
            .prop_map(|(secret, form, cut, front)| Piece::Part(secret, form, cut, front)),
        (
            index(),
            vec(any::<u8>(), 0..5),
            vec(any::<u8>(), 0..5),
            any::<bool>()
        )
            .prop_map(|(secret, before, after, url)| Piece::Base64(secret, before, after, url)),
        (index(), index()).prop_map(|(secret, form)| Piece::OnceMore(secret, form)),
        ("[ -~]{1,4}", 1..600_usize)
            .prop_map(|(text, times)| Piece::Often(text.into_bytes(), times)),
    ]
}

impl Piece {
    fn written(&self, secrets: &[String]) -> Vec<u8> {
        match self {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Form(secret, form) => form
                .get(&forms(secret.get::<String>(secrets)))
                .clone()
                .into_bytes(),
            Piece::Part(secret, form, cut, front) => {
                let form = form
                    .get(&forms(secret.get::<String>(secrets)))
                    .clone()
                    .into_bytes();
                let cut = cut.index(form.len().max(1)).min(form.len());
                if *front {
                    form[..cut].to_vec()
                } else {
                    form[cut..].to_vec()
                }
            }
            Piece::OnceMore(secret, form) => {
                let forms = written_once_more(secret.get::<String>(secrets));
                [b".", form.get(&forms).as_slice(), b"."].concat()
            }
            Piece::Often(text, times) => text.repeat(*times),
            Piece::Base64(secret, before, after, url) => {
                let whole = [before, secret.get::<String>(secrets).as_bytes(), after].concat();
                base64(&whole, if *url { "-_" } else { "+/" }).into_bytes()
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_filter_does_what_the_oracle_does_however_a_reply_is_cut(
        secrets in vec(secret(), 1..4),
        pieces in vec(piece(), 0..12),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let seals = sealing(&secrets);
        let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.written(&secrets)).collect();
        let seen = filtered(&seals, &text, &cuts);
        let expected = oracle(&secrets, &seals.placeholders, &text);
        prop_assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&expected));
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn no_form_of_a_secret_is_left(
        secret in prop_oneof!["[ -~]{7,24}", "\\PC{7,12}"],
        pieces in vec(piece(), 0..12),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let secrets = [secret.clone()];
        let seals = sealing(&secrets);
        let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.written(&secrets)).collect();
        let mut seen = filtered(&seals, &text, &cuts);
        // A placeholder is random, and may have a short secret in it; 0xFF is in no form of any.
        let placeholder = seals.placeholders[0].as_bytes();
        while let Some(at) = seen.windows(placeholder.len()).position(|part| part == placeholder) {
            seen.splice(at..at + placeholder.len(), [0xFF]);
        }
        for form in [all_forms(&secret), written_once_more(&secret)].concat() {
            let left = seen.windows(form.len()).any(|part| part == form);
            prop_assert!(!left, "{}", String::from_utf8_lossy(&form));
        }
        prop_assert!(!says_in_base64(&seen, &secret));
    }

    #[test]
    fn what_people_read_names_the_field_in_place_of_the_secret(
        secrets in vec(secret(), 1..4),
        pieces in vec(piece(), 0..12),
    ) {
        let seals = sealing(&secrets);
        let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.written(&secrets)).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        let names: Vec<String> = (0..secrets.len()).map(|at| format!("[sealed secret{at}]")).collect();
        let expected = oracle(&secrets, &names, text.as_bytes());
        let redacted = seals.redact(&text).into_owned();
        prop_assert_eq!(redacted.into_bytes(), expected);
    }
}
