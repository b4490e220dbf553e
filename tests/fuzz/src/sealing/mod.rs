//! Sealed credentials: no secret in what a guest reads, nothing changed that holds none, and secrets only in the places that
//! are named and toward their own system.
//!
//! Lines: two secrets; the places where they may be opened; `home` or `away`; a content type; a target; a header; then a body.
//! `$a0` in one of the last three is the first secret: in a reply as the first of [`writers::WRITERS`] would write it (after `$z0`
//! comes `$A0`), in a request its placeholder; `$a2` is a placeholder of another step.

mod request;
mod writers;

use std::sync::Arc;

use fonio_project::OpenIn;
use fonio_sandbox::{CredentialSpec, Seals, Vault};
use serde_json::{Map, Value};

use crate::Target;
use request::request;
use writers::{WRITERS, in_base64, nearly_in_base64, says_itself};

/// Shorter secrets are not looked for, as docs/security/credentials.md says.
const SECRET_MIN_BYTES: usize = 4;
/// Of shorter ones, a piece of base64 would be found in anything.
const BASE64_MIN_BYTES: usize = 7;
/// A placeholder that nobody was given.
const FOREIGN: &str = "fonioSealed00112233445566778899aabbccddeeff";

/// The target.
pub const TARGET: Target = Target {
    name: "sealing",
    run,
    seeds,
    words: &[
        "$a0",
        "$b0",
        "$c0",
        "$d0",
        "$e0",
        "$f0",
        "$g0",
        "$h0",
        "$i0",
        "$j0",
        "$k0",
        "$l0",
        "$m0",
        "$n0",
        "$o0",
        "$p0",
        "$q0",
        "$a1",
        "$g1",
        "$m1",
        "$A0",
        "$B0",
        "$C0",
        "$D0",
        "$E0",
        "$F0",
        "$G0",
        "$H0",
        "$I0",
        "$J0",
        "$K0",
        "$L0",
        "$A1",
        "$G1",
        "$a2",
        "home\n",
        "away\n",
        "headers",
        "path",
        "query:token",
        "body:/password",
        "body:/0/a~1b",
        "body",
        "application/json\n",
        "application/x-www-form-urlencoded\n",
        "text/xml\n",
        "authorization: Basic ",
        "cookie: ",
        "x-forwarded-for: ",
        "fonioSealed",
        "\\u0026",
        "\\\\u0026",
        "%u0026",
        "&#38;",
        "=26",
        "=\r\n",
        "\r\n",
        "68 75 73 68",
        "\"\"",
        "&amp;",
        "%2F",
        "+",
        "{\"password\":\"",
        "\"}",
        "/a/../b?token=",
        "&token=",
        "password=",
        "ö",
        "\"",
        "\\",
        "/",
    ],
    short: 20_000,
};

fn seeds() -> Vec<Vec<u8>> {
    let every: String = (b'a'..=b'z')
        .chain(b'A'..=b'Z')
        .map(|letter| format!("x$%{c}0 $%{c}1y", c = char::from(letter)).replace('%', ""))
        .collect();
    let all = format!(
        "p/ss \"wörd\" & <1>\nabcdefghij\nheaders\nhome\ntext/plain\n/\nx-token: $a0\n{every}"
    );
    const SEEDS: &[&str] = &[
        "hush-hush\nsecond?secret\nheaders body:/password\nhome\napplication/json\n/x?a=1\nauthorization: Bearer $a0\n{\"password\":\"$a0\",\"n\":[1.50,\"$b1\"]}",
        "hush-hush\nsecond?secret\nheaders query:token path\nhome\ntext/plain\n/u/$a0?token=$a1&x=$a0\nauthorization: Basic dXNlcjpmb25pb1NlYWxlZA==\nplain",
        "a \"b\" & <c>\naaaa\nbody\nhome\napplication/x-www-form-urlencoded\n/\ncookie: a=$a0\nuser=u&pass=$a0&x=$a1",
        "hush-hush\n20406080\nheaders\naway\ntext/xml\n/$a0?b=$a1\nx-y: $a0\n<p>$a0</p> 20406080 $c1$d1aaaa",
        "aaaaaaaa\naaaaaaaaaaaa\nheaders\nhome\n\n/\nx: y\naaaaaaaaaaaaaaaaaaaaaaa$h0$h1 $i0",
        "hush-hush\nother-one\nheaders\nhome\ntext/plain\n/\nx: $a2\n$a2",
    ];
    let written = SEEDS.iter().map(|seed| (*seed).to_owned());
    written.chain([all]).map(String::into_bytes).collect()
}

/// The lines of an input.
struct Input<'i> {
    secrets: [&'i str; 2],
    open_in: Vec<OpenIn>,
    home: bool,
    kind: &'i str,
    target: &'i str,
    header: &'i str,
    body: &'i str,
}

