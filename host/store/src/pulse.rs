//! The thread that keeps a host alive among those that share a database: it listens, puts off the end of the host's
//! lease, and takes over from hosts that did not, when theirs ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::hosts::{self, News};
use crate::link::Link;
use crate::queue::Queue;
use crate::sql::{Db, SqlError};
use crate::waiters::Waiters;

/// The longest wait for news: so soon is a closed store noticed.
const LISTEN: Duration = Duration::from_millis(250);

/// Between attempts to reach a database that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread works on.
pub(crate) struct Pulse {
    pub(crate) link: Link,
    pub(crate) channel: String,
    pub(crate) name: String,
    pub(crate) lease: Duration,
    pub(crate) queue_max: u64,
    pub(crate) queue: Arc<Queue>,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) closed: Arc<AtomicBool>,
    /// So that an outage is told once, and its end.
    pub(crate) failing: bool,
}

impl Pulse {
    /// Works until the store is closed.
    pub(crate) fn run(mut self) {
        while !self.closed.load(Ordering::Acquire) {
            if let Err(error) = self.listen_and_beat() {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the database is out of reach; nothing is claimed until it is back");
                }
                std::thread::sleep(RETRY);
            }
        }
    }

    /// One session's worth: as long as nothing fails.
    fn listen_and_beat(&mut self) -> Result<(), StoreError> {
        let place = self.link.place().to_owned();
        let failed = |error: SqlError| StoreError::of(&place, "be listened to", &error);
        let channel = self.channel.clone();
        let db = self.link.db()?;
        listen(db, &channel).map_err(failed)?;
        // What was said while nobody listened.
        self.queue.hear_of_work();
        self.waiters.look_again();
        self.waiters.journal_grew();
        let (mut beat_at, mut look_at) = (Instant::now(), Instant::now());
        while !self.closed.load(Ordering::Acquire) {
            if Instant::now() >= beat_at {
                beat_at = Instant::now() + self.lease / 3;
                look_at = Instant::now() + self.beat().map_err(failed)?;
                if std::mem::replace(&mut self.failing, false) {
                    tracing::warn!("the database is back");
                }
            }
            // Hosts that live put off the end of theirs, and this one sees it at each beat: only a dead one's comes.
            if Instant::now() >= look_at {
                look_at = Instant::now() + self.take_over().map_err(failed)?;
            }
            let until = beat_at.min(look_at);
            let wait = LISTEN.min(until.saturating_duration_since(Instant::now()));
            let news = heard(self.link.db()?, wait).map_err(failed)?;
            self.pass_on(&news);
        }
        Ok(())
    }

    /// As [`Pulse::take_over`].
    fn beat(&mut self) -> Result<Duration, SqlError> {
        let db = self.link.db().map_err(|_| SqlError::NoRow)?;
        let host = self.queue.host();
        if !hosts::stay_alive(db, host, self.lease)? {
            let host = hosts::join(db, &self.name, self.lease)?;
            tracing::warn!(
                "this host did not reach the database for so long that others took over its steps"
            );
            self.queue.begin_anew_as(host);
        }
        let look_again_in = self.take_over()?;
        let db = self.link.db().map_err(|_| SqlError::NoRow)?;
        let look = self.queue.look();
        let (waiting, held) = hosts::count_waiting(db, self.queue_max.saturating_add(1))?;
        self.queue.counted(&look, waiting, held);
        Ok(look_again_in)
    }

    /// Takes over from hosts whose lease has ended. How long it is until the next lease of another does.
    fn take_over(&mut self) -> Result<Duration, SqlError> {
        let db = self.link.db().map_err(|_| SqlError::NoRow)?;
        let taken_over = hosts::take_over(db)?;
        if taken_over > 0 {
            tracing::warn!(steps = taken_over, "took over from a host that is gone");
            hosts::tell_of_work(db, Some(&self.channel))?;
        }
        let ends_in = hosts::next_end(db, self.queue.host())?;
        Ok(ends_in.unwrap_or(self.lease))
    }

    fn pass_on(&self, news: &News) {
        if news.work {
            self.queue.hear_of_work();
        }
        self.waiters.finished(&news.finished);
        if news.finished_many {
            self.waiters.look_again();
        }
        if news.journal {
            self.waiters.journal_grew();
        }
    }
}

fn listen(db: &mut Db, channel: &str) -> Result<(), SqlError> {
    match db {
        Db::Postgres(session) => session.batch(&format!("LISTEN \"{channel}\"")),
        Db::Sqlite(_) => Ok(()),
    }
}

fn heard(db: &mut Db, wait: Duration) -> Result<News, SqlError> {
    let mut news = News::default();
    if let Db::Postgres(session) = db {
        for payload in session.heard(wait)? {
            news.add(&payload);
        }
    }
    Ok(news)
}
