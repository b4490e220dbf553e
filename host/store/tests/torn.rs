//! Files that were damaged while nobody had them open: a log that ends in the middle, bytes that have changed, pages that
//! are gone. What is whole is there; what cannot be read is refused in words, and never taken for an empty store.

const STORE: common::Kind = common::Kind::File;
#[path = "suite/common.rs"]
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::*;
use fonio_store::{RunSearch, Store, StoreError, StoreOptions};
use tempfile::TempDir;

/// The data directory of the process that is killed; in every other there is none.
const TO_BE_KILLED: &str = "FONIO_STORE_TEST_DIR";
/// So many that the log was folded into the file a few times before.
const ACKNOWLEDGED: usize = 4_000;
const DAMAGES: u64 = 24;

/// Accepts, claims and settles until it is killed, and says what it has acknowledged.
async fn work_until_killed(dir: &Path) {
    let store = Store::open(dir, StoreOptions::default()).expect("the store opens");
    for _ in 0..4 {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                begin(&store, &"7".repeat(300), "a").await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nack")
                    .and_then(|()| out.flush())
                    .expect("the parent reads");
            }
        });
    }
    loop {
        store.wait_for_work().await;
        for claimed in store.claim(4).await.expect("a claim") {
            let settled = store.settle(claimed.step, success("1", &[])).await;
            settled.expect("a settlement");
        }
    }
}

/// The files of a host that was killed at work, and how many messages it had acknowledged by then.
fn killed_at_work(test: &str) -> (TempDir, usize) {
    let dir = TempDir::new().expect("a temporary directory");
    let mut host = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(TO_BE_KILLED, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a host");
    let lines = BufReader::new(host.stdout.take().expect("its output"))
        .lines()
        .map_while(Result::ok);
    let mut acknowledged = lines.filter(|line| line == "ack");
    let first = acknowledged.by_ref().take(ACKNOWLEDGED).count();
    host.kill().expect("a kill");
    host.wait().expect("its end");
    (dir, first + acknowledged.count())
}

/// Marsaglia's xorshift: the same damage in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("it is below a size")
    }
}

/// SQLite's log as its documentation has it: a head of 32 bytes, then frames of 24 bytes and a page; a frame that ends a
/// commit says how many pages the file has then.
struct Log {
    bytes: Vec<u8>,
}

const HEAD: usize = 32;

impl Log {
    fn frame(&self) -> usize {
        24 + self.number(8)
    }

    fn number(&self, at: usize) -> usize {
        let four = self.bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(four) as usize
    }

    /// Where each commit ends.
    fn commits(&self) -> Vec<usize> {
        let salt = &self.bytes[16..24];
        let frames = (HEAD..).step_by(self.frame());
        frames
            .take_while(|at| at + self.frame() <= self.bytes.len())
            .take_while(|at| &self.bytes[at + 8..at + 16] == salt)
            .filter(|at| self.number(at + 4) > 0)
            .map(|at| at + self.frame())
            .collect()
    }
}

/// What the tables hold, as SQLite itself reads them.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    messages: i64,
    runs: i64,
    queue: i64,
    steps: i64,
}

impl Held {
    fn in_file(file: &Path) -> Held {
        let conn = rusqlite::Connection::open(file).expect("the file");
        let count = |table: &str| {
            let rows = format!("SELECT count(*) FROM {table}");
            conn.query_row(&rows, [], |row| row.get(0))
                .expect("a count")
        };
        Held {
            messages: count("messages"),
            runs: count("runs"),
            queue: count("queue"),
            steps: count("steps"),
        }
    }
}