impl<'i> Input<'i> {
    fn read(text: &'i str) -> Option<Input<'i>> {
        let mut lines = text.splitn(8, '\n');
        let mut next = || lines.next();
        Some(Input {
            secrets: [next()?, next()?],
            open_in: next()?
                .split(' ')
                .filter_map(|place| place.parse().ok())
                .collect(),
            home: next()? == "home",
            kind: next()?,
            target: next()?,
            header: next()?,
            body: next()?,
        })
    }

    fn seals(&self) -> Seals {
        let spec = CredentialSpec {
            name: "fuzzed".into(),
            origins: "https://home.example.org".parse().into_iter().collect(),
            open_in: self.open_in.clone(),
            ..CredentialSpec::default()
        };
        let fields = ["password", "token"].into_iter().zip(self.secrets);
        let body: Map<String, Value> = fields
            .map(|(name, secret)| (name.to_owned(), secret.into()))
            .collect();
        Seals::mint(Arc::new(Vault::new(spec, body))).expect("random bytes")
    }
}

/// `text` with every `$LETTER DIGIT` replaced.
fn planted(text: &str, plant: impl Fn(usize, usize) -> String) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let mut chars = after.chars();
        match (chars.next(), chars.next()) {
            (Some(letter), Some(digit @ '0'..='2')) if letter.is_ascii_alphabetic() => {
                let writer = match letter {
                    'a'..='z' => letter as usize - 'a' as usize,
                    _ => 26 + letter as usize - 'A' as usize,
                };
                result.push_str(&plant(writer, digit as usize - '0' as usize));
                rest = chars.as_str();
            }
            _ => {
                result.push('$');
                rest = after;
            }
        }
    }
    result + rest
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(input) = Input::read(&text) else {
        return;
    };
    if input.secrets.contains(&"") {
        return;
    }
    let seals = input.seals();
    let configuration = seals.configuration();
    let placeholder = |field: &str| configuration[field].as_str().unwrap_or_default().to_owned();
    let placeholders = [placeholder("password"), placeholder("token")];
    for (placeholder, secret) in placeholders.iter().zip(input.secrets) {
        assert_ne!(placeholder, secret, "a guest is given the secret");
    }
    reply(&input, &seals, &placeholders);
    line(&input, &seals);
    request(&input, &seals, &placeholders);
}

/// How a secret is planted in what comes back.
fn as_written(secrets: [&str; 2]) -> impl Fn(usize, usize) -> String {
    move |writer, which| match secrets.get(which) {
        Some(secret) => (WRITERS[writer % WRITERS.len()].1)(secret),
        None => FOREIGN.to_owned(),
    }
}

fn reply(input: &Input<'_>, seals: &Seals, placeholders: &[String; 2]) {
    let text = planted(input.body, as_written(input.secrets));
    let whole = seals.seal_reply([text.as_bytes()]);
    for size in [1, 7, 64] {
        // Each chunk is looked through with what was held back before it.
        if text.len() > 256 * size {
            continue;
        }
        let cut = seals.seal_reply(text.as_bytes().chunks(size));
        assert_eq!(
            String::from_utf8_lossy(&cut),
            String::from_utf8_lossy(&whole),
            "in chunks of {size}, of {text:?}"
        );
    }
    let seen = String::from_utf8_lossy(&whole);
    let pieces = split(&seen, placeholders);
    no_secret(input, &pieces, &text);
    if !may_hold_secrets(input, &text) {
        assert_eq!(seen, text, "changed, though it holds no secret");
    }
}

/// The same for what people read.
fn line(input: &Input<'_>, seals: &Seals) {
    let text = planted(input.body, as_written(input.secrets));
    let shown = seals.redact_line(&text);
    let names = ["[sealed password]", "[sealed token]", "[sealed]"].map(str::to_owned);
    no_secret(input, &split(&shown, &names), &text);
}

fn split<'t>(text: &'t str, at: &[String]) -> Vec<&'t str> {
    at.iter().fold(vec![text], |pieces, at| {
        pieces
            .into_iter()
            .flat_map(|piece| piece.split(at.as_str()))
            .collect()
    })
}

fn no_secret(input: &Input<'_>, pieces: &[&str], of: &str) {
    for secret in input.secrets {
        if secret.len() < SECRET_MIN_BYTES {
            continue;
        }
        for (name, form) in forms(secret) {
            let leak = pieces.iter().find(|piece| piece.contains(&form));
            assert!(leak.is_none(), "{secret:?} as {name} in {leak:?} of {of:?}");
        }
        if secret.len() >= BASE64_MIN_BYTES {
            let leak = pieces.iter().find(|piece| in_base64(piece, secret));
            assert!(
                leak.is_none(),
                "{secret:?} within base64 in {leak:?} of {of:?}"
            );
        }
    }
}

fn forms(secret: &str) -> impl Iterator<Item = (&'static str, String)> {
    let short = secret.len() < BASE64_MIN_BYTES;
    WRITERS
        .iter()
        .filter(move |(name, _)| !(short && name.starts_with("base64")))
        .map(move |(name, write)| (*name, write(secret)))
}

fn may_hold_secrets(input: &Input<'_>, text: &str) -> bool {
    // What the filter makes of texts that are written once more is checked in host/sandbox/src/seal/property.rs.
    !says_itself(text)
        || input.secrets.iter().any(|secret| {
            forms(secret).any(|(_, form)| text.contains(&form)) || nearly_in_base64(text, secret)
        })
}
