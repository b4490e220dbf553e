//! The doors: one HTTP/1.1 listener, with TLS or without, its routes, and its shutdown.
//!
//! `/inbox` and `/i/` are [`crate::receiver`]; `/api/v1` is [`api`], behind [`doors`], with [`session`] and [`oidc`] for
//! signing in, [`runs`], what is decided about them ([`decide`], [`bulk`]), [`feed`] and [`audit`]; its addresses are in [`routes`], and
//! described in [`openapi`]; [`local`] is the host's own socket; `/metrics` is [`metrics`]; who may stay connected, [`seats`]; `/` is the [`page`] in
//! `console/`. Every reply is given headers by [`protect`]. On a host of several tenants all this is below `/<tenant>`, and
//! what belongs to none is [`root`].

mod api;
mod audit;
mod bulk;
mod decide;
pub mod doors;
pub mod feed;
mod filter;
mod forget;
pub mod local;
mod metrics;
mod oidc;
mod openapi;
mod outages;
mod page;
pub mod peer;
mod protect;
mod reply;
mod root;
mod routes;
mod runs;
pub(crate) mod seats;
mod session;
pub mod tls;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use fonio_access::Role;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::host::{Figures, Host};
use crate::receiver;
use crate::tenants::{Found, Sites};
use doors::Doors;
use peer::Peer;
pub use reply::{Body, Reply};
use routes::To;
use seats::{SEAT, Seat, Seats};
use tls::Tls;

/// Connections open at once; for one more, one that keeps its place waiting is closed. Each idle one takes about 10 KiB.
const CONNECTIONS_MAX: usize = 1024;
/// A client that does not finish its request head in this time is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a shutdown waits for replies in progress.
const DRAIN: Duration = Duration::from_secs(10);

/// Where to listen, and who may pass.
pub struct Entrance {
    /// The socket.
    pub listener: TcpListener,
    /// Who may pass.
    pub doors: Arc<Doors>,
    /// Certificates, if it speaks TLS.
    pub tls: Option<Arc<Tls>>,
}

/// Serves until the sites stop, then lets requests in progress finish.
pub async fn run(sites: Arc<Sites>, entrance: Entrance) {
    let seats = Seats::new(CONNECTIONS_MAX);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, address) = tokio::select! {
            accepted = entrance.listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, most likely; they come back as connections close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    seats.make_room();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = sites.stopping() => break,
        };
        // One waits here while every connection is being answered; what comes after it waits in the kernel.
        let share = seats::share_of(address.ip(), entrance.doors.behind_proxy);
        let seat = tokio::select! {
            seat = seats.take(share) => seat,
            () = sites.stopping() => break,
        };
        // Its address has as many as it may, and all of them are being answered.
        let Some(seat) = seat else { continue };
        let peer = Peer::new(address.ip(), Arc::clone(&entrance.doors));
        let (sites, tls, watcher) = (Arc::clone(&sites), entrance.tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let served = connection(sites, tls, peer, stream, watcher, Arc::clone(&seat));
            tokio::select! {
                () = SEAT.scope(Arc::clone(&seat), served) => {}
                () = seat.given_up() => {}
            }
        });
    }
    drop(entrance.listener);
    tokio::select! {
        _ = tokio::time::timeout(DRAIN, graceful.shutdown()) => {}
        () = sites.cut_off() => {}
    }
}

async fn connection(
    sites: Arc<Sites>,
    tls: Option<Arc<Tls>>,
    peer: Peer,
    stream: TcpStream,
    watcher: Watcher,
    seat: Arc<Seat>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve(sites, peer, stream, watcher, seat).await;
    };
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => shaken,
        // Nobody has asked for anything yet.
        () = sites.stopping() => return,
    };
    if let Some((stream, certified)) = shaken {
        serve(sites, peer.by_tls(certified), stream, watcher, seat).await;
    }
}

