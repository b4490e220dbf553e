//! `[retry]` and `[workflows.ID] retry`: whether a step that failed is tried again, how often and when.

use std::time::Duration;

use crate::reading::Reading;
use crate::sizes::format_duration;
use crate::tree::{Data, Key, Node};

/// Retrying more often than this within the longest wait helps nobody.
const ATTEMPTS_MAX: u64 = 100;

const KEYS: &[&str] = &["attempts", "backoff", "max_backoff", "give_up", "on"];

/// How often a step that failed is tried again, and when. Without the table it is not, as in OpenFn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// All attempts, the first included. Default 5.
    pub attempts: u32,
    /// Before the second attempt; doubles each time. Default 2 s.
    pub backoff: Duration,
    /// The longest wait between two attempts. Default 10 min.
    pub max_backoff: Duration,
    /// Until when, since the run was accepted. Default: for as long as there are attempts.
    pub give_up: Option<Duration>,
    /// After which errors. Default [`RetryOn::Transient`].
    pub on: RetryOn,
}

/// After which errors a step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// A system that cannot be reached, does not answer, or says that it cannot now: 408, 425, 429, 500, 502, 503, 504.
    Transient,
    /// Whatever the job or its adaptor throws. What a limit stops, or does not load, is never tried again.
    Any,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts: 5,
            backoff: Duration::from_secs(2),
            max_backoff: Duration::from_secs(600),
            give_up: None,
            on: RetryOn::Transient,
        }
    }
}

impl Retry {
    /// Whether there may be an attempt at `at_ms` in a run that was accepted at `accepted_ms`.
    pub fn allows(&self, accepted_ms: i64, at_ms: i64) -> bool {
        let since = u128::try_from(at_ms.saturating_sub(accepted_ms)).unwrap_or_default();
        self.give_up
            .is_none_or(|give_up| since <= give_up.as_millis())
    }

    /// How long to wait after the attempt of this number (the first is 1) until the next; nothing if it was the last.
    /// `spread` between 0 and 1 says where in the last fifth of the wait: of many steps that fail at once not all come
    /// back at once.
    pub fn wait_after(&self, attempt: u32, spread: f64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        let wait = self
            .backoff
            .saturating_mul(1 << doublings)
            .min(self.max_backoff);
        Some(wait.mul_f64(0.8 + 0.2 * spread.clamp(0.0, 1.0)))
    }
}

impl Reading<'_> {
    pub(super) fn retry(&mut self, table: &Key, node: &Node, place: &str) -> Retry {
        let mut retry = Retry::default();
        for (key, value) in self.map(node, place).unwrap_or_default() {
            match key.text.as_str() {
                "attempts" => retry.attempts = self.attempts(value).unwrap_or(retry.attempts),
                "backoff" => retry.backoff = self.duration(key, value).unwrap_or(retry.backoff),
                "max_backoff" => {
                    retry.max_backoff = self.duration(key, value).unwrap_or(retry.max_backoff);
                }
                "give_up" => retry.give_up = self.duration(key, value),
                "on" => retry.on = self.retry_on(value).unwrap_or(retry.on),
                _ => self.unknown(key, place, KEYS),
            }
        }
        if retry.max_backoff < retry.backoff {
            let (longest, first) = (
                format_duration(retry.max_backoff),
                format_duration(retry.backoff),
            );
            self.error(table.at, format!("the longest wait, `max_backoff` {longest}, is shorter than the first, `backoff` {first}"));
        }
        retry
    }

    fn attempts(&mut self, node: &Node) -> Option<u32> {
        let number = match &node.data {
            Data::Number(number) => number.as_u64().filter(|n| (1..=ATTEMPTS_MAX).contains(n)),
            _ => None,
        };
        if number.is_none() {
            self.error(node.at, "`attempts` should be a whole number")
                .help(format!("from 1, which is no retry, to {ATTEMPTS_MAX}"));
        }
        u32::try_from(number?).ok()
    }

    fn retry_on(&mut self, node: &Node) -> Option<RetryOn> {
        let text = self.text(node, "`on`")?;
        match text.as_str() {
            "transient" => Some(RetryOn::Transient),
            "any" => Some(RetryOn::Any),
            other => {
                self.error(node.at, format!("`on` cannot be `{other}`"))
                    .help("transient (a system that cannot be reached, or says that it cannot now) or any");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_allowed_until_they_are_given_up_whatever_the_clock_does() {
        let hour = 3_600_000;
        let retry = Retry {
            give_up: Some(Duration::from_secs(3600)),
            ..Retry::default()
        };
        assert!(retry.allows(hour, 2 * hour));
        assert!(!retry.allows(hour, 2 * hour + 1));
        assert!(retry.allows(hour, 0), "it was set back");
        assert!(Retry::default().allows(0, i64::MAX));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_last_attempt() {
        let retry = Retry {
            attempts: 6,
            backoff: Duration::from_secs(2),
            max_backoff: Duration::from_secs(10),
            give_up: None,
            on: RetryOn::Any,
        };
        let waits: Vec<_> = (1..=7)
            .map(|attempt| retry.wait_after(attempt, 1.0))
            .collect();
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(
            waits,
            [
                seconds(2),
                seconds(4),
                seconds(8),
                seconds(10),
                seconds(10),
                None,
                None
            ]
        );
        assert_eq!(retry.wait_after(1, 0.0), Some(Duration::from_millis(1600)));
        let endless = Retry {
            attempts: u32::MAX,
            ..retry
        };
        assert_eq!(endless.wait_after(u32::MAX - 1, 1.0), seconds(10));
    }
}
