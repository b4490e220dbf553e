//! The clocks of a project, and when each ticks next.

use fonio_project::{Project, in_a_line};
use serde::Serialize;

use crate::cli::output::tell;
use crate::clock::next_tick;
use crate::runner::now_ms;

/// A clock.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    name: String,
    cron: String,
    time_zone: &'static str,
    /// In its time zone; none if it never comes.
    next: Option<String>,
    next_ms: Option<i64>,
}

pub(super) fn of(project: &Project) -> Vec<Shown> {
    let clocks = project.crons();
    let shown = clocks.iter().map(|(workflow, trigger, schedule)| {
        let next_ms = next_tick(project, workflow, trigger, now_ms());
        Shown {
            name: format!("{}/{}", workflow.id, trigger.id),
            cron: schedule.text().to_owned(),
            time_zone: schedule.zone().name(),
            next: next_ms.and_then(|at_ms| schedule.zone().shown(at_ms)),
            next_ms,
        }
    });
    shown.collect()
}

pub(super) fn print(shown: &[Shown]) {
    if !shown.is_empty() {
        tell!("clocks");
    }
    for clock in shown {
        let next = clock.next.as_deref().unwrap_or("never");
        let (name, cron) = (in_a_line(&clock.name), in_a_line(&clock.cron));
        tell!("  {name}: {cron} in {}, next {next}", clock.time_zone);
    }
}
