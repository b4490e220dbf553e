//! What can go wrong, in sentences that say what to do.

use std::path::{Path, PathBuf};

use postgres::error::SqlState;
use rusqlite::ErrorCode;

use crate::ids::{DataclipId, MessageId, RunId, StepId};
use crate::sql::SqlError;

/// Why the store could not do what it was asked. Nothing was written, unless a variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A run would have more steps than one may have.
    #[error(
        "the run has {max} steps, which is the most; do its edges lead to the same steps over and over?"
    )]
    RunTooLong {
        /// The most.
        max: u64,
    },
    /// The states of a run's leaves are too large to be put together.
    #[error(
        "the final states of the run's leaves are {bytes} bytes together, and {max} is the most"
    )]
    FinalStateTooLarge {
        /// Of all of them.
        bytes: u64,
        /// The most.
        max: u64,
    },
    /// The lock of the directory is held.
    #[error(
        "another host{} is using {}; stop it first, or give this one a directory of its own with --data",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        dir.display()
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The process that holds it, if it left its number.
        pid: Option<u32>,
    },
    /// The directory cannot be made or written.
    #[error("cannot use {} as data directory: {detail}; check that it can be written, or name another with --data", dir.display())]
    Directory {
        /// The data directory.
        dir: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// The file was written by a later version.
    #[error(
        "{} was written by a newer fonio (store version {found}, this one knows up to {known}); \
         run that version, or restore a backup made before the upgrade",
        file.display()
    )]
    NewerSchema {
        /// The database file.
        file: PathBuf,
        /// The version in the file.
        found: i64,
        /// The highest version this program knows.
        known: i64,
    },
    /// The file is not a store, or is damaged.
    #[error("{} is damaged or is no store ({detail}); move it away and restore a backup, or let the host begin a new one", file.display())]
    Corrupt {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file of a large body or state is gone or damaged.
    #[error("{} holds a stored body and cannot be read ({detail}); restore it from a backup", file.display())]
    BodyLost {
        /// The file.
        file: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A store is to be copied to where something is.
    #[error("{} has messages, or a host that uses it; a store is copied into one that has nothing", database.display())]
    NotEmpty {
        /// Which, without the password.
        database: PathBuf,
    },
    /// No room on the disk.
    #[error("the disk that holds {} is full; free some space, the host goes on by itself", file.display())]
    DiskFull {
        /// The database file.
        file: PathBuf,
    },
    /// The file or its directory cannot be written.
    #[error("{} cannot be written ({detail}); check its owner and permissions, and that its disk is not mounted read-only", file.display())]
    ReadOnly {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The disk failed while data was being made durable. What was being written may or may not come back.
    #[error(
        "the disk failed under {} ({detail}); check the disk, then start the host again",
        file.display()
    )]
    DiskFailed {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// One value is larger than a row can be.
    #[error(
        "a body or state is larger than the store can keep (1 GB); lower the size limits of the project"
    )]
    TooLarge,
    /// As many steps wait as may.
    #[error("{queued} steps are waiting, and no more than {max} may; send again later")]
    QueueFull {
        /// Steps waiting now.
        queued: u64,
        /// [`StoreOptions::queue_max`](crate::StoreOptions::queue_max).
        max: u64,
    },
    /// As much is stored as may be.
    #[error(
        "{} are stored, and no more than {} may be; delete what is not needed, or allow more",
        mebibytes(*stored), mebibytes(*max)
    )]
    Full {
        /// Bytes stored now.
        stored: u64,
        /// [`StoreOptions::stored_max`](crate::StoreOptions::stored_max).
        max: u64,
    },
    /// The disk has less room than is kept in reserve.
    #[error(
        "the disk has {} left, and {} are kept in reserve for what was accepted before; free some space, or set another reserve with --disk-reserve",
        mebibytes(*free), mebibytes(*reserve)
    )]
    DiskNearlyFull {
        /// Bytes left.
        free: u64,
        /// [`StoreOptions::disk_reserve`](crate::StoreOptions::disk_reserve).
        reserve: u64,
    },
    /// No message has this number.
    #[error("there is no message {message}; it may be older than the project's retention")]
    NoSuchMessage {
        /// The message.
        message: MessageId,
    },
    /// A settlement for a step that nobody claimed, or that was settled already.
    #[error("step {step} is not claimed: it was settled already, or never handed out by this host")]
    NotClaimed {
        /// The step.
        step: StepId,
    },
    /// No run has this number.
    #[error("there is no run {run}; it may be older than the project's retention")]
    NoSuchRun {
        /// The run.
        run: RunId,
    },
    /// A key stands for another message.
    #[error(
        "another message arrived with the idempotency key `{key}` within the last day; a key stands for one message, so send this one with a key of its own"
    )]
    KeyTaken {
        /// The key.
        key: String,
    },
    /// The run has not ended.
    #[error("run {run} has not ended; cancel it first, or wait for its end")]
    RunOpen {
        /// The run.
        run: RunId,
    },
    /// No dataclip has this number.
    #[error("there is no dataclip {dataclip}; it may be older than the project's retention")]
    NoSuchDataclip {
        /// The dataclip.
        dataclip: DataclipId,
    },
    /// The store was closed.
    #[error("the store is closed, because the host is stopping; send again when it is back")]
    Closed,
    /// The server that has the database does not answer, or refuses.
    #[error("the database {} cannot be reached: {detail}; the host goes on by itself when it can", database.display())]
    Unreachable {
        /// Which, without the password.
        database: PathBuf,
        /// What went wrong.
        detail: String,
    },
    /// The server that has the database is older than what the statements of this program need.
    #[error(
        "the database {} is on PostgreSQL {found}, and {needed} or later is needed; upgrade that server, or name another with --store",
        database.display()
    )]
    OldServer {
        /// Which, without the password.
        database: PathBuf,
        /// The server's version, without its minor number.
        found: i64,
        /// The oldest that will do.
        needed: i64,
    },
    /// What was given with `--store` is no database that can be used.
    #[error("--store {given}: {detail}")]
    Url {
        /// As it was given, without the password.
        given: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Anything else that a database reports.
    #[error("the store at {} could not {doing}: {detail}", file.display())]
    Database {
        /// The database file, or the database without the password.
        file: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        detail: String,
    },
}

