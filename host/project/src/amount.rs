//! Amounts that a file sets within bounds: the limits of a step and the quotas of a tenant are tables of them.

use std::fmt;
use std::time::Duration;

use crate::reading::Reading;
use crate::sizes::{AmountError, format_duration, format_size, parse_duration, parse_size};
use crate::tree::{Data, Node};

/// What an amount counts.
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
    /// An amount of this unit as it is written in a file, without quotes.
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

/// One amount in a `Set` of them: all that is said about it anywhere. Amounts are bytes, milliseconds or a number, as
/// `unit` says.
#[derive(Clone, Copy, Debug)]
pub struct Amount<Set: 'static> {
    /// The key in its file.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The value where the file gives none.
    pub default: u64,
    /// The least that can be set.
    pub smallest: u64,
    /// The most that can be set.
    pub largest: u64,
    /// What it protects or counts, as a sentence for the documentation.
    pub about: &'static str,
    /// What happens where it is reached, in words.
    pub reached: &'static str,
    pub(crate) get: fn(&Set) -> u64,
    pub(crate) set: fn(&mut Set, u64),
}

impl<Set> Amount<Set> {
    /// The value in `set`.
    pub fn value(&self, set: &Set) -> u64 {
        (self.get)(set)
    }

    /// The value as it is written in a file, without quotes.
    pub fn shown(&self, set: &Set) -> String {
        self.unit.format(self.value(set))
    }

    /// Sets the value, if it is between [`smallest`](Amount::smallest) and [`largest`](Amount::largest).
    pub(crate) fn set(&self, set: &mut Set, amount: u64) -> bool {
        let allowed = (self.smallest..=self.largest).contains(&amount);
        if allowed {
            (self.set)(set, amount);
        }
        allowed
    }
}

/// `set` with the default of every amount in its table.
pub(crate) fn with_defaults<Set>(mut set: Set, table: &[Amount<Set>]) -> Set {
    for info in table {
        (info.set)(&mut set, info.default);
    }
    set
}

impl Reading<'_> {
    /// Reads the table at `place` into `set`, and tells which amounts it names.
    pub(crate) fn amounts<Set>(
        &mut self,
        node: &Node,
        place: &str,
        table: &'static [Amount<Set>],
        set: &mut Set,
    ) -> Vec<&'static str> {
        let names: Vec<&str> = table.iter().map(|info| info.name).collect();
        let mut named = Vec::new();
        for (key, value) in self.map(node, place).unwrap_or_default() {
            match table.iter().find(|info| info.name == key.text) {
                Some(info) => {
                    self.bounded_amount(info, value, set);
                    named.push(info.name);
                }
                None => self.unknown(key, place, &names),
            }
        }
        named
    }

    fn bounded_amount<Set>(&mut self, info: &Amount<Set>, node: &Node, set: &mut Set) {
        let Some(amount) = self.amount(info.name, info.unit, node) else {
            return;
        };
        if !info.set(set, amount) {
            let [least, most, default] =
                [info.smallest, info.largest, info.default].map(|amount| info.unit.format(amount));
            let amount = info.unit.format(amount);
            self.error(node.at, format!("`{}` cannot be {amount}", info.name))
                .help(format!(
                    "from {least} to {most}; without the line it is {default}"
                ));
        }
    }

    /// A size, a duration or a number, as `unit` says.
    fn amount(&mut self, name: &str, unit: Unit, node: &Node) -> Option<u64> {
        let amount = match (&node.data, unit) {
            (Data::Text(text), Unit::Bytes | Unit::Time) => {
                unit.parse(text).map_err(|error| error.to_string())
            }
            (Data::Number(number), Unit::Count) => number
                .as_u64()
                .ok_or_else(|| format!("`{number}` is no whole number")),
            _ => Err(format!("it is {}", node.kind())),
        };
        amount
            .map_err(|why| {
                self.error(node.at, format!("`{name}` should be {unit}: {why}"));
            })
            .ok()
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
