//! Absolute `http` and `https` URLs: as much of RFC 3986 as a client needs, without tables for international names (names in
//! punycode are welcome), because every page of a guest costs each fresh instance.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::Error;

/// What may not stand in a path as it is (`%` may: it is taken for an escape that the author wrote).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');
/// The same for a query, where braces, backslashes and carets are common and harmless.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'#')
    .add(b'\'');

/// How to speak to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, port 80 by default.
    Http,
    /// `https`, port 443 by default.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> &'static str {
        match self {
            Scheme::Http => ":80",
            Scheme::Https => ":443",
        }
    }
}

/// An absolute URL, normalised: name in lower case, default port left out, path from `/` on, no dots, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    authority: String,
    path: String,
    query: Option<String>,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], saying what is wrong with it: no scheme, another scheme than `http` or `https`, no or an
    /// impossible host name, a name and password before the host.
    pub fn parse(text: &str) -> Result<Url, Error> {
        let text = text.trim();
        let invalid = |why: &str| {
            Error::InvalidArgument(format!(
                "`{text}` is not a URL that can be requested: {why}"
            ))
        };
        let (scheme, rest) =
            split_scheme(text).ok_or_else(|| invalid("it must start with http:// or https://"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(invalid("only http and https are spoken")),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, reference) = rest.split_at(end);
        let authority = authority.to_ascii_lowercase();
        let authority = authority
            .strip_suffix(scheme.default_port())
            .unwrap_or(&authority);
        check_authority(authority).map_err(invalid)?;
        Url {
            scheme,
            authority: authority.to_owned(),
            path: "/".into(),
            query: None,
        }
        .join(reference)
    }

    /// Resolves a reference against this URL, as RFC 3986 section 5 says: absolute, `//host/…`, `/path`, `path`, `?query` or nothing.
    ///
    /// # Errors
    /// As [`Url::parse`], for a reference that is absolute or names a host.
    pub fn join(&self, reference: &str) -> Result<Url, Error> {
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return Url::parse(reference);
        }
        if reference.starts_with("//") {
            return Url::parse(&format!("{}:{reference}", self.scheme.as_str()));
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let mut joined = self.clone();
        if !path.is_empty() {
            let folder = if path.starts_with('/') {
                ""
            } else {
                self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
            };
            let separator = if path.starts_with('/') { "" } else { "/" };
            joined.path = without_dots(&format!(
                "{folder}{separator}{}",
                utf8_percent_encode(path, PATH)
            ));
        }
        if query.is_some() || !path.is_empty() {
            joined.query = query.map(|query| utf8_percent_encode(query, QUERY).to_string());
        }
        Ok(joined)
    }

    /// Puts another query in place of this one; the text as it goes over the wire, without `?`.
    #[must_use]
    pub fn with_query(mut self, query: Option<String>) -> Url {
        self.query = query.filter(|query| !query.is_empty());
        self
    }

    /// How to speak to the server.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// `host` or `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `scheme://host` or `scheme://host:port`: what a project grants.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority)
    }

    /// From `/` on.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Without `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Path and query, as the first line of a request has them.
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Origin and path: for people to read, as a query may hold what should not be in a log.
    pub fn without_query(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.origin(), self.path_and_query())
    }
}

/// `https` and what follows `://`; `None` for anything relative, also where `://` comes later, in a query.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    is_scheme(scheme).then_some((scheme, rest))
}

/// Also `javascript:1` and `mailto:a@b`: what has a colon in its first segment is no path (RFC 3986 section 4.2).
fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(is_scheme)
}

fn is_scheme(text: &str) -> bool {
    let mut letters = text.bytes();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("a name and password belong in the credential, not in the address");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_address = host.len() > 2 && host.starts_with('[') && host.ends_with(']');
    let is_name = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if !host.is_ascii() {
        return Err("write its name in ASCII (punycode, xn--…)");
    }
    if !is_address && !is_name {
        return Err("it names no host");
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_)) => Err("its port is not a number up to 65535"),
        _ => Ok(()),
    }
}

/// RFC 3986 section 5.2.4, for a path that starts with `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." if is_last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL of this test")
    }

    #[test]
    fn a_url_is_normalised_when_it_is_read() {
        assert_eq!(
            url("HTTPS://API.Example.org:443/a/./b/../c?q=1#part").to_string(),
            "https://api.example.org/a/c?q=1"
        );
        assert_eq!(url("http://[::1]:8080").to_string(), "http://[::1]:8080/");
        assert_eq!(url("http://a.org?q").path_and_query(), "/?q");
        assert_eq!(url("http://a.org/ä b").path(), "/%C3%A4%20b");
        assert_eq!(url("http://a.org/%20").path(), "/%20");
    }

    #[test]
    fn what_cannot_be_requested_is_refused_with_the_reason() {
        for (text, reason) in [
            ("/relative", "must start with http"),
            ("ftp://a.org/", "only http and https"),
            ("http://", "names no host"),
            ("http://user:secret@a.org/", "belong in the credential"),
            ("http://a.org:99999/", "port"),
            ("http://bücher.example/", "punycode"),
            ("http://a b/", "names no host"),
        ] {
            let error = Url::parse(text)
                .expect_err("not a URL to request")
                .to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn references_resolve_against_a_base() {
        let base = url("http://a.org/b/c?q=1");
        for (reference, expected) in [
            ("", "http://a.org/b/c?q=1"),
            ("d", "http://a.org/b/d"),
            ("../d", "http://a.org/d"),
            ("../../../d", "http://a.org/d"),
            ("/d/", "http://a.org/d/"),
            ("?r=2", "http://a.org/b/c?r=2"),
            ("//other.org/x", "http://other.org/x"),
            ("https://other.org/x", "https://other.org/x"),
            (
                "d?next=http://other.org",
                "http://a.org/b/d?next=http://other.org",
            ),
        ] {
            assert_eq!(
                base.join(reference).expect("resolves").to_string(),
                expected,
                "{reference}"
            );
        }
        for reference in ["javascript:1", "mailto:a@b.org", "data:,x"] {
            let error = base.join(reference).expect_err("no address to request");
            assert!(
                error.to_string().contains("must start with http"),
                "{error}"
            );
        }
    }
}
