//! `fonio store`: the file that a host keeps everything in, while no host uses it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fonio_project::format_size;
use fonio_store::{Copied, StoreError};
use serde_json::{Map, json};

use super::access::Data;
use super::output::println;
use super::{Exit, Failure, paint, serve};
use crate::host::load_project;
use crate::storage;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    Copy(Copy),
    Compact(Compact),
}

/// Copies what is in a data folder into a PostgreSQL database, for more hosts than one. No host may use either.
///
/// All or nothing, and the file stays as it is. Numbers of messages and runs stay the same. Users, tokens and the audit log
/// are in the data folder and stay there. Then serve with --store, and no longer from the file.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The data folder to copy.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The database, postgres://USER:PASSWORD@HOST/DATABASE; better in the variable FONIO_STORE, where nobody sees the
    /// password.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The project, for the id that it has in the database [default: $PROJECT_DIR, else the current directory].
    #[arg(long, value_name = "DIR", conflicts_with = "id")]
    project: Option<PathBuf>,
    /// That id itself; of a tenant, the name of its folder.
    #[arg(long)]
    id: Option<String>,
    /// How many rows of each table were copied, as JSON.
    #[arg(long)]
    json: bool,
}

/// Writes the file of a data folder anew, as small as it can be. No host may use it; it takes as much room again meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    data: Data,
    /// How many bytes it has, and had before, as JSON.
    #[arg(long)]
    json: bool,
}

impl StoreCommand {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            StoreCommand::Copy(copy) => copy.execute().await,
            StoreCommand::Compact(compact) => compact.execute(),
        }
    }
}

impl Copy {
    async fn execute(self) -> Result<Exit, Failure> {
        let variable = || std::env::var(storage::VARIABLE).ok();
        let Some(url) = self.to.or_else(variable).filter(|url| !url.is_empty()) else {
            return Err(Failure::usage(format!(
                "where to? --to postgres://USER:PASSWORD@HOST/DATABASE, or the variable {}",
                storage::VARIABLE
            )));
        };
        let id = match self.id {
            Some(id) => id,
            None => project_id(self.project).await?,
        };
        let from = self.from;
        require_store(&from, "--from")?;
        let quiet = self.json;
        let copy = move || {
            let mut rows = Map::new();
            let heard = |table: &Copied| {
                if table.rows > 0 && !quiet {
                    paint::event("copied", &format!("{} {}", table.rows, table.table));
                }
                rows.insert(table.table.clone(), table.rows.into());
            };
            fonio_store::copy_to_server(&from, &url, &id, heard).map(|()| rows)
        };
        let done = tokio::task::spawn_blocking(copy).await;
        let copied = done.map_err(Failure::failed)?.map_err(unused)?;
        if self.json {
            println!("{}", json!({ "copied": copied }));
            return Ok(Exit::Success);
        }
        paint::event(
            "copied",
            "everything; serve with the database from now on, and no longer from the file",
        );
        Ok(Exit::Success)
    }
}

/// There is a file to work on.
fn require_store(data: &Path, option: &str) -> Result<(), Failure> {
    if data.join("fonio.db").exists() {
        return Ok(());
    }
    let why = match data.join("tenants").is_dir() {
        true => "it has those of tenants: name one, ",
        false => "name the folder of a host's data, ",
    };
    Err(Failure::failed(format!(
        "there is no store (fonio.db) in {}; {why}{option} DIR",
        data.display()
    )))
}

/// A host that runs has the file for itself.
fn unused(error: StoreError) -> Failure {
    match error {
        StoreError::InUse { dir, pid } => {
            let pid = pid
                .map(|pid| format!(" (process {pid})"))
                .unwrap_or_default();
            Failure::failed(format!(
                "another host{pid} is using {}, and this needs its file alone: stop the host first",
                dir.display()
            ))
        }
        error => Failure::failed(error),
    }
}

/// What a project is known by in a database.
pub(crate) async fn project_id(dir: Option<PathBuf>) -> Result<String, Failure> {
    let dir = serve::project_dir(dir)?;
    let project = load_project(&dir).await.project;
    project.map(|project| project.id).ok_or_else(|| {
        Failure::usage(format!(
            "the id of the project in {} is not known until its files are right; name it with --id, or another folder with --project",
            dir.display()
        ))
    })
}

impl Compact {
    fn execute(self) -> Result<Exit, Failure> {
        let data = self.data.folder()?;
        require_store(&data, "--data")?;
        let (before, after) = fonio_store::compact(&data).map_err(unused)?;
        if self.json {
            println!("{}", json!({ "bytes": after, "bytes_before": before }));
            return Ok(Exit::Success);
        }
        let said = format!("{}, {} before", format_size(after), format_size(before));
        paint::event("compacted", &said);
        Ok(Exit::Success)
    }
}
