//! `[workflows.ID]`: when the runs of a workflow have their turn.

use std::time::Duration;

use crate::field_path::FieldPath;
use crate::reading::Reading;
use crate::sizes::format_duration;
use crate::tree::{Data, Key, Node};

/// More open runs at once than any host has places for, many times over.
const CONCURRENCY_MAX: u64 = 10_000;
/// A year, and a day for leap years. A run that is put off further is better begun by a clock.
pub const DELAY_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Shorter than this, ordinary pauses of a machine would end runs.
const DEADLINE_MIN: Duration = Duration::from_secs(1);

/// When the runs of a workflow have their turn. The default is at once, in the order in which they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// `concurrency`: the most open runs at once, 1 to 10,000. Default: no such limit.
    pub concurrency: Option<u32>,
    /// `ordering_key`: runs whose messages have the same there go one after another. Default: none.
    pub ordering_key: Option<FieldPath>,
    /// `priority` of their steps.
    pub priority: Priority,
    /// `delay`: how long they wait before they begin, at most 366 days. Default: not at all.
    pub delay: Duration,
    /// `deadline`: how long they may stay open, from 1 s. Default: as long as it takes.
    pub deadline: Option<Duration>,
}

/// Which steps go first when more wait than there are places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Before others.
    High,
    /// The ordinary case.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

/// The keys of this part of the table.
pub(super) const KEYS: &[&str] = &[
    "concurrency",
    "ordering_key",
    "priority",
    "delay",
    "deadline",
];

impl Reading<'_> {
    /// One of [`KEYS`].
    pub(super) fn turn(&mut self, turns: &mut Turns, key: &Key, value: &Node) {
        match key.text.as_str() {
            "concurrency" => turns.concurrency = self.concurrency(value),
            "ordering_key" => turns.ordering_key = self.field_path(value, "`ordering_key`"),
            "priority" => turns.priority = self.priority(value).unwrap_or_default(),
            "delay" => turns.delay = self.delay(key, value).unwrap_or_default(),
            _ => turns.deadline = self.deadline(key, value),
        }
    }

    fn concurrency(&mut self, node: &Node) -> Option<u32> {
        let number = match &node.data {
            Data::Number(number) => number
                .as_u64()
                .filter(|n| (1..=CONCURRENCY_MAX).contains(n)),
            _ => None,
        };
        if number.is_none() {
            self.error(node.at, "`concurrency` should be a whole number")
                .help(format!(
                    "from 1, which keeps the order in which messages come, to {CONCURRENCY_MAX}"
                ));
        }
        u32::try_from(number?).ok()
    }

    fn priority(&mut self, node: &Node) -> Option<Priority> {
        match self.text(node, "`priority`")?.as_str() {
            "high" => return Some(Priority::High),
            "normal" => return Some(Priority::Normal),
            "low" => return Some(Priority::Low),
            other => self
                .error(node.at, format!("`priority` cannot be `{other}`"))
                .help("one of high, normal and low"),
        };
        None
    }

    fn delay(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let delay = self.duration(key, node)?;
        if delay > DELAY_MAX {
            let most = format_duration(DELAY_MAX);
            self.error(node.at, format!("`delay` cannot be more than {most}"));
            return None;
        }
        Some(delay)
    }

    fn deadline(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let deadline = self.duration(key, node)?;
        if deadline < DEADLINE_MIN {
            let least = format_duration(DEADLINE_MIN);
            self.error(node.at, format!("`deadline` cannot be less than {least}"));
            return None;
        }
        Some(deadline)
    }
}
