//! Steps in flight, counted for whoever stops the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of one project.
#[derive(Debug, Default)]
pub struct Flights(Arc<AtomicUsize>);

/// One step, until it is dropped.
#[derive(Debug)]
pub struct Flight(Arc<AtomicUsize>);

impl Flights {
    /// Counts one more.
    pub fn begin(&self) -> Flight {
        self.0.fetch_add(1, Ordering::Relaxed);
        Flight(Arc::clone(&self.0))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
