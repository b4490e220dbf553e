//! Places for connections. When all are taken, the connection that has rested longest makes room for the next.
//!
//! A connection rests from when it is made, or its last reply is there, until its next request has a whole head. Without
//! this whoever opens as many connections as there are places, and asks for nothing, keeps everybody else out; with a number
//! for each address, so would the first people behind a proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The places of a listener.
#[derive(Debug)]
pub struct Seats {
    free: Arc<Semaphore>,
    resting: Mutex<Resting>,
    /// Told when a connection begins to rest.
    rested: Notify,
}

/// The connections that rest, by when they began to: the first has done so longest.
#[derive(Debug, Default)]
struct Resting {
    next: u64,
    by_turn: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    /// Its turn among those that rest; none while it is asked for something.
    turn: Mutex<Option<u64>>,
    leave: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Seats {
    /// So many.
    pub fn new(most: usize) -> Arc<Seats> {
        Arc::new(Seats {
            free: Arc::new(Semaphore::new(most)),
            resting: Mutex::default(),
            rested: Notify::new(),
        })
    }

    /// A place for a connection that was just made, which is given up by another if need be. It waits only while every
    /// connection is being answered.
    pub async fn take(self: &Arc<Seats>) -> Arc<Seat> {
        let place = loop {
            match Arc::clone(&self.free).try_acquire_owned() {
                Ok(place) => break place,
                Err(_) if self.make_room() => {
                    // It is on its way out.
                    if let Ok(place) = Arc::clone(&self.free).acquire_owned().await {
                        break place;
                    }
                }
                Err(_) => tokio::select! {
                    Ok(place) = Arc::clone(&self.free).acquire_owned() => break place,
                    () = self.rested.notified() => {}
                },
            }
        };
        let seat = Seat {
            seats: Arc::clone(self),
            turn: Mutex::new(None),
            leave: Arc::default(),
            _place: place,
        };
        seat.rest();
        Arc::new(seat)
    }

    /// Has the connection that rests longest closed; no if none rests.
    pub fn make_room(&self) -> bool {
        let longest = lock(&self.resting).by_turn.pop_first();
        longest.inspect(|(_, leave)| leave.notify_one()).is_some()
    }
}

impl Seat {
    /// It rests from now on.
    pub fn rest(&self) {
        let mut resting = lock(&self.seats.resting);
        let turn = resting.next;
        resting.next += 1;
        resting.by_turn.insert(turn, Arc::clone(&self.leave));
        *lock(&self.turn) = Some(turn);
        self.seats.rested.notify_one();
    }

    /// Resolves when it is given up to another.
    pub async fn given_up(&self) {
        self.leave.notified().await;
    }

    /// It is asked for something; no if it has been given up to another meanwhile, which is then certain: nothing of the
    /// request is done.
    pub fn rise(&self) -> bool {
        let turn = lock(&self.turn).take();
        turn.is_none_or(|turn| lock(&self.seats.resting).by_turn.remove(&turn).is_some())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.rise();
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::Poll;

    use super::*;

    async fn is_ready<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        std::future::poll_fn(|context| {
            Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready())
        })
        .await
    }

    #[tokio::test]
    async fn the_one_that_rests_longest_makes_room_and_does_nothing_more() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take().await, seats.take().await);
        assert!(first.rise());
        first.rest();
        let mut third = Box::pin(seats.take());
        assert!(!is_ready(&mut third).await, "nobody has left yet");
        second.given_up().await;
        assert!(!second.rise(), "its place is another's");
        drop(second);
        let third = third.await;
        assert!(first.rise() && third.rise());
    }

    #[tokio::test]
    async fn none_that_is_being_answered_makes_room_until_it_rests() {
        let seats = Seats::new(1);
        let busy = seats.take().await;
        assert!(busy.rise());
        let mut next = Box::pin(seats.take());
        assert!(!is_ready(&mut next).await);
        busy.rest();
        assert!(!is_ready(&mut next).await, "it is asked to leave");
        busy.given_up().await;
        drop(busy);
        assert!(is_ready(&mut next).await);
    }
}
