//! Opening sealed values in a request: only toward what the credential belongs to, and only where one belongs.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fonio_project::{Grants, OpenIn};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::filter::Resealed;
use super::forms::component;
use super::placeholder;
use super::vault::{Seals, Secret};

/// Where a secret never belongs: these are logged by servers and proxies along the way, or say who asks.
const NEVER: &[HeaderName] = &[
    header::HOST,
    header::COOKIE,
    header::REFERER,
    header::USER_AGENT,
    header::ORIGIN,
    header::FORWARDED,
    header::VIA,
];
/// The same, for all headers that begin so.
const NEVER_PREFIX: &str = "x-forwarded-";

/// Clients differ in whether they pad.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a request with sealed values is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "it carries a sealed value that this step was not given: each step has its own, from `state.configuration`"
    )]
    Foreign,
    #[error(
        "the sealed value `{field}` of the credential `{credential}` stands in {place}, where a secret never belongs"
    )]
    Never {
        credential: String,
        field: String,
        place: String,
    },
    #[error(
        "the sealed value `{field}` of the credential `{credential}` stands in {place}, where it may not be opened\n  = to allow it, add to fonio.toml:\n        [credentials.{credential}]\n        open_in = [{list}]"
    )]
    Place {
        credential: String,
        field: String,
        place: String,
        /// The present list and the place that would have to be added.
        list: String,
    },
    #[error(
        "the sealed value `{field}` of the credential `{credential}` stands in the body in a way that cannot be told apart: a name twice, or letters written as escapes"
    )]
    Unclear { credential: String, field: String },
    #[error(
        "the sealed value `{field}` of the credential `{credential}` has a line break or another control character, and cannot stand in a header"
    )]
    Header { credential: String, field: String },
}

/// A text whose placeholders are opened, and the last of the secrets in it; nothing if there was none to open.
pub(super) type Found<'s> = Option<(&'s Secret, Zeroizing<Vec<u8>>)>;

/// What became of a request's sealed values.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Whether its body may be opened; it is looked through in any case.
    pub bound: bool,
    /// Fields whose placeholders went out as they are, because the credential does not belong there.
    pub unopened: Vec<String>,
    /// Whether a secret went with it.
    pub carries: bool,
}

impl Seals {
    /// Opens what stands in the headers, the path and the query of a request to `origin`: scheme, host and port.
    pub(crate) fn open(
        &self,
        parts: &mut Parts,
        (scheme, host, port): (&str, &str, u16),
    ) -> Result<Opened, Refusal> {
        let bound = Grants::new(self.vault.spec.origins.iter().cloned());
        let mut opened = Opened {
            bound: bound.permits(scheme, host, port),
            unopened: Vec::new(),
            carries: false,
        };
        for (name, value) in &mut parts.headers {
            self.open_header(name, value, &mut opened)?;
        }
        if let Some(target) = parts.uri.path_and_query()
            && placeholder::find(target.as_str().as_bytes())
                .next()
                .is_some()
        {
            let target = self.open_target(target.as_str(), &mut opened)?;
            let mut uri = std::mem::take(&mut parts.uri).into_parts();
            // What replaces a placeholder is percent-encoded, so the target stays one.
            uri.path_and_query = PathAndQuery::try_from(target.as_str()).ok();
            parts.uri = http::Uri::from_parts(uri).unwrap_or_default();
        }
        Ok(opened)
    }

    fn open_header(
        &self,
        name: &HeaderName,
        value: &mut HeaderValue,
        opened: &mut Opened,
    ) -> Result<(), Refusal> {
        let place = || format!("the header `{name}`");
        let found = match basic(value.as_bytes()) {
            Some(decoded) => {
                let replaced = self.found(&decoded, opened, |secret| secret.to_owned())?;
                replaced.map(|(secret, text)| {
                    (
                        secret,
                        Zeroizing::new(format!("Basic {}", BASIC.encode(&*text))),
                    )
                })
            }
            None => self
                .found(value.as_bytes(), opened, |secret| secret.to_owned())?
                .map(|(secret, text)| {
                    (
                        secret,
                        Zeroizing::new(String::from_utf8_lossy(&text).into_owned()),
                    )
                }),
        };
        let Some((secret, text)) = found else {
            return Ok(());
        };
        if NEVER.contains(name) || name.as_str().starts_with(NEVER_PREFIX) {
            return Err(Refusal::Never {
                credential: self.vault.spec.name.clone(),
                field: secret.field.clone(),
                place: place(),
            });
        }
        self.may_open(&OpenIn::Headers, secret, place)?;
        *value = HeaderValue::from_str(&text).map_err(|_| Refusal::Header {
            credential: self.vault.spec.name.clone(),
            field: secret.field.clone(),
        })?;
        value.set_sensitive(true);
        Ok(())
    }

