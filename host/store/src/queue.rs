//! Which steps wait and which are claimed; the table `queue` is the truth.
//!
//! A file has one host, and its claims are kept here: a window on the beginning of the table. The window is a sorted run
//! of step numbers up to a horizon: every unclaimed step at or below the horizon is in it. When more steps wait than it
//! holds, the rest stay in the table only (`spilled`) until the window runs dry and is filled again. So a million waiting
//! messages cost no more memory than ten thousand.
//!
//! Hosts that share a database find claims in the table itself. Here is only whether it is worth looking.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ids::StepId;
use crate::queued::QueuedStep;

/// 10,000 numbers are 80 KB, and one refill of so many takes about a millisecond.
const WINDOW_MAX: usize = 10_000;

/// The waiting and the claimed steps of an open store.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Notify,
    /// The host among those that share a database; 0 for a file.
    host: AtomicI64,
    /// The table may have claims of this host that it does not know of: an answer was lost with its connection.
    doubtful: AtomicBool,
}

struct State {
    waiting: Waiting,
    queued: u64,
    running: HashSet<StepId>,
    closed: bool,
}

enum Waiting {
    Window {
        window: VecDeque<StepId>,
        horizon: StepId,
        spilled: bool,
    },
    Table {
        /// Whether there may be something to claim.
        promising: bool,
        /// How often there was reason to think so.
        news: u64,
    },
}

/// A look into the table for steps to claim, begun at a certain state of the news.
pub(crate) struct Look {
    news: u64,
}

impl Queue {
    /// The queue of a file in whose table `queued` steps wait.
    pub(crate) fn of_file(queued: u64) -> Queue {
        let window = Waiting::Window {
            window: VecDeque::new(),
            horizon: StepId(0),
            spilled: queued > 0,
        };
        Queue::new(window, queued, 0)
    }

    /// The queue that `host` shares with others.
    pub(crate) fn shared(host: i64) -> Queue {
        let table = Waiting::Table {
            promising: true,
            news: 0,
        };
        Queue::new(table, 0, host)
    }

    fn new(waiting: Waiting, queued: u64, host: i64) -> Queue {
        let state = State {
            waiting,
            queued,
            running: HashSet::new(),
            closed: false,
        };
        Queue {
            state: Mutex::new(state),
            work: Notify::new(),
            host: AtomicI64::new(host),
            doubtful: AtomicBool::new(false),
        }
    }

    /// The host that claims; 0 for a file.
    pub(crate) fn host(&self) -> i64 {
        self.host.load(Ordering::Acquire)
    }

    /// The others took this host for dead, and took over what it had claimed: it goes on as another.
    pub(crate) fn begin_anew_as(&self, host: i64) {
        let mut state = self.state();
        state.running.clear();
        self.host.store(host, Ordering::Release);
    }

