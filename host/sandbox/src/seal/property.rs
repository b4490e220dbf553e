//! The filter against an oracle of its own making: whatever the secrets, whatever is around them, wherever it is cut.
//!
//! The oracle knows the documented forms and nothing of how they are looked for: at each byte it tries every form, takes the
//! longest, and goes on behind it.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::filter::Resealed;
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

/// Every documented form of a secret.
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
        forms.extend(
            within
                .chain([base64(secret.as_bytes(), last)])
                .filter(|form| form.len() >= 8),
        );
    }
    forms
}

/// What the filter should make of `text`.
fn oracle(secrets: &[String], placeholders: &[String], text: &[u8]) -> Vec<u8> {
    let known: Vec<(Vec<u8>, &String)> = secrets
        .iter()
        .zip(placeholders)
        .filter(|(secret, _)| secret.len() >= 4)
        .flat_map(|(secret, placeholder)| {
            forms(secret)
                .into_iter()
                .map(move |form| (form.into_bytes(), placeholder))
        })
        .collect();
    let (mut made, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let here = known
            .iter()
            .filter(|(form, _)| text[at..].starts_with(form));
        // Of equal ones that of the first secret, as `max_by_key` would not.
        let longest = here.fold(None, |best: Option<&(Vec<u8>, &String)>, next| match best {
            Some(best) if best.0.len() >= next.0.len() => Some(best),
            _ => Some(next),
        });
        match longest {
            Some((form, placeholder)) => {
                made.extend_from_slice(placeholder.as_bytes());
                at += form.len();
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
        for form in forms(&secret) {
            prop_assert!(!seen.windows(form.len()).any(|part| part == form.as_bytes()), "{}", form);
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
