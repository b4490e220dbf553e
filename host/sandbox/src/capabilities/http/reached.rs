//! Which systems a step reached, and which were out: a host that knows holds work back from those.

use std::collections::BTreeMap;
use std::io;
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
pub struct Reached(Arc<Mutex<BTreeMap<String, Reach>>>);

impl Reached {
    /// Each origin as people write it (`https://api.example.org`, at most 64), with what it said last.
    pub fn origins(&self) -> BTreeMap<String, Reach> {
        self.all().clone()
    }

    /// Whether any of them was out when it was asked last.
    pub fn is_any_out(&self) -> bool {
        let all = self.all();
        all.values().any(|reach| matches!(reach, Reach::Out { .. }))
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
        let mut all = self.all();
        if all.len() < ORIGINS_MAX || all.contains_key(&origin) {
            all.insert(origin, reach);
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Reach>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
