//! The names by which jobs ask for adaptors.

use std::fmt;
use std::str::FromStr;

/// What short names stand in front of.
const OPENFN: &str = "@openfn/language-";

/// An adaptor as a job names it, with the version if it names one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdaptorName {
    /// The full name: `@openfn/language-http`.
    pub name: String,
    /// A version, a range or a tag, as it was written: `7.2.0`, `^7`, `latest`.
    pub version: Option<String>,
}

/// Why a text names no adaptor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdaptorNameError {
    /// Nothing, or nothing before the version.
    #[error("it is empty")]
    Empty,
    /// Other characters than package names have.
    #[error("`{0}` is not the name of a package")]
    Name(String),
    /// An `@` at the end or white space after it.
    #[error("`{0}` is not a version")]
    Version(String),
}

impl AdaptorName {
    /// The short name where there is one: `http` for `@openfn/language-http`.
    pub fn short(&self) -> &str {
        self.name.strip_prefix(OPENFN).unwrap_or(&self.name)
    }
}

impl FromStr for AdaptorName {
    type Err = AdaptorNameError;

    /// Short names stand for OpenFn's: `http` and `language-http` are `@openfn/language-http`.
    fn from_str(text: &str) -> Result<AdaptorName, AdaptorNameError> {
        let text = text.trim();
        let scope = usize::from(text.starts_with('@'));
        let (name, version) = match text[scope..].find('@') {
            Some(at) => (&text[..scope + at], Some(&text[scope + at + 1..])),
            None => (text, None),
        };
        if name.is_empty() || name == "@" {
            return Err(AdaptorNameError::Empty);
        }
        if let Some(version) = version.filter(|v| v.is_empty() || v.contains(char::is_whitespace)) {
            return Err(AdaptorNameError::Version(version.to_owned()));
        }
        if !is_package(name) {
            return Err(AdaptorNameError::Name(name.to_owned()));
        }
        Ok(AdaptorName {
            name: full(name),
            version: version.map(str::to_owned),
        })
    }
}

fn full(name: &str) -> String {
    if name.starts_with('@') {
        name.to_owned()
    } else {
        format!("{OPENFN}{}", name.strip_prefix("language-").unwrap_or(name))
    }
}

/// `name` or `@scope/name`, of what npm allows in a new package's name, in either case.
fn is_package(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    }
}

impl fmt::Display for AdaptorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_for_openfns() {
        for text in ["http", "language-http", "@openfn/language-http", " http "] {
            let name: AdaptorName = text.parse().expect("an adaptor");
            assert_eq!(
                (name.to_string().as_str(), name.short()),
                ("@openfn/language-http", "http")
            );
        }
    }

    #[test]
    fn versions_are_kept_as_written() {
        for (text, shown) in [
            ("@openfn/language-http@7.2.0", "@openfn/language-http@7.2.0"),
            ("http@latest", "@openfn/language-http@latest"),
            ("@acme/things@^1", "@acme/things@^1"),
        ] {
            assert_eq!(
                text.parse::<AdaptorName>().map(|name| name.to_string()),
                Ok(shown.to_owned())
            );
        }
        assert_eq!(
            "@acme/things"
                .parse::<AdaptorName>()
                .expect("an adaptor")
                .short(),
            "@acme/things"
        );
    }

    #[test]
    fn what_names_no_adaptor_says_why() {
        use AdaptorNameError as E;
        for (text, error) in [
            ("", E::Empty),
            ("@", E::Empty),
            ("http@", E::Version(String::new())),
            ("http@1 0", E::Version("1 0".into())),
            ("a b", E::Name("a b".into())),
            ("../../etc", E::Name("../../etc".into())),
            ("@openfn", E::Name("@openfn".into())),
            ("@openfn/a/b", E::Name("@openfn/a/b".into())),
        ] {
            assert_eq!(text.parse::<AdaptorName>(), Err(error), "{text}");
        }
    }
}
