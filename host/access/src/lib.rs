//! Who may use a host, and what they did: users, tokens, sessions, roles and the audit log, in a file of their own.
//!
//! ```text
//! name, password ── sign_in ──▶ session (a cookie) ──┐
//! another service ─ identities ────────┘              │
//! fonio_… (a token) ─────────────────────────────────┴─ authenticate ──▶ Principal ── may(tenant, role)
//! ```
//!
//! One [`Access`] serves a whole process, also one with several tenants: roles are per tenant, or for all (`*`). The
//! command line opens the same file while a host runs, and what it changes there counts from the next request on.
//!
//! Of what a person or program keeps secret, the file has only what cannot be turned back: argon2id of passwords
//! ([`password`]), SHA-256 of tokens and cookies, which are 256 random bits. Read next: [`sign_in`] (with its lock-out),
//! [`identities`], [`authenticate`], [`audit`].

mod addresses;
mod audit;
mod authenticate;
mod database;
mod error;
mod identities;
mod lock_out;
mod password;
mod principal;
mod role;
mod secret;
mod sessions;
mod sign_in;
mod tokens;
mod users;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use addresses::Addresses;
pub use addresses::network;
use audit::Flood;
pub use audit::{Entry, Event, What};
pub use authenticate::{Refusal, cookie, session_cookie};
use database::File;
pub use error::AccessError;
pub use identities::{Identity, Linked, NotKnown};
pub use password::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};
pub use principal::{Principal, Session, Who};
pub use role::{Role, Scope, Scopes, Tenants, UnknownWord};
pub use secret::TOKEN_PREFIX;
pub use sessions::{COOKIE, NewSession, SESSION_IDLE, SESSION_LIFETIME};
pub use sign_in::{NoSignIn, SignIn};
pub use tokens::{NewToken, Token};
pub use users::{Shows, User};

/// Users, tokens, sessions and the audit log of one data folder. Clones share it.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    file: File,
    /// For what every request asks. It waits for no writer.
    reader: Mutex<Connection>,
    /// Writes are rare, and each is on disk when it returns.
    writer: Mutex<Connection>,
    hashing: password::Places,
    addresses: Mutex<Addresses>,
    refused: Mutex<Flood>,
}

impl Access {
    /// Opens `access.sqlite` in the folder `data`, making both if need be, readable by their owner alone.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file is of a newer version or damaged.
    pub fn open(data: &Path) -> Result<Access, AccessError> {
        let file = File::in_folder(data);
        let writer = file.open_writer()?;
        let reader = file.open_reader()?;
        Ok(Access(Arc::new(Inner {
            file,
            reader: Mutex::new(reader),
            writer: Mutex::new(writer),
            hashing: password::Places {
                wait: Semaphore::new(password::WAITING_MAX),
                work: Semaphore::new(password::AT_ONCE_MAX),
            },
            addresses: Mutex::default(),
            refused: Mutex::default(),
        })))
    }

    /// Whether the folder `data` has such a file.
    pub fn is_in(data: &Path) -> bool {
        File::in_folder(data).exists()
    }

    /// Whether nobody can get in: no user has ever been added, and no token made, or all are gone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_empty(&self) -> Result<bool, AccessError> {
        let empty = "SELECT NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM tokens)";
        self.read(|conn| conn.query_row(empty, [], |row| row.get(0)))
    }

    /// Whether somebody is admin, of one project or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_admin(&self) -> Result<bool, AccessError> {
        let admins = "SELECT EXISTS (SELECT 1 FROM roles WHERE role = 'admin')
                          OR EXISTS (SELECT 1 FROM tokens WHERE role = 'admin')";
        self.read(|conn| conn.query_row(admins, [], |row| row.get(0)))
    }

    fn read<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AccessError> {
        let conn = lock(&self.0.reader);
        ask(&conn).map_err(|error| self.0.file.failed("read", &error))
    }

    /// All of it or nothing: one transaction, which no other process's can come between.
    fn write<T, E: From<AccessError>>(
        &self,
        change: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = lock(&self.0.writer);
        let failed = |error| E::from(self.0.file.failed("written", &error));
        let transaction = conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let change_it = Change {
            conn: &transaction,
            file: &self.0.file,
        };
        let made = change(&change_it)?;
        transaction.commit().map_err(failed)?;
        Ok(made)
    }
}

/// A transaction under way.
struct Change<'c> {
    conn: &'c Connection,
    file: &'c File,
}

impl Change<'_> {
    /// How many rows it changed.
    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, AccessError> {
        let done = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values));
        done.map_err(|error| self.file.failed("written", &error))
    }

    fn find<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        take: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, AccessError> {
        use rusqlite::OptionalExtension;
        let found = self.conn.query_row(sql, values, take).optional();
        found.map_err(|error| self.file.failed("read", &error))
    }
}

/// What a panicking holder left is whole: connections roll back, and the rest are counters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    milliseconds(since)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
