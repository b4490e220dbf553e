//! Guessing many names from one place: so many wrong sign-ins of an address, then none for a while. In memory: the bound
//! by name outlives a restart, and is the one that keeps a password safe.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong sign-ins of one address within [`WINDOW`].
const WRONG_MAX: u32 = 30;
/// From the first wrong one on.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Addresses that are remembered: less than 1 MiB. With more, all start anew.
const ADDRESSES_MAX: usize = 10_000;

/// What came from where lately.
#[derive(Debug, Default)]
pub(crate) struct Addresses(HashMap<IpAddr, Wrong>);

#[derive(Debug)]
struct Wrong {
    since: Instant,
    count: u32,
}

impl Addresses {
    /// How long nothing is taken from this address.
    pub(crate) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let wrong = self.0.get(&network(from))?;
        let left = WINDOW.checked_sub(now.duration_since(wrong.since))?;
        (wrong.count >= WRONG_MAX && !left.is_zero()).then_some(left)
    }

    /// Counts a wrong sign-in.
    pub(crate) fn wrong(&mut self, from: IpAddr, now: Instant) {
        let key = network(from);
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&key) {
            self.0
                .retain(|_, wrong| now.duration_since(wrong.since) < WINDOW);
            if self.0.len() >= ADDRESSES_MAX {
                self.0.clear();
            }
        }
        let wrong = self.0.entry(key).or_insert(Wrong {
            since: now,
            count: 0,
        });
        if now.duration_since(wrong.since) >= WINDOW {
            *wrong = Wrong {
                since: now,
                count: 0,
            };
        }
        wrong.count = wrong.count.saturating_add(1);
    }
}

/// What somebody at an address cannot easily change: of IPv6 the first half, because the other is its owner's to choose
/// anew for each connection.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(((u128::from(v6) >> 64) << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_wrong_too_often_waits_until_its_window_ends_and_no_other_does() {
        let (start, mut addresses) = (Instant::now(), Addresses::default());
        let [one, same, other] = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"]
            .map(|text| text.parse().expect("an address"));
        for _ in 1..WRONG_MAX {
            addresses.wrong(one, start);
        }
        assert_eq!(addresses.wait(one, start), None);
        addresses.wrong(same, start);
        assert_eq!(addresses.wait(one, start), Some(WINDOW));
        assert_eq!(addresses.wait(other, start), None);
        assert_eq!(addresses.wait(one, start + WINDOW), None);
        addresses.wrong(one, start + WINDOW);
        assert_eq!(addresses.wait(one, start + WINDOW), None, "it starts anew");
    }

    #[test]
    fn as_many_addresses_as_there_are_take_no_more_room() {
        let (now, mut addresses) = (Instant::now(), Addresses::default());
        for number in 0..3 * ADDRESSES_MAX {
            let number = u32::try_from(number).expect("it fits");
            addresses.wrong(IpAddr::V4(number.into()), now);
        }
        assert!(addresses.0.len() <= ADDRESSES_MAX);
    }
}
