//! Tokens: for scripts and other programs. 256 random bits, shown once.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::audit::{Event, What};
use crate::error::AccessError;
use crate::principal::{Principal, Who};
use crate::role::{Role, Scopes, Tenants};
use crate::secret::{self, TOKEN_PREFIX};
use crate::users::checked_name;
use crate::{Access, milliseconds, now_ms};

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// A name of its own.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// Where.
    pub tenants: Tenants,
    /// What for.
    pub scopes: Scopes,
    /// How long it is good; for ever, if nothing is said.
    pub lifetime: Option<Duration>,
}

/// A token, as `fonio token list` shows one. Its value is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// What it may do; none, where a newer version gave it a role that is unknown here.
    pub role: Option<Role>,
    /// Where: the id of a project, or `*`.
    pub tenant: String,
    /// What for.
    pub scopes: Scopes,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: Option<i64>,
}

const COLUMNS: &str = "name, role, tenant, scopes, created_ms, expires_ms";

impl Access {
    /// Makes a token and gives its value, which is nowhere else. `who` is who does it, for the audit log.
    ///
    /// # Errors
    /// When the name cannot be one or is taken, or the file cannot be written.
    pub fn make_token(&self, who: &str, new: &NewToken<'_>) -> Result<String, AccessError> {
        let name = checked_name(new.name)?;
        let value = format!("{TOKEN_PREFIX}{}", secret::random()?);
        let now = now_ms();
        let expires = new
            .lifetime
            .map(|lifetime| now.saturating_add(milliseconds(lifetime)));
        self.write(|change| {
            let taken = change.find("SELECT 1 FROM tokens WHERE name = ?", [name], |_| Ok(()))?;
            if taken.is_some() {
                return Err(AccessError::TokenExists(name.to_owned()));
            }
            change.execute(
                "INSERT INTO tokens (name, hash, role, tenant, scopes, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![
                    name,
                    secret::hash(&value),
                    new.role.as_str(),
                    new.tenants.as_str(),
                    new.scopes.to_string(),
                    now,
                    expires
                ],
            )?;
            let detail = format!("{}, for {}", new.role, new.scopes);
            change.record(&Event::new(who, What::TokenMade).in_(&new.tenants).of(name, &detail))
        })?;
        Ok(value)
    }

    /// Ends a token, and the sessions that were begun with it.
    ///
    /// # Errors
    /// When there is no such token, or the file cannot be written.
    pub fn revoke_token(&self, who: &str, name: &str) -> Result<(), AccessError> {
        self.write(|change| {
            if change.execute("DELETE FROM tokens WHERE name = ?", [name])? == 0 {
                return Err(AccessError::NoSuchToken(name.to_owned()));
            }
            change.execute("DELETE FROM sessions WHERE token = ?", [name])?;
            change.record(&Event::new(who, What::TokenRevoked).of(name, ""))
        })
    }

    /// All tokens, by name, those that have expired too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<Token>, AccessError> {
        self.read(|conn| {
            let mut statement =
                conn.prepare(&format!("SELECT {COLUMNS} FROM tokens ORDER BY name"))?;
            statement.query_map([], token)?.collect()
        })
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let (role, scopes): (String, String) = (row.get(1)?, row.get(3)?);
    Ok(Token {
        name: row.get(0)?,
        role: role.parse().ok(),
        tenant: row.get(2)?,
        scopes: Scopes::parse(&scopes),
        created_ms: row.get(4)?,
        expires_ms: row.get(5)?,
    })
}

/// The token of this value, if it is still good.
pub(crate) fn by_value(conn: &Connection, value: &str) -> rusqlite::Result<Option<Token>> {
    // The index is searched by a hash of what was sent: how long that takes tells nothing of the values there are.
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE hash = ?");
    let found = conn
        .prepare_cached(&sql)?
        .query_row([secret::hash(value)], token)
        .optional()?;
    Ok(found.filter(Token::is_good))
}

/// The token of this name, if it is still good.
pub(crate) fn by_name(conn: &Connection, name: &str) -> rusqlite::Result<Option<Token>> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE name = ?");
    let found = conn
        .prepare_cached(&sql)?
        .query_row([name], token)
        .optional()?;
    Ok(found.filter(Token::is_good))
}

impl Token {
    fn is_good(&self) -> bool {
        self.expires_ms.is_none_or(|expires| now_ms() < expires)
    }

    pub(crate) fn principal(self) -> Principal {
        let role = self.tenant.parse().ok().zip(self.role);
        Principal {
            who: Who::Token(self.name),
            roles: role.into_iter().collect(),
            scopes: self.scopes,
            session: None,
        }
    }
}
