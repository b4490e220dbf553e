//! The waiting steps of a file in memory: a window on the table for each priority.
//!
//! A window is a sorted run of step numbers up to a horizon: every unclaimed step of its priority at or below the horizon
//! is in it. When more steps wait than it holds, the rest stay in the table only (`spilled`) until the window runs dry and
//! is filled again. So a million waiting messages cost no more memory than ten thousand.

use std::collections::VecDeque;

use crate::ids::StepId;
use crate::turn::Priority;

/// 10,000 numbers are 80 KB, and one refill of so many takes about a millisecond.
const WINDOW_MAX: usize = 10_000;

/// Which of the waiting steps comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The oldest of the highest priority.
    Highest,
    /// The oldest of all.
    Oldest,
}

/// Reads the steps of one priority above a number from the table, at most so many.
pub(crate) type Refill<'r, E> = dyn FnMut(Priority, StepId, usize) -> Result<Vec<StepId>, E> + 'r;

/// The windows, by priority.
pub(crate) struct Windows([Window; 3]);

struct Window {
    steps: VecDeque<StepId>,
    horizon: StepId,
    spilled: bool,
    /// All that wait, in the window or beyond it.
    queued: u64,
}

impl Windows {
    /// On a table in which so many of each priority wait.
    pub(crate) fn on(queued: [u64; 3]) -> Windows {
        Windows(queued.map(|queued| Window {
            steps: VecDeque::new(),
            horizon: StepId(0),
            spilled: queued > 0,
            queued,
        }))
    }

    pub(crate) fn queued(&self) -> u64 {
        self.0.iter().map(|window| window.queued).sum()
    }

    /// A new step, above all before it.
    pub(crate) fn add(&mut self, priority: Priority, step: StepId) {
        self.of(priority).add(step);
    }

    /// A step that is in the table with a number that it had before; `claimed` if it was taken from there already.
    pub(crate) fn put_back(&mut self, priority: Priority, step: StepId, claimed: bool) {
        let window = self.of(priority);
        window.queued += 1;
        if !claimed {
            window.put_back(step);
        }
    }

    /// A waiting step that is no longer in the table.
    pub(crate) fn take_out(&mut self, priority: Priority, step: StepId) {
        self.of(priority).take_out(step);
    }

    /// The next step, which waits no longer.
    ///
    /// `is_claimed` tells which steps of the table are handed out: where a horizon was drawn in, some are beyond it.
    pub(crate) fn take<E>(
        &mut self,
        pick: Pick,
        is_claimed: &dyn Fn(StepId) -> bool,
        refill: &mut Refill<'_, E>,
    ) -> Result<Option<(Priority, StepId)>, E> {
        let mut best: Option<(Priority, StepId)> = None;
        for priority in Priority::ALL {
            let head = self
                .of(priority)
                .head(is_claimed, |after, limit| refill(priority, after, limit))?;
            let Some(step) = head else { continue };
            if best.is_none_or(|(_, oldest)| step < oldest) {
                best = Some((priority, step));
            }
            if pick == Pick::Highest {
                break;
            }
        }
        if let Some((priority, _)) = best {
            self.of(priority).pop();
        }
        Ok(best)
    }

    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> usize {
        self.0.iter().map(|window| window.steps.len()).sum()
    }

    fn of(&mut self, priority: Priority) -> &mut Window {
        &mut self.0[priority as usize]
    }
}

impl Window {
    fn add(&mut self, step: StepId) {
        self.queued += 1;
        // A refill may have seen the row between the commit and this call.
        if step <= self.horizon {
            return;
        }
        if self.spilled || self.steps.len() >= WINDOW_MAX {
            self.spilled = true;
        } else {
            self.steps.push_back(step);
            self.horizon = step;
        }
    }

    fn put_back(&mut self, step: StepId) {
        if step <= self.horizon {
            let place = self.steps.partition_point(|&other| other < step);
            // A refill may have seen the row between the commit and this call.
            if self.steps.get(place) != Some(&step) {
                self.steps.insert(place, step);
            }
            self.draw_in();
        } else {
            // Beyond what the window knows of: it is found in the table.
            self.spilled = true;
        }
    }

    /// The last of many that came back are left to the table, so that a million of them cost no memory.
    fn draw_in(&mut self) {
        if self.steps.len() > WINDOW_MAX {
            self.steps.truncate(WINDOW_MAX);
            self.horizon = self.steps.back().copied().unwrap_or(self.horizon);
            self.spilled = true;
        }
    }

    fn take_out(&mut self, step: StepId) {
        self.queued = self.queued.saturating_sub(1);
        if let Ok(place) = self.steps.binary_search(&step) {
            self.steps.remove(place);
        }
    }

    fn head<E>(
        &mut self,
        is_claimed: &dyn Fn(StepId) -> bool,
        mut refill: impl FnMut(StepId, usize) -> Result<Vec<StepId>, E>,
    ) -> Result<Option<StepId>, E> {
        // The count is of published steps: the guard keeps it from going below zero when a refill runs ahead of `add`.
        if self.queued == 0 {
            return Ok(None);
        }
        while self.steps.is_empty() && self.spilled {
            let found = refill(self.horizon, WINDOW_MAX)?;
            self.spilled = found.len() == WINDOW_MAX;
            self.horizon = found.last().copied().unwrap_or(self.horizon);
            self.steps
                .extend(found.iter().filter(|step| !is_claimed(**step)));
        }
        Ok(self.steps.front().copied())
    }

    fn pop(&mut self) {
        if self.steps.pop_front().is_some() {
            self.queued -= 1;
        }
    }
}
