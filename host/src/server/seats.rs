//! Places for connections. When all are taken, the connection that has kept its place waiting makes room for the next.
//!
//! ```text
//! made ─▶ rests ── a whole head ─▶ answered ── its body has not come ─▶ comes
//!           ▲                      │      ▲                              │
//!           └──── a reply ─────────┘      └──────── the whole of it ─────┘
//! ```
//!
//! One that is being answered keeps its place. One that rests, or whose body has not come whole, gives it up: without this
//! whoever opens as many connections as there are places, and asks for nothing or never to the end, keeps everybody else out.
//! One address has a quarter of the places, unless it speaks for many: a proxy's, and this machine's own.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use fonio_access::network;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// One address has one in so many of the places.
const ADDRESS_PART: usize = 4;
/// Who came this lately has had no time to ask for anything yet, and goes after those whose bodies do not come: else a flood
/// of these would close every other connection before its first request is there.
const NEW: Duration = Duration::from_secs(1);

/// The places of a listener.
#[derive(Debug)]
pub struct Seats {
    free: Arc<Semaphore>,
    of_address: usize,
    table: Mutex<Table>,
    /// Told when a connection begins to keep its place waiting.
    waits: Notify,
}

/// What a connection's place waits for: in this order connections make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    Request,
    Body,
}

/// By what a place waits for, and since when.
type Turn = (For, u64);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    waiting: BTreeMap<Turn, Waiting>,
    /// Places of each address that has one, and does not speak for many.
    held: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    from: Option<IpAddr>,
    leave: Arc<Notify>,
}

/// A connection's place.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    /// Whose share it is of; nobody's where one address speaks for many.
    from: Option<IpAddr>,
    /// Its turn among those that wait; none while it is answered.
    turn: Mutex<Option<Turn>>,
    leave: Arc<Notify>,
    place: Option<OwnedSemaphorePermit>,
}

tokio::task_local! {
    /// Of the connection whose request is answered here.
    pub static SEAT: Arc<Seat>;
}

/// Whose share a connection from here is of: nobody's if the address speaks for many, as that of a proxy does and, because a
/// proxy may be on this machine, a loopback one.
pub fn share_of(address: IpAddr, behind_proxy: bool) -> Option<IpAddr> {
    let many = behind_proxy || address.to_canonical().is_loopback();
    (!many).then(|| network(address))
}

/// Awaits the body of the request that is being answered. Until it is there, the connection may be closed for another; it
/// is then certain that nothing of the request is done.
pub async fn while_it_comes<T>(body: impl Future<Output = T>) -> T {
    let mut body = pin!(body);
    // Most came with their heads.
    let first = std::future::poll_fn(|context| Poll::Ready(body.as_mut().poll(context))).await;
    if let Poll::Ready(come) = first {
        return come;
    }
    // There is none where no listener is, as in tests.
    let seat = SEAT.try_with(Arc::clone).ok();
    if let Some(seat) = &seat {
        seat.waits_for(For::Body);
    }
    let come = body.await;
    if seat.is_some_and(|seat| !seat.rise()) {
        // It is given up to another, and this ends with it.
        std::future::pending::<()>().await;
    }
    come
}

impl Seats {
    /// So many.
    pub fn new(most: usize) -> Arc<Seats> {
        Arc::new(Seats {
            free: Arc::new(Semaphore::new(most)),
            of_address: most / ADDRESS_PART,
            table: Mutex::default(),
            waits: Notify::new(),
        })
    }

    /// A place for a connection that was just made, which is given up by another if need be; of `from`'s share. It waits only
    /// while every connection is being answered. None if `from` has its share, and all of that is being answered.
    pub async fn take(self: &Arc<Seats>, from: Option<IpAddr>) -> Option<Arc<Seat>> {
        if let Some(address) = from
            && lock(&self.table).held(address) >= self.of_address
            && !self.close_first(|waiting| waiting.from == from)
        {
            return None;
        }
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
                    () = self.waits.notified() => {}
                },
            }
        };
        if let Some(address) = from {
            *lock(&self.table).held.entry(address).or_default() += 1;
        }
        let seat = Seat {
            seats: Arc::clone(self),
            from,
            turn: Mutex::new(None),
            leave: Arc::default(),
            place: Some(place),
        };
        seat.rest();
        Some(Arc::new(seat))
    }

    /// Has the connection closed whose turn it is; no if all are being answered.
    pub fn make_room(&self) -> bool {
        self.close_first(|_| true)
    }

    /// The one that has rested longest, else the one whose body has taken longest to come.
    fn close_first(&self, among: impl Fn(&Waiting) -> bool) -> bool {
        let mut table = lock(&self.table);
        let first = |from: Turn, until: Turn| {
            let mut waiting = table.waiting.range(from..until);
            let found = waiting.find(|(_, waiting)| among(waiting))?;
            Some((*found.0, found.1.since))
        };
        let rests = first((For::Request, 0), (For::Body, 0));
        let comes = first((For::Body, 0), (For::Body, u64::MAX));
        let turn = match (rests, comes) {
            (Some((_, since)), Some((comes, _))) if since.elapsed() < NEW => comes,
            (Some((rests, _)), _) => rests,
            (None, Some((comes, _))) => comes,
            (None, None) => return false,
        };
        let closed = table.waiting.remove(&turn);
        closed
            .inspect(|waiting| waiting.leave.notify_one())
            .is_some()
    }
}

impl Table {
    fn held(&self, address: IpAddr) -> usize {
        self.held.get(&address).copied().unwrap_or_default()
    }
}

impl Seat {
    /// It rests from now on.
    pub fn rest(&self) {
        self.waits_for(For::Request);
    }

