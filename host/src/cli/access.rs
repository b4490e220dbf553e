//! What `fonio user`, `fonio token` and `fonio audit` share: where the file is, who changes it, and lists.

use std::path::{Path, PathBuf};

use chrono::DateTime;
use clap::Args;
use fonio_access::Access;

use super::output::println;
use super::{Failure, serve};
use crate::bring::holds_project;

/// Where a host keeps its data.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// Where the host keeps its data [default: .fonio in $PROJECT_DIR, else in the current directory].
    #[arg(long = "data", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Data {
    /// Opens the file of users and tokens; a host that runs sees at once what is changed in it. Makes one before the first
    /// start, but not where there is nothing to serve: whoever is added there could sign in nowhere.
    pub(crate) fn open(self) -> Result<Access, Failure> {
        let named = self.dir.is_some();
        let folder = self.folder()?;
        let project = folder.parent().unwrap_or(Path::new("."));
        if !named && !folder.exists() && !holds_project(project) {
            return Err(Failure::usage(format!(
                "there is neither a host's data nor a project in {}; name the folder of the host's data with --data DIR, which \
                 is .fonio in what it serves",
                project.display()
            )));
        }
        Access::open(&folder).map_err(Failure::failed)
    }

    /// The same where there is one, for what makes no sense without.
    pub(crate) fn open_existing(self) -> Result<Access, Failure> {
        let folder = self.folder()?;
        if !Access::is_in(&folder) {
            return Err(Failure::failed(format!(
                "no host has kept users or tokens in {}; name its folder with --data DIR",
                folder.display()
            )));
        }
        Access::open(&folder).map_err(Failure::failed)
    }

    fn folder(self) -> Result<PathBuf, Failure> {
        match self.dir {
            Some(dir) => Ok(dir),
            None => Ok(serve::project_dir(None)?.join(".fonio")),
        }
    }
}

/// Who changes something here, for the audit log.
pub(crate) fn by() -> String {
    format!("command line, uid {}", rustix::process::getuid().as_raw())
}

/// A time as people and programs read it, in UTC.
pub(crate) fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| ms.to_string(), |time| format!("{:?}Z", time.naive_utc()))
}

/// Prints rows of the same number of cells, each column as wide as its widest cell.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        println!("{}", line.trim_end());
    }
}