async fn serve(
    sites: Arc<Sites>,
    peer: Peer,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    watcher: Watcher,
    seat: Arc<Seat>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (sites, peer, seat) = (Arc::clone(&sites), peer.clone(), Arc::clone(&seat));
        request.extensions_mut().insert(peer.clone());
        async move {
            if !seat.rise() {
                // It is given up to another, and this ends with it.
                return std::future::pending().await;
            }
            let reply = route(&sites, &peer, request).await;
            seat.rest();
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Clients break off as they like; that is no event.
    let _ = watcher.watch(connection).await;
}

async fn route(sites: &Sites, peer: &Peer, mut request: Request<Incoming>) -> Response<Body> {
    let found = sites.find(&mut request);
    let path = request.uri().path().to_owned();
    let reply = match found {
        Found::Project(host) => of_project(&host, peer, request).await,
        Found::Slash(path) => Reply::moved(&path),
        Found::Root => root::answer(sites, peer, request).await,
    };
    protect::protect(reply.finish(), &path, peer.encrypted)
}

/// The addresses of one project.
async fn of_project(host: &Host, peer: &Peer, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let method = read_as(request.method());
    let _answering = match host.ration.answer() {
        Ok(answering) => answering,
        Err(exhausted) => {
            Figures::count(&host.figures.refused);
            return Reply::later(&exhausted);
        }
    };
    match (&method, path.as_str()) {
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
        (&Method::GET, "/health") => healthy(),
        (&Method::GET, "/ready") => ready(host),
        (&Method::GET, "/metrics") => match peer.doors.admit(host, peer, &request, Role::Viewer) {
            Ok(_) => metrics::show(&[(None, host)]).await,
            Err(refusal) => refusal,
        },
        (&Method::GET, "/") => page::page(),
        (&Method::GET, "/sign-in.js") => page::sign_in(),
        (_, path) if path.starts_with("/api/v1/") => guarded(host, peer, request).await,
        (method, _) => nothing_here(method),
    }
}

fn nothing_here(method: &Method) -> Reply {
    let said = match *method {
        Method::GET => {
            "there is nothing here; POST messages to /inbox or to a webhook at /i/…; the page at / shows what there is".to_owned()
        }
        _ => format!("there is nothing here to {method}; POST messages to /inbox or to a webhook at /i/…"),
    };
    Reply::problem(StatusCode::NOT_FOUND, &said)
}

fn healthy() -> Reply {
    Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// A HEAD is a GET whose body hyper leaves out.
fn read_as(method: &Method) -> Method {
    match *method {
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    }
}

/// Everything below `/api/v1/`: a session is what one asks for without having one; for the rest one needs a role.
async fn guarded(host: &Host, peer: &Peer, request: Request<Incoming>) -> Reply {
    let (method, path) = (read_as(request.method()), request.uri().path());
    if session::is_here(path) {
        return session::answer(host.into(), peer, request).await;
    }
    let role = routes::role(&method, path);
    let principal = match peer.doors.admit(host, peer, &request, role) {
        Ok(principal) => principal,
        Err(refusal) => return refusal,
    };
    let Some((route, id)) = routes::find(&method, path) else {
        let said = match method {
            Method::GET => {
                "the API has runs, messages and what else GET /api/v1/openapi.json describes"
                    .to_owned()
            }
            method => format!("there is nothing here to {method}; POST messages to /inbox"),
        };
        return Reply::problem(StatusCode::NOT_FOUND, &said);
    };
    let (to, id) = (route.to, id.to_owned());
    let query = request.uri().query().map(str::to_owned);
    let query = query.as_deref();
    let answer = match to {
        To::Decide(decision) => {
            let what = (id.as_str(), decision);
            return decide::answer(host, peer, &principal, what, request).await;
        }
        To::DecideMany(decision) => {
            return bulk::answer(host, peer, &principal, decision, request).await;
        }
        To::Forget(asked) => {
            return forget::answer(host, peer, &principal, asked, request).await;
        }
        To::Audit => {
            return audit::show(&peer.doors.access, &principal, Some(host.name()), query).await;
        }
        To::OpenApi => return openapi::show(),
        To::Events => return feed::open(host, request.headers(), query),
        To::Project => api::project_now(host).await,
        To::Messages => api::messages(host, query).await,
        To::Message => api::message(host, &id).await,
        To::Dataclip => api::dataclip(host, &id).await,
        To::Runs => runs::list(host, query).await,
        To::Run => runs::show(host, &id, query).await,
        // Those are answered before.
        To::Session | To::Tenants => return nothing_here(&method),
    };
    answer
        .unwrap_or_else(|error| Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))
}

/// 200 once it accepts work.
fn ready(host: &Host) -> Reply {
    if host.is_stopping() {
        return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, "the host is shutting down");
    }
    if let Some(short) = host.store.nearly_full() {
        return Reply::later(&short.to_string());
    }
    match host.live() {
        Some(_) => Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ready" })),
        None if !host.is_loaded() => Reply::later("the project is being loaded"),
        None => Reply::problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the project cannot be loaded; GET /api/v1/project says why",
        ),
    }
}
