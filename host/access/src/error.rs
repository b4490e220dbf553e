//! What can go wrong, as a person reads it.

use std::path::PathBuf;

use crate::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};

/// Why something about users, tokens or the audit log could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The folder cannot be made or written.
    #[error("{} cannot be used: {detail}", .path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// The file cannot be read or written.
    #[error("{} cannot be {what}: {detail}", .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// `read`, `written`, `opened`…
        what: &'static str,
        /// SQLite's words.
        detail: String,
    },
    /// A newer Fonio has written the file.
    #[error("{} was written by a newer version of Fonio ({found}, and this one knows up to {known}); use that one", .file.display())]
    NewerSchema {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// No user or token can be called so.
    #[error(
        "`{0}` cannot be a name: letters, digits and any of `. - _ @`, at most 64, beginning with a letter or digit"
    )]
    Name(String),
    /// It is there already.
    #[error("there is a user `{0}` already; `fonio user passwd` and `fonio user role` change it")]
    UserExists(String),
    /// There is none.
    #[error("there is no user `{0}`; `fonio user list` shows those there are")]
    NoSuchUser(String),
    /// It is there already.
    #[error("there is a token `{0}` already; revoke it first, or choose another name")]
    TokenExists(String),
    /// There is none.
    #[error("there is no token `{0}`; `fonio token list` shows those there are")]
    NoSuchToken(String),
    /// A user must have some role somewhere.
    #[error("this is the only role of `{0}`; `fonio user remove` removes the user")]
    LastRole(String),
    /// The user has no such role.
    #[error("`{name}` has no role in `{tenant}`")]
    NoSuchRole {
        /// The user.
        name: String,
        /// The tenant.
        tenant: String,
    },
    /// Nobody can be known by it.
    #[error(
        "that is nothing to know somebody by: one line of 255 bytes at most, without spaces around it"
    )]
    Identity,
    /// Another user is.
    #[error("{value} is how {user} signs in; `fonio user oidc {user} --take` ends that")]
    IdentityTaken {
        /// What is taken.
        value: String,
        /// By whom.
        user: String,
    },
    /// Too easily guessed.
    #[error("the password is shorter than {PASSWORD_CHARACTERS_MIN} characters")]
    PasswordTooShort,
    /// Hashing it would take longer than it should.
    #[error("the password is longer than {PASSWORD_BYTES_MAX} bytes")]
    PasswordTooLong,
    /// The system gives no random numbers, or no memory to hash in.
    #[error("the system cannot {0}")]
    System(String),
}