    fn open_target(&self, target: &str, opened: &mut Opened) -> Result<String, Refusal> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let mut text = match self.found(path.as_bytes(), opened, component)? {
            None => path.to_owned(),
            Some((secret, path)) => {
                self.may_open(&OpenIn::Path, secret, || "the path".to_owned())?;
                String::from_utf8_lossy(&path).into_owned()
            }
        };
        for (index, pair) in query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .enumerate()
        {
            text.push(if index == 0 { '?' } else { '&' });
            match self.found(pair.as_bytes(), opened, component)? {
                None => text.push_str(pair),
                Some((secret, opened)) => {
                    let name = pair.split('=').next().unwrap_or_default();
                    let name = percent_decode_str(name).decode_utf8_lossy();
                    let place = || format!("the query parameter `{name}`");
                    self.may_open(&OpenIn::Query(name.clone().into_owned()), secret, place)?;
                    text.push_str(&String::from_utf8_lossy(&opened));
                }
            }
        }
        Ok(text)
    }

    /// Takes secrets out of a reply's headers.
    pub(crate) fn reseal_headers(&self, headers: &mut HeaderMap) {
        if !self.seals() {
            return;
        }
        for value in headers.values_mut() {
            let mut filter = Resealed::new(self.clone());
            let mut sealed = filter.push(value.as_bytes());
            sealed.extend(filter.finish());
            // A placeholder is letters and digits: what was a header stays one.
            if sealed != value.as_bytes()
                && let Ok(sealed) = HeaderValue::from_bytes(&sealed)
            {
                *value = sealed;
            }
        }
    }

    /// What to say of a placeholder that went out as it is.
    pub(crate) fn stayed_sealed(&self, field: &str, origin: &str) -> String {
        let spec = &self.vault.spec;
        let mut hosts: Vec<String> = spec.origins.iter().map(ToString::to_string).collect();
        let belongs = if hosts.is_empty() {
            "no host".to_owned()
        } else {
            hosts.join(", ")
        };
        hosts.push(origin.to_owned());
        let list = hosts
            .iter()
            .map(|host| format!("\"{host}\""))
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "the sealed value `{field}` went to {origin} as a meaningless placeholder: the credential `{}` belongs to {belongs}\n  = if it belongs there too, add to fonio.toml:\n        [credentials.{}]\n        hosts = [{list}]",
            spec.name, spec.name
        )
    }

    /// `text` with its placeholders opened, and the last of the secrets that were; nothing if there is none to open.
    pub(super) fn found(
        &self,
        text: &[u8],
        opened: &mut Opened,
        written: impl Fn(&str) -> String,
    ) -> Result<Found<'_>, Refusal> {
        let mut result = None;
        let mut done = 0;
        for range in placeholder::find(text) {
            let secret = self.secret(&text[range.clone()])?;
            if !opened.bound {
                if !opened.unopened.contains(&secret.field) {
                    opened.unopened.push(secret.field.clone());
                }
                continue;
            }
            let (last, replaced) =
                result.get_or_insert_with(|| (secret, Zeroizing::new(Vec::new())));
            opened.carries = true;
            *last = secret;
            replaced.extend_from_slice(&text[done..range.start]);
            replaced.extend_from_slice(Zeroizing::new(written(&secret.value)).as_bytes());
            done = range.end;
        }
        if let Some((_, replaced)) = &mut result {
            replaced.extend_from_slice(&text[done..]);
        }
        Ok(result)
    }

    /// The secret behind a placeholder of this step.
    pub(super) fn secret(&self, placeholder: &[u8]) -> Result<&Secret, Refusal> {
        let known = std::str::from_utf8(placeholder)
            .ok()
            .and_then(|placeholder| self.by_placeholder.get(placeholder));
        known
            .and_then(|index| self.vault.secrets.get(*index))
            .ok_or(Refusal::Foreign)
    }

    /// Whether the project or the adaptor names this place.
    pub(super) fn may_open(
        &self,
        wanted: &OpenIn,
        secret: &Secret,
        place: impl Fn() -> String,
    ) -> Result<(), Refusal> {
        let spec = &self.vault.spec;
        if spec.open_in.contains(wanted) {
            return Ok(());
        }
        let mut list = String::new();
        for place in spec.open_in.iter().chain([wanted]) {
            let comma = if list.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(list, "{comma}\"{place}\"");
        }
        Err(Refusal::Place {
            credential: spec.name.clone(),
            field: secret.field.clone(),
            place: place(),
            list,
        })
    }
}

