//! One system that is or was out: how many steps in a row did not get through, and when the next may try.
//!
//! ```text
//!  closed ── failures in a row, or Retry-After ──▶ open until a time ── it comes ──▶ one step probes
//!    ▲                                               ▲                                 │      │
//!    │                                               └──── not back: twice the pause ──┘      │
//!    └───────────────────────────── it answers ───────────────────────────────────────────────┘
//! ```
//!
//! Times are the system's, in milliseconds since 1970, and may jump: forward, the next look comes early; back, it comes
//! within the longest pause all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use fonio_project::CircuitBreaker;
use fonio_sandbox::Reach;
use fonio_store::StepId;

/// The breaker of one origin.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Steps in a row.
    failures: u32,
    pause: Duration,
    /// Of which jobs steps did not get through.
    pub(super) jobs: BTreeSet<String>,
    pub(super) since_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        /// When a step may probe.
        until_ms: i64,
        /// When one that is parked is woken for that.
        wake_ms: i64,
    },
    Probing(StepId),
}

/// What a step's end has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    /// It is out, and is asked again after this time.
    Opened(Duration),
    /// It is back.
    Closed,
}

impl Breaker {
    pub(super) fn new(now_ms: i64) -> Breaker {
        Breaker {
            state: State::Closed,
            failures: 0,
            pause: Duration::ZERO,
            jobs: BTreeSet::new(),
            since_ms: now_ms,
        }
    }

    /// Of a system for which steps wait since before the host began: it may be asked at once.
    pub(super) fn adopted(now_ms: i64, since_ms: i64, settings: &CircuitBreaker) -> Breaker {
        Breaker {
            state: State::Open {
                until_ms: now_ms,
                wake_ms: now_ms,
            },
            pause: settings.pause,
            ..Breaker::new(since_ms)
        }
    }

    /// Whether the step must wait. Nothing changes but a time that is further off than any pause is long.
    pub(super) fn holds(&mut self, step: StepId, now_ms: i64, settings: &CircuitBreaker) -> bool {
        self.mind_the_clock(now_ms, settings);
        match self.state {
            State::Closed => false,
            State::Open { until_ms, .. } => now_ms < until_ms,
            State::Probing(probe) => probe != step,
        }
    }

    /// The step goes there: while the system is out, as the one that probes.
    pub(super) fn let_through(&mut self, step: StepId) {
        if self.is_open() {
            self.state = State::Probing(step);
        }
    }

    /// The end of a step that was there.
    pub(super) fn heard(
        &mut self,
        step: StepId,
        reach: Reach,
        now_ms: i64,
        settings: &CircuitBreaker,
    ) -> Turn {
        let retry_after = match reach {
            Reach::Answered => {
                self.failures = 0;
                let was = std::mem::replace(&mut self.state, State::Closed);
                return match was {
                    State::Closed => Turn::None,
                    State::Open { .. } | State::Probing(_) => Turn::Closed,
                };
            }
            Reach::Out { retry_after } => retry_after.filter(|asked| !asked.is_zero()),
        };
        self.failures = self.failures.saturating_add(1);
        let pause = match self.state {
            State::Closed if self.failures >= settings.failures => settings.pause,
            // A system that says when to come back is not asked before.
            State::Closed if retry_after.is_some() => Duration::ZERO,
            State::Probing(probe) if probe == step => {
                self.pause.max(settings.pause).saturating_mul(2)
            }
            State::Closed | State::Open { .. } | State::Probing(_) => return Turn::None,
        };
        if self.state == State::Closed {
            self.since_ms = now_ms;
        }
        self.pause = pause
            .max(retry_after.unwrap_or_default())
            .min(settings.max_pause);
        self.open(now_ms, self.pause);
        Turn::Opened(self.pause)
    }

    /// The step that probed has ended without going there. If it did well, the next may try at once: its job may have
    /// been changed, and need the system no more. Whether it was the one.
    pub(super) fn unheard(&mut self, step: StepId, well: bool, now_ms: i64) -> bool {
        let probed = self.state == State::Probing(step);
        if probed {
            let pause = if well { Duration::ZERO } else { self.pause };
            self.open(now_ms, pause);
        }
        probed
    }

    /// Whether it is time to wake a step that probes; not again before another pause.
    pub(super) fn wakes(&mut self, now_ms: i64, settings: &CircuitBreaker) -> bool {
        self.mind_the_clock(now_ms, settings);
        match &mut self.state {
            State::Open { wake_ms, .. } if *wake_ms <= now_ms => {
                *wake_ms = now_ms.saturating_add(millis(self.pause.max(settings.pause)));
                true
            }
            _ => false,
        }
    }

    /// When the next step may probe, if the system is out and none does.
    pub(super) fn next_ms(&self) -> Option<i64> {
        match self.state {
            State::Open { until_ms, .. } => Some(until_ms),
            State::Closed | State::Probing(_) => None,
        }
    }

