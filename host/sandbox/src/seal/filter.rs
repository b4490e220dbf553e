//! Taking secrets out again: of replies, which guests read, and of everything that the host keeps or shows.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::needles::Cut;
use super::placeholder;
use super::vault::{Seals, Vault};

/// A reply on its way to a guest, in chunks: each secret in it becomes its placeholder again.
pub(crate) struct Resealed {
    seals: Seals,
    /// What could still be the beginning of a secret.
    carried: Vec<u8>,
    cut: Cut,
}

impl Resealed {
    pub fn new(seals: Seals) -> Resealed {
        Resealed {
            seals,
            carried: Vec::new(),
            cut: Cut::default(),
        }
    }

    /// What is settled once `chunk` has come.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.carried.extend_from_slice(chunk);
        // What is held back is looked through again: so that bytes that come one by one cost twice as much, not a thousandfold.
        if self.carried.len() < 2 * self.seals.vault.needles.held() {
            return Vec::new();
        }
        self.settle(false)
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        self.settle(true)
    }

    fn settle(&mut self, is_all: bool) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.carried);
        let placeholder = |secret: usize| {
            let known = self.seals.placeholders.get(secret);
            Cow::Borrowed(known.map_or("", String::as_str))
        };
        let needles = &self.seals.vault.needles;
        let (replaced, settled) = needles.replace(&text, is_all, &mut self.cut, placeholder);
        self.carried = text.split_off(settled);
        replaced.unwrap_or(text)
    }
}

impl Vault {
    /// `text` with each secret of the credential, in any of its forms, as `[sealed FIELD]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let shown = |secret: usize| self.shown(secret);
        let bytes = text.as_bytes();
        let (redacted, _) = self
            .needles
            .replace(bytes, true, &mut Cut::default(), shown);
        match redacted {
            // What is found in a text is text, and so is what is put in its place.
            Some(redacted) => Cow::Owned(String::from_utf8_lossy(&redacted).into_owned()),
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
