//! What a tenant has used of its quota. Without one, nothing is counted but its time on a processor.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use fonio_project::{Quota, QuotaInfo};
use tokio::sync::Notify;

use crate::rarely::{Line, Rarely};

const MINUTE: Duration = Duration::from_secs(60);
/// Whether there is room again: what is deleted tells nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// An hour is twelve windows of five minutes: what was used is forgotten a window at a time.
const WINDOW: Duration = Duration::from_secs(5 * 60);
const WINDOWS: usize = 12;
/// What was used this long ago counts for a third in what a tenant uses lately.
const LATELY: Duration = Duration::from_secs(1);
/// Who lately used more than three tenths of a second per second runs behind those who used less. A step that maps a
/// hundred records takes 1.3 ms.
const MUCH: Duration = Duration::from_millis(300);

/// What one tenant may use, and has used.
#[derive(Debug)]
pub struct Ration {
    quota: ArcSwapOption<Quota>,
    used: Mutex<Used>,
    requests: Arc<AtomicU32>,
    /// That something is used up is said once a minute.
    told: Mutex<Rarely>,
    changed: Notify,
}

#[derive(Debug)]
struct Used {
    /// Steps that may begin at once; it fills by the quota's number in a minute.
    tokens: f64,
    filled: Instant,
    /// Time on a processor in each window of the hour, and which window is the present one.
    windows: [Duration; WINDOWS],
    window: usize,
    window_since: Instant,
    lately: Duration,
    lately_at: Instant,
}