/// What `Basic` carries.
fn basic(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, encoded) = value.split_at_checked("basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    BASIC.decode(encoded.trim_ascii()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::super::vault::tests::seals;
    use super::*;
    use http::Request;
    use serde_json::json;

    const HOME: (&str, &str, u16) = ("https", "dhis2.example.org", 443);
    const AWAY: (&str, &str, u16) = ("https", "other.example.org", 443);

    fn sealed(open_in: Vec<OpenIn>) -> (Seals, String) {
        let body = json!({"username": "admin", "password": "hu sh/hush"});
        let seals = seals(body, &["https://dhis2.example.org"], open_in, false);
        let placeholder = seals.placeholders[0].clone();
        (seals, placeholder)
    }

    fn request(target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(format!("https://dhis2.example.org{target}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn a_header_is_opened_toward_its_own_host() {
        let (seals, sealed) = sealed(vec![OpenIn::Headers]);
        let basic = format!("Basic {}", BASIC.encode(format!("admin:{sealed}")));
        let token = format!("ApiKey admin:{sealed}");
        let mut parts = request("/api", &[("authorization", &basic), ("x-token", &token)]);
        let opened = seals.open(&mut parts, HOME).expect("opened");
        assert!(opened.bound && opened.unopened.is_empty());
        let expected = format!("Basic {}", BASIC.encode("admin:hu sh/hush"));
        assert_eq!(parts.headers["authorization"], expected.as_str());
        assert_eq!(parts.headers["x-token"], "ApiKey admin:hu sh/hush");
        assert!(parts.headers["authorization"].is_sensitive());
    }

    #[test]
    fn toward_another_host_it_stays_a_meaningless_string() {
        let (seals, sealed) = sealed(vec![OpenIn::Headers, OpenIn::Path]);
        let basic = format!("Basic {}", BASIC.encode(format!("admin:{sealed}")));
        let mut parts = request(
            &format!("/{sealed}?a={sealed}"),
            &[("authorization", &basic)],
        );
        let opened = seals.open(&mut parts, AWAY).expect("sent as it is");
        assert_eq!(opened.unopened, ["password"]);
        assert_eq!(parts.headers["authorization"], basic.as_str());
        assert_eq!(parts.uri.path(), format!("/{sealed}"));
        for other in [("http", HOME.1, 80), (HOME.0, HOME.1, 8443)] {
            assert!(!seals.open(&mut parts, other).expect("sent").bound);
        }
    }

    #[test]
    fn a_place_that_nobody_named_is_refused_with_the_line_that_would_allow_it() {
        let (seals, sealed) = sealed(vec![OpenIn::Headers]);
        for (target, list) in [
            (
                format!("/api?token={sealed}"),
                "\"headers\", \"query:token\"",
            ),
            (format!("/api/{sealed}"), "\"headers\", \"path\""),
        ] {
            let refused = seals
                .open(&mut request(&target, &[]), HOME)
                .expect_err("refused");
            let line = format!("[credentials.dhis2]\n        open_in = [{list}]");
            assert!(refused.to_string().contains(&line), "{refused}");
        }
    }

    #[test]
    fn a_place_that_is_named_is_opened_and_written_as_it_must_be_there() {
        let (seals, sealed) = sealed(vec![OpenIn::Path, OpenIn::Query("to ken".into())]);
        let mut parts = request(&format!("/a/{sealed}/b?x=1&to%20ken={sealed}&y"), &[]);
        seals.open(&mut parts, HOME).expect("opened");
        assert_eq!(
            parts.uri.path_and_query().expect("a target").as_str(),
            "/a/hu%20sh%2Fhush/b?x=1&to%20ken=hu%20sh%2Fhush&y"
        );
        let header = [("x-token", sealed.as_str())];
        assert!(seals.open(&mut request("/", &header), HOME).is_err());
    }

    #[test]
    fn some_headers_never_carry_a_secret() {
        let (seals, sealed) = sealed(vec![OpenIn::Headers]);
        for name in [
            "cookie",
            "referer",
            "user-agent",
            "x-forwarded-for",
            "forwarded",
            "origin",
        ] {
            let refused = seals.open(&mut request("/", &[(name, &sealed)]), HOME);
            assert!(matches!(refused, Err(Refusal::Never { .. })), "{name}");
        }
    }

    #[test]
    fn a_value_of_another_step_is_refused_toward_anywhere() {
        let (seals, _) = sealed(vec![OpenIn::Headers]);
        let foreign = placeholder::mint().expect("random bytes");
        for origin in [HOME, AWAY] {
            let refused = seals.open(&mut request("/", &[("x-token", &foreign)]), origin);
            assert!(matches!(refused, Err(Refusal::Foreign)));
        }
    }
}
