//! `[triggers.NAME]` of a clock: in which time zone it goes, how its ticks are spread, and which are made up for.

use std::path::Path;
use std::time::Duration;

use super::triggers::names_of;
use super::{SETTINGS_FILE, Settings};
use crate::inputs::Inputs;
use crate::model::{Project, Trigger, TriggerKind, Workflow};
use crate::reading::Reading;
use crate::report::Place;
use crate::schedule::TimeZone;
use crate::sizes::format_duration;
use crate::suggest::{did_you_mean, nearest};
use crate::tree::{Key, Node};

/// Longer than a day, a tick would belong to another.
const JITTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a clock goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockSettings {
    /// `time_zone`. Default: UTC.
    pub time_zone: TimeZone,
    /// `jitter`: each tick comes later by up to this, always by the same for one tick. Default: none.
    pub jitter: Duration,
    /// `catch_up`.
    pub catch_up: CatchUp,
    pub(crate) at: Place,
}

/// What becomes of ticks that were missed, because the host was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// One run makes up for all of them.
    #[default]
    One,
    /// Each has its run, in order, the last 1,000; no tick is skipped because the run before it is open, it waits.
    All,
    /// They are left out.
    None,
}

impl ClockSettings {
    pub(super) fn new(at: Place) -> ClockSettings {
        ClockSettings {
            time_zone: TimeZone::default(),
            jitter: Duration::ZERO,
            catch_up: CatchUp::default(),
            at,
        }
    }
}

impl Project {
    /// How the clock `trigger` of `workflow` goes, if the project says.
    pub fn clock_settings(&self, workflow: &Workflow, trigger: &Trigger) -> Option<&ClockSettings> {
        of(&self.settings, workflow, trigger)
    }
}

fn of<'s>(
    settings: &'s Settings,
    workflow: &Workflow,
    trigger: &Trigger,
) -> Option<&'s ClockSettings> {
    let names = names_of(workflow, trigger);
    names.iter().find_map(|name| settings.clocks.get(name))
}

impl Reading<'_> {
    pub(super) fn time_zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = self.text(node, "`time_zone`")?;
        let zone = TimeZone::named(&name);
        if zone.is_none() {
            let help = match nearest(&name, TimeZone::names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "a name of the IANA's database, for instance Africa/Nairobi".to_owned(),
            };
            self.error(node.at, format!("there is no time zone `{name}`"))
                .help(help);
        }
        zone
    }

    pub(super) fn jitter(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let jitter = self.duration(key, node)?;
        if jitter <= JITTER_MAX {
            return Some(jitter);
        }
        let said = format!("`jitter` cannot be {}", format_duration(jitter));
        self.error(node.at, said).help("at most 1d");
        None
    }

    pub(super) fn catch_up(&mut self, node: &Node) -> Option<CatchUp> {
        match self.text(node, "`catch_up`")?.as_str() {
            "one" => return Some(CatchUp::One),
            "all" => return Some(CatchUp::All),
            "none" => return Some(CatchUp::None),
            other => self
                .error(node.at, format!("`catch_up` cannot be `{other}`"))
                .help("one (run for all ticks that were missed), all (of them, in order) or none"),
        };
        None
    }
}

/// Gives each clock its time zone. A slip in the name of one would leave it in UTC.
pub(crate) fn settle(inputs: &mut Inputs<'_>, settings: &Settings, workflows: &mut [Workflow]) {
    let clocks = |workflows: &[Workflow]| -> Vec<Vec<String>> {
        let all = workflows.iter().flat_map(|workflow| {
            let its = workflow.triggers.iter();
            its.map(move |trigger| (workflow, trigger))
        });
        all.filter(|(_, trigger)| matches!(trigger.kind, TriggerKind::Cron { .. }))
            .map(|(workflow, trigger)| names_of(workflow, trigger))
            .collect()
    };
    let clocks = clocks(workflows);
    for (name, own) in &settings.clocks {
        if clocks.iter().flatten().any(|known| known == name) {
            continue;
        }
        let known = clocks.iter().filter_map(|names| names.first());
        let help = did_you_mean(name, "the clocks are", known.map(String::as_str));
        let said = format!(
            "there is no clock `{name}`, and only clocks have time zones, jitter and catching up"
        );
        inputs
            .report
            .error(Path::new(SETTINGS_FILE), own.at, said)
            .help = help;
    }
    for workflow in workflows {
        let zones: Vec<Option<TimeZone>> = workflow
            .triggers
            .iter()
            .map(|trigger| Some(of(settings, workflow, trigger)?.time_zone))
            .collect();
        for (trigger, zone) in workflow.triggers.iter_mut().zip(zones) {
            if let (TriggerKind::Cron { schedule, .. }, Some(zone)) = (&mut trigger.kind, zone) {
                *schedule = schedule.clone().in_zone(zone);
            }
        }
    }
}
