//! The doors: one HTTP/1.1 listener, its routes, and its shutdown.
//!
//! `/inbox` and `/i/` are [`crate::receiver`]; `/api/v1` is [`api`]; `/metrics` is [`metrics`]; `/` is the page in `console/`.

mod api;
mod metrics;
mod reply;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::host::Host;
use crate::receiver;
pub use reply::{Body, Reply};

/// Connections open at once; one more waits in the kernel's queue. Each idle one takes about 10 KiB.
const CONNECTIONS_MAX: usize = 1024;
/// A client that does not finish its request head in this time is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a shutdown waits for replies in progress.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until the host stops, then lets requests in progress finish.
pub async fn run(host: Arc<Host>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        // A place first, then the connection: what waits, waits in the kernel and costs nothing here.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, most likely; they come back as connections close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = host.stopping() => break,
        };
        let connection = serve(Arc::clone(&host), stream);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Clients break off as they like; that is no event.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

fn serve(
    host: Arc<Host>,
    stream: TcpStream,
) -> http1::Connection<
    TokioIo<TcpStream>,
    impl hyper::service::HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> + Send,
> {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let host = Arc::clone(&host);
        async move { Ok::<_, Infallible>(route(&host, request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
}

async fn route(host: &Host, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    // A HEAD is a GET whose body hyper leaves out.
    let method = match request.method() {
        &Method::HEAD => &Method::GET,
        method => method,
    };
    let reply = match (method, path.as_str()) {
        (&Method::POST, "/inbox") => receiver::inbox(host, request).await,
        (_, "/inbox") => Reply::problem(StatusCode::METHOD_NOT_ALLOWED, "the inbox takes POST")
            .header("allow", "POST"),
        (&Method::POST | &Method::GET, path) if path.starts_with("/i/") => {
            let address = percent_decode_str(path.trim_start_matches("/i/").trim_end_matches('/'));
            let address = address.decode_utf8_lossy().into_owned();
            receiver::webhook(host, &address, request).await
        }
        (_, path) if path.starts_with("/i/") => Reply::problem(
            StatusCode::METHOD_NOT_ALLOWED,
            "a webhook takes POST, and GET to see whether it is there",
        )
        .header("allow", "POST, GET"),
        (&Method::GET, "/health") => {
            Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
        }
        (&Method::GET, "/ready") => ready(host),
        (&Method::GET, "/metrics") => metrics::show(host).await,
        (&Method::GET, "/") => Reply::page(include_str!("../../console/index.html")),
        (&Method::GET, path) if path.starts_with("/api/v1/") => {
            api::get(host, path, request.uri().query()).await
        }
        (&Method::GET, _) => Reply::problem(
            StatusCode::NOT_FOUND,
            "there is nothing here; POST messages to /inbox or to a webhook at /i/…; the page at / shows what there is",
        ),
        (method, _) => Reply::problem(
            StatusCode::NOT_FOUND,
            &format!(
                "there is nothing here to {method}; POST messages to /inbox or to a webhook at /i/…"
            ),
        ),
    };
    reply.finish()
}

/// 200 once it accepts work.
fn ready(host: &Host) -> Reply {
    if host.is_stopping() {
        return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, "the host is shutting down");
    }
    match host.live() {
        Some(_) => Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ready" })),
        None => Reply::problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the project cannot be loaded; GET /api/v1/project says why",
        ),
    }
}