/// Why nothing may begin now, and when to ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// What is used up, with its value and what used it.
    pub said: String,
    /// How long at least.
    pub wait: Duration,
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<AtomicU32>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ration {
    /// Of a project that has the host to itself.
    pub fn unlimited() -> Ration {
        Ration::with(None)
    }

    /// Of a tenant.
    pub fn of(quota: Quota) -> Ration {
        Ration::with(Some(quota))
    }

    fn with(quota: Option<Quota>) -> Ration {
        let now = Instant::now();
        let used = Used {
            tokens: quota.map_or(0.0, |quota| f64::from(quota.runs_per_minute)),
            filled: now,
            windows: [Duration::ZERO; WINDOWS],
            window: 0,
            window_since: now,
            lately: Duration::ZERO,
            lately_at: now,
        };
        Ration {
            quota: ArcSwapOption::new(quota.map(Arc::new)),
            used: Mutex::new(used),
            requests: Arc::default(),
            told: Mutex::new(Rarely::new(1)),
            changed: Notify::new(),
        }
    }

    /// What it may use from now on.
    pub fn change(&self, quota: Quota) {
        if self.quota() != Some(quota) {
            self.quota.store(Some(Arc::new(quota)));
            self.changed.notify_one();
        }
    }

    /// Resolves when it may use more or less than before, for the one who waits for that.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What it may use, if it is limited.
    pub fn quota(&self) -> Option<Quota> {
        self.quota.load().as_deref().copied()
    }

    /// How many steps may begin now, at least one, while `running` do and `stored` bytes are kept; nothing while as many
    /// run as may.
    ///
    /// # Errors
    /// What is used up and when to ask again.
    pub fn allows(&self, running: usize, stored: u64, now: Instant) -> Result<usize, Exhausted> {
        let Some(quota) = self.quota() else {
            return Ok(usize::MAX);
        };
        if stored >= quota.stored_bytes {
            return Err(Exhausted {
                said: exhausted("stored", &quota, &format!("{} bytes are stored", stored)),
                wait: LOOK_AGAIN,
            });
        }
        let mut used = self.used();
        used.turn(now);
        let hour: Duration = used.windows.iter().sum();
        if hour >= quota.cpu_per_hour {
            let spent = format!("{:.1} s were used", hour.as_secs_f64());
            return Err(Exhausted {
                said: exhausted("cpu_per_hour", &quota, &spent),
                wait: WINDOW.saturating_sub(now - used.window_since),
            });
        }
        let per_second = f64::from(quota.runs_per_minute) / MINUTE.as_secs_f64();
        used.fill(now, per_second, f64::from(quota.runs_per_minute));
        if used.tokens < 1.0 {
            let missing = (1.0 - used.tokens) / per_second;
            return Err(Exhausted {
                said: exhausted("runs_per_minute", &quota, "as many began"),
                wait: Duration::from_secs_f64(missing),
            });
        }
        let free = (quota.runs_at_once as usize).saturating_sub(running);
        // A whole number of tokens, and no more than fit.
        Ok(free.min(used.tokens as usize))
    }

    /// Passes on what is used up, once a minute.
    pub fn tell(&self, exhausted: &Exhausted, now: Instant, hear: impl FnOnce(&str)) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Said { .. } = told.weigh(now) {
            hear(&format!("{}: what is queued waits", exhausted.said));
        }
    }

    /// Counts steps that begin.
    pub fn began(&self, steps: usize) {
        self.used().tokens -= steps as f64;
    }

    /// Counts time on a processor.
    pub fn computed(&self, cpu: Duration, now: Instant) {
        let mut used = self.used();
        used.turn(now);
        let window = used.window;
        used.windows[window] += cpu;
        used.lately = used.lately(now) + cpu;
        used.lately_at = now;
    }

    /// Whether it lately used so much that others go before it.
    pub fn is_busy(&self, now: Instant) -> bool {
        self.used().lately(now) > MUCH
    }

    /// A place for one more request.
    ///
    /// # Errors
    /// What is used up.
    pub fn answer(&self) -> Result<Answering, String> {
        let place = Answering(Arc::clone(&self.requests));
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        match self.quota() {
            Some(quota) if before >= quota.requests_at_once => Err(exhausted(
                "requests_at_once",
                &quota,
                "as many are being answered",
            )),
            _ => Ok(place),
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // They are counters: what a panicking holder left is whole.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Goes on to the present window.
    fn turn(&mut self, now: Instant) {
        for _ in 0..WINDOWS {
            if now - self.window_since < WINDOW {
                return;
            }
            self.window_since += WINDOW;
            self.window = (self.window + 1) % WINDOWS;
            self.windows[self.window] = Duration::ZERO;
        }
        // More than an hour of silence.
        self.window_since = now;
    }

    fn fill(&mut self, now: Instant, per_second: f64, most: f64) {
        let more = (now - self.filled).as_secs_f64() * per_second;
        self.tokens = (self.tokens + more).min(most);
        self.filled = now;
    }

    fn lately(&self, now: Instant) -> Duration {
        let age = (now - self.lately_at).as_secs_f64() / LATELY.as_secs_f64();
        self.lately.mul_f64((-age).exp())
    }
}

/// The sentence for a quota that is used up.
pub fn exhausted(name: &str, quota: &Quota, used: &str) -> String {
    let value = QuotaInfo::named(name).map_or_else(String::new, |info| info.shown(quota));
    format!("the tenant's quota `{name}` (in tenants.toml) is {value}, and {used}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota() -> Quota {
        Quota {
            runs_at_once: 3,
            runs_per_minute: 60,
            cpu_per_hour: Duration::from_secs(10),
            requests_at_once: 2,
            ..Quota::default()
        }
    }

    #[test]
    fn no_more_begin_than_may_run_at_once() {
        let (ration, now) = (Ration::of(quota()), Instant::now());
        assert_eq!(ration.allows(0, 0, now), Ok(3));
        assert_eq!(ration.allows(2, 0, now), Ok(1));
        assert_eq!(ration.allows(3, 0, now), Ok(0));
        assert_eq!(Ration::unlimited().allows(1000, 0, now), Ok(usize::MAX));
    }

    #[test]
    fn a_minutes_steps_come_back_one_by_one() {
        let (ration, now) = (Ration::of(quota()), Instant::now());
        ration.began(60);
        let exhausted = ration.allows(0, 0, now).expect_err("a minute's are used");
        assert_eq!(
            exhausted.said,
            "the tenant's quota `runs_per_minute` (in tenants.toml) is 60, and as many began"
        );
        assert!(exhausted.wait <= Duration::from_secs(1));
        let later = now + Duration::from_secs(1) + Duration::from_millis(1);
        assert_eq!(ration.allows(0, 0, later), Ok(1));
        let much_later = now + 60 * MINUTE;
        assert_eq!(ration.allows(0, 0, much_later), Ok(3));
        ration.began(59);
        assert_eq!(
            ration.allows(0, 0, much_later),
            Ok(1),
            "a pause gives no more than a minute's"
        );
    }

    #[test]
    fn an_hours_time_comes_back_as_the_hour_passes() {
        let (ration, now) = (Ration::of(quota()), Instant::now());
        let at = |minutes| now + minutes * MINUTE;
        ration.computed(Duration::from_secs(6), now);
        ration.computed(Duration::from_secs(5), at(30));
        let exhausted = ration
            .allows(0, 0, at(30))
            .expect_err("eleven of ten seconds");
        assert_eq!(
            exhausted.said,
            "the tenant's quota `cpu_per_hour` (in tenants.toml) is 10s, and 11.0 s were used"
        );
        assert!(
            ration.allows(0, 0, at(50)).is_err(),
            "nothing of it is an hour ago"
        );
        assert_eq!(ration.allows(0, 0, at(65)), Ok(3), "the first six are");
        assert_eq!(ration.allows(0, 0, at(1000)), Ok(3));
    }

    #[test]
    fn who_computed_much_lately_is_busy_for_a_while() {
        let (ration, now) = (Ration::of(quota()), Instant::now());
        assert!(!ration.is_busy(now));
        ration.computed(Duration::from_millis(500), now);
        assert!(ration.is_busy(now));
        assert!(!ration.is_busy(now + Duration::from_secs(1)));
    }

    #[test]
    fn what_is_used_up_is_said_once_a_minute() {
        let (ration, now) = (Ration::of(quota()), Instant::now());
        ration.began(60);
        let exhausted = ration.allows(0, 0, now).expect_err("a minute's are used");
        let mut said = Vec::new();
        for seconds in [0, 1, 59, 60, 61] {
            let now = now + Duration::from_secs(seconds);
            ration.tell(&exhausted, now, |line| said.push(line.to_owned()));
        }
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[test]
    fn a_request_gives_its_place_back() {
        let ration = Ration::of(quota());
        let places = [ration.answer(), ration.answer()];
        assert_eq!(
            ration.answer().expect_err("both are taken"),
            "the tenant's quota `requests_at_once` (in tenants.toml) is 2, and as many are being answered"
        );
        drop(places);
        assert!(ration.answer().is_ok());
    }

    #[test]
    fn a_changed_quota_counts_at_once() {
        let ration = Ration::of(quota());
        ration.change(Quota {
            runs_at_once: 1,
            ..quota()
        });
        assert_eq!(ration.allows(0, 0, Instant::now()), Ok(1));
    }
}
