//! Waiting for what another process does.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Less than the 30 s after which a host compares its files all the same, so that an edit that it did not notice shows.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long the others leave a host alone that says nothing.
const LEASE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks until there is something, and gives it.
///
/// # Panics
/// When it does not come in 25 s, with `what`.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, look)
}

/// The same for what comes after the lease of a host that is gone, which takes 15 s by itself.
///
/// # Panics
/// When it does not come in 2 minutes, with `what`.
pub fn wait_past_a_lease<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(8 * LEASE, what, look)
}

/// The same with a limit of its own.
pub(crate) fn wait_at_most<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain for {what}"
        );
        sleep(INTERVAL);
    }
}
