//! Which steps wait and which are claimed; the table `queue` is the truth.
//!
//! A file has one host, and its claims are kept here, with windows on what waits in the table (`window`).
//!
//! Hosts that share a database find claims in the table itself. Here is only whether it is worth looking.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ids::StepId;
use crate::queued::QueuedStep;
use crate::turn::Priority;
use crate::window::{Pick, Refill, Windows};

/// Of so many claimed steps one is the oldest of all, whatever its priority: a flood of important steps slows the others
/// down, and never stops them.
const OLDEST_EVERY: usize = 10;

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
    /// First steps of runs that wait for the end of others.
    held: u64,
    running: HashMap<StepId, Priority>,
    /// How many steps were claimed, but for multiples of [`OLDEST_EVERY`].
    claims: usize,
    closed: bool,
}

enum Waiting {
    Windows(Windows),
    Table {
        /// Steps that wait, as they were counted last.
        queued: u64,
        /// Whether there may be something to claim.
        promising: bool,
        /// How often there was reason to think so, or the number of waiting steps changed here.
        news: u64,
        /// How many counts in a row were out of date when they came.
        outdated: u32,
    },
}

/// After so many counts that were out of date one is taken all the same: on a host that is never idle each is.
const OUTDATED_MAX: u32 = 2;

/// A look into the table for steps to claim, begun at a certain state of the news.
pub(crate) struct Look {
    news: u64,
}

impl Queue {
    /// The queue of a file in whose table so many steps of each priority wait, and beside it so many are held.
    pub(crate) fn of_file(queued: [u64; 3], held: u64) -> Queue {
        Queue::new(Waiting::Windows(Windows::on(queued)), held, 0)
    }

    /// The queue that `host` shares with others, in whose table so many steps wait, and beside it so many are held.
    pub(crate) fn shared(host: i64, queued: u64, held: u64) -> Queue {
        let table = Waiting::Table {
            queued,
            promising: true,
            news: 0,
            outdated: 0,
        };
        Queue::new(table, held, host)
    }

