//! Marks on requests that change something: the same in each attempt at a step, so that a system that knows them does
//! once what was asked twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use sha2::{Digest, Sha256};

/// Marks the requests of one step; clones go on counting where it is.
#[derive(Clone, Debug)]
pub struct RequestMarks {
    header: HeaderName,
    step: Arc<str>,
    /// How many requests have gone to a place, by the hash of method and place.
    sent: Arc<Mutex<HashMap<[u8; 32], u32>>>,
}

impl RequestMarks {
    /// Marks in `header`, told apart from all other steps by what `step` says of this one: the same in each attempt.
    pub fn new(header: HeaderName, step: &str) -> RequestMarks {
        RequestMarks {
            header,
            step: step.into(),
            sent: Arc::default(),
        }
    }

    /// Marks a POST, PUT, PATCH or DELETE, unless the job has. Of the place, the query is no part: it is where times and
    /// tokens stand, which differ in each attempt. Requests to different places may come in another order next time.
    pub(super) fn mark(&self, parts: &mut Parts) {
        let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        if !changes.contains(&parts.method) || parts.headers.contains_key(&self.header) {
            return;
        }
        let authority = parts.uri.authority().map_or("", |it| it.as_str());
        let place = [
            parts.method.as_str(),
            parts.uri.scheme_str().unwrap_or_default(),
            authority,
            parts.uri.path(),
        ];
        let place: [u8; 32] = Sha256::digest(place.join("\n")).into();
        let number = {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let number = sent.entry(place).or_insert(0);
            *number += 1;
            *number
        };
        let mut hash = Sha256::new();
        hash.update((self.step.len() as u64).to_be_bytes());
        hash.update(self.step.as_bytes());
        hash.update(place);
        hash.update(number.to_be_bytes());
        let mark = uuid(hash.finalize().into());
        if let Ok(mark) = HeaderValue::from_str(&mark) {
            parts.headers.insert(self.header.clone(), mark);
        }
    }
}

/// A UUID of version 8 (RFC 9562), which is for what is made from other things.
fn uuid(hash: [u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn marked(marks: &RequestMarks, method: &str, uri: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(uri).body(());
        let (mut parts, ()) = request.expect("a request").into_parts();
        marks.mark(&mut parts);
        let mark = parts.headers.get("idempotency-key")?;
        Some(mark.to_str().expect("ASCII").to_owned())
    }

    fn of(step: &str) -> RequestMarks {
        RequestMarks::new(HeaderName::from_static("idempotency-key"), step)
    }

    #[test]
    fn marks_are_the_same_in_each_attempt_and_different_otherwise() {
        let sends = |step: &str| {
            let marks = of(step);
            ["/a", "/a", "/b"].map(|path| {
                marked(&marks, "POST", &format!("http://x{path}?at=1")).expect("a mark")
            })
        };
        let first = sends("1/1");
        assert_eq!(first, sends("1/1"));
        let mut all = [first, sends("1/2")].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn the_order_between_places_and_the_query_do_not_matter() {
        let (one, other) = (of("1"), of("1"));
        let (a, b) = ("http://x/a?token=1", "http://x/b");
        let first = (marked(&one, "PUT", a), marked(&one, "PUT", b));
        let again = marked(&other, "PUT", b);
        assert_eq!(first, (marked(&other, "PUT", "http://x/a?token=2"), again));
    }

    #[test]
    fn what_only_reads_is_not_marked_nor_what_the_job_has_marked() {
        assert_eq!(marked(&of("1"), "GET", "http://x/a"), None);
        let request = Request::post("http://x/a").header("idempotency-key", "mine");
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        of("1").mark(&mut parts);
        assert_eq!(parts.headers["idempotency-key"], "mine");
    }

    #[test]
    fn a_mark_is_a_uuid() {
        assert_eq!(
            uuid([0xff; 32]),
            "ffffffff-ffff-8fff-bfff-ffffffffffff".to_owned()
        );
    }
}
