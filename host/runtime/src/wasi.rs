//! The outside by `wasi:http` 0.2: many requests at once, polled together.
//!
//! ```text
//! send ──▶ queued ──▶ under way (exchange.rs) ──▶ ended ──▶ wait
//! ```

mod errors;
mod exchange;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{self, Pollable};
use wasip2::random::random;

use crate::outside::{Ended, Outside, Request, RequestId};
use exchange::Exchange;

/// Each takes up to eight handles of the 4,096 that a guest may hold; a far side seldom likes more.
const AT_ONCE_MAX: usize = 64;

/// The host's network.
#[derive(Default)]
pub(crate) struct Wasi(RefCell<Requests>);

impl Outside for Wasi {
    fn send(&self, id: RequestId, request: Request) {
        let mut requests = self.0.borrow_mut();
        requests.queued.push_back((id, request));
        // Now and not when the job waits: what it computes meanwhile costs the request nothing.
        requests.start();
    }

    fn wait(&self, at_most: Option<Duration>) -> Vec<Ended> {
        self.0.borrow_mut().wait(at_most)
    }

    fn random_bits(&self) -> u64 {
        random::get_random_u64()
    }
}

#[derive(Default)]
struct Requests {
    queued: VecDeque<(RequestId, Request)>,
    under_way: Vec<Exchange>,
    ended: Vec<Ended>,
}

impl Requests {
    fn start(&mut self) {
        while self.under_way.len() < AT_ONCE_MAX {
            let Some((id, request)) = self.queued.pop_front() else {
                return;
            };
            match Exchange::begin(id, request) {
                Ok(exchange) => self.under_way.push(exchange),
                Err(error) => self.ended.push((id, Err(error))),
            }
        }
    }

    fn wait(&mut self, at_most: Option<Duration>) -> Vec<Ended> {
        let until = at_most.map(|time| monotonic_clock::now().saturating_add(nanoseconds(time)));
        loop {
            self.start();
            self.advance();
            let late = until.is_some_and(|until| until <= monotonic_clock::now());
            if late || !self.ended.is_empty() || self.under_way.is_empty() {
                return std::mem::take(&mut self.ended);
            }
            self.block(until);
        }
    }

    /// Takes every exchange as far as it goes without waiting.
    fn advance(&mut self) {
        let mut at = 0;
        while let Some(exchange) = self.under_way.get_mut(at) {
            match exchange.advance() {
                None => at += 1,
                Some(ended) => {
                    let id = self.under_way.remove(at).id;
                    self.ended.push((id, ended));
                }
            }
        }
    }

    /// Waits until an exchange can go on, the earliest deadline has come, or `until` has.
    fn block(&self, until: Option<u64>) {
        let deadlines = self.under_way.iter().map(|exchange| exchange.deadline);
        let Some(wake) = deadlines.chain(until).min() else {
            return;
        };
        let mut pollables = vec![monotonic_clock::subscribe_instant(wake)];
        pollables.extend(self.under_way.iter().flat_map(Exchange::pollables));
        poll::poll(&pollables.iter().collect::<Vec<&Pollable>>());
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
