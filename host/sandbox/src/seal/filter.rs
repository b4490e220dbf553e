//! Taking secrets out again: of replies, which guests read, and of everything that the host keeps or shows.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value};

use super::forms::forms;
use super::placeholder;
use super::vault::{SECRET_MIN_BYTES, Seals, Vault};

/// Every form of every secret of a credential, to look for in one pass.
#[derive(Default)]
pub(super) struct Needles {
    /// None if there is nothing to look for.
    automaton: Option<AhoCorasick>,
    /// The secret that each pattern is a form of.
    of: Vec<usize>,
    longest: usize,
}

impl Needles {
    pub fn new<'s>(secrets: impl Iterator<Item = &'s str>) -> Needles {
        let mut patterns = Vec::new();
        let mut of = Vec::new();
        for (index, secret) in secrets.enumerate() {
            if secret.len() < SECRET_MIN_BYTES {
                continue;
            }
            for form in forms(secret) {
                patterns.push(form);
                of.push(index);
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        // Building fails only beyond billions of states, and a credential has at most 4 MiB.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .ok()
            .filter(|_| !patterns.is_empty());
        Needles {
            automaton,
            of,
            longest,
        }
    }

    /// Copies `text` with each match that begins before `until` replaced, as far as it is settled: what follows the
    /// result's second part may still become a match. Nothing if there is none.
    fn replace<'t>(
        &self,
        text: &[u8],
        until: usize,
        with: impl Fn(usize) -> Cow<'t, str>,
    ) -> Option<(Vec<u8>, usize)> {
        let mut replaced: Option<Vec<u8>> = None;
        let mut done = 0;
        for found in self.automaton.as_ref()?.find_iter(text) {
            if found.start() >= until {
                break;
            }
            let kept = replaced.get_or_insert_with(|| Vec::with_capacity(text.len()));
            kept.extend_from_slice(&text[done..found.start()]);
            kept.extend_from_slice(with(self.of[found.pattern().as_usize()]).as_bytes());
            done = found.end();
        }
        let mut kept = replaced?;
        let settled = until.max(done);
        kept.extend_from_slice(&text[done..settled]);
        Some((kept, settled))
    }
}

/// A reply on its way to a guest, in chunks: each secret in it becomes its placeholder again.
pub(crate) struct Resealed {
    seals: Seals,
    /// What could still be the beginning of a secret.
    carried: Vec<u8>,
}

impl Resealed {
    pub fn new(seals: Seals) -> Resealed {
        Resealed {
            seals,
            carried: Vec::new(),
        }
    }

    /// What is settled once `chunk` has come.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.carried);
        text.extend_from_slice(chunk);
        let held = self.seals.vault.needles.longest.saturating_sub(1);
        let until = text.len().saturating_sub(held);
        match self.replaced(&text, until) {
            Some((settled, end)) => {
                self.carried = text.split_off(end);
                settled
            }
            None => {
                self.carried = text.split_off(until);
                text
            }
        }
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        let text = std::mem::take(&mut self.carried);
        match self.replaced(&text, text.len()) {
            Some((settled, _)) => settled,
            None => text,
        }
    }

    fn replaced(&self, text: &[u8], until: usize) -> Option<(Vec<u8>, usize)> {
        let placeholder = |secret: usize| {
            let known = self.seals.placeholders.get(secret);
            Cow::Borrowed(known.map_or("", String::as_str))
        };
        self.seals.vault.needles.replace(text, until, placeholder)
    }
}

impl Vault {
    /// `text` with each secret of the credential, in any of its forms, as `[sealed FIELD]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let shown = |secret: usize| self.shown(secret);
        let bytes = text.as_bytes();
        match self.needles.replace(bytes, bytes.len(), shown) {
            // Forms are text, and so is what is put in their place.
            Some((redacted, _)) => Cow::Owned(String::from_utf8_lossy(&redacted).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    fn shown(&self, secret: usize) -> Cow<'_, str> {
        let field = self.secrets.get(secret);
        // A field's name is the user's, and this stands in JSON texts.
        let named = field.map_or("", |secret| &secret.field);
        let plain = |c: char| c.is_alphanumeric() || "._-[]".contains(c);
        let named: String = named.chars().filter(|c| plain(*c)).collect();
        Cow::Owned(format!("[sealed {named}]"))
    }
}

impl Seals {
    /// [`Vault::redact`], of the step's credential.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.vault.redact(text)
    }

