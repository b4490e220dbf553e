//! Where no host runs: the command opens the store, as a host would, and its own requests are answered as a host answers.
//! No step runs and no clock ticks meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonio_access::Access;
use fonio_project::load_tenants;
use fonio_store::{DirectoryLock, StoreError};
use tokio::io::DuplexStream;
use tokio::sync::OnceCell;

use crate::cli::{Exit, Failure, sandbox};
use crate::host::{Host, load_project};
use crate::server::doors::Doors;
use crate::server::local;
use crate::server::peer::Peer;
use crate::storage::Storage;
use crate::tenants::{Means, Places, Sites, Threads};
use crate::workbench::Turns;

/// Between the two ends of a connection within the process.
const PIPE_BYTES: usize = 64 << 10;

/// What is opened.
pub(super) struct Wanted {
    /// The project's directory, or that of the tenants.
    pub dir: PathBuf,
    /// One of them.
    pub tenant: Option<String>,
    /// What a host keeps there.
    pub data: PathBuf,
    pub storage: Storage,
}

/// A host without a listener.
pub(super) struct Here {
    host: Arc<Host>,
    sites: Arc<Sites>,
    doors: Arc<Doors>,
    loaded: OnceCell<()>,
    /// Of a tenant: nobody begins to serve the others meanwhile.
    _held: Option<DirectoryLock>,
}

impl Here {
    pub(super) async fn open(wanted: Wanted) -> Result<Here, Failure> {
        let Wanted {
            dir,
            tenant,
            data,
            storage,
        } = wanted;
        let access = Access::open(&data).map_err(Failure::failed)?;
        let sandbox = Arc::new(sandbox::start().await?);
        let (host, held) = match tenant {
            None => {
                let id = id_of(&dir, &storage).await?;
                let store = storage.open(&id, &data, None).map_err(busy)?;
                (Host::new(dir, data, store, sandbox), None)
            }
            Some(name) => {
                let held = DirectoryLock::take(&data).map_err(busy)?;
                let threads = Threads::start().map_err(Failure::failed)?;
                let means = Means {
                    sandbox,
                    places: Places::new(sandbox::STEPS),
                    lanes: threads.lanes(),
                    access: access.clone(),
                    turns: Turns::new(),
                };
                let host = tenant_of(&dir, &data, name, &storage, &means)?;
                (host, Some(held))
            }
        };
        host.access.get_or_init(|| access.clone());
        let host = Arc::new(host);
        Ok(Here {
            sites: Arc::new(Sites::one(Arc::clone(&host))),
            host,
            doors: Arc::new(Doors {
                access,
                oidc: None,
                open: false,
                exposed: false,
                behind_proxy: false,
            }),
            loaded: OnceCell::new(),
            _held: held,
        })
    }

    /// Loads the project, which takes a while and is needed only to begin a run again.
    pub(super) async fn load(&self) -> Result<(), Failure> {
        let load = || async {
            self.host.reload().await;
        };
        self.loaded.get_or_init(load).await;
        if self.host.live().is_some() {
            return Ok(());
        }
        let problems = self.host.problems();
        let why = problems.iter().find(|problem| problem.is_error());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        Err(Failure(
            Exit::NotLoaded,
            format!(
                "there is no project to run it with{why}; name its directory with --project DIR"
            ),
        ))
    }

    /// One end of a connection; at the other, requests are answered.
    pub(super) fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let uid = rustix::process::geteuid().as_raw();
        let (sites, peer) = (
            Arc::clone(&self.sites),
            Peer::owner(uid, Arc::clone(&self.doors)),
        );
        tokio::spawn(async move { local::attend(&sites, peer, far).await });
        near
    }

    pub(super) async fn close(self) {
        self.host.store.close().await;
    }
}

fn tenant_of(
    dir: &Path,
    data: &Path,
    name: String,
    storage: &Storage,
    means: &Means,
) -> Result<Host, Failure> {
    let (settings, problems) = load_tenants(dir);
    let settings = settings.ok_or_else(|| {
        let first = problems.first().map(ToString::to_string);
        Failure::failed(first.unwrap_or_default())
    })?;
    let own = data.join("tenants").join(&name);
    let settings = settings.of(&name);
    let stored_max = Some(settings.quota.stored_bytes);
    let store = storage.open(&name, &own, stored_max).map_err(busy)?;
    let dir = dir.join(&name);
    Ok(Host::of_tenant(name, settings, dir, own, store, means))
}

/// By which hosts share a project in a database.
async fn id_of(dir: &Path, storage: &Storage) -> Result<String, Failure> {
    if !storage.is_shared() {
        return Ok(String::new());
    }
    let project = load_project(dir).await.project;
    project.map(|project| project.id).ok_or_else(|| {
        let said = format!(
            "hosts share a project in a database by its id, and that of {} is not known until its files are right; `fonio check` \
             shows what is wrong",
            dir.display()
        );
        Failure(Exit::NotLoaded, said)
    })
}

/// A host has the data, and yet did not answer.
fn busy(error: StoreError) -> Failure {
    match error {
        StoreError::InUse { .. } => Failure::failed(format!(
            "{error}, and does not answer at its fonio.sock: it starts or stops just now, could not make the socket (it said so \
             at its start), or is of an older version; --url reaches it"
        )),
        error => Failure::failed(error),
    }
}
