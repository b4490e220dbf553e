//! Whoever a request is from.

use std::fmt;

use rusqlite::Connection;

use crate::role::{Role, Scope, Scopes, Tenants};
use crate::users;

/// Somebody who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub(crate) who: Who,
    pub(crate) roles: Vec<(Tenants, Role)>,
    pub(crate) scopes: Scopes,
    pub(crate) session: Option<Session>,
}

/// Their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user.
    User(String),
    /// A token.
    Token(String),
    /// Whoever asks, on a host that was started with `--dev`.
    Anyone,
    /// The user of this number on the host's own machine, to whom the host and its data belong.
    Local(u32),
}

/// The session that a request is of: it came with a cookie, which a browser also sends where its user did not want it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What a request that changes something has to carry, besides the cookie.
    pub csrf: String,
    /// When it ends at the latest, in milliseconds since 1970.
    pub ends_ms: i64,
}

impl Principal {
    /// Whoever asks, with every right.
    pub fn anyone() -> Principal {
        Principal {
            who: Who::Anyone,
            roles: vec![(Tenants::All, Role::Admin)],
            scopes: Scopes::all(),
            session: None,
        }
    }

    /// Who owns the host and its data, by the number of the user on this machine, with every right.
    pub fn local(uid: u32) -> Principal {
        Principal {
            who: Who::Local(uid),
            ..Principal::anyone()
        }
    }

    /// The user of this name, with the roles that they have now.
    pub(crate) fn of_user(conn: &Connection, name: String) -> rusqlite::Result<Principal> {
        Ok(Principal {
            roles: users::roles(conn, &name)?,
            who: Who::User(name),
            scopes: Scopes::all(),
            session: None,
        })
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The highest role in `tenant`.
    pub fn role(&self, tenant: &str) -> Option<Role> {
        let there = self
            .roles
            .iter()
            .filter(|(where_, _)| where_.include(tenant));
        there.map(|(_, role)| *role).max()
    }

    /// Whether the role in `tenant` is `role` or more.
    pub fn may(&self, tenant: &str, role: Role) -> bool {
        self.role(tenant) >= Some(role)
    }

    /// Whether that role is theirs in every project there is and will be.
    pub fn may_everywhere(&self, role: Role) -> bool {
        let mut roles = self.roles.iter();
        roles.any(|(where_, found)| *where_ == Tenants::All && *found >= role)
    }

    /// Whether it is good for this; users are for all that their roles allow.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }

    /// The session it came with, if it came with a cookie and not with a token.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::User(name) => write!(f, "user {name}"),
            Who::Token(name) => write!(f, "token {name}"),
            Who::Anyone => f.write_str("anyone"),
            Who::Local(uid) => write!(f, "command line, uid {uid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(roles: &[(Tenants, Role)]) -> Principal {
        Principal {
            roles: roles.to_vec(),
            ..Principal::anyone()
        }
    }

    #[test]
    fn a_role_counts_in_its_tenant_and_includes_those_below_it() {
        let editor = principal(&[(Tenants::One("a".into()), Role::Editor)]);
        assert!(editor.may("a", Role::Viewer) && editor.may("a", Role::Editor));
        assert!(!editor.may("a", Role::Admin));
        assert!(!editor.may("b", Role::Viewer) && !editor.may("", Role::Viewer));
    }

    #[test]
    fn of_a_role_everywhere_and_one_here_the_higher_counts() {
        let both = principal(&[
            (Tenants::All, Role::Viewer),
            (Tenants::One("a".into()), Role::Admin),
        ]);
        assert_eq!(both.role("a"), Some(Role::Admin));
        assert_eq!(both.role("b"), Some(Role::Viewer));
        assert!(both.may_everywhere(Role::Viewer) && !both.may_everywhere(Role::Admin));
        assert_eq!(principal(&[]).role("a"), None);
        assert!(!principal(&[]).may("a", Role::Viewer));
    }
}
