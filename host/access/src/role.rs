//! What somebody may do, and where.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What somebody may do; each includes the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See the project, its runs, messages and what they hold.
    Viewer,
    /// Besides: change what runs: retry, cancel, repair.
    Editor,
    /// Besides: see the audit log.
    Admin,
}

/// What a token is good for, within its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading the API and the metrics.
    Read,
    /// Changing something through the API.
    Write,
    /// Sending messages to triggers whose `auth` is `token`.
    Send,
}

/// Some of the scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

/// Where a role counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tenants {
    /// In every project of the host: `*`.
    All,
    /// In the project of this id.
    One(String),
}

/// A word that is none of those there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not {wanted}")]
pub struct UnknownWord {
    word: String,
    wanted: &'static str,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Role, UnknownWord> {
        let mut all = [Role::Viewer, Role::Editor, Role::Admin].into_iter();
        all.find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownWord {
                word: text.to_owned(),
                wanted: "a role: viewer, editor or admin",
            })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scope {
    const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Send];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Send => "send",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Scope, UnknownWord> {
        let mut all = Scope::ALL.into_iter();
        all.find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownWord {
                word: text.to_owned(),
                wanted: "a scope: read, write or send",
            })
    }
}

impl Scopes {
    /// Every scope.
    pub fn all() -> Scopes {
        Scopes(Scope::ALL.into())
    }

    /// Whether `scope` is among them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Unknown ones, which a newer version may have written, allow nothing here.
    pub(crate) fn parse(text: &str) -> Scopes {
        text.split(' ')
            .filter_map(|word| word.parse().ok())
            .collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl Tenants {
    /// Whether `tenant` is among them.
    pub fn include(&self, tenant: &str) -> bool {
        match self {
            Tenants::All => true,
            Tenants::One(one) => one == tenant,
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Tenants::All => "*",
            Tenants::One(one) => one,
        }
    }
}

impl FromStr for Tenants {
    type Err = UnknownWord;

    /// The longest is 64 characters, as that of a project's id.
    fn from_str(text: &str) -> Result<Tenants, UnknownWord> {
        let id = |text: &str| {
            text.len() <= 64
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        match text {
            "*" => Ok(Tenants::All),
            text if id(text) => Ok(Tenants::One(text.to_owned())),
            text => Err(UnknownWord {
                word: text.to_owned(),
                wanted: "the id of a project, or `*` for all",
            }),
        }
    }
}

impl fmt::Display for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Tenants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
