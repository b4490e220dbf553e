//! Signing in by another service: which of the people that it knows is which user here.
//!
//! An operator says by what a user is known there (an address, a name). Whose account that is, is settled when they first
//! sign in: from then on the same words from another account, of another service or under another claim are somebody
//! else's. Services give addresses and names to new people when the old ones have left.

use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::audit::{Event, What};
use crate::error::AccessError;
use crate::principal::{Principal, Who};
use crate::sessions::{self, NewSession};
use crate::users::exists;
use crate::{Access, Change};

/// The longest; a mail address has 254 at most.
const IDENTITY_BYTES_MAX: usize = 255;

/// What a service has said of somebody, and was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The service.
    pub issuer: String,
    /// Which of its words says who somebody is: `email`, `sub`…
    pub claim: &'static str,
    /// That word.
    pub value: String,
    /// The account, which the service gives to nobody else.
    pub subject: String,
}

/// By what a user signs in elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// As an operator wrote it.
    pub identity: String,
    /// The service, once they have signed in.
    pub issuer: Option<String>,
}

/// Why somebody whom a service knows was not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// No user is known by this.
    #[error(
        "nobody here signs in as {0}; whoever runs this host adds them: fonio user add NAME --oidc {quoted}",
        quoted = quoted(.0)
    )]
    Stranger(String),
    /// Another account signed in by the same.
    #[error(
        "{value} was another account when {user} first signed in with it; if it is the same person, whoever runs this host \
         says so: fonio user oidc {user} {quoted}",
        quoted = quoted(value)
    )]
    Another {
        /// What it is known by.
        value: String,
        /// The user.
        user: String,
    },
    /// The account is another user's.
    #[error(
        "this account is that of {user} here, and {value} is another user; whoever runs this host says which is right: \
         fonio user oidc {user} {quoted}",
        quoted = quoted(value)
    )]
    OfAnother {
        /// What it is known by now.
        value: String,
        /// Whose account it is.
        user: String,
    },
    /// Nobody can be known by it.
    #[error(
        "what the sign-in service calls this account is nothing to know somebody by here: one line of {IDENTITY_BYTES_MAX} \
         bytes at most, without spaces around it"
    )]
    Nobody,
    /// The file cannot be read or written.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// As one argument for a shell, whatever a service lets its people call themselves.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if value.chars().all(plain) && !value.starts_with('-') {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// `value`, if somebody can be known by it.
pub(crate) fn checked_identity(value: &str) -> Result<&str, AccessError> {
    let fits = !value.is_empty()
        && value.len() <= IDENTITY_BYTES_MAX
        && value.trim() == value
        && !value.chars().any(char::is_control);
    if fits {
        Ok(value)
    } else {
        Err(AccessError::Identity)
    }
}

/// Has `user` known by `value`, and by nothing else.
pub(crate) fn link(change: &Change<'_>, user: &str, value: &str) -> Result<(), AccessError> {
    let owner = "SELECT user FROM identities WHERE value = ? AND user <> ?";
    let taken = change.find(owner, [value, user], |row| row.get::<_, String>(0))?;
    if let Some(user) = taken {
        let value = value.to_owned();
        return Err(AccessError::IdentityTaken { value, user });
    }
    unlink(change, user)?;
    change.execute(
        "INSERT INTO identities (value, user) VALUES (?, ?)",
        [value, user],
    )?;
    Ok(())
}

/// Has `user` known by nothing.
pub(crate) fn unlink(change: &Change<'_>, user: &str) -> Result<(), AccessError> {
    change.execute("DELETE FROM identities WHERE user = ?", [user])?;
    Ok(())
}

/// By what a user signs in elsewhere.
pub(crate) fn of_user(conn: &Connection, user: &str) -> rusqlite::Result<Option<Linked>> {
    conn.prepare_cached("SELECT value, issuer FROM identities WHERE user = ?")?
        .query_row([user], |row| {
            Ok(Linked {
                identity: row.get(0)?,
                issuer: row.get(1)?,
            })
        })
        .optional()
}