    /// The next claim compares the table with what is known here.
    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Release);
        self.hear_of_work();
    }

    /// Whether the table is to be compared.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Acquire)
    }

    /// It was compared.
    pub(crate) fn is_certain(&self) {
        self.doubtful.store(false, Ordering::Release);
    }

    /// Claims that could not be put back in the table: they are no longer known, so that the next claim does it.
    pub(crate) fn forget(&self, steps: &[StepId]) {
        let mut state = self.state();
        for step in steps {
            state.running.remove(step);
        }
        drop(state);
        self.doubt();
    }

    /// Steps waiting to be claimed; where hosts share a table, as it was counted last.
    pub(crate) fn queued(&self) -> u64 {
        self.state().queued
    }

    /// Whether a claim may find something.
    pub(crate) fn has_work(&self) -> bool {
        self.state().has_work()
    }

    /// Steps claimed and not yet settled.
    pub(crate) fn running(&self) -> u64 {
        self.state().running.len() as u64
    }

    /// Whether this host has claimed this step and not settled it.
    pub(crate) fn has_claimed(&self, step: StepId) -> bool {
        self.state().running.contains(&step)
    }

    /// Whether some host has claimed this step and not settled it.
    pub(crate) fn is_running(&self, queued: &QueuedStep) -> bool {
        queued.host.is_some() || self.has_claimed(queued.step)
    }

    /// Steps that a commit has added, in ascending order, each above all before it.
    pub(crate) fn add(&self, steps: &[StepId]) {
        if steps.is_empty() {
            return;
        }
        let mut state = self.state();
        state.queued += steps.len() as u64;
        match &mut state.waiting {
            Waiting::Table { promising, news } => {
                *promising = true;
                *news += 1;
            }
            Waiting::Window {
                window,
                horizon,
                spilled,
            } => {
                for &step in steps {
                    // A refill may have seen the row between the commit and this call.
                    if step <= *horizon {
                        continue;
                    }
                    if *spilled || window.len() >= WINDOW_MAX {
                        *spilled = true;
                    } else {
                        window.push_back(step);
                        *horizon = step;
                    }
                }
            }
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// Another host says that there is something to claim.
    pub(crate) fn hear_of_work(&self) {
        if let Waiting::Table { promising, news } = &mut self.state().waiting {
            *promising = true;
            *news += 1;
        }
        self.work.notify_waiters();
    }

    /// How many steps of a shared table wait, as it was counted now.
    pub(crate) fn counted(&self, queued: u64) {
        self.state().queued = queued;
        if queued > 0 {
            self.hear_of_work();
        }
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

    /// Steps that a commit has taken out of the table, claimed or waiting.
    pub(crate) fn taken_out(&self, steps: &[StepId]) {
        let mut guard = self.state();
        let state = &mut *guard;
        for step in steps {
            if state.running.remove(step) {
                continue;
            }
            state.queued = state.queued.saturating_sub(1);
            if let Waiting::Window { window, .. } = &mut state.waiting
                && let Ok(place) = window.binary_search(step)
            {
                window.remove(place);
            }
        }
    }

    /// The oldest waiting step of a file, now claimed. `refill(after, limit)` reads the steps of the table above a number.
    pub(crate) fn take<E>(
        &self,
        mut refill: impl FnMut(StepId, usize) -> Result<Vec<StepId>, E>,
    ) -> Result<Option<StepId>, E> {
        let mut guard = self.state();
        let state = &mut *guard;
        let Waiting::Window {
            window,
            horizon,
            spilled,
        } = &mut state.waiting
        else {
            return Ok(None);
        };
        // The count is of published steps: the guard keeps it from going below zero when a refill runs ahead of `add`.
        if state.queued == 0 {
            return Ok(None);
        }
        while window.is_empty() && *spilled {
            let found = refill(*horizon, WINDOW_MAX)?;
            *spilled = found.len() == WINDOW_MAX;
            *horizon = found.last().copied().unwrap_or(*horizon);
            // Where the horizon was drawn in, claimed steps are beyond it.
            let running = &state.running;
            window.extend(found.iter().filter(|step| !running.contains(step)));
        }
        let Some(step) = window.pop_front() else {
            return Ok(None);
        };
        state.queued -= 1;
        let fresh = state.running.insert(step);
        debug_assert!(fresh, "step {step} was claimed twice");
        Ok(Some(step))
    }

    /// Before a look into a shared table.
    pub(crate) fn look(&self) -> Look {
        match self.state().waiting {
            Waiting::Table { news, .. } => Look { news },
            Waiting::Window { .. } => Look { news: 0 },
        }
    }

    /// What a look into a shared table has claimed; `all` if there was no more.
    pub(crate) fn took(&self, look: &Look, steps: &[StepId], all: bool) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.queued = state.queued.saturating_sub(steps.len() as u64);
        state.running.extend(steps);
        if let Waiting::Table { promising, news } = &mut state.waiting {
            // News that came during the look may be of what it did not see.
            *promising = !all || *news != look.news;
        }
    }

    /// Puts back a claimed step that nobody has started; the table has it already as one that waits.
    pub(crate) fn release(&self, step: StepId) {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.running.remove(&step) {
            state.queued += 1;
            match &mut state.waiting {
                Waiting::Window {
                    window,
                    horizon,
                    spilled,
                } => {
                    if step <= *horizon {
                        let place = window.partition_point(|&other| other < step);
                        window.insert(place, step);
                    } else {
                        *spilled = true;
                    }
                }
                Waiting::Table { promising, news } => {
                    *promising = true;
                    *news += 1;
                }
            }
        }
        drop(guard);
        self.work.notify_waiters();
    }

    /// Steps that have waited for their time are in the table again, with the numbers that they had.
    pub(crate) fn put_back(&self, steps: &[StepId]) {
        if steps.is_empty() {
            return;
        }
        let mut guard = self.state();
        let state = &mut *guard;
        state.queued += steps.len() as u64;
        match &mut state.waiting {
            Waiting::Table { promising, news } => {
                *promising = true;
                *news += 1;
            }
            Waiting::Window {
                window,
                horizon,
                spilled,
            } => {
                for &step in steps {
                    if step <= *horizon {
                        let place = window.partition_point(|&other| other < step);
                        // A refill may have seen the row between the commit and this call.
                        if window.get(place) != Some(&step) {
                            window.insert(place, step);
                        }
                    } else {
                        // Beyond what the window knows of: it is found in the table.
                        *spilled = true;
                    }
                }
                if window.len() > WINDOW_MAX {
                    // The last of them are left to the table, so that a million that come back at once cost no memory.
                    window.truncate(WINDOW_MAX);
                    *horizon = window.back().copied().unwrap_or(*horizon);
                    *spilled = true;
                }
            }
        }
        drop(guard);
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
            state.has_work() || state.closed
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

impl State {
    fn has_work(&self) -> bool {
        match self.waiting {
            Waiting::Window { .. } => self.queued > 0,
            Waiting::Table { promising, .. } => promising,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: std::ops::Range<i64>) -> Vec<StepId> {
        numbers.map(StepId).collect()
    }

    /// What a table with these steps in it gives.
    fn table(steps: &[StepId]) -> impl Fn(StepId, usize) -> Result<Vec<StepId>, ()> {
        let steps = steps.to_vec();
        move |after, limit| {
            let above = steps.iter().filter(|step| **step > after);
            Ok(above.take(limit).copied().collect())
        }
    }

    fn window(queue: &Queue) -> usize {
        match &queue.state().waiting {
            Waiting::Window { window, .. } => window.len(),
            Waiting::Table { .. } => 0,
        }
    }

    #[test]
    fn a_million_that_wait_or_come_back_at_once_take_no_more_memory_than_a_window() {
        let (old, new) = (of(1..500_000), of(500_000..1_000_000));
        let queue = Queue::of_file(0);
        queue.add(&new);
        assert_eq!(window(&queue), WINDOW_MAX);
        // A few are claimed, and stay so; the last of them is given back.
        let in_table = table(&new);
        let claimed: Vec<StepId> = (0..20)
            .filter_map(|_| queue.take(&in_table).ok().flatten())
            .collect();
        assert_eq!(claimed, of(500_000..500_020));
        queue.put_back(&old);
        assert_eq!(window(&queue), WINDOW_MAX);
        queue.release(claimed[19]);
        let all = [old.clone(), new.clone()].concat();
        let (mut rest, in_table) = (Vec::new(), table(&all));
        while let Ok(Some(step)) = queue.take(&in_table) {
            rest.push(step);
        }
        assert_eq!(rest.len(), all.len() - 19, "each comes, and comes once");
        assert!(rest.is_sorted());
        assert_eq!(queue.running(), all.len() as u64);
    }
}
