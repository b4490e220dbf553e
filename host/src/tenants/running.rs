//! What serves one project: its runner, its clocks, its reloads, and the audit of its grants.

use std::sync::Arc;

use fonio_access::Access;
use fonio_sandbox::Sandbox;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Lanes, Places, Share};
use crate::host::Host;
use crate::{alarm, granted, reload, repeater, runner};

/// What all projects of a host share.
#[derive(Clone)]
pub struct Means {
    /// Where steps run.
    pub sandbox: Arc<Sandbox>,
    /// How many at once.
    pub places: Places,
    /// On which threads.
    pub lanes: Lanes,
    /// Who may look, and what is written down of it.
    pub access: Access,
}

/// A project that is served.
pub struct Running {
    /// The project.
    pub host: Arc<Host>,
    hint: mpsc::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts to serve a host that has been loaded once.
    pub fn begin(host: Arc<Host>, share: Share, means: &Means) -> Running {
        host.access.get_or_init(|| means.access.clone());
        // More hints than one are one.
        let (hint, hints) = mpsc::channel(16);
        let tasks = vec![
            tokio::spawn(granted::run(Arc::clone(&host), means.access.clone())),
            tokio::spawn(runner::run(Arc::clone(&host), share, means.lanes.clone())),
            tokio::spawn(repeater::run(Arc::clone(&host))),
            tokio::spawn(alarm::run(Arc::clone(&host))),
            tokio::spawn(reload::run(Arc::clone(&host), hints, hint.clone())),
        ];
        Running { host, hint, tasks }
    }

    /// Has the files looked at, at once.
    pub fn reload(&self) {
        // Full means that it is due already.
        let _ = self.hint.try_send(());
    }

    /// Finishes what runs, accepts nothing more, and closes the store.
    pub async fn stop(self) {
        self.host.stop();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the host broke down");
            }
        }
        self.host.store.close().await;
    }
}