/// Issuer, claim and account, once they are settled.
type Account = Option<(String, String, String)>;

fn account(row: &Row<'_>) -> rusqlite::Result<(String, Account)> {
    let issuer: Option<String> = row.get(1)?;
    let account = match issuer {
        Some(issuer) => Some((issuer, row.get(2)?, row.get(3)?)),
        None => None,
    };
    Ok((row.get(0)?, account))
}

impl Access {
    /// Has a user known by `identity` to the service that the host goes by, in place of what it was before, whoever's
    /// account it is; or by nothing. Ends the user's sessions. `who` is who does it, for the audit log.
    ///
    /// # Errors
    /// When there is no such user, another one is known by it, it cannot be one, or the file cannot be written.
    pub fn link_identity(
        &self,
        who: &str,
        name: &str,
        identity: Option<&str>,
    ) -> Result<(), AccessError> {
        let identity = identity.map(checked_identity).transpose()?;
        self.write(|change| {
            if !exists(change, name)? {
                return Err(AccessError::NoSuchUser(name.to_owned()));
            }
            match identity {
                Some(identity) => link(change, name, identity)?,
                None => unlink(change, name)?,
            }
            change.execute("DELETE FROM sessions WHERE user = ?", [name])?;
            let detail = identity.unwrap_or("none");
            change.record(&Event::new(who, What::IdentityChanged).of(name, detail))
        })
    }

    /// Begins a session for the user who is known by this. `from` is where the request came from.
    ///
    /// # Errors
    /// [`NotKnown`] says why there is none.
    pub async fn sign_in_as(
        &self,
        identity: Identity,
        from: IpAddr,
    ) -> Result<NewSession, NotKnown> {
        let access = self.clone();
        let looked_up = tokio::task::spawn_blocking(move || access.look_up(&identity, from)).await;
        looked_up.unwrap_or_else(|error| {
            Err(AccessError::System(format!("look up a user: {error}")).into())
        })
    }

    fn look_up(&self, identity: &Identity, from: IpAddr) -> Result<NewSession, NotKnown> {
        let detail = format!("by {}, from {from}", identity.issuer);
        let begun = self.write(|change| {
            let is_nobody = |name: &String| checked_identity(name).is_err();
            if [&identity.value, &identity.subject]
                .into_iter()
                .any(is_nobody)
            {
                return Err(NotKnown::Nobody);
            }
            let user = settle(change, identity)?;
            let who = Who::User(user.clone());
            change.record(&Event::new(&who.to_string(), What::SignIn).of("", &detail))?;
            let principal = Principal::of_user(change.conn, user);
            let principal = principal.map_err(|error| change.file.failed("read", &error))?;
            Ok(sessions::begin(change, principal)?)
        });
        if let Err(
            why @ (NotKnown::Stranger(_)
            | NotKnown::Another { .. }
            | NotKnown::OfAnother { .. }
            | NotKnown::Nobody),
        ) = &begun
        {
            let event = Event::new("somebody", What::SignInFailed);
            self.record_refusal(&event.of("no user", &format!("{why}; {detail}")));
        }
        begun
    }
}