    /// When to look at it next.
    pub(super) fn wake_ms(&self) -> Option<i64> {
        match self.state {
            State::Open { wake_ms, .. } => Some(wake_ms),
            State::Closed | State::Probing(_) => None,
        }
    }

    /// Whether the system counts as out.
    pub(super) fn is_out(&self) -> bool {
        self.state != State::Closed
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    fn open(&mut self, now_ms: i64, pause: Duration) {
        let until_ms = now_ms.saturating_add(millis(pause));
        self.state = State::Open {
            until_ms,
            wake_ms: until_ms,
        };
    }

    fn mind_the_clock(&mut self, now_ms: i64, settings: &CircuitBreaker) {
        let latest = now_ms.saturating_add(millis(settings.max_pause));
        if let State::Open { until_ms, wake_ms } = &mut self.state {
            *until_ms = latest.min(*until_ms);
            *wake_ms = latest.min(*wake_ms);
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Reach = Reach::Out { retry_after: None };
    const SECOND: i64 = 1_000;

    fn settings() -> CircuitBreaker {
        CircuitBreaker {
            failures: 3,
            ..CircuitBreaker::default()
        }
    }

    fn opened(at_ms: i64) -> Breaker {
        let mut breaker = Breaker::new(at_ms);
        for step in 1..=3 {
            breaker.heard(StepId(step), OUT, at_ms, &settings());
        }
        breaker
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_one_answer_between_them_starts_the_count_anew()
    {
        let mut breaker = Breaker::new(0);
        let mut hear = |reach| breaker.heard(StepId(1), reach, 0, &settings());
        assert_eq!((hear(OUT), hear(OUT)), (Turn::None, Turn::None));
        assert_eq!(hear(Reach::Answered), Turn::None);
        assert_eq!((hear(OUT), hear(OUT)), (Turn::None, Turn::None));
        assert_eq!(hear(OUT), Turn::Opened(Duration::from_secs(30)));
        assert_eq!(hear(OUT), Turn::None, "it is open");
        assert_eq!(hear(Reach::Answered), Turn::Closed);
    }

    #[test]
    fn one_step_at_a_time_probes_and_the_pause_doubles_up_to_the_longest() {
        let mut breaker = opened(0);
        let (now, probe, other) = (30 * SECOND, StepId(7), StepId(8));
        assert!(breaker.holds(probe, now - 1, &settings()));
        assert!(breaker.wakes(now, &settings()));
        assert!(!breaker.wakes(now, &settings()), "one is enough");
        assert!(!breaker.holds(probe, now, &settings()));
        breaker.let_through(probe);
        assert!(breaker.holds(other, now, &settings()));
        assert_eq!(breaker.heard(other, OUT, now, &settings()), Turn::None);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            breaker.let_through(probe);
            match breaker.heard(probe, OUT, now, &settings()) {
                Turn::Opened(pause) => pauses.push(pause.as_secs()),
                turn => panic!("{turn:?}"),
            }
        }
        assert_eq!(pauses, [60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn a_system_that_says_when_to_come_back_is_believed_at_once_and_up_to_the_longest_pause() {
        for (asked, pause) in [(7, 7), (1 << 40, 600)] {
            let asked = Some(Duration::from_secs(asked));
            let mut breaker = Breaker::new(0);
            let turn = breaker.heard(StepId(1), Reach::Out { retry_after: asked }, 0, &settings());
            assert_eq!(turn, Turn::Opened(Duration::from_secs(pause)));
        }
    }

    #[test]
    fn a_probe_that_never_went_there_leaves_its_place_to_the_next() {
        let (now, probe, next) = (30 * SECOND, StepId(7), StepId(8));
        for (well, wait) in [(true, 0), (false, 30 * SECOND)] {
            let mut breaker = opened(0);
            breaker.let_through(probe);
            assert!(breaker.unheard(probe, well, now));
            assert!(!breaker.unheard(next, well, now));
            assert_eq!(breaker.holds(next, now, &settings()), wait > 0);
            assert!(!breaker.holds(next, now + wait, &settings()));
        }
    }

    #[test]
    fn a_clock_that_jumps_neither_stops_it_nor_lets_more_than_one_through() {
        const DAY: i64 = 24 * 3600 * SECOND;
        let mut back = opened(DAY);
        assert!(back.holds(StepId(7), 0, &settings()));
        assert!(!back.holds(StepId(7), 600 * SECOND, &settings()));
        let mut forward = opened(0);
        assert!(!forward.holds(StepId(7), DAY, &settings()));
        forward.let_through(StepId(7));
        assert!(forward.holds(StepId(8), DAY, &settings()));
        assert!(!forward.wakes(2 * DAY, &settings()));
    }
}
