//! From the first signal to the end of `fonio serve`.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::{Failure, paint};
use crate::host::Host;
use crate::tenants::Sites;

/// The signals that steer the host. They are caught from the moment this is made, which is before anybody is told
/// that the host is there.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn catch() -> Result<Signals, Failure> {
        let catch = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))
        };
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Resolves on SIGTERM or SIGINT; SIGHUP asks for a reload of the projects and of the certificate.
    pub(super) async fn stop(&mut self, reload: impl Fn(), hangup: &Notify) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    reload();
                    hangup.notify_one();
                }
            }
        }
    }

    /// Resolves on another SIGTERM or SIGINT, [`ONE_SIGNAL`] after this is called or later.
    async fn again(&mut self) {
        let first = Instant::now();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            if first.elapsed() >= ONE_SIGNAL {
                return;
            }
        }
    }
}

/// At a terminal Ctrl-C reaches the host and whatever started it, which may pass it on: that is one signal, and not two.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// The shutdown: `end` in order, unless a second signal comes meanwhile.
pub(super) async fn finish(
    hosts: &[Arc<Host>],
    sites: &Sites,
    mut signals: Signals,
    end: impl Future<Output = ()>,
) {
    let in_flight = || -> usize { hosts.iter().map(|host| host.flights.count()).sum() };
    let said = match in_flight() {
        0 => "finishing what runs".to_owned(),
        steps => format!(
            "{} to finish; a second signal cuts off what has not, and it runs again at the next start",
            paint::count(steps, "step")
        ),
    };
    paint::event("stopping", &said);
    hosts.iter().for_each(|host| host.stop());
    let (mut end, mut silence) = (pin!(end), pin!(silence(hosts)));
    tokio::select! {
        () = &mut end => return,
        () = &mut silence => leave_all(in_flight()),
        () = signals.again() => {}
    }
    let steps = paint::count(in_flight(), "step");
    paint::event(
        "cut off",
        &format!("{steps}, to run again at the next start"),
    );
    sites.stop_at_once();
    tokio::select! {
        () = end => {}
        () = silence => leave_all(in_flight()),
    }
}

/// How long a database may say nothing while the host stops. Whoever waits for one that hangs waits for ever.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Resolves when a database has said nothing for [`SILENCE_MAX`].
async fn silence(hosts: &[Arc<Host>]) {
    loop {
        for host in hosts {
            if !host.store.answers_within(SILENCE_MAX).await {
                return;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Ends the process as a crash would, for which the store is made: threads that wait for the database cannot be ended
/// otherwise.
fn leave_all(in_flight: usize) -> ! {
    let steps = paint::count(in_flight, "step");
    paint::event(
        "cut off",
        &format!(
            "{steps}: the database has said nothing for {} s; they run again at the next start, or on another host",
            SILENCE_MAX.as_secs()
        ),
    );
    std::process::exit(1)
}
