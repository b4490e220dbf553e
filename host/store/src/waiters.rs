//! Who waits for which run to finish, and for the journal to grow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::ids::RunId;

/// Everyone who waits.
pub(crate) struct Waiters {
    /// `None` once the store is closed.
    runs: Mutex<Option<ByRun>>,
    journal: watch::Sender<()>,
}

type ByRun = HashMap<RunId, Vec<oneshot::Sender<()>>>;

/// One who waits for a run. Nothing is left of it when it is dropped: a sender who hung up while a million messages were
/// before its own would be remembered until the last of them.
pub(crate) struct Wait {
    run: RunId,
    finished: oneshot::Receiver<()>,
    waiters: Arc<Waiters>,
}

impl Wait {
    /// Resolves with `Ok` when the run finishes, or may have; with `Err` when the store is closed first.
    pub(crate) async fn wait(mut self) -> Result<(), oneshot::error::RecvError> {
        (&mut self.finished).await
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.finished.close();
        self.waiters.forget(self.run);
    }
}

impl Waiters {
    pub(crate) fn new() -> Waiters {
        Waiters {
            runs: Mutex::new(Some(HashMap::new())),
            journal: watch::Sender::new(()),
        }
    }

    /// Changes when the journal has grown, durably.
    pub(crate) fn told(&self) -> watch::Receiver<()> {
        self.journal.subscribe()
    }

    /// The journal has grown, or may have.
    pub(crate) fn journal_grew(&self) {
        self.journal.send_replace(());
    }

    /// Waits for the run from now on. To miss nothing, look whether it has finished already *after* calling this.
    pub(crate) fn register(self: &Arc<Waiters>, run: RunId) -> Wait {
        let (sender, finished) = oneshot::channel();
        if let Some(runs) = self.runs().as_mut() {
            runs.entry(run).or_default().push(sender);
        }
        Wait {
            run,
            finished,
            waiters: Arc::clone(self),
        }
    }

    /// Drops what nobody waits for any more.
    fn forget(&self, run: RunId) {
        if let Some(runs) = self.runs().as_mut()
            && let Some(waiting) = runs.get_mut(&run)
        {
            waiting.retain(|other| !other.is_closed());
            if waiting.is_empty() {
                runs.remove(&run);
            }
        }
    }

    /// These runs have finished, durably.
    pub(crate) fn finished(&self, finished: &[RunId]) {
        if finished.is_empty() {
            return;
        }
        if let Some(runs) = self.runs().as_mut() {
            for waiting in finished.iter().filter_map(|run| runs.remove(run)).flatten() {
                // One who has gone away is no concern of the others.
                let _ = waiting.send(());
            }
        }
    }

    /// Wakes everyone who waits: some of their runs may have finished without a word.
    pub(crate) fn look_again(&self) {
        if let Some(runs) = self.runs().as_mut() {
            for waiting in runs.drain().flat_map(|(_, waiting)| waiting) {
                let _ = waiting.send(());
            }
        }
    }

    /// Ends every wait, now and later.
    pub(crate) fn close(&self) {
        self.runs().take();
        self.journal_grew();
    }

    fn runs(&self) -> MutexGuard<'_, Option<ByRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_nothing_behind() {
        let waiters = Arc::new(Waiters::new());
        let (gone, stays) = (waiters.register(RunId(1)), waiters.register(RunId(1)));
        drop((gone, waiters.register(RunId(2))));
        let kept = |run| {
            waiters
                .runs()
                .as_ref()
                .and_then(|runs| Some(runs.get(&run)?.len()))
        };
        assert_eq!((kept(RunId(1)), kept(RunId(2))), (Some(1), None));
        waiters.finished(&[RunId(1)]);
        assert_eq!(stays.wait().await, Ok(()));
        assert_eq!(waiters.runs().as_ref().map(HashMap::len), Some(0));
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_store() {
        let waiters = Arc::new(Waiters::new());
        let before = waiters.register(RunId(1));
        waiters.close();
        assert!(before.wait().await.is_err());
        assert!(waiters.register(RunId(1)).wait().await.is_err());
    }
}
