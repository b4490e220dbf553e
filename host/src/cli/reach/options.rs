//! Where the data is, as a command is told; what `fonio serve` was told suffices.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use fonio_project::{check_tenant_name, tenant_folders};
use fonio_store::StoreOptions;

use super::far::Far;
use super::here::{Here, Wanted};
use super::{Client, Way};
use crate::bring::holds_project;
use crate::cli::{Failure, serve};
use crate::server::local;
use crate::storage::{self, Storage};

/// The variables that stand for `--url` and `--token`.
const URL: &str = "FONIO_URL";
const TOKEN: &str = "FONIO_TOKEN";

/// Where a host keeps its data, or where a host is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which host")]
pub(crate) struct Reach {
    /// The project's directory [default: $PROJECT_DIR, else the current directory].
    #[arg(long, value_name = "DIR", conflicts_with = "projects")]
    project: Option<PathBuf>,
    /// The directory of the tenants, of a host that serves several; with --tenant.
    #[arg(long, value_name = "DIR", requires = "tenant")]
    projects: Option<PathBuf>,
    /// Which of the tenants of a host that serves several: the name of its folder.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Where the host keeps its data [default: DIR/.fonio].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The database that keeps it instead; asked only where no host runs. Better in the variable FONIO_STORE.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// A host elsewhere, https://fonio.example.org [default: $FONIO_URL, unless the data is named].
    #[arg(long, value_name = "URL", conflicts_with_all = ["project", "projects", "data", "store"])]
    url: Option<String>,
    /// The token for that host; better in the variable FONIO_TOKEN, where nobody sees it.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl Reach {
    /// Finds who answers.
    pub(crate) async fn client(self) -> Result<Client, Failure> {
        if let Some(name) = &self.tenant {
            check_tenant_name(name).map_err(Failure::usage)?;
        }
        let prefix = self.tenant.as_ref().map(|name| format!("/{name}"));
        let prefix = prefix.unwrap_or_default();
        if let Some(url) = self.far() {
            let token = self.token.or_else(|| variable(TOKEN));
            let (far, before) = Far::new(&url, token)?;
            return Ok(Client {
                way: Way::Far(far),
                prefix: before + &prefix,
                tenant: self.tenant,
            });
        }
        let data = self.data_folder()?;
        match local::call(&data).await {
            Ok(_) => Ok(Client {
                way: Way::Host(data),
                prefix,
                tenant: self.tenant,
            }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(Failure::failed(format!(
                    "the host on {} belongs to another user; be that user, or reach it by --url with a token",
                    data.display()
                )))
            }
            // Whoever has the folder says so when it is opened.
            Err(_) => self.alone(data).await,
        }
    }

    fn far(&self) -> Option<String> {
        let named = self.project.is_some()
            || self.projects.is_some()
            || self.data.is_some()
            || self.store.is_some();
        let variable = || (!named).then(|| variable(URL)).flatten();
        self.url.clone().or_else(variable)
    }

    fn data_folder(&self) -> Result<PathBuf, Failure> {
        match (&self.data, &self.projects) {
            (Some(data), _) => Ok(data.clone()),
            (None, Some(dir)) => Ok(dir.join(".fonio")),
            (None, None) => Ok(serve::project_dir(self.project.clone())?.join(".fonio")),
        }
    }

    async fn alone(self, data: PathBuf) -> Result<Client, Failure> {
        let store = self.store.clone().or_else(|| variable(storage::VARIABLE));
        let kept = ["fonio.db", "access.sqlite", "tenants"];
        if store.is_none() && !kept.iter().any(|it| data.join(it).exists()) {
            return Err(Failure::failed(format!(
                "no host has kept anything in {}, and none runs there; name its project with --project DIR or its data with \
                 --data DIR, or a host elsewhere with --url URL",
                data.display()
            )));
        }
        if let (None, Some(database)) = (&store, storage::elsewhere(&data)) {
            return Err(Failure::usage(format!(
                "the host on {} keeps messages and runs in a database ({database}), and does not run; name the database with \
                 {} or --store",
                data.display(),
                storage::VARIABLE
            )));
        }
        let dir = self.dir(&data)?;
        let defaults = StoreOptions::default();
        let storage = Storage::new(store, defaults.queue_max, defaults.disk_reserve);
        let wanted = Wanted {
            dir,
            tenant: self.tenant,
            data,
            storage: storage.map_err(Failure::usage)?,
        };
        let here = Here::open(wanted).await?;
        Ok(Client {
            way: Way::Here(Box::new(here)),
            prefix: String::new(),
            tenant: None,
        })
    }

    /// The project's directory, or that of the tenants.
    fn dir(&self, data: &Path) -> Result<PathBuf, Failure> {
        let several = data.join("tenants").is_dir();
        match (&self.projects, &self.tenant) {
            (Some(dir), Some(_)) if holds_project(dir) => Err(Failure::usage(format!(
                "{dir} is one project, and no directory of tenants: --project {dir}, without --tenant",
                dir = dir.display()
            ))),
            (Some(dir), Some(tenant)) => {
                let known = tenant_folders(dir).unwrap_or_default();
                if known.contains(tenant) {
                    return Ok(dir.clone());
                }
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let known = known.join(", ");
                Err(Failure::usage(format!(
                    "there is no tenant {tenant} in {}; there are: {known}",
                    dir.display()
                )))
            }
            (None, Some(_)) if !several && data.join("fonio.db").exists() => {
                Err(Failure::usage(format!(
                    "{} has the data of one project, and of no tenants: leave out --tenant",
                    data.display()
                )))
            }
            (None, Some(_)) => Err(Failure::usage(format!(
                "no host runs on {}; to look without one, name the directory of the tenants: --projects DIR",
                data.display()
            ))),
            _ if several => Err(Failure::usage(
                "this is the data of several tenants; name one: --projects DIR --tenant NAME",
            )),
            _ => serve::project_dir(self.project.clone()),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
