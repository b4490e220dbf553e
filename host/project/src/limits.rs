//! What one step may use: the table that defines each limit once.
//!
//! `fonio.toml`'s `[limits]`, `check`, the documentation and the enforcement all read [`LIMITS`].

use std::fmt;
use std::time::Duration;

use crate::sizes::{AmountError, format_duration, format_size, parse_duration, parse_size};

/// The limits of one step. `Limits::default()` is the defaults of [`LIMITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sum over all memories and tables of the step's instances, in bytes.
    pub memory_bytes: u64,
    /// Time on a processor.
    pub cpu_time: Duration,
    /// Time from start to end, waiting included.
    pub wall_time: Duration,
    /// The state that the step returns, as JSON, in bytes.
    pub output_bytes: u64,
    /// Everything the step logs, in bytes.
    pub log_bytes: u64,
    /// HTTP requests sent.
    pub requests: u32,
    /// The body of one HTTP reply, in bytes.
    pub response_bytes: u64,
    /// The bodies of all HTTP requests together, in bytes.
    pub sent_bytes: u64,
    /// The bodies of all HTTP replies together, in bytes.
    pub received_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        let mut limits = Limits {
            memory_bytes: 0,
            cpu_time: Duration::ZERO,
            wall_time: Duration::ZERO,
            output_bytes: 0,
            log_bytes: 0,
            requests: 0,
            response_bytes: 0,
            sent_bytes: 0,
            received_bytes: 0,
        };
        for info in LIMITS {
            (info.set)(&mut limits, info.default);
        }
        limits
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; written as `"64MiB"`.
    Bytes,
    /// Milliseconds; written as `"5s"`.
    Time,
    /// A plain number; written as `1000`.
    Count,
}

impl Unit {
    /// An amount of this unit as it is written in `fonio.toml`, without quotes.
    pub fn format(self, amount: u64) -> String {
        match self {
            Unit::Bytes => format_size(amount),
            Unit::Time => format_duration(Duration::from_millis(amount)),
            Unit::Count => amount.to_string(),
        }
    }

    /// Reads a text in this unit; a count is no text.
    pub(crate) fn parse(self, text: &str) -> Result<u64, AmountError> {
        match self {
            Unit::Bytes => parse_size(text),
            Unit::Time => parse_duration(text).map(milliseconds),
            Unit::Count => text
                .trim()
                .parse()
                .map_err(|_| AmountError::NoNumber(text.to_owned())),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Bytes => "a size, such as \"64MiB\"",
            Unit::Time => "a duration, such as \"5s\"",
            Unit::Count => "a whole number, such as 1000",
        })
    }
}

/// One limit: all that is said about it anywhere. Amounts are bytes, milliseconds or a number, as `unit` says.
#[derive(Clone, Copy, Debug)]
pub struct LimitInfo {
    /// The key under `[limits]`.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The value where `fonio.toml` gives none.
    pub default: u64,
    /// The least that can be set; less would stop every step.
    pub smallest: u64,
    /// The most that can be set.
    pub largest: u64,
    /// What it protects, as a sentence for the documentation.
    pub protects: &'static str,
    /// What a user reads when a step meets it, before the value.
    pub reached: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl LimitInfo {
    /// The limit of this name.
    pub fn named(name: &str) -> Option<&'static LimitInfo> {
        LIMITS.iter().find(|info| info.name == name)
    }

