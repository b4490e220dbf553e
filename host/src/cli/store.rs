//! `fonio store`: the file that a host keeps everything in, while no host uses it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fonio_project::format_size;
use fonio_store::Copied;

use super::access::Data;
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
}

/// Writes the file of a data folder anew, as small as it can be. No host may use it; it takes as much room again meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    data: Data,
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
        let copy = move || {
            let said = |table: &Copied| {
                if table.rows > 0 {
                    paint::event("copied", &format!("{} {}", table.rows, table.table));
                }
            };
            fonio_store::copy_to_server(&from, &url, &id, said)
        };
        let done = tokio::task::spawn_blocking(copy).await;
        done.map_err(Failure::failed)?.map_err(Failure::failed)?;
        paint::event(
            "copied",
            "everything; serve with the database from now on, and no longer from the file",
        );
        Ok(Exit::Success)
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
        let (before, after) = fonio_store::compact(&data).map_err(Failure::failed)?;
        let said = format!("{}, before {}", format_size(after), format_size(before));
        paint::event("compacted", &said);
        Ok(Exit::Success)
    }
}
