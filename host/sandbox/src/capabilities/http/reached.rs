//! Which systems a step reached, and which were out: a host that knows holds work back from those.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use hyper_util::client::legacy;

use super::connector::ConnectError;
use super::step::source;

/// Origins that are kept of one step. Jobs seldom go to more than three.
const ORIGINS_MAX: usize = 64;

/// What a system had to say to the last request that a step sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answered: it is there, whatever it said.
    Answered,
    /// It was not reached, did not answer, or answered 429, 502, 503 or 504.
    Out {
        /// For how long it asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// The systems that a step's requests went to; empty by default. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Reached(Arc<Mutex<Systems>>);

#[derive(Debug, Default)]
struct Systems {
    said: BTreeMap<String, Reach>,
    /// Those that the step waits for now, each with how many of its requests.
    awaited: BTreeMap<String, usize>,
}

impl Reached {
    /// Each origin as people write it (`https://api.example.org`, at most 64), with what it said last.
    pub fn origins(&self) -> BTreeMap<String, Reach> {
        self.systems().said.clone()
    }

    /// Whether any of them was out when it was asked last.
    pub fn is_any_out(&self) -> bool {
        let out = |reach: &Reach| matches!(reach, Reach::Out { .. });
        self.systems().said.values().any(out)
    }

    /// The step's time is over: whoever it waits for has been silent. One of those, if there is any.
    pub(crate) fn cut_off(&self) -> Option<String> {
        let awaited = self.systems().awaited.clone();
        for origin in awaited.keys() {
            self.silent(origin.clone());
        }
        awaited.into_keys().next()
    }

    /// Follows one request to this system, for which the step does not wait yet.
    pub(super) fn answer_of(&self, origin: String) -> Answer {
        Answer {
            reached: self.clone(),
            origin,
            awaited: AtomicBool::new(false),
        }
    }

    /// The reply to a request.
    pub(super) fn replied(&self, origin: String, status: StatusCode, headers: &HeaderMap) {
        let reach = match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Reach::Out {
                retry_after: retry_after(headers),
            },
            _ => Reach::Answered,
        };
        self.note(origin, reach);
    }

    /// A request that nothing answered in time.
    pub(super) fn silent(&self, origin: String) {
        self.note(origin, Reach::Out { retry_after: None });
    }

    /// A request that failed; what the host would not connect to says nothing of the system there.
    pub(super) fn failed(&self, origin: String, error: &legacy::Error) {
        let out = match source::<ConnectError>(error) {
            Some(ConnectError::Prohibited { .. } | ConnectError::Address(_)) => false,
            Some(_) => true,
            None => {
                let cut = source::<hyper::Error>(error)
                    .is_some_and(|error| error.is_incomplete_message() || error.is_closed());
                cut || source::<io::Error>(error).is_some()
            }
        };
        if out {
            self.silent(origin);
        }
    }

    fn note(&self, origin: String, reach: Reach) {
        let said = &mut self.systems().said;
        if said.len() < ORIGINS_MAX || said.contains_key(&origin) {
            said.insert(origin, reach);
        }
    }

    fn systems(&self) -> MutexGuard<'_, Systems> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a system is to say to one request. While the step waits for it, and for nobody else, its silence is the system's;
/// dropped, it is waited for no more.
#[derive(Debug)]
pub(super) struct Answer {
    reached: Reached,
    origin: String,
    awaited: AtomicBool,
}

impl Answer {
    /// Whether it is the system's turn now.
    pub fn is_awaited(&self, now: bool) {
        // Under the lock: the request's body is sent by another task than the one that waits.
        let mut systems = self.reached.systems();
        if self.awaited.swap(now, Ordering::Relaxed) == now {
            return;
        }
        let awaited = &mut systems.awaited;
        let requests = awaited.entry(self.origin.clone()).or_default();
        if now {
            *requests += 1;
        } else {
            *requests -= 1;
        }
        if *requests == 0 {
            awaited.remove(&self.origin);
        }
    }

    /// It has not come within the time that the request gave it.
    pub fn never_came(&self) {
        self.reached.silent(self.origin.clone());
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.is_awaited(false);
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    asked_to_wait(headers.get(header::RETRY_AFTER)?.to_str().ok()?)
}

/// How long a `Retry-After` asks to wait from now on: it is a number of seconds or a date (RFC 9110, 10.2.3). A date that has
/// passed asks for nothing.
pub fn asked_to_wait(retry_after: &str) -> Option<Duration> {
    let said = retry_after.trim();
    let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
    match said.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(said).ok().map(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_said_last_is_what_counts() {
        let reached = Reached::default();
        let replied = |status, headers: &HeaderMap| {
            reached.replied("https://a.example".to_owned(), status, headers);
            reached.origins()["https://a.example"]
        };
        let none = HeaderMap::new();
        assert_eq!(replied(StatusCode::NOT_FOUND, &none), Reach::Answered);
        let later = HeaderMap::from_iter([(header::RETRY_AFTER, "7".parse().expect("a value"))]);
        assert_eq!(
            replied(StatusCode::TOO_MANY_REQUESTS, &later),
            Reach::Out {
                retry_after: Some(Duration::from_secs(7))
            }
        );
        let out = Reach::Out { retry_after: None };
        assert_eq!(replied(StatusCode::BAD_GATEWAY, &none), out);
        assert_eq!(
            replied(StatusCode::INTERNAL_SERVER_ERROR, &none),
            Reach::Answered
        );
    }

    #[test]
    fn whoever_a_step_waits_for_when_its_time_is_over_was_silent_and_nobody_else() {
        let reached = Reached::default();
        let origins = ["https://a.example", "https://b.example"].map(str::to_owned);
        let [one, other] = origins.clone().map(|origin| reached.answer_of(origin));
        let again = reached.answer_of(origins[0].clone());
        for answer in [&one, &one, &other, &again] {
            answer.is_awaited(true);
        }
        drop(one);
        other.is_awaited(false);
        assert_eq!(reached.cut_off(), Some(origins[0].clone()));
        let out = Reach::Out { retry_after: None };
        assert_eq!(
            reached.origins(),
            BTreeMap::from([(origins[0].clone(), out)])
        );
        drop(again);
        assert_eq!(reached.cut_off(), None);
    }

    #[test]
    fn a_date_asks_to_wait_until_it_comes() {
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let asked = asked_to_wait(&httpdate::fmt_http_date(in_an_hour)).expect("a date");
        assert!(asked > Duration::from_secs(3000), "{asked:?}");
        assert!(asked <= Duration::from_secs(3600), "{asked:?}");
        let passed = asked_to_wait("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(passed, Some(Duration::ZERO));
        assert_eq!(asked_to_wait(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked_to_wait("soon"), None);
    }

    #[test]
    fn a_step_that_goes_everywhere_is_followed_so_far_and_no_further() {
        let reached = Reached::default();
        for port in 0..2 * ORIGINS_MAX {
            reached.silent(format!("http://a.example:{port}"));
        }
        assert_eq!(reached.origins().len(), ORIGINS_MAX);
    }
}
