//! Systems that are out: steps wait for them instead of failing, and go on when they are back.
//!
//! A step says at its end which systems it reached and which were out. After so many failures in a row a system's
//! breaker ([`breaker`]) opens: a step that failed because of it is *parked* in the store, where its attempt does not
//! count, and so is every other of a job that did not get through, before it runs. When the pause is over one of those
//! that wait is woken to probe ([`tend`]); when the system answers, all are.
//!
//! Each host has breakers of its own, in memory; what they need after a restart is in the rows of the parked steps.

mod breaker;
mod tend;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fonio_project::{CircuitBreaker, format_duration};
use fonio_sandbox::{FailureKind, Reach, Reached};
use fonio_store::{
    ClaimedStep, LogLevel, LogLine, ParkedAttempt, Parking, Settlement, StepId, StoreError,
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::flow::{Ended, Severity, classify};
use crate::host::Host;
use crate::live::Live;
use crate::runner::now_ms;
use breaker::{Breaker, Turn};

pub use tend::run;

/// Systems that are followed at once; of more, steps fail and are tried again as without a breaker.
const BREAKERS_MAX: usize = 256;

/// Between attempts to reach a store that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The breakers of a project.
#[derive(Debug, Default)]
pub struct Outages {
    all: Mutex<All>,
    /// Something is to be done for which nobody waits yet.
    changed: Notify,
}

#[derive(Debug, Default)]
struct All {
    breakers: BTreeMap<String, Breaker>,
    /// Systems that are back, whose steps are being woken.
    waking: BTreeSet<String>,
}

/// A system that is out, as it is shown.
#[derive(Debug, Serialize)]
pub struct Outage {
    /// The system.
    pub origin: String,
    /// `open`, or `probing` while a step finds out whether it is back.
    pub state: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// When a step may probe next.
    pub next_ms: Option<i64>,
    /// Which jobs' steps wait.
    pub jobs: Vec<String>,
}

impl Outages {
    /// The systems that are out now.
    pub fn shown(&self) -> Vec<Outage> {
        let all = self.all();
        let out = all.breakers.iter().filter(|(_, breaker)| breaker.is_out());
        let shown = out.map(|(origin, breaker)| Outage {
            origin: origin.clone(),
            state: match breaker.next_ms() {
                Some(_) => "open",
                None => "probing",
            },
            since_ms: breaker.since_ms,
            next_ms: breaker.next_ms(),
            jobs: breaker.jobs.iter().cloned().collect(),
        });
        shown.collect()
    }

    /// The system that a step of this job must wait for, if there is one; else it may run, and probes where one is due.
    fn hold(
        &self,
        job: &str,
        step: StepId,
        now_ms: i64,
        settings: &CircuitBreaker,
    ) -> Option<String> {
        let mut all = self.all();
        let of_job = |breaker: &Breaker| breaker.jobs.contains(job);
        for (origin, breaker) in &mut all.breakers {
            if of_job(breaker) && breaker.holds(step, now_ms, settings) {
                return Some(origin.clone());
            }
        }
        for breaker in all.breakers.values_mut() {
            if of_job(breaker) {
                breaker.let_through(step);
            }
        }
        None
    }

    /// Where a step was that has ended. What has changed, and the system that it could not do without.
    fn hear(
        &self,
        job: &str,
        step: StepId,
        reached: &BTreeMap<String, Reach>,
        now_ms: i64,
        settings: &CircuitBreaker,
    ) -> (Vec<(String, Turn)>, Option<String>) {
        let mut turns = Vec::new();
        let mut blocked_on = None;
        let mut all = self.all();
        for (origin, &reach) in reached {
            if !all.breakers.contains_key(origin) {
                if reach == Reach::Answered || all.breakers.len() >= BREAKERS_MAX {
                    continue;
                }
                all.breakers.insert(origin.clone(), Breaker::new(now_ms));
            }
            let Some(breaker) = all.breakers.get_mut(origin) else {
                continue;
            };
            let turn = breaker.heard(step, reach, now_ms, settings);
            if reach == Reach::Answered {
                all.breakers.remove(origin);
            } else {
                breaker.jobs.insert(job.to_owned());
                if breaker.is_out() {
                    blocked_on = Some(origin.clone());
                }
            }
            match turn {
                Turn::None => continue,
                Turn::Opened(_) => all.waking.remove(origin),
                Turn::Closed => all.waking.insert(origin.clone()),
            };
            turns.push((origin.clone(), turn));
        }
        drop(all);
        if !turns.is_empty() {
            self.changed.notify_one();
        }
        (turns, blocked_on)
    }

    /// A step has ended, and probes no more.
    fn let_go(&self, step: StepId, well: bool, now_ms: i64) {
        let mut freed = false;
        for breaker in self.all().breakers.values_mut() {
            freed |= breaker.unheard(step, well, now_ms);
        }
        if freed {
            self.changed.notify_one();
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a claimed step runs.
pub(crate) enum Admission<'h> {
    /// It does, and says at its end where it was.
    Run(Pass<'h>),
    /// It waits for a system that is out, and is no longer this host's.
    Held,
}

/// A step that runs while the breakers listen; dropped before it has told them anything, it frees its place as a probe.
pub(crate) struct Pass<'h> {
    host: &'h Host,
    step: StepId,
    /// Nothing where the project has no breakers.
    settings: Option<CircuitBreaker>,
    /// Where its requests go.
    pub(crate) reached: Reached,
    well: bool,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.settings.is_some() {
            self.host.outages.let_go(self.step, self.well, now_ms());
        }
    }
}

/// Lets a step run, or has it wait for a system that is out.
pub(crate) async fn admit<'h>(host: &'h Host, live: &Live, claimed: &ClaimedStep) -> Admission<'h> {
    let settings = live.project.settings.breaker_of(&claimed.workflow);
    let pass = Pass {
        host,
        step: claimed.step,
        settings,
        reached: Reached::default(),
        well: false,
    };
    let Some(settings) = settings else {
        return Admission::Run(pass);
    };
    let held = host
        .outages
        .hold(&claimed.job, claimed.step, now_ms(), &settings);
    if let Some(origin) = held
        && park(host, claimed.step, &settings, origin, None).await
    {
        return Admission::Held;
    }
    // One that has waited for as long as it may is tried for the last time.
    Admission::Run(pass)
}

