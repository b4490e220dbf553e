//! The host's own socket, `fonio.sock` in its data folder: the same addresses as at its port, for whoever the host belongs
//! to, who is known by the kernel's word and has every right. Who can write the data folder could do all of it anyway.
//!
//! It is made before the process confines itself, after which it could not be. A lock beside it says whose it is: what a
//! host that was killed has left is taken over, and what another has is left alone.

use std::convert::Infallible;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::Mode;
use rustix::process::umask;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::doors::Doors;
use super::peer::Peer;
use super::{DRAIN, HEAD_TIMEOUT, route};
use crate::tenants::Sites;

/// The socket's name in the data folder.
const NAME: &str = "fonio.sock";
/// Held as long as a host has the socket.
const LOCK: &str = "fonio.sock.lock";
/// Connections at once; one more waits. Each command has one.
const CONNECTIONS_MAX: usize = 64;
/// Of the 108 bytes that an address has on Linux (104 on others), those that are safe everywhere.
const PATH_BYTES_MAX: usize = 100;

/// The socket, until this is dropped.
#[derive(Debug)]
pub struct Local {
    listener: net::UnixListener,
    path: PathBuf,
    _lock: File,
}

impl Local {
    /// Makes it, for its owner alone; nothing if another host has it. To be called while there is one thread, because what
    /// keeps others out from the first moment on is the mask of the process.
    ///
    /// # Errors
    /// When the folder cannot have one, as some file systems cannot.
    pub fn bind(data: &Path) -> io::Result<Option<Local>> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let path = data.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let before = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let bound = at(data, |address| net::UnixListener::bind(address));
        umask(before);
        let listener = bound?;
        listener.set_nonblocking(true)?;
        Ok(Some(Local {
            listener,
            path,
            _lock: lock,
        }))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Whoever finds it left behind is told that nobody listens.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Calls the host that runs on a data folder.
///
/// # Errors
/// `NotFound` and `ConnectionRefused` when none does.
pub async fn call(data: &Path) -> io::Result<UnixStream> {
    let stream = at(data, |address| net::UnixStream::connect(address))?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// An address of a socket is short, and a path may be long: a long one goes by the folder's handle.
fn at<T>(data: &Path, go: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = data.join(NAME);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return go(&path);
    }
    let folder = File::open(data)?;
    go(&Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(NAME))
}

/// Serves it until the sites stop, then lets requests in progress finish.
pub async fn run(sites: Arc<Sites>, doors: Arc<Doors>, local: Local) {
    let listener = match local.listener.try_clone().and_then(UnixListener::from_std) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "commands cannot reach this host by its socket");
            return;
        }
    };
    let (seats, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), JoinSet::new());
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = accept(&listener, &seats) => accepted,
            () = sites.stopping() => break,
        };
        let (stream, seat) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a command could not be let in");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(uid) = owner(&stream) else {
            tracing::warn!("another user than the host's was not let in at its socket");
            continue;
        };
        let (sites, peer) = (Arc::clone(&sites), Peer::owner(uid, Arc::clone(&doors)));
        connections.spawn(async move {
            attend(&sites, peer, stream).await;
            drop(seat);
        });
    }
    drop((listener, local));
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN, ended).await;
}

async fn accept(
    listener: &UnixListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let seat = Arc::clone(seats).acquire_owned().await;
    let seat = seat.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, seat))
}

/// The number of the user at the other end, if it is the host's own, or root, to whom nothing is closed.
fn owner(stream: &UnixStream) -> Option<u32> {
    let uid = stream.peer_cred().ok()?.uid();
    (uid == 0 || uid == rustix::process::geteuid().as_raw()).then_some(uid)
}

/// Answers what comes on one connection, and closes it after the first reply or when the sites stop.
pub async fn attend(
    sites: &Arc<Sites>,
    peer: Peer,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (sites, peer) = (Arc::clone(sites), peer.clone());
        request.extensions_mut().insert(peer.clone());
        async move { Ok::<_, Infallible>(route(&sites, &peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Commands break off as people like.
    let _ = connection.await;
}
