//! What serves one project: its runner, its clocks, its reloads, and the audit of its grants.

use std::sync::Arc;
use std::time::Duration;

use fonio_access::Access;
use fonio_sandbox::Sandbox;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Lanes, Places, Share};
use crate::host::Host;
use crate::workbench::Turns;
use crate::{alarm, granted, outage, reload, repeater, runner, sweeper};

/// How long what runs of a tenant that is gone may take to end before anybody is told that it is waited for.
const SOON: Duration = Duration::from_secs(1);
/// How long it may take in all. A step may have been given a day, and its tenant's folder may be back tomorrow.
const LEAVE: Duration = Duration::from_secs(15);

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
    /// In which order tenants compile.
    pub turns: Turns,
}

/// A project that is served.
pub struct Running {
    /// The project.
    pub host: Arc<Host>,
    hint: mpsc::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts to serve a host, which is loaded first if it is not yet.
    pub fn begin(host: Arc<Host>, share: Share, means: &Means) -> Running {
        host.access.get_or_init(|| means.access.clone());
        // More hints than one are one.
        let (hint, hints) = mpsc::channel(16);
        let tasks = vec![
            tokio::spawn(granted::run(Arc::clone(&host), means.access.clone())),
            tokio::spawn(runner::run(Arc::clone(&host), share, means.lanes.clone())),
            tokio::spawn(repeater::run(Arc::clone(&host))),
            tokio::spawn(alarm::run(Arc::clone(&host))),
            tokio::spawn(outage::run(Arc::clone(&host))),
            tokio::spawn(sweeper::run(Arc::clone(&host))),
            tokio::spawn(reload::run(Arc::clone(&host), hints, hint.clone())),
        ];
        Running { host, hint, tasks }
    }

    /// Has the files looked at, at once.
    pub fn reload(&self) {
        // Full means that it is due already.
        let _ = self.hint.try_send(());
    }

    /// Finishes what runs, accepts nothing more, and closes the store. What has not finished when `cut_off` resolves stays
    /// begun in the store, and runs again at the next start.
    pub async fn stop(mut self, cut_off: impl Future<Output = ()>) {
        self.host.stop();
        tokio::select! {
            () = self.end() => {}
            () = cut_off => self.cut_off().await,
        }
        self.host.store.close().await;
    }

    async fn cut_off(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.end().await;
    }

    /// The same where the project's folder is gone: what runs has [`LEAVE`] to end. What has not is cut off, stays begun in
    /// the store, and runs again when the folder is back.
    pub async fn leave(mut self) {
        self.host.stop();
        if timeout(SOON, self.end()).await.is_err() {
            let most = LEAVE.as_secs();
            let said = format!("its folder is gone; what runs of it has {most} s to end");
            self.host.say("waiting", &said);
            if timeout(LEAVE - SOON, self.end()).await.is_err() {
                self.cut_off().await;
                let said =
                    "what of it had not ended was cut off, and runs again if the folder is back";
                self.host.say("cut off", said);
            }
        }
        self.host.store.close().await;
    }

    /// Waits for every part, again from where it was if this was given up before.
    async fn end(&mut self) {
        while let Some(task) = self.tasks.last_mut() {
            match task.await {
                Err(error) if !error.is_cancelled() => {
                    tracing::error!(%error, "a part of the host broke down");
                }
                _ => {}
            }
            self.tasks.pop();
        }
    }
}