impl Pass<'_> {
    /// Tells the breakers where the step was; on what it waits now, if it failed because of a system that is out.
    pub(crate) fn ended(mut self, claimed: &ClaimedStep, ended: &Ended) -> Option<Blocked> {
        let settings = self.settings?;
        let reached = self.reached.origins();
        let outages = &self.host.outages;
        let (turns, blocked_on) =
            outages.hear(&claimed.job, claimed.step, &reached, now_ms(), &settings);
        for (origin, turn) in turns {
            self.tell(&origin, &turn);
        }
        self.well = ended.failure.is_none();
        let failure = ended.failure.as_ref()?;
        let threw = failure.kind == FailureKind::Job && classify(failure).1 == Severity::Fail;
        let failed = threw || failure.waited_for.is_some();
        let origin = blocked_on.filter(|_| failed && ended.job_failure.is_none())?;
        Some(Blocked { origin, settings })
    }

    fn tell(&self, origin: &str, turn: &Turn) {
        match turn {
            Turn::None => {}
            Turn::Opened(pause) => {
                let pause = format_duration(*pause);
                let said =
                    format!("{origin} is out: steps wait for it, and one tries again in {pause}");
                self.host.say("outage", &said);
            }
            Turn::Closed => {
                let said = format!("{origin} is back: the steps that wait for it go on");
                self.host.say("back", &said);
            }
        }
    }
}

/// A step that failed because of a system that is out.
pub(crate) struct Blocked {
    origin: String,
    settings: CircuitBreaker,
}

impl Blocked {
    /// Parks the step. If it has waited for as long as it may, its settlement, which says so.
    pub(crate) async fn park(
        self,
        host: &Host,
        step: StepId,
        mut settlement: Settlement,
    ) -> Option<Settlement> {
        let Blocked { origin, settings } = self;
        let give_up = format_duration(settings.give_up);
        let given_up = format!(
            "given up: it has waited for {give_up}, and {origin} is still out (`give_up` in [circuit_breaker])"
        );
        if park(host, step, &settings, origin, Some(&settlement)).await {
            return None;
        }
        settlement.log.push(LogLine {
            level: LogLevel::Error,
            at_ms: settlement.finished_ms,
            message: given_up,
        });
        Some(settlement)
    }
}

/// Has a claimed step wait; no if it has waited for as long as it may.
async fn park(
    host: &Host,
    step: StepId,
    settings: &CircuitBreaker,
    origin: String,
    settlement: Option<&Settlement>,
) -> bool {
    let tried = settlement.map(|settlement| ParkedAttempt {
        exit_code: settlement.exit_code,
        error: settlement.error.clone(),
        log: settlement.log.clone(),
        started_ms: settlement.started_ms,
        finished_ms: settlement.finished_ms,
    });
    let give_up_ms = i64::try_from(settings.give_up.as_millis()).unwrap_or(i64::MAX);
    loop {
        let parking = Parking {
            origin: origin.clone(),
            now_ms: now_ms(),
            give_up_ms,
            tried: tried.clone(),
        };
        match host.store.park(step, parking).await {
            Ok(parked) => return parked,
            // Somebody has ended its run, or another host has it.
            Err(StoreError::NotClaimed { .. }) => return true,
            Err(error) => {
                tracing::error!(%step, %error, "a step cannot be put off; trying again");
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
        if host.is_stopping() {
            // It stays claimed in the store, and runs again at the next start.
            return true;
        }
    }
}
