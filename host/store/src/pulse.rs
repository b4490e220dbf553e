//! The thread that keeps a host alive among those that share a database: it listens, puts off the end of the host's
//! lease, and takes over from hosts that did not.

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
        let mut beat_at = Instant::now();
        while !self.closed.load(Ordering::Acquire) {
            if Instant::now() >= beat_at {
                beat_at = Instant::now() + self.lease / 3;
                self.beat().map_err(failed)?;
                if std::mem::replace(&mut self.failing, false) {
                    tracing::warn!("the database is back");
                }
            }
            let wait = LISTEN.min(beat_at.saturating_duration_since(Instant::now()));
            let news = heard(self.link.db()?, wait).map_err(failed)?;
            self.pass_on(&news);
        }
        Ok(())
    }

    fn beat(&mut self) -> Result<(), SqlError> {
        let Ok(db) = self.link.db() else {
            return Err(SqlError::NoRow);
        };
        let host = self.queue.host();
        if !hosts::stay_alive(db, host, self.lease)? {
            let host = hosts::join(db, &self.name, self.lease)?;
            tracing::warn!(
                "this host did not reach the database for so long that others took over its steps"
            );
            self.queue.begin_anew_as(host);
        }
        let taken_over = hosts::take_over(db)?;
        if taken_over > 0 {
            tracing::warn!(steps = taken_over, "took over from a host that is gone");
            hosts::tell_of_work(db, Some(&self.channel))?;
        }
        let look = self.queue.look();
        let (waiting, held) = hosts::count_waiting(db, self.queue_max + 1)?;
        self.queue.counted(&look, waiting, held);
        Ok(())
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
