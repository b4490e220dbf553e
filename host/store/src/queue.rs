//! Which steps wait and which are claimed, in memory; the table `queue` is the truth and this a window on its beginning.
//!
//! The window is a sorted run of step numbers up to a horizon: every unclaimed step at or below the horizon is in it.
//! When more steps wait than it holds, the rest stay in the table only (`spilled`) until the window runs dry and is
//! filled again. So a million waiting messages cost no more memory than ten thousand.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ids::StepId;

/// 10,000 numbers are 80 KB, and one refill of so many takes about a millisecond.
const WINDOW_MAX: usize = 10_000;

/// The waiting and the claimed steps of an open store.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Notify,
}

struct State {
    window: VecDeque<StepId>,
    horizon: StepId,
    spilled: bool,
    queued: u64,
    running: HashSet<StepId>,
    closed: bool,
}

impl Queue {
    /// The queue of a store in whose table `queued` steps wait.
    pub(crate) fn new(queued: u64) -> Queue {
        let state = State {
            window: VecDeque::new(),
            horizon: StepId(0),
            spilled: queued > 0,
            queued,
            running: HashSet::new(),
            closed: false,
        };
        Queue {
            state: Mutex::new(state),
            work: Notify::new(),
        }
    }

    /// Steps waiting to be claimed.
    pub(crate) fn queued(&self) -> u64 {
        self.state().queued
    }

    /// Steps claimed and not yet settled.
    pub(crate) fn running(&self) -> u64 {
        self.state().running.len() as u64
    }

    /// Whether somebody has claimed this step and not settled it.
    pub(crate) fn is_running(&self, step: StepId) -> bool {
        self.state().running.contains(&step)
    }

    /// Steps that a commit has added, in ascending order, each above all before it.
    pub(crate) fn add(&self, steps: &[StepId]) {
        if steps.is_empty() {
            return;
        }
        let mut state = self.state();
        for &step in steps {
            state.queued += 1;
            // A refill may have seen the row between the commit and this call.
            if step <= state.horizon {
                continue;
            }
            if state.spilled || state.window.len() >= WINDOW_MAX {
                state.spilled = true;
            } else {
                state.window.push_back(step);
                state.horizon = step;
            }
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// Steps that a commit has settled.
    pub(crate) fn settled(&self, steps: &[StepId]) {
        if steps.is_empty() {
            return;
        }
        let mut state = self.state();
        for step in steps {
            state.running.remove(step);
        }
    }

    /// The oldest waiting step, now claimed. `refill(after, limit)` reads the steps of the table above a number.
    pub(crate) fn take<E>(
        &self,
        refill: impl FnOnce(StepId, usize) -> Result<Vec<StepId>, E>,
    ) -> Result<Option<StepId>, E> {
        let mut state = self.state();
        // The count is of published steps: the guard keeps it from going below zero when a refill runs ahead of `add`.
        if state.queued == 0 {
            return Ok(None);
        }
        if state.window.is_empty() && state.spilled {
            let found = refill(state.horizon, WINDOW_MAX)?;
            state.spilled = found.len() == WINDOW_MAX;
            state.horizon = found.last().copied().unwrap_or(state.horizon);
            state.window.extend(found);
        }
        let Some(step) = state.window.pop_front() else {
            return Ok(None);
        };
        state.queued -= 1;
        let fresh = state.running.insert(step);
        debug_assert!(fresh, "step {step} was claimed twice");
        Ok(Some(step))
    }

    /// Puts back a claimed step that nobody has started.
    pub(crate) fn release(&self, step: StepId) {
        let mut state = self.state();
        if state.running.remove(&step) {
            let place = state.window.partition_point(|&other| other < step);
            state.window.insert(place, step);
            state.queued += 1;
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// Resolves when a step waits, or the store is closed.
    pub(crate) async fn wait_for_work(&self) {
        let notified = self.work.notified();
        tokio::pin!(notified);
        // Listening begins before looking, so that no step slips in between.
        notified.as_mut().enable();
        let ready = {
            let state = self.state();
            state.queued > 0 || state.closed
        };
        if !ready {
            notified.await;
        }
    }

    /// Wakes whoever waits for work, now and later.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.work.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
