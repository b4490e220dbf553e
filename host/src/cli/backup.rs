//! `fonio backup` and `fonio restore`: what a host keeps, as of one moment, also while it runs.

use std::path::PathBuf;

use clap::Args;

use super::access::Data;
use super::{Exit, Failure, paint};
use crate::storage;

/// Copies what a host keeps into a new folder, also while the host runs: messages, runs, states, logs, users, tokens and the
/// audit log, all that was accepted before.
///
/// It has every message in it: keep it where only you can read it. It has no project files.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to make; one that is there must be empty.
    folder: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl Backup {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        if std::env::var_os(storage::VARIABLE).is_some_and(|url| !url.is_empty()) {
            return Err(Failure::usage(format!(
                "messages and runs are in a database here ({} is set): back it up with PostgreSQL's own pg_dump. For what is in \
                 the data folder alone (users, tokens, the audit log), unset the variable for this command",
                storage::VARIABLE
            )));
        }
        let data = self.data.folder()?;
        let lost = fonio_store::backup(&data, &self.folder).map_err(Failure::failed)?;
        let kept = if data.join("fonio.db").exists() || data.join("tenants").exists() {
            self.folder.display().to_string()
        } else {
            format!(
                "{}: users, tokens and the audit log; messages and runs are not in this data folder",
                self.folder.display()
            )
        };
        paint::event("backed up", &kept);
        for file in &lost {
            paint::warning(&format!(
                "{} is not there, and so not in the backup: a message or a state was in it; put it back from an earlier backup if you can",
                file.display()
            ));
        }
        Ok(Exit::Success)
    }
}

/// Puts a backup into a new data folder. Nothing is overwritten; start the host on it after that.
///
/// What had begun when the backup was taken begins again, as after a crash.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that `fonio backup` made.
    folder: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl Restore {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        let data = self.data.folder()?;
        fonio_store::restore(&self.folder, &data).map_err(Failure::failed)?;
        paint::event("restored", &data.display().to_string());
        Ok(Exit::Success)
    }
}
