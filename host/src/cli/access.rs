//! What `fonio user`, `fonio token` and `fonio audit` share: where the file is, who changes it, and lists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use clap::Args;
use fonio_access::{Access, Tenants};
use fonio_project::{check_tenant_name, in_a_line, tenant_folders};

use super::output::tell;
use super::{Failure, paint, serve};
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

    /// Warns of a `--tenant` that nothing here is called. No more than that: a role may be given before its project is there.
    pub(crate) fn warn_of_unknown(&self, tenant: &str) {
        let known = self.folder().map(|data| projects(&data));
        let known = known.unwrap_or_default();
        if tenant == Tenants::All.to_string() || known.is_empty() || known.contains(tenant) {
            return;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        paint::event(
            "warning",
            &format!(
                "no project here is called {tenant}; those that are: {}",
                known.join(", ")
            ),
        );
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(serve::project_dir(None)?.join(".fonio")),
        }
    }
}

/// What roles can be for: the projects beside the data, and those that have been tenants here.
fn projects(data: &Path) -> BTreeSet<String> {
    let dir = match data.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let tenants = |dir: &Path| {
        let folders = tenant_folders(dir).unwrap_or_default().into_iter();
        folders.filter(|name| check_tenant_name(name).is_ok())
    };
    let mut known: BTreeSet<String> = tenants(&data.join("tenants")).collect();
    if holds_project(dir) {
        let loaded = fonio_project::load(dir, &|name| std::env::var(name).ok());
        known.extend(loaded.project.map(|project| project.id));
    } else if data.ends_with(".fonio") {
        known.extend(tenants(dir));
    }
    known
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
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| in_a_line(cell)))
        .collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        tell!("{}", line.trim_end());
    }
}
