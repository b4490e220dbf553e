//! After any fault: is every accepted message there, with a run that has ended, and do the counts add up?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{FarSide, Host, wait_past_a_lease};

/// The books of a host whose webhook `w` posts each message, which has a number `n`, to a far side. Made only when they
/// balance.
#[derive(Debug)]
pub struct Accounts {
    /// All runs, newest first; each has ended.
    pub runs: Vec<Value>,
    /// How many requests arrived beyond the first of each message.
    pub repeated: usize,
}

impl Accounts {
    /// Waits until every run has ended, and goes through the books. `accepted` are the numbers that were acknowledged,
    /// `sent` is how many messages were sent at all: one whose acknowledgement was lost may be there or not.
    ///
    /// # Panics
    /// When a message is lost, has two runs, or a count is wrong.
    #[track_caller]
    pub fn of(host: &Host, far_side: &FarSide, accepted: &BTreeSet<u64>, sent: u64) -> Accounts {
        let runs = Accounts::of_runs(host);
        let mut arrived: BTreeMap<u64, usize> = BTreeMap::new();
        for request in far_side.received() {
            let n = request.json()["n"].as_u64().expect("its number");
            *arrived.entry(n).or_default() += 1;
        }
        let lost: Vec<_> = accepted
            .iter()
            .filter(|n| !arrived.contains_key(*n))
            .collect();
        assert!(lost.is_empty(), "accepted and never run: {lost:?}");
        let possible = accepted.len()..=usize::try_from(sent).expect("a number");
        assert!(possible.contains(&runs.len()), "{} runs", runs.len());
        assert_eq!(
            arrived.len(),
            runs.len(),
            "each run is that of a message, and no message has two"
        );
        let repeated = arrived.values().map(|times| times - 1).sum();
        Accounts { runs, repeated }
    }

    /// Only that every run ends, and that the counts add up: all runs, newest first.
    ///
    /// # Panics
    /// When one does not, or a count is wrong.
    #[track_caller]
    pub fn of_runs(host: &Host) -> Vec<Value> {
        let runs = wait_past_a_lease("every run to end", || {
            let runs = all_runs(host);
            (!runs.iter().any(is_open)).then_some(runs)
        });
        counts_add_up(host, &runs);
        runs
    }

    /// How many runs ended so.
    pub fn ended(&self, status: &str) -> usize {
        let ended = |run: &&Value| run["status"] == status;
        self.runs.iter().filter(ended).count()
    }
}

#[track_caller]
fn counts_add_up(host: &Host, runs: &[Value]) {
    let metrics = host.get("/metrics").text();
    let ended = |status: &str| runs.iter().filter(|run| run["status"] == status).count();
    for (name, count) in [
        ("fonio_store_messages_total", runs.len()),
        ("fonio_store_runs_total", runs.len()),
        ("fonio_store_runs_failed", ended("failed")),
        ("fonio_store_runs_cancelled", ended("cancelled")),
        ("fonio_steps_queued", 0),
        ("fonio_steps_running", 0),
        ("fonio_steps_waiting", 0),
    ] {
        let line = format!("\n{name} {count}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

fn is_open(run: &Value) -> bool {
    matches!(run["status"].as_str(), Some("queued" | "running"))
}

fn all_runs(host: &Host) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let before = all
            .last()
            .map_or(String::new(), |run| format!("&before={}", run["id"]));
        let page = host.get(&format!("/api/v1/runs?limit=500{before}")).json();
        let page = page["runs"].as_array().expect("a list of runs").clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
