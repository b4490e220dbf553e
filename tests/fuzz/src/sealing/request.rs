//! A request on its way out: what was opened, where.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fonio_project::OpenIn;
use fonio_sandbox::Seals;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{FOREIGN, Input, planted};

/// Where a secret never belongs.
const NEVER: &[&str] = &[
    "host",
    "cookie",
    "referer",
    "user-agent",
    "origin",
    "forwarded",
    "via",
];

/// Checks a request with placeholders wherever the input plants them.
pub fn request(input: &Input<'_>, seals: &Seals, placeholders: &[String; 2]) {
    let sealed = |_: usize, which: usize| match placeholders.get(which) {
        Some(placeholder) => placeholder.clone(),
        None => FOREIGN.to_owned(),
    };
    let Some(request) = build(input, &sealed) else {
        return;
    };
    let host = if input.home {
        "home.example.org"
    } else {
        "away.example.org"
    };
    let opened = seals.open_request(request.clone(), ("https", host, 443));
    let texts = texts(&request);
    let has = |wanted: &str| texts.iter().any(|text| text.contains(wanted));
    if texts.iter().any(|text| has_foreign(text, placeholders)) {
        assert!(opened.is_err(), "another step's value leaves for {host}");
        return;
    }
    let ours = placeholders.iter().any(|placeholder| has(placeholder));
    match opened {
        Err(refused) => assert!(ours && input.home, "{refused}"),
        Ok(opened) if !input.home || !ours => unchanged(&request, &opened),
        Ok(opened) => {
            let check = Opened {
                input,
                placeholders,
            };
            check.headers(&request, &opened);
            check.target(&request, &opened);
            check.body(request.body(), opened.body());
        }
    }
}

fn build(input: &Input<'_>, sealed: &impl Fn(usize, usize) -> String) -> Option<Request<Bytes>> {
    let target = planted(input.target, sealed);
    if !target.starts_with('/') {
        return None;
    }
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("https://home.example.org{target}"))
        .header(CONTENT_TYPE, input.kind)
        .body(Bytes::from(planted(input.body, sealed)))
        .ok()?;
    if let Some((name, value)) = input.header.split_once(": ") {
        let name: HeaderName = name.parse().ok()?;
        let value = match value.strip_prefix("Basic ") {
            // Planted inside, where clients put it.
            Some(inside) if inside.contains('$') => {
                format!("Basic {}", STANDARD.encode(planted(inside, sealed)))
            }
            _ => planted(value, sealed),
        };
        let value = HeaderValue::from_str(&value).ok()?;
        request.headers_mut().insert(name, value);
    }
    Some(request)
}

/// Whether it has what looks like a placeholder and is none of ours: [`FOREIGN`], or what libFuzzer saw go by.
fn has_foreign(text: &str, placeholders: &[String; 2]) -> bool {
    let (prefix, _) = FOREIGN.split_at(FOREIGN.len() - 32);
    text.match_indices(prefix).any(|(at, _)| {
        let found = text.get(at..at + FOREIGN.len()).unwrap_or_default();
        let random = found.get(prefix.len()..).unwrap_or_default();
        let is_one = random.len() == 32
            && random
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        is_one && !placeholders.iter().any(|ours| ours == found)
    })
}

/// Every text of a request, headers also as they are inside `Basic`.
fn texts(request: &Request<Bytes>) -> Vec<String> {
    let mut texts = vec![
        String::from_utf8_lossy(request.body()).into_owned(),
        request.uri().to_string(),
    ];
    for value in request.headers().values() {
        texts.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
        texts.extend(basic(value));
    }
    texts
}

fn basic(value: &HeaderValue) -> Option<String> {
    let encoded = value.to_str().ok()?.strip_prefix("Basic ")?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn unchanged(before: &Request<Bytes>, after: &Request<Bytes>) {
    assert_eq!(before.headers(), after.headers());
    assert_eq!(before.uri(), after.uri());
    assert_eq!(before.body(), after.body());
}

struct Opened<'i> {
    input: &'i Input<'i>,
    placeholders: &'i [String; 2],
}

