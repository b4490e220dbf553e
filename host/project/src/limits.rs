//! What one step may use: the table that defines each limit once.
//!
//! `fonio.toml`'s `[limits]`, `check`, the documentation and the enforcement all read [`LIMITS`].

use std::time::Duration;

use crate::amount::{Amount, Unit, milliseconds, with_defaults};

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
        let none = Limits {
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
        with_defaults(none, LIMITS)
    }
}

/// One limit. What it says of being reached is what a user reads when a step meets it, before the value.
pub type LimitInfo = Amount<Limits>;

impl Amount<Limits> {
    /// The limit of this name.
    pub fn named(name: &str) -> Option<&'static LimitInfo> {
        LIMITS.iter().find(|info| info.name == name)
    }

    /// The whole sentence for a step that met this limit, with its value and the line that raises it.
    pub fn sentence(&self, limits: &Limits) -> String {
        format!(
            "{}: the limit `{}` is {}. To raise it, set `{}` under [limits] in fonio.toml",
            self.reached,
            self.name,
            self.shown(limits),
            self.name
        )
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

/// Every limit of a step. The defaults suit a machine with 512 MB: four steps at once fill half of it at most.
pub const LIMITS: &[LimitInfo] = &[
    Amount {
        name: "memory",
        unit: Unit::Bytes,
        default: 64 * MIB,
        smallest: 4 * MIB,
        largest: 4 * GIB,
        about: "The machine's memory: the sum over all memories and tables of the step's sandbox.",
        reached: "the step asked for more memory than it may have",
        get: |limits| limits.memory_bytes,
        set: |limits, amount| limits.memory_bytes = amount,
    },
    Amount {
        name: "cpu_time",
        unit: Unit::Time,
        default: 5 * SECOND,
        smallest: 10,
        largest: HOUR,
        about: "The machine's processors: time the step computes, without the time it waits.",
        reached: "the step computed for longer than it may",
        get: |limits| milliseconds(limits.cpu_time),
        set: |limits, amount| limits.cpu_time = Duration::from_millis(amount),
    },
    Amount {
        name: "wall_time",
        unit: Unit::Time,
        default: 60 * SECOND,
        smallest: 10,
        largest: 24 * HOUR,
        about: "The queue: time from the step's start to its end, with the time it waits for others.",
        reached: "the step took longer than it may",
        get: |limits| milliseconds(limits.wall_time),
        set: |limits, amount| limits.wall_time = Duration::from_millis(amount),
    },
    Amount {
        name: "output",
        unit: Unit::Bytes,
        default: 10 * MIB,
        smallest: KIB,
        largest: GIB,
        about: "The store: the state that a step returns, as JSON.",
        reached: "the step returned a larger state than it may",
        get: |limits| limits.output_bytes,
        set: |limits, amount| limits.output_bytes = amount,
    },
    Amount {
        name: "log",
        unit: Unit::Bytes,
        default: MIB,
        smallest: KIB,
        largest: GIB,
        about: "The store: everything a step logs. What exceeds it is cut off, and the log says so.",
        reached: "the step logged more than it may",
        get: |limits| limits.log_bytes,
        set: |limits, amount| limits.log_bytes = amount,
    },
    Amount {
        name: "requests",
        unit: Unit::Count,
        default: 1_000,
        smallest: 0,
        largest: 1_000_000,
        about: "The systems at the far side: HTTP requests that a step sends.",
        reached: "the step sent as many requests as it may",
        get: |limits| u64::from(limits.requests),
        set: |limits, amount| limits.requests = u32::try_from(amount).unwrap_or(u32::MAX),
    },
    Amount {
        name: "response",
        unit: Unit::Bytes,
        default: 16 * MIB,
        smallest: KIB,
        largest: 4 * GIB,
        about: "The machine's memory and network: the body of the reply to one request.",
        reached: "a reply was larger than the step may receive",
        get: |limits| limits.response_bytes,
        set: |limits, amount| limits.response_bytes = amount,
    },
    Amount {
        name: "sent",
        unit: Unit::Bytes,
        default: 64 * MIB,
        smallest: 0,
        largest: 64 * GIB,
        about: "The machine's memory and the systems at the far side: the bodies of all requests of a step together.",
        reached: "the step sent more than it may",
        get: |limits| limits.sent_bytes,
        set: |limits, amount| limits.sent_bytes = amount,
    },
    Amount {
        name: "received",
        unit: Unit::Bytes,
        default: GIB,
        smallest: KIB,
        largest: 64 * GIB,
        about: "The network: the bodies of all replies to a step together, as they were sent.",
        reached: "the step received more than it may",
        get: |limits| limits.received_bytes,
        set: |limits, amount| limits.received_bytes = amount,
    },
];

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
            info.name, info.about
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
