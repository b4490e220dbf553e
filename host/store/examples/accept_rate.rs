//! How fast messages are accepted, beside the floor: the same thread and the same groups, inserting only the body.
//!
//! ```text
//! cargo run --release -p fonio-store --example accept_rate -- [SECONDS] [DIR]
//! ```
//!
//! On a machine that does other things too, one round says little. So short rounds alternate, in either order, and the
//! figures are medians: of each rate, and of the ratio of neighbouring rounds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fonio_store::{FirstStep, NewMessage, NewRun, Store, StoreOptions, Turn};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const BODY: &[u8] = br#"{"patient":{"id":"P-1042","name":"A. Example","born":"1990-04-01"},"visit":{"date":"2024-05-06","reason":"fever","temperature":38.4,"tests":["malaria-rdt","fbc"],"weight_kg":61.5},"clinic":"north-3","form":"intake","version":7,"submitted":"2024-05-06T08:30:00Z"}"#;
const ROUNDS: usize = 21;

type Error = Box<dyn std::error::Error>;

/// A body to store, and who waits for it.
type Insert = (Vec<u8>, oneshot::Sender<()>);

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().map_or(Ok(6.0), |text| text.parse())?;
    let parent = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    for senders in [1, 16, 256] {
        let (mut floors, mut accepts, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let dir = tempfile::tempdir_in(&parent)?;
            let duration = Duration::from_secs_f64(seconds / ROUNDS as f64);
            let floor =
                || runtime.block_on(floor_rate(&dir.path().join("floor.db"), senders, duration));
            let accept =
                || runtime.block_on(accept_rate(&dir.path().join("store"), senders, duration));
            let (floor, accept) = if round % 2 == 0 {
                let floor = floor()?;
                (floor, accept()?)
            } else {
                let accept = accept()?;
                (floor()?, accept)
            };
            floors.push(floor);
            accepts.push(accept);
            ratios.push(accept / floor);
        }
        let [floor, accept, ratio] = [floors, accepts, ratios].map(median);
        println!(
            "{senders:>4} senders: floor {floor:>8.0}/s, accept {accept:>8.0}/s, ratio {ratio:.2}"
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn accept_rate(dir: &Path, senders: usize, duration: Duration) -> Result<f64, Error> {
    let store = Store::open(
        dir,
        StoreOptions {
            queue_max: u64::MAX,
            ..StoreOptions::default()
        },
    )?;
    let rate = rate(senders, duration, {
        let store = store.clone();
        move || {
            let store = store.clone();
            async move {
                let message = NewMessage {
                    source: "inbox".to_owned(),
                    content_type: "application/json".to_owned(),
                    body: BODY.to_vec(),
                    raw: None,
                    request: None,
                    key: None,
                };
                let first = NewRun {
                    workflow: "intake".to_owned(),
                    trigger: "intake".to_owned(),
                    first: vec![FirstStep {
                        job: "register-patient".to_owned(),
                        input: None,
                    }],
                    turn: Turn::default(),
                };
                store.accept(message, vec![first]).await.is_ok()
            }
        }
    })
    .await;
    store.close().await;
    Ok(rate)
}

async fn floor_rate(file: &Path, senders: usize, duration: Duration) -> Result<f64, Error> {
    let conn = rusqlite::Connection::open(file)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.execute_batch("CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    let (inserts, waiting) = mpsc::channel::<Insert>();
    let writer = std::thread::spawn(move || insert_in_groups(&conn, &waiting));
    let inserts = Arc::new(inserts);
    let rate = rate(senders, duration, move || {
        let inserts = inserts.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            inserts.send((BODY.to_vec(), reply)).is_ok() && answer.await.is_ok()
        }
    })
    .await;
    writer.join().map_err(|_| "the floor's writer panicked")??;
    Ok(rate)
}

fn insert_in_groups(
    conn: &rusqlite::Connection,
    waiting: &mpsc::Receiver<Insert>,
) -> rusqlite::Result<()> {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(511));
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for (body, _) in &group {
            conn.prepare_cached("INSERT INTO bodies (body) VALUES (?1)")?
                .execute([body])?;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
        for (_, reply) in group {
            let _ = reply.send(());
        }
    }
    Ok(())
}

/// Calls per second of `senders` tasks that each wait for their answer before they send again.
async fn rate<F>(
    senders: usize,
    duration: Duration,
    call: impl Fn() -> F + Clone + Send + 'static,
) -> f64
where
    F: Future<Output = bool> + Send,
{
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..senders {
        let call = call.clone();
        tasks.spawn(async move {
            let mut done = 0_u64;
            while begin.elapsed() < duration {
                assert!(call().await, "a call failed");
                done += 1;
            }
            done
        });
    }
    drop(call);
    let done: u64 = tasks.join_all().await.iter().sum();
    done as f64 / begin.elapsed().as_secs_f64()
}
