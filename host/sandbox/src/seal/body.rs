//! Opening sealed values in a request's body.

use bytes::Bytes;
use fonio_project::OpenIn;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::forms::{form_urlencoded, markup_escaped};
use super::placeholder;
use super::request::{Opened, Refusal};
use super::vault::Seals;

/// How a body is written, as far as it matters to what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Form,
    Markup,
    Other,
}

impl Kind {
    fn of(content_type: Option<&str>) -> Kind {
        let essence = content_type.unwrap_or_default().split(';').next();
        match essence.unwrap_or_default().trim().to_ascii_lowercase() {
            json if json.ends_with("/json") || json.ends_with("+json") => Kind::Json,
            form if form == "application/x-www-form-urlencoded" => Kind::Form,
            markup if markup.ends_with("xml") || markup == "text/html" => Kind::Markup,
            _ => Kind::Other,
        }
    }

    fn written(self, secret: &str) -> String {
        match self {
            Kind::Json => {
                let quoted = Value::from(secret).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Kind::Form => form_urlencoded(secret),
            Kind::Markup => markup_escaped(secret),
            Kind::Other => secret.to_owned(),
        }
    }
}

impl Seals {
    /// Opens what stands in `body`, whose headers, path and query have been `opened`.
    pub(crate) fn open_body(
        &self,
        content_type: Option<&str>,
        body: Bytes,
        opened: &mut Opened,
    ) -> Result<Bytes, Refusal> {
        let kind = Kind::of(content_type);
        if opened.bound && placeholder::find(&body).next().is_some() {
            self.may_open_in_body(kind, &body)?;
        }
        let found = self.found(&body, opened, |secret| kind.written(secret))?;
        Ok(found.map_or(body, |(_, text)| Bytes::from(text.to_vec())))
    }

    /// Each placeholder that is there must be in a field that is named, and be seen there as it is written.
    fn may_open_in_body(&self, kind: Kind, body: &[u8]) -> Result<(), Refusal> {
        let written: Vec<&[u8]> = placeholder::find(body).map(|range| &body[range]).collect();
        let mut seen = Vec::new();
        match kind {
            Kind::Json => {
                if let Ok(value) = serde_json::from_slice(body) {
                    in_json(&value, String::new(), &mut seen);
                }
            }
            Kind::Form => in_form(body, &mut seen),
            Kind::Markup | Kind::Other => {}
        }
        let anywhere = OpenIn::Body(String::new());
        let everything = self.vault.spec.open_in.contains(&anywhere);
        for (pointer, placeholder) in &seen {
            let secret = self.secret(placeholder.as_bytes())?;
            if !everything {
                let field = OpenIn::Body(pointer.clone());
                self.may_open(&field, secret, || format!("the body at `{pointer}`"))?;
            }
        }
        if everything || seen.len() == written.len() {
            return Ok(());
        }
        for placeholder in written {
            let secret = self.secret(placeholder)?;
            if matches!(kind, Kind::Json | Kind::Form) && !seen.is_empty() {
                return Err(Refusal::Unclear {
                    credential: self.vault.spec.name.clone(),
                    field: secret.field.clone(),
                });
            }
            self.may_open(&anywhere, secret, || "the body".to_owned())?;
        }
        Ok(())
    }
}

/// Every placeholder in a text below `value`, with the JSON pointer of the text. In a name it counts as being in no
/// field: nobody can name that.
fn in_json(value: &Value, pointer: String, seen: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            let found = placeholder::find(text.as_bytes());
            seen.extend(found.map(|range| (pointer.clone(), text[range].to_owned())));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                in_json(item, format!("{pointer}/{index}"), seen);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                in_json(item, format!("{pointer}/{key}"), seen);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_form(body: &[u8], seen: &mut Vec<(String, String)>) {
    let text = String::from_utf8_lossy(body);
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.replace('+', " ");
        let name = percent_decode_str(&name).decode_utf8_lossy();
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let found = placeholder::find(value.as_bytes());
        seen.extend(found.map(|range| (pointer.clone(), value[range].to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::super::vault::tests::seals;
    use super::*;
    use serde_json::json;

    const SECRET: &str = "a \"b\" & <c>";

    fn opened(open_in: &[&str], kind: &str, body: &str) -> Result<String, String> {
        let open_in = open_in.iter().map(|place| match *place {
            "body" => OpenIn::Body(String::new()),
            pointer => OpenIn::Body(pointer.to_owned()),
        });
        let seals = seals(
            json!({"password": SECRET}),
            &["https://x.org"],
            open_in.collect(),
            false,
        );
        let body = body.replace("SEALED", &seals.placeholders[0]);
        let mut state = Opened {
            bound: true,
            unopened: vec![],
            carries: false,
        };
        let result = seals.open_body(Some(kind), Bytes::from(body), &mut state);
        result
            .map(|body| String::from_utf8(body.to_vec()).expect("text"))
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_field_that_is_named_is_opened_in_json_and_in_forms() {
        let json = opened(
            &["/login/password"],
            "application/json; charset=utf-8",
            r#"{"login": {"password":"SEALED"}, "n": 1.10}"#,
        );
        assert_eq!(
            json.expect("opened"),
            r#"{"login": {"password":"a \"b\" & <c>"}, "n": 1.10}"#
        );
        let form = opened(
            &["/pass"],
            "application/x-www-form-urlencoded",
            "user=u&pass=SEALED",
        );
        assert_eq!(form.expect("opened"), "user=u&pass=a+%22b%22+%26+%3Cc%3E");
        let soap = opened(&["body"], "text/xml", "<p>SEALED</p>");
        assert_eq!(
            soap.expect("opened"),
            "<p>a &quot;b&quot; &amp; &lt;c&gt;</p>"
        );
    }

    #[test]
    fn elsewhere_it_is_refused_with_the_place() {
        for (kind, body, place) in [
            ("application/json", r#"{"note":"SEALED"}"#, "body:/note"),
            (
                "application/json",
                r#"[{"password":"SEALED"}]"#,
                "body:/0/password",
            ),
            (
                "application/x-www-form-urlencoded",
                "note=SEALED",
                "body:/note",
            ),
            ("text/xml", "<p>SEALED</p>", "\"body\""),
            ("application/json", "not JSON SEALED", "\"body\""),
            ("application/json", r#"{"SEALED":1}"#, "\"body\""),
        ] {
            let refused = opened(&["/password"], kind, body).expect_err(body);
            assert!(refused.contains(place), "{refused}");
        }
    }

    #[test]
    fn a_field_cannot_be_hidden_behind_another_of_its_name() {
        let body = r#"{"note":"SEALED","note":"x","password":"SEALED"}"#;
        let refused = opened(&["/password"], "application/json", body).expect_err("refused");
        assert!(refused.contains("cannot be told apart"), "{refused}");
    }

    #[test]
    fn a_body_without_sealed_values_goes_as_it_is() {
        let body = "\u{0}\u{1} anything";
        assert_eq!(
            opened(&[], "application/octet-stream", body),
            Ok(body.to_owned())
        );
    }
}
