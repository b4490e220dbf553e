//! Sign-ins that have begun: each ends once, in the browser that began it, within ten minutes. In memory: whoever is at the
//! service's page while the host starts anew begins again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fonio_access::network;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Time to type a password and a second factor.
pub const FLOW_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Half a megabyte. The oldest gives way to one more.
const FLOWS_MAX: usize = 1000;
/// Of one address (of IPv6, one /64), whose oldest gives way: one place alone cannot end everybody's.
const FLOWS_OF_ADDRESS_MAX: usize = 100;

/// What a sign-in is known again by when it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// What the ID token has to repeat.
    pub nonce: String,
    /// What the code is only good with (PKCE).
    pub verifier: String,
    /// The page that one came from.
    pub back: String,
}

/// By what `state` hashes to: how long a search takes tells nothing of the values there are.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<[u8; 32], Waiting>>);

struct Waiting {
    flow: Flow,
    cookie: [u8; 32],
    from: IpAddr,
    since: Instant,
}

impl Pending {
    /// Keeps a sign-in that begins now.
    pub fn begin(&self, flow: Flow, state: &str, cookie: &str, from: IpAddr, now: Instant) {
        let from = network(from);
        let mut waiting = self.lock();
        waiting.retain(|_, one| now.duration_since(one.since) < FLOW_LIFETIME);
        let of_address = waiting.values().filter(|one| one.from == from).count();
        if of_address >= FLOWS_OF_ADDRESS_MAX {
            drop_oldest(&mut waiting, |one| one.from == from);
        } else if waiting.len() >= FLOWS_MAX {
            drop_oldest(&mut waiting, |_| true);
        }
        let one = Waiting {
            flow,
            cookie: hash(cookie),
            from,
            since: now,
        };
        waiting.insert(hash(state), one);
    }

    /// The sign-in of this `state`, if it began in the browser with this cookie. Whoever has only the one ends nothing.
    pub fn take(&self, state: &str, cookie: &str, now: Instant) -> Option<Flow> {
        let mut waiting = self.lock();
        let key = hash(state);
        let one = waiting.get(&key)?;
        let same: bool = one.cookie.ct_eq(&hash(cookie)).into();
        if !same {
            return None;
        }
        let one = waiting.remove(&key)?;
        (now.duration_since(one.since) < FLOW_LIFETIME).then_some(one.flow)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Waiting>> {
        // What a panicking holder left is whole: one map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_oldest(waiting: &mut HashMap<[u8; 32], Waiting>, of: impl Fn(&Waiting) -> bool) {
    let those = waiting.iter().filter(|(_, one)| of(one));
    let oldest = those.min_by_key(|(_, one)| one.since).map(|(key, _)| *key);
    if let Some(key) = oldest {
        waiting.remove(&key);
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn flow() -> Flow {
        Flow {
            nonce: "n".to_owned(),
            verifier: "v".to_owned(),
            back: "/".to_owned(),
        }
    }

    #[test]
    fn a_sign_in_ends_once_in_its_own_browser_and_in_time() {
        let (pending, start) = (Pending::default(), Instant::now());
        pending.begin(flow(), "state", "cookie", HERE, start);
        assert_eq!(pending.take("state", "another", start), None);
        assert_eq!(pending.take("another", "cookie", start), None);
        assert_eq!(pending.take("state", "cookie", start), Some(flow()));
        assert_eq!(pending.take("state", "cookie", start), None);
        pending.begin(flow(), "state", "cookie", HERE, start);
        assert_eq!(pending.take("state", "cookie", start + FLOW_LIFETIME), None);
    }

    #[test]
    fn whoever_begins_too_many_from_one_address_loses_their_own() {
        let (pending, start) = (Pending::default(), Instant::now());
        let other = IpAddr::from([192, 0, 2, 1]);
        pending.begin(flow(), "neighbour", "cookie", other, start);
        for number in 0..FLOWS_OF_ADDRESS_MAX + 1 {
            let now = start + Duration::from_millis(1 + number as u64);
            pending.begin(flow(), &number.to_string(), "cookie", HERE, now);
        }
        assert_eq!(pending.take("0", "cookie", start), None);
        for state in ["1", "neighbour"] {
            assert!(pending.take(state, "cookie", start).is_some(), "{state}");
        }
    }

    #[test]
    fn as_many_as_there_are_take_no_more_room() {
        let (pending, start) = (Pending::default(), Instant::now());
        for number in 0..2 * FLOWS_MAX {
            let from = IpAddr::V4(u32::try_from(number).expect("it fits").into());
            pending.begin(flow(), &number.to_string(), "cookie", from, start);
        }
        assert_eq!(pending.lock().len(), FLOWS_MAX);
        pending.begin(flow(), "late", "cookie", HERE, start + FLOW_LIFETIME);
        assert_eq!(pending.lock().len(), 1, "those that are over are forgotten");
    }
}
