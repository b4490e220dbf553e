//! CPU time and memory of a process and all its descendants, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;

/// What Linux counts CPU time in for programs, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;
/// What Linux counts resident memory in; 4 KiB on every machine this is meant for.
const PAGE_BYTES: f64 = 4096.0;

/// The sum over a process and its descendants. Pages that they share count for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessTree {
    /// Of the living, and of the dead whose parent is in the tree.
    pub cpu: Duration,
    pub rss_mib: f64,
}

impl ProcessTree {
    pub fn of(root: u32) -> anyhow::Result<ProcessTree> {
        let entries = fs::read_dir("/proc")
            .context("there is no /proc")?
            .filter_map(Result::ok);
        let processes = entries.filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            // It may have ended since the folder was listed.
            Some((
                pid,
                Stat::parse(&fs::read_to_string(entry.path().join("stat")).ok()?)?,
            ))
        });
        ProcessTree::sum(root, &processes.collect())
            .with_context(|| format!("the process {root} has ended"))
    }

    fn sum(root: u32, processes: &BTreeMap<u32, Stat>) -> Option<ProcessTree> {
        let root = processes.contains_key(&root).then_some(root)?;
        let (mut ticks, mut pages, mut ahead) = (0, 0, vec![root]);
        while let Some(pid) = ahead.pop() {
            let stat = processes.get(&pid)?;
            ticks += stat.ticks;
            pages += stat.pages;
            ahead.extend(
                processes
                    .iter()
                    .filter(|(_, child)| child.parent == pid)
                    .map(|(pid, _)| *pid),
            );
        }
        let cpu = Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND);
        Some(ProcessTree {
            cpu,
            rss_mib: pages as f64 * PAGE_BYTES / f64::from(1 << 20),
        })
    }
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Debug)]
struct Stat {
    parent: u32,
    ticks: u64,
    pages: u64,
}

impl Stat {
    /// The name in field 2 may hold spaces and brackets, so counting starts after its last bracket, at field 3.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        // 14 to 17: its own user and system time, then that of children it has waited for.
        let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
        Some(Stat {
            parent: u32::try_from(number(4)?).ok()?,
            ticks,
            pages: number(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_the_root_and_its_descendants_and_nobody_else() {
        let stat = |parent| {
            Stat::parse(&format!(
                "9 (a b) c) S {parent} 0 0 0 0 0 0 0 0 0 50 30 15 5 0 0 0 0 0 0 256 0"
            ))
        };
        let processes = [(10, stat(1)), (11, stat(10)), (12, stat(11)), (13, stat(1))];
        let processes = processes
            .into_iter()
            .map(|(pid, stat)| (pid, stat.expect("it is whole")))
            .collect();
        let sum = ProcessTree::sum(10, &processes);
        assert_eq!(
            sum,
            Some(ProcessTree {
                cpu: Duration::from_secs(3),
                rss_mib: 3.0
            })
        );
        assert_eq!(ProcessTree::sum(14, &processes), None);
    }
}
