//! What one tenant of a shared host may use: the table that defines each quota once.
//!
//! `tenants.toml`, the documentation and the enforcement all read [`QUOTAS`].

use std::time::Duration;

use crate::amount::{Amount, Unit, milliseconds, with_defaults};

/// What a tenant may use. `Quota::default()` is the defaults of [`QUOTAS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Steps that run at the same moment, each of a run of its own.
    pub runs_at_once: u32,
    /// Steps begun within a minute.
    pub runs_per_minute: u32,
    /// Time on a processor, of all steps together, within an hour.
    pub cpu_per_hour: Duration,
    /// Messages, runs, logs and collections on disk, in bytes.
    pub stored_bytes: u64,
    /// HTTP requests that are being answered at the same moment.
    pub requests_at_once: u32,
    /// What one load of the project takes in all.
    pub loading: Duration,
}

impl Default for Quota {
    fn default() -> Quota {
        let none = Quota {
            runs_at_once: 0,
            runs_per_minute: 0,
            cpu_per_hour: Duration::ZERO,
            stored_bytes: 0,
            requests_at_once: 0,
            loading: Duration::ZERO,
        };
        with_defaults(none, QUOTAS)
    }
}

/// One quota.
pub type QuotaInfo = Amount<Quota>;

impl Amount<Quota> {
    /// The quota of this name.
    pub fn named(name: &str) -> Option<&'static QuotaInfo> {
        QUOTAS.iter().find(|info| info.name == name)
    }
}

fn count(amount: u64) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

/// Every quota, in the order of the documentation.
pub const QUOTAS: &[QuotaInfo] = &[
    Amount {
        name: "runs_at_once",
        unit: Unit::Count,
        // As many as there are places that all tenants share.
        default: 8,
        smallest: 1,
        // Those and its own.
        largest: 9,
        about: "Runs of the tenant that go on at the same moment; of each, one step after another.",
        reached: "Others wait in the tenant's own queue.",
        get: |quota| u64::from(quota.runs_at_once),
        set: |quota, amount| quota.runs_at_once = count(amount),
    },
    Amount {
        name: "runs_per_minute",
        unit: Unit::Count,
        // Ten in a second, a busy district's forms; a small machine does some hundred.
        default: 600,
        smallest: 1,
        largest: 1_000_000,
        about: "Steps of the tenant that begin within a minute, of which a run has one or more; as many may begin at once after a pause.",
        reached: "Others wait in the tenant's own queue until their turn.",
        get: |quota| u64::from(quota.runs_per_minute),
        set: |quota, amount| quota.runs_per_minute = count(amount),
    },
    Amount {
        name: "cpu_per_hour",
        unit: Unit::Time,
        // Half of one processor.
        default: 30 * 60 * 1000,
        smallest: 1000,
        largest: 256 * 3600 * 1000,
        about: "Time on a processor of all the tenant's steps together, within an hour.",
        reached: "Steps wait until enough of the hour has passed; those that run go on to their own limits.",
        get: |quota| milliseconds(quota.cpu_per_hour),
        set: |quota, amount| quota.cpu_per_hour = Duration::from_millis(amount),
    },
    Amount {
        name: "stored",
        unit: Unit::Bytes,
        default: 10 << 30,
        smallest: 1 << 20,
        largest: 16 << 40,
        about: "What the tenant keeps on disk: messages, runs, logs, dataclips and collections.",
        reached: "Messages are refused with 507, clocks start nothing, and collections take no more; what was accepted waits until there is room, except for the steps that run.",
        get: |quota| quota.stored_bytes,
        set: |quota, amount| quota.stored_bytes = amount,
    },
    Amount {
        name: "requests_at_once",
        unit: Unit::Count,
        // A quarter of the connections that the listener takes.
        default: 256,
        smallest: 1,
        largest: 1024,
        about: "HTTP requests to the tenant's addresses that are being answered at the same moment.",
        reached: "Others are refused with 503 and `Retry-After`.",
        get: |quota| u64::from(quota.requests_at_once),
        set: |quota, amount| quota.requests_at_once = count(amount),
    },
    Amount {
        name: "loading",
        unit: Unit::Time,
        // What one guest may take to compile. A hundred usual jobs take some seconds; an adaptor made from Python half a
        // minute, once.
        default: 5 * 60 * 1000,
        smallest: 1000,
        largest: 3600 * 1000,
        about: "Time that one load of the tenant's project takes, at the start or after a change: compiling what is new of its adaptors, jobs and conditions. Waiting for its turn is not counted.",
        reached: "The rest is not loaded, which is a problem of the project; the next change of its files goes on with it.",
        get: |quota| milliseconds(quota.loading),
        set: |quota, amount| quota.loading = Duration::from_millis(amount),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_can_be_set_to_its_bounds_and_no_further() {
        for info in QUOTAS {
            let mut quota = Quota::default();
            assert_eq!(info.value(&quota), info.default, "{}", info.name);
            for amount in [info.smallest, info.largest] {
                assert!(info.set(&mut quota, amount), "{}", info.name);
                assert_eq!(info.value(&quota), amount, "{}", info.name);
            }
            for amount in [info.smallest - 1, info.largest + 1] {
                assert!(!info.set(&mut quota, amount), "{}", info.name);
            }
        }
    }
}
