//! `[circuit_breaker]`: when steps stop going to a system that is out, and for how long they wait for it.

use std::time::Duration;

use super::Settings;
use crate::reading::Reading;
use crate::sizes::format_duration;
use crate::tree::{Data, Key, Node};

/// More would be no breaker.
const FAILURES_MAX: u64 = 1_000;
const KEYS: &[&str] = &["failures", "pause", "max_pause", "give_up"];

/// When a system counts as out, and for how long steps wait for it. Without the table none ever does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// So many steps in a row that did not get through. Default 5.
    pub failures: u32,
    /// Until a step is let through to see whether it is back; doubles each time. Default 30 s.
    pub pause: Duration,
    /// The longest time between two looks. Default 10 min.
    pub max_pause: Duration,
    /// For how long a step waits, since it first did. Default 7 d.
    pub give_up: Duration,
}

impl Default for CircuitBreaker {
    fn default() -> CircuitBreaker {
        CircuitBreaker {
            failures: 5,
            pause: Duration::from_secs(30),
            max_pause: Duration::from_secs(600),
            give_up: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl Settings {
    /// Whether the steps of a workflow wait for systems that are out, and how.
    pub fn breaker_of(&self, workflow: &str) -> Option<CircuitBreaker> {
        let own = self.workflows.get(workflow);
        self.circuit_breaker
            .filter(|_| own.is_none_or(|own| own.circuit_breaker))
    }
}

impl Reading<'_> {
    pub(super) fn circuit_breaker(&mut self, table: &Key, node: &Node) -> CircuitBreaker {
        let place = "[circuit_breaker]";
        let mut read = CircuitBreaker::default();
        for (key, value) in self.map(node, place).unwrap_or_default() {
            let duration = match key.text.as_str() {
                "failures" => {
                    read.failures = self.failures(value).unwrap_or(read.failures);
                    continue;
                }
                "pause" => &mut read.pause,
                "max_pause" => &mut read.max_pause,
                "give_up" => &mut read.give_up,
                _ => {
                    self.unknown(key, place, KEYS);
                    continue;
                }
            };
            *duration = self.duration(key, value).unwrap_or(*duration);
        }
        if read.max_pause < read.pause {
            let (longest, first) = (format_duration(read.max_pause), format_duration(read.pause));
            self.error(table.at, format!("the longest pause, `max_pause` {longest}, is shorter than the first, `pause` {first}"));
        }
        read
    }

    fn failures(&mut self, node: &Node) -> Option<u32> {
        let number = match &node.data {
            Data::Number(number) => number.as_u64().filter(|n| (1..=FAILURES_MAX).contains(n)),
            _ => None,
        };
        if number.is_none() {
            self.error(node.at, "`failures` should be a whole number")
                .help(format!("from 1 to {FAILURES_MAX}"));
        }
        u32::try_from(number?).ok()
    }
}
