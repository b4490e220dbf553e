//! `GET /api/v1/events`: what happens, as it happens, as server-sent events. Each has the number of its entry in the store's
//! journal, by which a client that was cut off goes on where it was, on this host or on another of the same store.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fonio_store::{JournalEntry, RunId, Store, StoreError};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Reply;
use crate::flow::id_of;
use crate::host::Host;

/// Readers of one project at once. Each has up to 128 KiB on its way, and a page of the journal, 256 KiB, in its hands.
pub const READERS_MAX: usize = 64;
/// How long what lasts.
const PATIENCE: Patience = Patience {
    heartbeat: Duration::from_secs(15),
    stalled: Duration::from_secs(30),
    lasts: Duration::from_secs(15 * 60),
};
/// Between looks into the journal, however much happens: 64 readers then ask 640 times a second at most.
const PACE: Duration = Duration::from_millis(100);
/// What is sent at a time, and how many of these may be on their way.
const CHUNK_BYTES: usize = 32 << 10;
const CHUNKS_MAX: usize = 4;

const KINDS: &[&str] = &[
    "message.accepted",
    "run.begun",
    "step.ended",
    "run.ended",
    "event.published",
    "project.reloaded",
];

/// Begins a feed.
pub fn open(host: &Host, headers: &HeaderMap, query: Option<&str>) -> Reply {
    let wanted = match Wanted::of(headers, query) {
        Ok(wanted) => wanted,
        Err(why) => return Reply::problem(StatusCode::BAD_REQUEST, &why),
    };
    let Ok(place) = Arc::clone(&host.readers).try_acquire_owned() else {
        return Reply::later(&format!(
            "{READERS_MAX} already follow the events of this project, which is the most"
        ));
    };
    let (to, chunks) = mpsc::channel(CHUNKS_MAX);
    let (store, stop) = (host.store.clone(), host.stop_signal());
    tokio::spawn(async move {
        let patience = PATIENCE;
        let reader = Reader {
            to,
            wanted,
            patience,
        };
        reader.serve(store, stop).await;
        drop(place);
    });
    Reply::stream("text/event-stream", chunks).header("x-accel-buffering", "no")
}

/// What a reader asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// From the entry after this one; without it, what happens from now on.
    after: Option<i64>,
    workflow: Option<String>,
    run: Option<RunId>,
    /// Empty for all.
    kinds: Vec<String>,
}

impl Wanted {
    /// What the header says is newer than what the address says, which a browser repeats when it comes back.
    fn of(headers: &HeaderMap, query: Option<&str>) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            match (name.as_ref(), value.parse::<i64>()) {
                ("after", Ok(after)) => wanted.after = Some(after),
                ("run", Ok(run)) => wanted.run = Some(RunId(run)),
                ("workflow", _) => wanted.workflow = Some(value.into_owned()),
                ("kind", _) => {
                    for kind in value.split(',') {
                        if !KINDS.contains(&kind) {
                            return Err(format!(
                                "there is no kind {kind}; there are {}",
                                KINDS.join(", ")
                            ));
                        }
                        wanted.kinds.push(kind.to_owned());
                    }
                }
                _ => {
                    return Err(format!(
                        "events takes after (an event's id), run (a run's id), workflow and kind (several with commas between), not {name}={value}"
                    ));
                }
            }
        }
        if let Some(last) = headers.get("last-event-id") {
            let last = last.to_str().ok().and_then(|last| last.parse().ok());
            let last = last.ok_or("Last-Event-ID is the id of an event: a number")?;
            wanted.after = Some(last);
        }
        Ok(wanted)
    }

    fn takes(&self, entry: &JournalEntry) -> bool {
        let what = &entry.what;
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == what.kind()))
            && (self.run.is_none() || self.run == what.run())
            && (self.workflow.is_none() || self.workflow.as_deref() == what.workflow())
    }
}

/// Why a feed ends before its time.
enum Ends {
    /// The reader has gone, or takes nothing.
    Reader,
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for Ends {
    fn from(error: StoreError) -> Ends {
        Ends::Store(error)
    }
}

struct Patience {
    /// So often something is sent where nothing happens, so that what stands between does not take the connection for dead.
    heartbeat: Duration,
    /// A reader that takes nothing for so long is dropped; it can come back for what it missed.
    stalled: Duration,
    /// A feed ends after so long, and its client, which comes back by itself, shows anew who it is.
    lasts: Duration,
}

struct Reader {
    to: mpsc::Sender<Bytes>,
    wanted: Wanted,
    patience: Patience,
}

impl Reader {
    async fn serve(self, store: Store, mut stop: watch::Receiver<bool>) {
        let ended = tokio::select! {
            ended = self.follow(&store) => ended,
            _ = stop.wait_for(|stop| *stop) => return,
            () = self.to.closed() => return,
            () = sleep(self.patience.lasts) => return,
        };
        match ended {
            Err(Ends::Store(StoreError::Closed)) | Err(Ends::Reader) | Ok(()) => {}
            Err(Ends::Store(error)) => {
                tracing::warn!(%error, "a feed of events ends, as the store cannot be read");
            }
        }
    }

