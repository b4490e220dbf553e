//! How many steps a run can have: a job that several edges lead to is a step once for each path to it.

use std::collections::BTreeMap;

use super::{Condition, Edge, Source, Workflow};

impl Workflow {
    /// The most steps that one run can have, whatever starts it; `u64::MAX` where there are as many or more. Conditions in
    /// JavaScript are taken to hold, and of success and failure the one after which more follows.
    pub fn steps_at_most(&self) -> u64 {
        let after = self.followed_edges();
        let mut steps: BTreeMap<&str, u64> = BTreeMap::new();
        for job in self.last_to_first(&after) {
            let following = after.get(&Source::Job(job.to_owned()));
            let following = following.map(Vec::as_slice).unwrap_or_default();
            let all_but = |other: Condition| {
                sum(
                    following.iter().filter(|edge| edge.condition != other),
                    &steps,
                )
            };
            let most = all_but(Condition::OnFailure).max(all_but(Condition::OnSuccess));
            steps.insert(job, most.saturating_add(1));
        }
        let triggers = self.triggers.iter().filter_map(|trigger| {
            let edges = after.get(&Source::Trigger(trigger.id.clone()))?;
            Some(sum(edges.iter(), &steps))
        });
        let start = self.start.as_deref().and_then(|start| steps.get(start));
        triggers.chain(start.copied()).max().unwrap_or(0)
    }

    fn followed_edges(&self) -> BTreeMap<Source, Vec<&Edge>> {
        let mut after: BTreeMap<Source, Vec<&Edge>> = BTreeMap::new();
        for edge in self.edges.iter().filter(|edge| self.is_followed(edge)) {
            after.entry(edge.from.clone()).or_default().push(edge);
        }
        after
    }

    /// The jobs, each after all those that its edges lead to.
    fn last_to_first<'w>(&'w self, after: &BTreeMap<Source, Vec<&'w Edge>>) -> Vec<&'w str> {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        let mut before: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for job in &self.jobs {
            let following = after.get(&Source::Job(job.id.clone()));
            open.insert(&job.id, following.map_or(0, Vec::len));
            for edge in following.into_iter().flatten() {
                before.entry(&edge.to).or_default().push(&job.id);
            }
        }
        let jobs = self.jobs.iter().map(|job| job.id.as_str());
        let mut order: Vec<&str> = jobs.filter(|job| open.get(job) == Some(&0)).collect();
        let mut next = 0;
        while let Some(job) = order.get(next).copied() {
            next += 1;
            for earlier in before.get(job).into_iter().flatten() {
                if let Some(left) = open.get_mut(earlier) {
                    *left -= 1;
                    if *left == 0 {
                        order.push(earlier);
                    }
                }
            }
        }
        order
    }
}

fn sum<'e>(edges: impl Iterator<Item = &'e &'e Edge>, steps: &BTreeMap<&str, u64>) -> u64 {
    let each = edges.filter_map(|edge| steps.get(edge.to.as_str()));
    each.fold(0, |sum, steps| sum.saturating_add(*steps))
}
