//! Users: a name, a password or what another service knows them by, and a role in each tenant that they work in.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::audit::{Event, What};
use crate::error::AccessError;
use crate::identities::{self, Linked};
use crate::password::Hashed;
use crate::role::{Role, Tenants};
use crate::{Access, Change, now_ms};

/// A user, as `fonio user list` shows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Their name.
    pub name: String,
    /// Where they may do what.
    pub roles: Vec<(Tenants, Role)>,
    /// When they were added, in milliseconds since 1970.
    pub created_ms: i64,
    /// Whether they have a password.
    pub password: bool,
    /// By what they sign in elsewhere.
    pub oidc: Option<Linked>,
}

/// What a new user signs in with.
#[derive(Clone, Copy)]
pub enum Shows<'a> {
    /// This password.
    Password(&'a str),
    /// What another service knows them by, and no password.
    Identity(&'a str),
}

/// Name, salt, hash, memory, passes and lanes, in this order, for [`hashed`].
const HASH_COLUMNS: &str = "salt, hash, memory_kib, passes, lanes";

impl Access {
    /// Adds a user with one role. `who` is who does it, for the audit log.
    ///
    /// # Errors
    /// When the name, the password or the identity cannot be one, there is such a user, or one of that identity, or the file
    /// cannot be written.
    pub fn add_user(
        &self,
        who: &str,
        name: &str,
        shows: &Shows<'_>,
        tenants: &Tenants,
        role: Role,
    ) -> Result<(), AccessError> {
        let name = checked_name(name)?;
        let (hashed, identity) = match shows {
            Shows::Password(password) => (Hashed::new(password)?, None),
            // It matches none, and takes as long to say so.
            Shows::Identity(identity) => {
                let identity = identities::checked_identity(identity)?;
                (Hashed::of_nobody(), Some(identity))
            }
        };
        self.write(|change| {
            if exists(change, name)? {
                return Err(AccessError::UserExists(name.to_owned()));
            }
            change.execute(
                "INSERT INTO users (name, created_ms, salt, hash, memory_kib, passes, lanes) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![name, now_ms(), hashed.salt, hashed.hash, hashed.memory_kib, hashed.passes, hashed.lanes],
            )?;
            if let Some(identity) = identity {
                identities::link(change, name, identity)?;
            }
            give_role(change, name, tenants, role)?;
            change.record(&Event::new(who, What::UserAdded).in_(tenants).of(name, role.as_str()))
        })
    }

    /// Whether there is such a user.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_user(&self, name: &str) -> Result<bool, AccessError> {
        let found = "SELECT EXISTS (SELECT 1 FROM users WHERE name = ?)";
        self.read(|conn| conn.query_row(found, [name], |row| row.get(0)))
    }

    /// Gives a user a role in `tenants`, in place of the one they have there, or takes it from them.
    ///
    /// # Errors
    /// When there is no such user or role, it is their last one, or the file cannot be written.
    pub fn set_role(
        &self,
        who: &str,
        name: &str,
        tenants: &Tenants,
        role: Option<Role>,
    ) -> Result<(), AccessError> {
        self.write(|change| {
            if !exists(change, name)? {
                return Err(AccessError::NoSuchUser(name.to_owned()));
            }
            match role {
                Some(role) => give_role(change, name, tenants, role)?,
                None => take_role(change, name, tenants)?,
            }
            let detail = role.map_or("none", Role::as_str);
            change.record(
                &Event::new(who, What::RoleChanged)
                    .in_(tenants)
                    .of(name, detail),
            )
        })
    }

    /// Sets a new password and ends the user's sessions.
    ///
    /// # Errors
    /// When there is no such user, the password cannot be one, or the file cannot be written.
    pub fn set_password(&self, who: &str, name: &str, password: &str) -> Result<(), AccessError> {
        let hashed = Hashed::new(password)?;
        self.write(|change| {
            let changed = change.execute(
                "UPDATE users SET salt = ?, hash = ?, memory_kib = ?, passes = ?, lanes = ? WHERE name = ?",
                params![hashed.salt, hashed.hash, hashed.memory_kib, hashed.passes, hashed.lanes, name],
            )?;
            if changed == 0 {
                return Err(AccessError::NoSuchUser(name.to_owned()));
            }
            change.execute("DELETE FROM sessions WHERE user = ?", [name])?;
            change.record(&Event::new(who, What::PasswordChanged).of(name, ""))
        })
    }

    /// Removes a user and ends their sessions.
    ///
    /// # Errors
    /// When there is no such user, or the file cannot be written.
    pub fn remove_user(&self, who: &str, name: &str) -> Result<(), AccessError> {
        self.write(|change| {
            if change.execute("DELETE FROM users WHERE name = ?", [name])? == 0 {
                return Err(AccessError::NoSuchUser(name.to_owned()));
            }
            change.execute("DELETE FROM roles WHERE user = ?", [name])?;
            identities::unlink(change, name)?;
            change.execute("DELETE FROM sessions WHERE user = ?", [name])?;
            change.record(&Event::new(who, What::UserRemoved).of(name, ""))
        })
    }

    /// All users, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn users(&self) -> Result<Vec<User>, AccessError> {
        self.read(|conn| {
            let mut statement =
                conn.prepare("SELECT name, created_ms, length(hash) > 0 FROM users ORDER BY name")?;
            let found = statement.query_map([], |row| {
                let name: String = row.get(0)?;
                Ok(User {
                    roles: roles(conn, &name)?,
                    oidc: identities::of_user(conn, &name)?,
                    name,
                    created_ms: row.get(1)?,
                    password: row.get(2)?,
                })
            })?;
            found.collect()
        })
    }

    /// What is kept of a user's password.
    pub(crate) fn password_of(&self, name: &str) -> Result<Option<Hashed>, AccessError> {
        let sql = format!("SELECT {HASH_COLUMNS} FROM users WHERE name = ?");
        self.read(|conn| conn.query_row(&sql, [name], hashed).optional())
    }
}

