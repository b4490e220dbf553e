//! The figures, and how many measurements become one.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Figures by name.
pub type Figures = Map<String, Value>;

/// What a part measured, as an object.
pub fn figures(measured: impl Serialize) -> anyhow::Result<Figures> {
    match serde_json::to_value(measured)? {
        Value::Object(figures) => Ok(figures),
        other => bail!("figures have names, and {other} has none"),
    }
}

/// The one JSON document that is printed.
#[derive(Default)]
pub struct Report {
    figures: Figures,
    failures: Vec<String>,
}

impl Report {
    /// Adds figures whose names have not been used before.
    pub fn add(&mut self, figures: Figures) -> anyhow::Result<()> {
        for (name, figure) in figures {
            ensure!(
                !self.figures.contains_key(&name),
                "{name} is reported twice"
            );
            self.figures.insert(name, figure);
        }
        Ok(())
    }

    /// Notes that a part could not be measured.
    pub fn add_failure(&mut self, part: &str, error: &anyhow::Error) {
        self.failures.push(format!("{part}: {error:#}"));
    }

    /// Prints it all.
    ///
    /// # Errors
    /// When a part could not be measured; the document names it too.
    pub fn print(mut self) -> anyhow::Result<()> {
        if !self.failures.is_empty() {
            self.figures
                .insert("failures".to_owned(), json!(self.failures));
        }
        println!(
            "{}",
            serde_json::to_string_pretty(&Value::Object(self.figures))?
        );
        ensure!(
            self.failures.is_empty(),
            "not everything could be measured: {}",
            self.failures.join("; ")
        );
        Ok(())
    }
}

/// A middle and a bad case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> anyhow::Result<Spread> {
        Ok(Spread {
            p50: rounded(percentile(values, 50.0)?),
            p99: rounded(percentile(values, 99.0)?),
        })
    }
}

/// The smallest value that at least `percent` of all values do not exceed (nearest rank).
pub fn percentile(values: &[f64], percent: f64) -> anyhow::Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted
        .get(rank - 1)
        .copied()
        .context("nothing was measured")
}

pub fn median(values: &[f64]) -> anyhow::Result<f64> {
    percentile(values, 50.0)
}

/// Three figures or so: what repeats from run to run.
pub fn rounded(value: f64) -> f64 {
    let step = match value.abs() {
        1000.0.. => 1.0,
        100.0.. => 10.0,
        10.0.. => 100.0,
        _ => 1000.0,
    };
    (value * step).round() / step
}

/// A value for each number of connections: `{"c1": …, "c16": …, "c256": …}`.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct PerConnections<T>(BTreeMap<Connections, T>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Connections(usize);

impl Serialize for Connections {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("c{}", self.0))
    }
}

impl<T> PerConnections<T> {
    /// Combines with another value for the same numbers of connections.
    pub fn zip_with<U>(
        &self,
        other: &PerConnections<U>,
        combine: impl Fn(&T, &U) -> f64,
    ) -> PerConnections<f64> {
        let both = self
            .0
            .iter()
            .filter_map(|(at, mine)| Some((*at, combine(mine, other.0.get(at)?))));
        PerConnections(both.collect())
    }
}

impl<T> FromIterator<(usize, T)> for PerConnections<T> {
    fn from_iter<I: IntoIterator<Item = (usize, T)>>(values: I) -> PerConnections<T> {
        PerConnections(
            values
                .into_iter()
                .map(|(connections, value)| (Connections(connections), value))
                .collect(),
        )
    }
}

/// What the figures were measured on, without the machine's name.
pub fn machine() -> Figures {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = field(&cpuinfo, "model name")
        .or_else(|| field(&cpuinfo, "Model"))
        .unwrap_or("unknown");
    let memory_kib = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|kib| kib.strip_suffix(" kB")?.parse::<u64>().ok());
    let machine = json!({
        "cpu": model,
        "architecture": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": memory_kib.map(|kib| kib / 1024),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_before": read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok()),
        "unix_time_s": std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    });
    Figures::from_iter([("machine".to_owned(), machine)])
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0).expect("there are values"), 100.0);
        assert_eq!(percentile(&values, 99.0).expect("there are values"), 198.0);
        assert_eq!(percentile(&values, 100.0).expect("there are values"), 200.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]).expect("there are values"), 2.0);
        assert!(median(&[]).is_err());
    }

    #[test]
    fn connections_are_keys_in_the_order_of_their_number() {
        let rates: PerConnections<usize> = [256, 1, 16]
            .map(|connections| (connections, connections))
            .into_iter()
            .collect();
        assert_eq!(
            serde_json::to_string(&rates).expect("it is JSON"),
            r#"{"c1":1,"c16":16,"c256":256}"#
        );
    }

    #[test]
    fn figures_are_rounded_to_what_repeats() {
        assert_eq!(rounded(12_345.678), 12_346.0);
        assert_eq!(rounded(123.456), 123.5);
        assert_eq!(rounded(1.234_56), 1.235);
    }
}
