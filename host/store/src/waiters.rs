//! Who waits for which run to finish.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ids::RunId;

/// Everyone who waits for a run. `None` once the store is closed.
pub(crate) struct Waiters {
    runs: Mutex<Option<ByRun>>,
}

type ByRun = HashMap<RunId, Vec<oneshot::Sender<()>>>;

impl Waiters {
    pub(crate) fn new() -> Waiters {
        Waiters {
            runs: Mutex::new(Some(HashMap::new())),
        }
    }

    /// Resolves with `Ok` when the run finishes after this call, or may have; with `Err` when the store is closed first.
    /// To miss nothing, look whether the run has finished already *after* calling this.
    pub(crate) fn register(&self, run: RunId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        if let Some(runs) = self.runs().as_mut() {
            let waiting = runs.entry(run).or_default();
            waiting.retain(|other| !other.is_closed());
            waiting.push(sender);
        }
        receiver
    }

    /// Drops what nobody waits for any more; whoever registered and found the run finished calls this.
    pub(crate) fn forget(&self, run: RunId) {
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
    }

    fn runs(&self) -> MutexGuard<'_, Option<ByRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
