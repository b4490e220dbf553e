//! `fonio backup` and `fonio restore`: what a host keeps, as of one moment, also while it runs.

use std::path::{Path, PathBuf};

use clap::Args;
use fonio_store::Part;
use serde_json::json;

use super::access::Data;
use super::output::println;
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
    /// Only what is not of messages and runs: users, tokens, the audit log. For hosts that keep the others in a database.
    #[arg(long)]
    without_messages: bool,
    /// The folder, and the files that are lost, as JSON.
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        let data = self.data.folder()?;
        let part = match self.without_messages {
            true => Part::WithoutStores,
            false => Part::All,
        };
        if part == Part::All {
            require_file(&data)?;
        }
        let lost = fonio_store::backup(&data, &self.folder, part).map_err(Failure::failed)?;
        if self.json {
            println!("{}", json!({ "folder": self.folder, "lost": lost }));
            return Ok(Exit::Success);
        }
        let stores = data.join("fonio.db").exists() || data.join("tenants").exists();
        let kept = if stores && part == Part::All {
            self.folder.display().to_string()
        } else {
            format!(
                "{}: users, tokens and the audit log; no messages and runs",
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

/// What is in the data folder is old where the host keeps messages in a database, and no backup of what there is.
fn require_file(data: &Path) -> Result<(), Failure> {
    let variable = std::env::var_os(storage::VARIABLE).is_some_and(|url| !url.is_empty());
    let why = match (variable, storage::elsewhere(data)) {
        (true, _) => format!("{} is set", storage::VARIABLE),
        (false, Some(database)) => format!("{database}, as the host said when it started"),
        (false, None) => return Ok(()),
    };
    Err(Failure::usage(format!(
        "messages and runs are in a database here ({why}): back it up with PostgreSQL's own pg_dump. For what is in the data \
         folder alone (users, tokens, the audit log), say --without-messages"
    )))
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
    /// The folder of the data, and which files are lost, as JSON.
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        let data = self.data.folder()?;
        let lost = fonio_store::restore(&self.folder, &data).map_err(Failure::failed)?;
        if self.json {
            println!("{}", json!({ "data": data, "lost": lost }));
            return Ok(Exit::Success);
        }
        paint::event("restored", &data.display().to_string());
        for file in &lost {
            paint::warning(&format!(
                "{} is not in the backup: a message or a state was in it",
                file.display()
            ));
        }
        Ok(Exit::Success)
    }
}