impl StoreError {
    /// Sorts what a database said by what a person can do about it.
    pub(crate) fn of(file: &Path, doing: &'static str, error: &SqlError) -> StoreError {
        match error {
            SqlError::Sqlite(error) => StoreError::of_sqlite(file, doing, error),
            SqlError::Postgres(said) => {
                StoreError::of_postgres(file, doing, said, error.to_string())
            }
            SqlError::BodyLost { file, detail } => StoreError::BodyLost {
                file: file.clone(),
                detail: detail.clone(),
            },
            SqlError::Sending(_) => StoreError::Database {
                file: file.to_owned(),
                doing,
                detail: error.to_string(),
            },
            SqlError::Unreadable { .. } | SqlError::NoRow => StoreError::Corrupt {
                file: file.to_owned(),
                detail: error.to_string(),
            },
        }
    }

    pub(crate) fn of_sqlite(
        file: &Path,
        doing: &'static str,
        error: &rusqlite::Error,
    ) -> StoreError {
        let file = file.to_owned();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { file },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { file, detail }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { file, detail }
            }
            Some(ErrorCode::SystemIoFailure) => StoreError::DiskFailed { file, detail },
            Some(ErrorCode::TooBig) => StoreError::TooLarge,
            _ => StoreError::Database {
                file,
                doing,
                detail,
            },
        }
    }

    fn of_postgres(
        file: &Path,
        doing: &'static str,
        error: &postgres::Error,
        detail: String,
    ) -> StoreError {
        let file = file.to_owned();
        let unreachable = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        match error.code() {
            None if is_of_the_connection(error) => StoreError::Unreachable {
                database: file,
                detail,
            },
            None => StoreError::Database {
                file,
                doing,
                detail,
            },
            Some(code) if unreachable.contains(code) => StoreError::Unreachable {
                database: file,
                detail,
            },
            Some(code) if *code == SqlState::DISK_FULL => StoreError::DiskFull { file },
            Some(code)
                if *code == SqlState::INSUFFICIENT_PRIVILEGE
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION =>
            {
                StoreError::ReadOnly { file, detail }
            }
            Some(_) => StoreError::Database {
                file,
                doing,
                detail,
            },
        }
    }
}

/// Whether the way to the server failed, and not what was sent on it.
fn is_of_the_connection(error: &postgres::Error) -> bool {
    let of_the_system = |cause: &(dyn std::error::Error + 'static)| cause.is::<std::io::Error>();
    let said = error.to_string();
    // The client has no word for this other than its text.
    let connecting =
        said.starts_with("error connecting") || said.starts_with("error performing TLS");
    error.is_closed() || connecting || std::error::Error::source(error).is_some_and(of_the_system)
}

/// A size in a sentence.
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