    /// Ends only with an error.
    async fn follow(&self, store: &Store) -> Result<(), Ends> {
        let mut told = store.told();
        let mut at = match self.wanted.after {
            Some(after) => after,
            None => store.journal(i64::MAX).await?.newest,
        };
        self.send(format!("retry: 2000\n: the feed begins\nid: {at}\n\n"))
            .await?;
        let mut heartbeat = Instant::now() + self.patience.heartbeat;
        loop {
            let looked = Instant::now();
            told.mark_unchanged();
            let page = store.journal(at).await?;
            let mut text = String::new();
            if at < page.oldest - 1 || at > page.newest {
                // Forgotten by now, or never there: the store is another than it was.
                let to = if at > page.newest {
                    page.newest
                } else {
                    page.oldest - 1
                };
                gap(&mut text, at, to);
                at = to;
            }
            let more = !page.entries.is_empty();
            for (number, entry) in &page.entries {
                at = *number;
                if self.wanted.takes(entry) {
                    show(&mut text, *number, entry);
                }
                if text.len() >= CHUNK_BYTES {
                    self.send(std::mem::take(&mut text)).await?;
                    heartbeat = Instant::now() + self.patience.heartbeat;
                }
            }
            if !text.is_empty() {
                self.send(text).await?;
                heartbeat = Instant::now() + self.patience.heartbeat;
            }
            if more {
                continue;
            }
            tokio::select! {
                _ = told.changed() => sleep_until(looked + PACE).await,
                () = sleep_until(heartbeat) => {
                    self.send(format!(": nothing new\nid: {at}\n\n")).await?;
                    heartbeat = Instant::now() + self.patience.heartbeat;
                }
            }
        }
    }

    async fn send(&self, text: String) -> Result<(), Ends> {
        match timeout(self.patience.stalled, self.to.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ends::Reader),
        }
    }
}

/// One event. JSON has no line breaks in it, so it is one line.
fn show(text: &mut String, number: i64, entry: &JournalEntry) {
    let mut data = json!(entry);
    data["id"] = number.into();
    if let (Some(workflow), Some(key)) = (entry.what.workflow(), data["job"].as_str()) {
        data["job"] = id_of(workflow, key).to_owned().into();
    }
    let kind = entry.what.kind();
    let _ = write!(text, "id: {number}\nevent: {kind}\ndata: {data}\n\n");
}

/// What the reader has missed for good.
fn gap(text: &mut String, after: i64, to: i64) {
    let data = json!({ "after": after, "to": to });
    let _ = write!(text, "id: {to}\nevent: gap\ndata: {data}\n\n");
}

#[cfg(test)]
mod tests {
    use fonio_store::Happened;

    use super::*;

    /// A store without anything in it, in a folder that is gone when the first part is dropped.
    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path(), fonio_store::StoreOptions::default());
        (dir, store.expect("it opens"))
    }

    fn reader(patience: Patience) -> (Reader, mpsc::Receiver<Bytes>) {
        let (to, parts) = mpsc::channel(1);
        let wanted = Wanted::default();
        let reader = Reader {
            to,
            wanted,
            patience,
        };
        (reader, parts)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn where_nothing_happens_a_comment_is_sent_and_a_feed_ends_after_its_time() {
        let (_dir, store) = store();
        let (told, stop) = watch::channel(false);
        let heartbeat = Duration::from_millis(1);
        let (first, mut parts) = reader(Patience {
            heartbeat,
            ..PATIENCE
        });
        let feed = tokio::spawn(first.serve(store.clone(), stop.clone()));
        parts.recv().await.expect("it begins");
        let beat = parts.recv().await.expect("it goes on");
        assert_eq!(beat, ": nothing new\nid: 0\n\n");
        told.send_replace(true);
        feed.await.expect("it ends with the host");
        let (_told, stop) = watch::channel(false);
        let lasts = Duration::ZERO;
        let (second, _parts) = reader(Patience { lasts, ..PATIENCE });
        second.serve(store, stop).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_takes_nothing_is_dropped() {
        let (_dir, store) = store();
        let (_told, stop) = watch::channel(false);
        let quick = Duration::from_millis(1);
        let (reader, parts) = reader(Patience {
            heartbeat: quick,
            stalled: quick,
            ..PATIENCE
        });
        reader.serve(store, stop).await;
        assert_eq!(parts.len(), 1, "what it did not take");
    }

    fn wanted(query: &str, last: Option<&str>) -> Result<Wanted, String> {
        let last = last.map(|last| ("last-event-id", last));
        let pairs = last.into_iter().map(|(name, value)| {
            let value = value.parse().expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        Wanted::of(&pairs.collect(), Some(query))
    }

    #[test]
    fn the_header_is_newer_than_the_address() {
        let after = |query, last| wanted(query, last).expect("it can be asked for").after;
        assert_eq!(after("", None), None);
        assert_eq!(after("after=7", None), Some(7));
        assert_eq!(after("after=7", Some("9")), Some(9));
        for (query, last) in [
            ("after=x", None),
            ("kind=run", None),
            ("colour=red", None),
            ("", Some("x")),
        ] {
            assert!(wanted(query, last).is_err(), "{query} {last:?}");
        }
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let entry = JournalEntry {
            at_ms: 1,
            what: Happened::RunEnded {
                run: RunId(7),
                workflow: "intake".to_owned(),
                status: fonio_store::RunStatus::Succeeded,
            },
        };
        for (query, takes) in [
            ("", true),
            ("run=7", true),
            ("run=8", false),
            ("workflow=intake&kind=step.ended,run.ended", true),
            ("workflow=other", false),
            ("kind=step.ended", false),
        ] {
            let wanted = wanted(query, None).expect("it can be asked for");
            assert_eq!(wanted.takes(&entry), takes, "{query}");
        }
    }
}
