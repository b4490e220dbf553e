//! Places for steps, shared fairly: whoever waits longest is next, and every tenant has one place that nobody else takes.
//!
//! With shared places alone, a tenant whose steps take their whole time would make its neighbours wait that long for their
//! first.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a host.
#[derive(Clone, Debug)]
pub struct Places {
    shared: Arc<Semaphore>,
}

/// What one tenant has of them: its own, and its turn for the shared ones.
#[derive(Debug)]
pub struct Share {
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

/// A place for one step; dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many, for all.
    pub fn new(shared: usize) -> Places {
        Places {
            shared: Arc::new(Semaphore::new(shared)),
        }
    }

    /// For a project that has the host to itself.
    pub fn all(&self) -> Share {
        self.share(0)
    }

    /// For one tenant of several.
    pub fn of_tenant(&self) -> Share {
        self.share(1)
    }

    fn share(&self, own: usize) -> Share {
        Share {
            own: Arc::new(Semaphore::new(own)),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Share {
    /// Waits for a place, and takes as many more as nobody waits for, `most` in all.
    pub async fn take(&self, most: usize) -> Vec<Place> {
        let first = tokio::select! {
            biased;
            own = Arc::clone(&self.own).acquire_owned() => own,
            // Those who wait are served in the order in which they came; each tenant waits once.
            shared = Arc::clone(&self.shared).acquire_owned() => shared,
        };
        // Neither is ever closed.
        let mut places: Vec<Place> = first.into_iter().map(Place::new).collect();
        while places.len() < most {
            match Arc::clone(&self.shared).try_acquire_owned() {
                Ok(permit) => places.push(Place::new(permit)),
                Err(_) => break,
            }
        }
        places
    }
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Place {
        Place { _permit: permit }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;

    #[tokio::test]
    async fn a_tenant_has_a_place_whatever_its_neighbours_do() {
        let places = Places::new(2);
        let (greedy, modest) = (places.of_tenant(), places.of_tenant());
        let taken = greedy.take(100).await;
        assert_eq!(taken.len(), 3, "its own and the shared ones");
        assert_eq!(modest.take(100).await.len(), 1, "its own");
    }

    #[tokio::test]
    async fn those_who_wait_are_served_before_whoever_asks_for_more() {
        let places = Places::new(1);
        let (greedy, modest) = (places.all(), places.all());
        let taken = greedy.take(100).await;
        let mut waiting = std::pin::pin!(modest.take(100));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "there is none left");
        drop(taken);
        let mut again = std::pin::pin!(greedy.take(100));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(again.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "it is the other's turn");
        assert_eq!(waiting.await.len(), 1);
    }
}
