//! Notices when the system's clock jumps.

use std::time::{Duration, Instant};

/// 60 s: beyond what a network's time keeps a clock within, and less than anybody gives a run that it must not lose.
const JUMP_MIN: Duration = Duration::from_secs(60);

/// The system's clock as it was last seen, beside one that only ever goes on.
#[derive(Clone, Copy)]
pub struct Steady {
    wall_ms: i64,
    at: Instant,
}

impl Steady {
    /// Seen now.
    pub fn new(wall_ms: i64, at: Instant) -> Steady {
        Steady { wall_ms, at }
    }

    /// By how many milliseconds the clock has jumped since it was last seen, if it has: forward, or back. A machine that
    /// slept for that long looks the same.
    pub fn jump(&mut self, wall_ms: i64, at: Instant) -> Option<i64> {
        let passed = i64::try_from((at - self.at).as_millis()).unwrap_or(i64::MAX);
        let jump = wall_ms.saturating_sub(self.wall_ms).saturating_sub(passed);
        *self = Steady { wall_ms, at };
        (u128::from(jump.unsigned_abs()) >= JUMP_MIN.as_millis()).then_some(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_put_right_by_a_little_has_not_jumped_and_one_by_a_year_has() {
        let begun = Instant::now();
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut clock = Steady::new(1_000_000, begun);
        assert_eq!(clock.jump(1_020_000, after(20)), None);
        assert_eq!(clock.jump(1_065_000, after(40)), None, "25 s ahead");
        let year = 365 * 24 * 3_600_000;
        assert_eq!(clock.jump(1_085_000 + year, after(60)), Some(year));
        assert_eq!(clock.jump(1_105_000 + year, after(80)), None, "told once");
        assert_eq!(clock.jump(1_125_000, after(100)), Some(-year));
    }
}