    fn waits_for(&self, what: For) {
        let mut table = lock(&self.seats.table);
        let turn = (what, table.next);
        table.next += 1;
        let waiting = Waiting {
            since: Instant::now(),
            from: self.from,
            leave: Arc::clone(&self.leave),
        };
        table.waiting.insert(turn, waiting);
        *lock(&self.turn) = Some(turn);
        self.seats.waits.notify_one();
    }

    /// Resolves when it is given up to another.
    pub async fn given_up(&self) {
        self.leave.notified().await;
    }

    /// It is answered from now on; no if it has been given up to another meanwhile, which is then certain: nothing of the
    /// request is done.
    pub fn rise(&self) -> bool {
        let turn = lock(&self.turn).take();
        turn.is_none_or(|turn| lock(&self.seats.table).waiting.remove(&turn).is_some())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.rise();
        if let Some(address) = self.from {
            let mut table = lock(&self.seats.table);
            let left = table.held(address).saturating_sub(1);
            if left == 0 {
                table.held.remove(&address);
            } else {
                table.held.insert(address, left);
            }
        }
        // Free only now that the address has it no more.
        self.place = None;
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    async fn is_ready<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        let mut future = std::pin::Pin::new(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
    }

    async fn taken(seats: &Arc<Seats>) -> Arc<Seat> {
        seats.take(None).await.expect("a place")
    }

    #[tokio::test]
    async fn the_one_that_rests_longest_makes_room_and_does_nothing_more() {
        let seats = Seats::new(2);
        let (first, second) = (taken(&seats).await, taken(&seats).await);
        assert!(first.rise());
        first.rest();
        let mut third = Box::pin(taken(&seats));
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
        let busy = taken(&seats).await;
        assert!(busy.rise());
        let mut next = Box::pin(taken(&seats));
        assert!(!is_ready(&mut next).await);
        busy.rest();
        assert!(!is_ready(&mut next).await, "it is asked to leave first");
        busy.given_up().await;
        drop(busy);
        next.await;
    }

    #[tokio::test]
    async fn who_has_just_come_keeps_its_place_before_one_whose_body_does_not_come() {
        let seats = Seats::new(2);
        let (slow, new) = (taken(&seats).await, taken(&seats).await);
        assert!(slow.rise());
        slow.waits_for(For::Body);
        assert!(seats.make_room());
        slow.given_up().await;
        assert!(!slow.rise() && new.rise());
    }

    #[tokio::test]
    async fn who_has_rested_for_a_while_makes_room_before_one_whose_body_comes() {
        let seats = Seats::new(2);
        let (slow, idle) = (taken(&seats).await, taken(&seats).await);
        assert!(slow.rise());
        slow.waits_for(For::Body);
        for waiting in lock(&seats.table).waiting.values_mut() {
            waiting.since -= NEW;
        }
        assert!(seats.make_room());
        idle.given_up().await;
        assert!(slow.rise() && !idle.rise());
    }

    type Reading = std::pin::Pin<Box<dyn Future<Output = Result<(), oneshot::error::RecvError>>>>;

    /// A request of whose body nothing has come yet.
    async fn body_on_its_way(seat: &Arc<Seat>) -> (oneshot::Sender<()>, Reading) {
        let (send, body) = oneshot::channel();
        let mut reading: Reading = Box::pin(SEAT.scope(Arc::clone(seat), while_it_comes(body)));
        assert!(!is_ready(&mut reading).await, "nothing has come");
        (send, reading)
    }

    #[tokio::test]
    async fn a_request_whose_place_was_given_up_while_its_body_came_goes_no_further() {
        let seats = Seats::new(1);
        let seat = taken(&seats).await;
        assert!(seat.rise());
        let (send, mut reading) = body_on_its_way(&seat).await;
        assert!(seats.make_room());
        send.send(()).expect("it is waited for");
        assert!(!is_ready(&mut reading).await, "it is not done");
        seat.given_up().await;
    }

    #[tokio::test]
    async fn a_request_whose_body_is_there_keeps_its_place() {
        let seats = Seats::new(1);
        let seat = taken(&seats).await;
        assert!(seat.rise());
        let (send, reading) = body_on_its_way(&seat).await;
        send.send(()).expect("it is waited for");
        assert_eq!(reading.await, Ok(()));
        assert!(!seats.make_room(), "it is being answered");
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_takes_more_from_itself_alone() {
        let seats = Seats::new(8);
        let [greedy, other] = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().ok());
        let modest = seats.take(other).await.expect("a place");
        let first = seats.take(greedy).await.expect("a place");
        let second = seats.take(greedy).await.expect("a place");
        let third = seats.take(greedy).await.expect("one of its own makes room");
        first.given_up().await;
        drop(first);
        assert!(second.rise() && third.rise() && modest.rise());
        assert!(seats.take(greedy).await.is_none(), "both are answered");
        drop(second);
        assert!(seats.take(greedy).await.is_some());
        assert!(
            seats.take(None).await.is_some(),
            "many have no share to fill"
        );
    }

    #[test]
    fn an_address_that_speaks_for_many_is_nobodys_share() {
        let of = |text: &str, proxy| share_of(text.parse().expect("an address"), proxy);
        assert_eq!(of("127.0.0.2", false), None);
        assert_eq!(of("::ffff:127.0.0.1", false), None);
        assert_eq!(of("192.0.2.1", true), None);
        assert_eq!(of("2001:db8::1", false), of("2001:db8::2", false));
        assert_ne!(of("192.0.2.1", false), of("192.0.2.2", false));
    }
}
