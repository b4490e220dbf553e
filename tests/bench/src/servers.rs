//! The two servers that `/inbox` is compared with. Each runs in a process of its own: this program, started again.
//!
//! *hello* answers `hello` to everything: what hyper can do on this machine. *floor* adds the one thing that a receiver
//! which keeps its word cannot leave out: each body is in SQLite, synced, before it is acknowledged. All bodies that
//! wait are committed together, or each by itself, as a receiver does that knows nothing of groups.

use std::convert::Infallible;
use std::path::Path;
use std::sync::mpsc;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The same as the store's: more in one commit gain nothing.
pub const GROUP_MAX_BODIES: usize = 512;

/// Serves `hello` until killed.
pub fn hello() -> anyhow::Result<()> {
    serve(|request: Request<Incoming>| async move {
        // A body is read to its end, as any receiver must.
        let status = match request.into_body().collect().await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::BAD_REQUEST,
        };
        json_reply(status, "{\"hello\":\"world\"}")
    })
}

/// Serves commits of up to `most` bodies to a new SQLite file in `folder` until killed.
pub fn floor(folder: &Path, most: usize) -> anyhow::Result<()> {
    let file = folder.join(format!("floor-{most}.sqlite"));
    let conn = open(&file).context("the floor's file cannot be opened")?;
    let (bodies, waiting) = mpsc::channel();
    std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || write_groups(&conn, &waiting, most))?;
    serve(move |request: Request<Incoming>| {
        let bodies = bodies.clone();
        async move {
            let stored = match request.into_body().collect().await {
                Ok(body) => store(&bodies, body.to_bytes()).await,
                Err(_) => false,
            };
            let status = if stored {
                StatusCode::ACCEPTED
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            json_reply(status, "{\"accepted\":true}")
        }
    })
}

fn json_reply(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    reply
}

fn serve<A>(answer: impl Fn(Request<Incoming>) -> A + Clone + Send + 'static) -> anyhow::Result<()>
where
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let reply = answer(request);
                async move { Ok::<_, Infallible>(reply.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

/// A body, and who hears that it is durable.
type Waiting = (Bytes, oneshot::Sender<()>);

async fn store(bodies: &mpsc::Sender<Waiting>, body: Bytes) -> bool {
    let (durable, heard) = oneshot::channel();
    bodies.send((body, durable)).is_ok() && heard.await.is_ok()
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(file)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.execute_batch("CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")?;
    Ok(conn)
}

/// Ends, and with it every later answer, at the first error: a floor that loses bodies would be no floor.
fn write_groups(conn: &Connection, waiting: &mpsc::Receiver<Waiting>, most: usize) {
    while let Ok(first) = waiting.recv() {
        let group: Vec<Waiting> = std::iter::once(first)
            .chain(waiting.try_iter())
            .take(most)
            .collect();
        if let Err(error) = commit(conn, &group) {
            eprintln!("the floor cannot write: {error}");
            return;
        }
        for (_, durable) in group {
            // A client that has gone needs no answer.
            let _ = durable.send(());
        }
    }
}

fn commit(conn: &Connection, group: &[Waiting]) -> rusqlite::Result<()> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut insert = conn.prepare_cached("INSERT INTO bodies (body) VALUES (?1)")?;
    for (body, _) in group {
        insert.execute([body.as_ref()])?;
    }
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}