/// The user who is known by this, whose account it is from now on.
fn settle(change: &Change<'_>, identity: &Identity) -> Result<String, NotKnown> {
    let sql = "SELECT user, issuer, claim, subject FROM identities WHERE value = ?";
    let value = &identity.value;
    let (user, account) = change
        .find(sql, [value], account)?
        .ok_or_else(|| NotKnown::Stranger(value.clone()))?;
    let now = (
        identity.issuer.clone(),
        identity.claim.to_owned(),
        identity.subject.clone(),
    );
    match account {
        Some(before) if before == now => {}
        Some(_) => {
            let value = value.clone();
            return Err(NotKnown::Another { value, user });
        }
        None => {
            // Who renames themselves there to what another is invited by must not become both.
            let owner = "SELECT user FROM identities WHERE issuer = ? AND subject = ?";
            let other = change.find(owner, [&now.0, &now.2], |row| row.get::<_, String>(0))?;
            if let Some(user) = other {
                let value = value.clone();
                return Err(NotKnown::OfAnother { value, user });
            }
            change.execute(
                "UPDATE identities SET issuer = ?, claim = ?, subject = ? WHERE value = ?",
                params![now.0, now.1, now.2, value],
            )?;
        }
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::{Role, Tenants};
    use crate::users::Shows;

    fn access(dir: &tempfile::TempDir) -> Access {
        let access = Access::open(dir.path()).expect("it opens");
        for (name, identity) in [("ama", "ama@example.org"), ("kofi", "kofi@example.org")] {
            let shows = Shows::Identity(identity);
            let added = access.add_user("test", name, &shows, &Tenants::All, Role::Viewer);
            added.expect("a user");
        }
        access
    }

    fn ama() -> Identity {
        Identity {
            issuer: "https://id.example.org".to_owned(),
            claim: "email",
            value: "ama@example.org".to_owned(),
            subject: "1".to_owned(),
        }
    }

    fn known(access: &Access, identity: &Identity) -> Result<String, NotKnown> {
        let from = IpAddr::from([127, 0, 0, 1]);
        let begun = access.look_up(identity, from)?;
        Ok(begun.principal.who().to_string())
    }

    #[test]
    fn who_first_signs_in_with_an_address_is_the_one_who_can() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        assert_eq!(known(&access, &ama()), Ok("user ama".to_owned()));
        assert_eq!(known(&access, &ama()), Ok("user ama".to_owned()));
        for other in [
            Identity {
                subject: "2".to_owned(),
                ..ama()
            },
            Identity {
                issuer: "https://id.example.net".to_owned(),
                ..ama()
            },
            Identity {
                claim: "sub",
                ..ama()
            },
        ] {
            let refused = known(&access, &other).expect_err("somebody else");
            let said = refused.to_string();
            assert!(
                said.contains("fonio user oidc ama ama@example.org"),
                "{said}"
            );
        }
        let bound_anew = access.link_identity("test", "ama", Some("ama@example.org"));
        bound_anew.expect("it is written");
        let other = Identity {
            subject: "2".to_owned(),
            ..ama()
        };
        assert_eq!(known(&access, &other), Ok("user ama".to_owned()));
        assert!(known(&access, &ama()).is_err());
    }

    #[test]
    fn one_address_is_one_users() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        let taken = access.link_identity("test", "kofi", Some("ama@example.org"));
        let said = taken.expect_err("it is taken").to_string();
        assert!(said.contains("ama"), "{said}");
        for wrong in ["", " ama", "a\nb", &"x".repeat(IDENTITY_BYTES_MAX + 1)] {
            let refused = access.link_identity("test", "kofi", Some(wrong));
            assert_eq!(refused, Err(AccessError::Identity), "{wrong:?}");
        }
        access
            .link_identity("test", "ama", None)
            .expect("it is written");
        assert_eq!(known(&access, &ama()), Err(NotKnown::Stranger(ama().value)));
    }

    #[test]
    fn what_is_to_be_typed_is_one_argument_whatever_somebody_is_called() {
        for (value, argument) in [
            ("ama@example.org", "ama@example.org"),
            ("auth0|17", "'auth0|17'"),
            ("$(reboot)", "'$(reboot)'"),
            ("o'brien@example.org", r"'o'\''brien@example.org'"),
            ("--help", "'--help'"),
        ] {
            let said = NotKnown::Stranger(value.to_owned()).to_string();
            assert!(said.ends_with(&format!("--oidc {argument}")), "{said}");
        }
    }
}