fn hashed(row: &Row<'_>) -> rusqlite::Result<Hashed> {
    Ok(Hashed {
        salt: row.get(0)?,
        hash: row.get(1)?,
        memory_kib: row.get(2)?,
        passes: row.get(3)?,
        lanes: row.get(4)?,
    })
}

/// A user's roles. One that a newer version may have written, and that is unknown here, allows nothing.
pub(crate) fn roles(conn: &Connection, user: &str) -> rusqlite::Result<Vec<(Tenants, Role)>> {
    let mut statement =
        conn.prepare_cached("SELECT tenant, role FROM roles WHERE user = ? ORDER BY tenant")?;
    let mut rows = statement.query([user])?;
    let mut roles = Vec::new();
    while let Some(row) = rows.next()? {
        let (tenant, role): (String, String) = (row.get(0)?, row.get(1)?);
        if let (Ok(tenant), Ok(role)) = (tenant.parse(), role.parse()) {
            roles.push((tenant, role));
        }
    }
    Ok(roles)
}

/// `name`, if a user or a token can be called so.
pub(crate) fn checked_name(name: &str) -> Result<&str, AccessError> {
    let fits = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'));
    if fits {
        Ok(name)
    } else {
        Err(AccessError::Name(name.to_owned()))
    }
}

pub(crate) fn exists(change: &Change<'_>, name: &str) -> Result<bool, AccessError> {
    let found = change.find("SELECT 1 FROM users WHERE name = ?", [name], |_| Ok(()))?;
    Ok(found.is_some())
}

fn give_role(
    change: &Change<'_>,
    name: &str,
    tenants: &Tenants,
    role: Role,
) -> Result<(), AccessError> {
    change.execute(
        "INSERT INTO roles VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET role = excluded.role",
        params![name, tenants.as_str(), role.as_str()],
    )?;
    Ok(())
}

fn take_role(change: &Change<'_>, name: &str, tenants: &Tenants) -> Result<(), AccessError> {
    let taken = change.execute(
        "DELETE FROM roles WHERE user = ? AND tenant = ?",
        params![name, tenants.as_str()],
    )?;
    if taken == 0 {
        return Err(AccessError::NoSuchRole {
            name: name.to_owned(),
            tenant: tenants.to_string(),
        });
    }
    match change.find("SELECT 1 FROM roles WHERE user = ?", [name], |_| Ok(()))? {
        Some(()) => Ok(()),
        None => Err(AccessError::LastRole(name.to_owned())),
    }
}