    /// The value in `limits`.
    pub fn value(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    /// The whole sentence for a step that met this limit, with its value and the line that raises it.
    pub fn sentence(&self, limits: &Limits) -> String {
        let value = self.unit.format(self.value(limits));
        format!(
            "{}: the limit `{}` is {value}. To raise it, set `{}` under [limits] in fonio.toml",
            self.reached, self.name, self.name
        )
    }

    /// Sets the value, if it is between [`smallest`](LimitInfo::smallest) and [`largest`](LimitInfo::largest).
    pub(crate) fn set(&self, limits: &mut Limits, amount: u64) -> bool {
        let allowed = (self.smallest..=self.largest).contains(&amount);
        if allowed {
            (self.set)(limits, amount);
        }
        allowed
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

/// Every limit of a step. The defaults suit a machine with 512 MB: four steps at once fill half of it at most.
pub const LIMITS: &[LimitInfo] = &[
    LimitInfo {
        name: "memory",
        unit: Unit::Bytes,
        default: 64 * MIB,
        smallest: 4 * MIB,
        largest: 4 * GIB,
        protects: "The machine's memory: the sum over all memories and tables of the step's sandbox.",
        reached: "the step asked for more memory than it may have",
        get: |limits| limits.memory_bytes,
        set: |limits, amount| limits.memory_bytes = amount,
    },
    LimitInfo {
        name: "cpu_time",
        unit: Unit::Time,
        default: 5 * SECOND,
        smallest: 10,
        largest: HOUR,
        protects: "The machine's processors: time the step computes, without the time it waits.",
        reached: "the step computed for longer than it may",
        get: |limits| milliseconds(limits.cpu_time),
        set: |limits, amount| limits.cpu_time = Duration::from_millis(amount),
    },
    LimitInfo {
        name: "wall_time",
        unit: Unit::Time,
        default: 60 * SECOND,
        smallest: 10,
        largest: 24 * HOUR,
        protects: "The queue: time from the step's start to its end, with the time it waits for others.",
        reached: "the step took longer than it may",
        get: |limits| milliseconds(limits.wall_time),
        set: |limits, amount| limits.wall_time = Duration::from_millis(amount),
    },
    LimitInfo {
        name: "output",
        unit: Unit::Bytes,
        default: 10 * MIB,
        smallest: KIB,
        largest: GIB,
        protects: "The store: the state that a step returns, as JSON.",
        reached: "the step returned a larger state than it may",
        get: |limits| limits.output_bytes,
        set: |limits, amount| limits.output_bytes = amount,
    },
    LimitInfo {
        name: "log",
        unit: Unit::Bytes,
        default: MIB,
        smallest: KIB,
        largest: GIB,
        protects: "The store: everything a step logs. What exceeds it is cut off, and the log says so.",
        reached: "the step logged more than it may",
        get: |limits| limits.log_bytes,
        set: |limits, amount| limits.log_bytes = amount,
    },
    LimitInfo {
        name: "requests",
        unit: Unit::Count,
        default: 1_000,
        smallest: 0,
        largest: 1_000_000,
        protects: "The systems at the far side: HTTP requests that a step sends.",
        reached: "the step sent as many requests as it may",
        get: |limits| u64::from(limits.requests),
        set: |limits, amount| limits.requests = u32::try_from(amount).unwrap_or(u32::MAX),
    },
    LimitInfo {
        name: "response",
        unit: Unit::Bytes,
        default: 16 * MIB,
        smallest: KIB,
        largest: 4 * GIB,
        protects: "The machine's memory and network: the body of the reply to one request.",
        reached: "a reply was larger than the step may receive",
        get: |limits| limits.response_bytes,
        set: |limits, amount| limits.response_bytes = amount,
    },
    LimitInfo {
        name: "sent",
        unit: Unit::Bytes,
        default: 64 * MIB,
        smallest: 0,
        largest: 64 * GIB,
        protects: "The machine's memory and the systems at the far side: the bodies of all requests of a step together.",
        reached: "the step sent more than it may",
        get: |limits| limits.sent_bytes,
        set: |limits, amount| limits.sent_bytes = amount,
    },
    LimitInfo {
        name: "received",
        unit: Unit::Bytes,
        default: GIB,
        smallest: KIB,
        largest: 64 * GIB,
        protects: "The network: the bodies of all replies to a step together, as they were sent.",
        reached: "the step received more than it may",
        get: |limits| limits.received_bytes,
        set: |limits, amount| limits.received_bytes = amount,
    },
];

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let shown: Vec<_> = LIMITS
            .iter()
            .map(|info| (info.name, info.unit.format(info.default)))
            .collect();
        let expected = [
            ("memory", "64MiB"),
            ("cpu_time", "5s"),
            ("wall_time", "1m"),
            ("output", "10MiB"),
            ("log", "1MiB"),
            ("requests", "1000"),
            ("response", "16MiB"),
            ("sent", "64MiB"),
            ("received", "1GiB"),
        ];
        assert_eq!(
            shown,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn the_table_in_the_documentation_is_this_table() {
        let page = include_str!("../../../docs/limits.md");
        let rows: Vec<String> = LIMITS.iter().map(documented).collect();
        let documented: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `") && line.matches('|').count() == 6)
            .collect();
        assert_eq!(documented, rows);
    }

    fn documented(info: &LimitInfo) -> String {
        let amount = |amount| info.unit.format(amount);
        let (default, smallest, largest) = (
            amount(info.default),
            amount(info.smallest),
            amount(info.largest),
        );
        format!(
            "| `{}` | {default} | {smallest} | {largest} | {} |",
            info.name, info.protects
        )
    }

    #[test]
    fn each_row_of_the_table_reads_and_writes_a_field_of_its_own() {
        for info in LIMITS {
            let mut limits = Limits::default();
            assert_eq!(info.value(&limits), info.default, "{}", info.name);
            assert!(info.set(&mut limits, info.largest), "{}", info.name);
            assert_eq!(info.value(&limits), info.largest, "{}", info.name);
            for other in LIMITS.iter().filter(|other| other.name != info.name) {
                assert_eq!(
                    other.value(&limits),
                    other.default,
                    "{} changed {}",
                    info.name,
                    other.name
                );
            }
        }
    }

    #[test]
    fn a_default_is_within_its_own_bounds_and_what_is_outside_is_refused() {
        for info in LIMITS {
            assert!(
                (info.smallest..=info.largest).contains(&info.default),
                "{}",
                info.name
            );
            let mut limits = Limits::default();
            assert!(!info.set(&mut limits, info.largest + 1), "{}", info.name);
            assert_eq!(limits, Limits::default(), "{}", info.name);
        }
    }

    #[test]
    fn the_sentence_names_the_limit_its_value_and_the_line_to_change() {
        let info = LimitInfo::named("memory").expect("there is a memory limit");
        assert_eq!(
            info.sentence(&Limits::default()),
            "the step asked for more memory than it may have: the limit `memory` is 64MiB. \
             To raise it, set `memory` under [limits] in fonio.toml"
        );
    }
}