fn copy(from: &Path, log: &[u8]) -> (TempDir, PathBuf) {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("fonio.db");
    fs::copy(from.join("fonio.db"), &file).expect("a copy");
    fs::write(dir.path().join("fonio.db-wal"), log).expect("a log");
    (dir, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_keeps_every_commit_before_the_damage() {
    let name = "a_torn_log_keeps_every_commit_before_the_damage";
    if let Some(dir) = std::env::var_os(TO_BE_KILLED) {
        return work_until_killed(dir.as_ref()).await;
    }
    let (dir, acknowledged) = killed_at_work(name);
    let whole = fs::read(dir.path().join("fonio.db-wal")).expect("a log");
    let log = Log { bytes: whole };
    let commits = log.commits();
    assert!(commits.len() > 10, "{} commits to tear", commits.len());
    let end = *commits.last().expect("there are some");
    let all = {
        let (_copy, file) = copy(dir.path(), &log.bytes);
        Held::in_file(&file)
    };
    assert!(all.messages >= acknowledged as i64, "{all:?}");
    let folded = {
        let (_copy, file) = copy(dir.path(), &[]);
        Held::in_file(&file)
    };
    assert!(folded.messages > 0, "the log was never folded in");

    let mut dice = Dice(0x5EED_F0A1);
    for damage in 0..DAMAGES {
        // From its head to its last bytes, and there more often.
        let from = if damage % 3 == 0 { 0 } else { end * 9 / 10 };
        let at = from + dice.below(end - from);
        let mut torn = log.bytes.clone();
        if damage % 2 == 0 {
            torn.truncate(at);
        } else {
            let last = (at + 1 + dice.below(64)).min(torn.len());
            torn[at..last].iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        let whole_until = commits.iter().rev().find(|end| **end <= at).copied();
        let kept = match whole_until {
            Some(until) if at >= HEAD => {
                let (_copy, file) = copy(dir.path(), &log.bytes[..until]);
                Held::in_file(&file)
            }
            _ => Held::in_file(&copy(dir.path(), &[]).1),
        };
        let (damaged, file) = copy(dir.path(), &torn);
        let store = Store::open(damaged.path(), StoreOptions::default());
        let store = store.unwrap_or_else(|error| panic!("damage at {at}: {error}"));
        assert_eq!(store.queued() as i64, kept.queue);
        let counts = store.counts().await.expect("counts");
        assert_eq!(counts.messages as i64, kept.messages);
        assert_eq!(counts.runs as i64, kept.runs);
        assert_eq!(counts.runs_succeeded as i64, kept.steps);
        assert_eq!(counts.runs_open as i64, kept.queue, "each has its step");
        let run = begin(&store, "1", "a").await;
        assert_eq!(run.0, kept.runs + 1, "it goes on where it was");
        store.close().await;
        drop(store);
        assert_eq!(Held::in_file(&file).messages, kept.messages + 1);
    }
}

/// What a clock has left in a file: its ticks, the runs it has started, and the state that the next begins with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ticked {
    ticked_ms: i64,
    tick_run: i64,
    runs: i64,
    last_run: i64,
    last_success: i64,
    cursor_of: i64,
    cursors: i64,
}

impl Ticked {
    fn in_file(file: &Path) -> Ticked {
        let conn = rusqlite::Connection::open(file).expect("the file");
        let number = |column: &str, of: &str| {
            let asked = format!("SELECT coalesce({column}, 0) FROM {of}");
            let number = conn.query_row(&asked, [], |row| row.get(0));
            number.expect("a number")
        };
        Ticked {
            ticked_ms: number("max(tick_ms)", "clocks"),
            tick_run: number("max(tick_run)", "clocks"),
            runs: number("count(*)", "runs"),
            last_run: number("max(id)", "runs"),
            last_success: number("max(id)", "runs WHERE status = 2"),
            cursor_of: number("max(run)", "final_states"),
            cursors: number(
                "count(*)",
                "final_states f JOIN dataclips d ON d.id = f.output",
            ),
        }
    }
}

/// A log that ends with any of its commits is that of a host that was killed after it.
#[tokio::test]
async fn between_any_two_commits_a_tick_has_its_run_and_the_cursor_is_that_of_the_last_success() {
    let dir = directory();
    // So that the log has nothing in it but what comes now.
    open(&dir).close().await;
    let store = open(&dir);
    let mut last = None;
    for tick in 1..=20 {
        let at = tick * 60_000;
        let started = store.start_tick("clock", last, at, run_of(&["a"])).await;
        assert!(started.expect("a start").is_some());
        last = Some(at);
        let ended = match tick % 3 {
            0 => failure(&[]),
            _ => success(&tick.to_string(), &[]),
        };
        settle_next(&store, ended).await;
    }
    let log = Log {
        bytes: fs::read(dir.path().join("fonio.db-wal")).expect("a log"),
    };
    let mut seen = Vec::new();
    for end in log.commits() {
        let (_copy, file) = copy(dir.path(), &log.bytes[..end]);
        let found = Ticked::in_file(&file);
        assert_eq!(
            (found.ticked_ms, found.tick_run, found.cursor_of),
            (found.runs * 60_000, found.last_run, found.last_success),
            "{found:?}"
        );
        assert_eq!(found.cursors, i64::from(found.cursor_of > 0), "{found:?}");
        seen.push(found);
    }
    let last = seen.last().expect("a commit");
    assert_eq!((last.runs, last.cursor_of), (20, 20));
    seen.dedup();
    assert!(
        seen.len() >= 34,
        "each start and success was seen alone: {}",
        seen.len()
    );
}

/// A store with some runs in it, closed in order: everything is in the file.
async fn closed() -> Place {
    let dir = directory();
    let store = open(&dir);
    for n in 0..400 {
        begin(&store, &n.to_string().repeat(200), "a").await;
        settle_next(&store, success("1", &[])).await;
    }
    store.close().await;
    dir
}

fn refused(dir: &Path) -> StoreError {
    let refused = Store::open(dir, StoreOptions::default()).expect_err("a refusal");
    let said = refused.to_string();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");
    assert!(
        said.contains("fonio.db") && said.contains("restore a backup"),
        "{said}"
    );
    refused
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_refused() {
    let dir = closed().await;
    let file = dir.path().join("fonio.db");
    let bytes = fs::read(&file).expect("the file");
    for part in [100, bytes.len() / 2, bytes.len() - 4096] {
        fs::write(&file, &bytes[..part]).expect("a part");
        refused(dir.path());
    }
    fs::write(&file, &bytes).expect("all of it");
    assert_eq!(open(&dir).counts().await.expect("counts").messages, 400);
}

/// SQLite would take the two for a new store, and delete the log.
#[tokio::test]
async fn a_log_without_its_file_is_refused_and_kept() {
    let dir = directory();
    let store = open(&dir);
    begin(&store, "1", "a").await;
    let lost = dir.copied();
    let file = lost.path().join("fonio.db");
    let log = fs::read(lost.path().join("fonio.db-wal")).expect("a log");
    fs::write(&file, "").expect("an empty file");
    let said = refused(lost.path()).to_string();
    assert!(said.contains("fonio.db-wal"), "{said}");
    fs::remove_file(&file).expect("it is there");
    refused(lost.path());
    let kept = fs::read(lost.path().join("fonio.db-wal"));
    assert_eq!(kept.expect("the log is there still"), log);
}

/// SQLite has no checksums on pages: what lies in a page that was written over is lost, but no error is another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_were_written_over_are_answered_with_words_or_not_at_all() {
    let dir = closed().await;
    let bytes = fs::read(dir.path().join("fonio.db")).expect("the file");
    let pages = bytes.len() / 4096;
    let mut refusals = 0;
    for page in 0..pages {
        let damaged = TempDir::new().expect("a temporary directory");
        let mut with_hole = bytes.clone();
        with_hole[page * 4096..][..4096].fill(0xff);
        fs::write(damaged.path().join("fonio.db"), with_hole).expect("a file");
        let store = match Store::open(damaged.path(), StoreOptions::default()) {
            Ok(store) => store,
            Err(error) => {
                assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
                refusals += 1;
                continue;
            }
        };
        let sent = store.accept(message("1"), vec![run_of(&["a"])]).await;
        let listed = store.search(RunSearch {
            limit: 1_000,
            ..RunSearch::default()
        });
        for answer in [sent.map(drop), listed.await.map(drop)] {
            if let Err(error) = answer {
                assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 0, "no damage was noticed");
}