    /// For what people read: placeholders are named, too.
    pub fn redact_line(&self, line: &str) -> String {
        let redacted = self.redact(line);
        let mut named = String::with_capacity(redacted.len());
        let mut done = 0;
        for range in placeholder::find(redacted.as_bytes()) {
            named.push_str(&redacted[done..range.start]);
            match self.by_placeholder.get(&redacted[range.clone()]) {
                Some(secret) => named.push_str(&self.vault.shown(*secret)),
                None => named.push_str("[sealed]"),
            }
            done = range.end;
        }
        named.push_str(&redacted[done..]);
        named
    }

    /// The same in JSON, which stays JSON.
    pub(crate) fn redact_json(&self, json: String) -> String {
        let redacted = match self.redact(&json) {
            Cow::Borrowed(_) => return json,
            Cow::Owned(redacted) => redacted,
        };
        if serde_json::from_str::<serde::de::IgnoredAny>(&redacted).is_ok() {
            return redacted;
        }
        // A secret of digits alone was found in a number.
        match serde_json::from_str(&json) {
            Ok(mut value) => {
                self.redact_value(&mut value);
                value.to_string()
            }
            Err(_) => Value::from(redacted).to_string(),
        }
    }

    /// The same in a value.
    pub(crate) fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Number(number) => {
                if let Cow::Owned(redacted) = self.redact(&number.to_string()) {
                    *value = Value::String(redacted);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_value(item)),
            Value::Object(fields) => self.redact_map(fields),
            Value::Bool(_) | Value::Null => {}
        }
    }

    /// The same in the fields of an object, and in their names.
    pub(crate) fn redact_map(&self, fields: &mut Map<String, Value>) {
        for value in fields.values_mut() {
            self.redact_value(value);
        }
        if fields
            .keys()
            .any(|key| matches!(self.redact(key), Cow::Owned(_)))
        {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(key, value)| (self.redact(&key).into_owned(), value))
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vault::tests::seals;
    use super::*;
    use serde_json::json;

    const SECRET: &str = "p/ss \"wörd\" 123";

    fn one() -> Seals {
        seals(
            json!({"password": SECRET, "pin": "20406080", "short": "abc"}),
            &[],
            vec![],
            false,
        )
    }

    #[test]
    fn a_secret_in_a_reply_is_sealed_again_wherever_the_chunks_are_cut() {
        let seals = one();
        let reply = json!({"echo": SECRET, "again": format!("x{SECRET}"), "pin": "20406080"});
        let reply = format!("{reply} 70 2f {SECRET}");
        for size in [1, 2, 3, 7, 64, 4096] {
            let mut filter = Resealed::new(seals.clone());
            let mut seen = Vec::new();
            for chunk in reply.as_bytes().chunks(size) {
                seen.extend(filter.push(chunk));
            }
            seen.extend(filter.finish());
            let seen = String::from_utf8(seen).expect("text");
            assert!(
                !seen.contains("wörd") && !seen.contains("20406080"),
                "{size}: {seen}"
            );
            assert_eq!(seen.matches(&seals.placeholders[0]).count(), 3, "{seen}");
            assert_eq!(seen.matches(&seals.placeholders[1]).count(), 1, "{seen}");
            assert!(
                seen.starts_with("{\"echo\":\"") && seen.contains("} 70 2f "),
                "{seen}"
            );
        }
    }

    #[test]
    fn a_reply_without_secrets_comes_through_as_it_is() {
        let mut filter = Resealed::new(one());
        let mut seen = filter.push(b"p/ss \"w");
        seen.extend(filter.push(b"ater\" abc"));
        seen.extend(filter.finish());
        assert_eq!(seen, b"p/ss \"water\" abc");
    }

    #[test]
    fn what_people_read_names_the_field() {
        let seals = one();
        let line = format!("sent {} and {SECRET}", seals.placeholders[1]);
        assert_eq!(
            seals.redact_line(&line),
            "sent [sealed pin] and [sealed password]"
        );
        let foreign = placeholder::mint().expect("random bytes");
        assert_eq!(seals.redact_line(&foreign), "[sealed]");
    }

    #[test]
    fn json_stays_json() {
        let seals = one();
        let state = json!({"data": {"id": 20406080, "text": SECRET, "20406080": 1}}).to_string();
        let redacted = seals.redact_json(state);
        let value: Value = serde_json::from_str(&redacted).expect("still JSON");
        assert_eq!(
            value,
            json!({"data": {"id": "[sealed pin]", "text": "[sealed password]", "[sealed pin]": 1}})
        );
    }
}