    fn new(waiting: Waiting, held: u64, host: i64) -> Queue {
        let state = State {
            waiting,
            held,
            running: HashMap::new(),
            claims: 0,
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

    /// A claimed step whose run was ended: what is left of it here goes. On a file nothing is.
    pub(crate) fn let_go(&self, step: StepId) {
        if self.host() != 0 && self.has_claimed(step) {
            self.forget(&[step]);
        }
    }

    /// Steps waiting to be claimed or for the end of other runs; where hosts share a table, as it was counted last.
    pub(crate) fn queued(&self) -> u64 {
        let state = self.state();
        state.claimable() + state.held
    }

    /// First steps of runs that wait for the end of others.
    pub(crate) fn held(&self) -> u64 {
        self.state().held
    }

    /// Steps that a commit has begun to hold, less those that it holds no longer.
    pub(crate) fn holds(&self, more: i64) {
        let mut state = self.state();
        state.held = state.held.saturating_add_signed(more);
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
        self.state().running.contains_key(&step)
    }

    /// Whether some host has claimed this step and not settled it.
    pub(crate) fn is_running(&self, queued: &QueuedStep) -> bool {
        queued.host.is_some() || self.has_claimed(queued.step)
    }

    /// Steps that a commit has added, in ascending order, each above all before it.
    pub(crate) fn add(&self, steps: &[(Priority, StepId)]) {
        self.publish(steps, |windows, priority, step, _| {
            windows.add(priority, step);
        });
    }

    /// Steps that have waited for their time or their turn are in the table, with the numbers that they had.
    pub(crate) fn put_back(&self, steps: &[(Priority, StepId)]) {
        self.publish(steps, Windows::put_back);
    }

    /// `into` learns, too, whether the step was claimed already: a refill may have seen it between the commit and this call.
    fn publish(
        &self,
        steps: &[(Priority, StepId)],
        into: impl Fn(&mut Windows, Priority, StepId, bool),
    ) {
        if steps.is_empty() {
            return;
        }
        let mut guard = self.state();
        let state = &mut *guard;
        match &mut state.waiting {
            Waiting::Table {
                queued,
                promising,
                news,
                ..
            } => {
                *queued += steps.len() as u64;
                *promising = true;
                *news += 1;
            }
            Waiting::Windows(windows) => {
                for (priority, step) in steps {
                    let claimed = state.running.contains_key(step);
                    into(windows, *priority, *step, claimed);
                }
            }
        }
        drop(guard);
        self.work.notify_waiters();
    }

    /// Another host says that there is something to claim.
    pub(crate) fn hear_of_work(&self) {
        if let Waiting::Table {
            promising, news, ..
        } = &mut self.state().waiting
        {
            *promising = true;
            *news += 1;
        }
        self.work.notify_waiters();
    }

    /// How many steps of a shared table wait, and how many are held beside it, as they were counted now.
    pub(crate) fn counted(&self, look: &Look, waiting: u64, held: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Waiting::Table {
            queued,
            news,
            outdated,
            ..
        } = &mut state.waiting
        {
            // What was added or taken here in the meantime may be in it or not.
            if *news == look.news || *outdated >= OUTDATED_MAX {
                *queued = waiting;
                state.held = held;
                *outdated = 0;
            } else {
                *outdated += 1;
            }
        }
        drop(guard);
        if waiting > 0 {
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
    pub(crate) fn taken_out(&self, steps: &[(Priority, StepId)]) {
        let mut guard = self.state();
        let state = &mut *guard;
        for (priority, step) in steps {
            if state.running.remove(step).is_some() {
                continue;
            }
            match &mut state.waiting {
                Waiting::Windows(windows) => windows.take_out(*priority, *step),
                Waiting::Table { queued, news, .. } => {
                    *queued = queued.saturating_sub(1);
                    *news += 1;
                }
            }
        }
    }

    /// Of the next `max` steps, how many are the oldest of all; the others go by priority and come first.
    pub(crate) fn by_age(&self, max: usize) -> usize {
        (self.state().claims + max) / OLDEST_EVERY
    }

    /// The next waiting step of a file, now claimed.
    pub(crate) fn take<E>(
        &self,
        pick: Pick,
        refill: &mut Refill<'_, E>,
    ) -> Result<Option<StepId>, E> {
        let mut guard = self.state();
        let state = &mut *guard;
        let Waiting::Windows(windows) = &mut state.waiting else {
            return Ok(None);
        };
        let running = &state.running;
        let is_claimed = |step| running.contains_key(&step);
        let Some((priority, step)) = windows.take(pick, &is_claimed, refill)? else {
            return Ok(None);
        };
        state.claims = (state.claims + 1) % OLDEST_EVERY;
        let fresh = state.running.insert(step, priority).is_none();
        debug_assert!(fresh, "step {step} was claimed twice");
        Ok(Some(step))
    }

    /// Before a look into a shared table.
    pub(crate) fn look(&self) -> Look {
        match self.state().waiting {
            Waiting::Table { news, .. } => Look { news },
            Waiting::Windows(_) => Look { news: 0 },
        }
    }

    /// What a look into a shared table has claimed; `all` if there was no more.
    pub(crate) fn took(&self, look: &Look, steps: &[StepId], all: bool) {
        let mut guard = self.state();
        let state = &mut *guard;
        let claimed = steps.iter().map(|step| (*step, Priority::default()));
        state.running.extend(claimed);
        state.claims = (state.claims + steps.len()) % OLDEST_EVERY;
        if let Waiting::Table {
            queued,
            promising,
            news,
            ..
        } = &mut state.waiting
        {
            *queued = queued.saturating_sub(steps.len() as u64);
            // News that came during the look may be of what it did not see.
            *promising = !all || *news != look.news;
            *news += 1;
        }
    }

    /// Puts back a claimed step that nobody has started; the table has it already as one that waits.
    pub(crate) fn release(&self, step: StepId) {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(priority) = state.running.remove(&step) {
            match &mut state.waiting {
                Waiting::Windows(windows) => windows.put_back(priority, step, false),
                Waiting::Table {
                    queued,
                    promising,
                    news,
                    ..
                } => {
                    *queued += 1;
                    *promising = true;
                    *news += 1;
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
            Waiting::Windows(ref windows) => windows.queued() > 0,
            Waiting::Table { promising, .. } => promising,
        }
    }

    fn claimable(&self) -> u64 {
        match &self.waiting {
            Waiting::Windows(windows) => windows.queued(),
            Waiting::Table { queued, .. } => *queued,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::SqlError;

    #[test]
    fn a_step_that_a_refill_saw_before_it_was_told_of_is_claimed_once() {
        // Two wait; the one between them was let go on by a commit that is not told of yet.
        let queue = Queue::of_file([0, 2, 0], 0);
        let table = [1, 2, 3].map(StepId);
        let take = || {
            let refill = &mut |priority: Priority, after: StepId, _: usize| {
                let there = priority == Priority::Normal;
                let found = table.iter().filter(|step| there && **step > after).copied();
                Ok::<Vec<StepId>, SqlError>(found.collect())
            };
            queue
                .take(Pick::Highest, refill)
                .expect("the table can be read")
        };
        assert_eq!([take(), take()], [1, 2].map(|step| Some(StepId(step))));
        queue.put_back(&[(Priority::Normal, StepId(2))]);
        assert_eq!([take(), take()], [Some(StepId(3)), None]);
    }

    #[test]
    fn a_million_that_wait_or_come_back_at_once_take_no_more_memory_than_a_window() {
        let of = |numbers: std::ops::Range<i64>| -> Vec<(Priority, StepId)> {
            numbers
                .map(|step| (Priority::Normal, StepId(step)))
                .collect()
        };
        let (old, new) = (of(1..500_000), of(500_000..1_000_000));
        let queue = Queue::of_file([0, 0, 0], 0);
        let take = |table: &[(Priority, StepId)]| {
            let refill = &mut |priority: Priority, after: StepId, limit: usize| {
                let there = priority == Priority::Normal;
                let above = table.partition_point(|(_, step)| *step <= after);
                let found = table[above..].iter().filter(|_| there).take(limit);
                Ok::<Vec<StepId>, SqlError>(found.map(|(_, step)| *step).collect())
            };
            queue
                .take(Pick::Highest, refill)
                .expect("the table can be read")
        };
        let in_memory = || match &queue.state().waiting {
            Waiting::Windows(windows) => windows.in_memory(),
            Waiting::Table { .. } => 0,
        };
        queue.add(&new);
        let window = in_memory();
        assert!(window < 20_000, "{window}");
        // A few are claimed, and stay so; the last of them is given back.
        let claimed: Vec<StepId> = (0..20).filter_map(|_| take(&new)).collect();
        assert_eq!(claimed.last(), Some(&StepId(500_019)));
        queue.put_back(&old);
        assert_eq!(in_memory(), window);
        queue.release(claimed[19]);
        let all = [old.clone(), new.clone()].concat();
        let mut rest = Vec::new();
        while let Some(step) = take(&all) {
            rest.push(step);
        }
        assert_eq!(rest.len(), all.len() - 19, "each comes, and comes once");
        assert!(rest.is_sorted());
        assert_eq!(queue.running(), all.len() as u64);
    }
}