impl Opened<'_> {
    fn named(&self, place: &OpenIn) -> bool {
        self.input.open_in.contains(place)
    }

    fn is_sealed(&self, text: &str) -> bool {
        self.placeholders.iter().any(|p| text.contains(p.as_str()))
    }

    /// As it should be once it is opened.
    fn opened(&self, text: &str) -> String {
        let pairs = self.placeholders.iter().zip(self.input.secrets);
        // Both at once: the first secret may look like anything but a placeholder.
        pairs.fold(text.to_owned(), |text, (placeholder, secret)| {
            text.replace(placeholder.as_str(), secret)
        })
    }

    fn headers(&self, before: &Request<Bytes>, after: &Request<Bytes>) {
        for (name, value) in before.headers() {
            let now = &after.headers()[name];
            let text = |value: &HeaderValue| {
                basic(value)
                    .unwrap_or_else(|| String::from_utf8_lossy(value.as_bytes()).into_owned())
            };
            if !self.is_sealed(&text(value)) {
                assert_eq!(now, value, "the header {name}");
                continue;
            }
            assert!(self.named(&OpenIn::Headers), "opened in the header {name}");
            let never = NEVER.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-");
            assert!(!never, "opened in the header {name}");
            assert_eq!(text(now), self.opened(&text(value)), "the header {name}");
        }
        assert_eq!(before.headers().len(), after.headers().len());
    }

    fn target(&self, before: &Request<Bytes>, after: &Request<Bytes>) {
        let (before, after) = (before.uri(), after.uri());
        assert_eq!(before.authority(), after.authority());
        assert_eq!(before.scheme(), after.scheme());
        self.part(before.path(), after.path(), &OpenIn::Path);
        let pairs = |uri: &http::Uri| -> Vec<String> {
            let query = uri.query().unwrap_or_default();
            query.split('&').map(str::to_owned).collect()
        };
        let (before, after) = (pairs(before), pairs(after));
        assert_eq!(before.len(), after.len(), "{before:?} became {after:?}");
        for (before, after) in before.iter().zip(&after) {
            let name = before.split('=').next().unwrap_or_default();
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            self.part(before, after, &OpenIn::Query(name));
        }
    }

    /// A part of a target: opened only if its place is named, and then, decoded, as it should be.
    fn part(&self, before: &str, after: &str, place: &OpenIn) {
        if !self.is_sealed(before) {
            assert_eq!(before, after, "{place}");
            return;
        }
        assert!(self.named(place), "opened in {place}");
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let mut wanted = before.to_owned();
        for (placeholder, secret) in self.placeholders.iter().zip(self.input.secrets) {
            let hex: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            wanted = wanted.replace(placeholder.as_str(), &hex);
        }
        assert_eq!(decoded(after), decoded(&wanted), "{place}");
    }

    fn body(&self, before: &Bytes, after: &Bytes) {
        let everything = self.named(&OpenIn::Body(String::new()));
        let (before, after) = (
            String::from_utf8_lossy(before),
            String::from_utf8_lossy(after),
        );
        if !self.is_sealed(&before) {
            assert_eq!(before, after);
            return;
        }
        assert!(
            !self.is_sealed(&after),
            "something stayed sealed in {after}"
        );
        match self.input.kind {
            "application/json" => {
                if let Ok(before) = serde_json::from_str::<Value>(&before) {
                    let after = serde_json::from_str::<Value>(&after);
                    let after = after.expect("what was JSON stays JSON");
                    self.json(&before, &after, String::new(), everything);
                } else {
                    assert!(everything, "opened in a body that is no JSON");
                }
            }
            "application/x-www-form-urlencoded" => self.form(&before, &after, everything),
            // Types are told by their endings, so of others nothing is known here.
            "" | "text/plain" | "text/xml" => assert!(everything, "opened in text"),
            _ => {}
        }
    }

    fn json(&self, before: &Value, after: &Value, at: String, everything: bool) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in before {
                    assert!(everything || !self.is_sealed(key), "opened in a name");
                    let key = self.opened(key);
                    let part = key.replace('~', "~0").replace('/', "~1");
                    // Two names may have become one, whose last value counts.
                    if before.len() == after.len() {
                        self.json(value, &after[&key], format!("{at}/{part}"), everything);
                    }
                }
            }
            (Value::Array(before), Value::Array(after)) => {
                assert_eq!(before.len(), after.len());
                for (index, (before, after)) in before.iter().zip(after).enumerate() {
                    self.json(before, after, format!("{at}/{index}"), everything);
                }
            }
            (Value::String(before), Value::String(after)) if self.is_sealed(before) => {
                assert!(
                    everything || self.named(&OpenIn::Body(at.clone())),
                    "opened at {at}"
                );
                assert_eq!(*after, self.opened(before), "at {at}");
            }
            (before, after) => assert_eq!(before, after, "at {at}"),
        }
    }

    fn form(&self, before: &str, after: &str, everything: bool) {
        let pairs = |text: &str| -> Vec<(String, String)> {
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect()
        };
        let (before, after) = (pairs(before), pairs(after));
        assert_eq!(before.len(), after.len(), "{before:?} became {after:?}");
        for ((name, before), (now, after)) in before.iter().zip(&after) {
            assert_eq!(*now, self.opened(name));
            assert_eq!(*after, self.opened(before), "in {name}");
            if self.is_sealed(before) {
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                let named = everything || self.named(&OpenIn::Body(pointer));
                assert!(named, "opened in {name}");
            }
        }
    }
}
