//! The way between a host and its database: bytes pass at once, late, or not at all.
//!
//! A wire that is cut takes everything and passes nothing on, as a server that hangs does and a switch that has died:
//! neither end is told, and only its own patience can help it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A port of this machine that leads to a socket. Its threads end with the test.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    passes: Mutex<Passes>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Passes {
    #[default]
    AtOnce,
    After(Duration),
    Never,
}

impl Wire {
    /// To the server that listens on this socket.
    pub fn to(socket: PathBuf) -> Wire {
        Wire::at(Ipv4Addr::LOCALHOST, socket)
    }

    /// The same from another address of this machine.
    pub fn at(address: Ipv4Addr, socket: PathBuf) -> Wire {
        let listener = TcpListener::bind((address, 0)).expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Without an answer at the far end the near end finds its connection closed.
                if let Ok(far) = UnixStream::connect(&socket) {
                    connect(near, far, &shared);
                }
            }
        });
        Wire { address, state }
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing passes from now on, in either direction.
    pub fn cut(&self) {
        self.set(Passes::Never);
    }

    /// Everything passes at once, and what was kept back with it.
    pub fn mend(&self) {
        self.set(Passes::AtOnce);
    }

    /// Whatever passes waits so long first.
    pub fn slow(&self, by: Duration) {
        self.set(Passes::After(by));
    }

    fn set(&self, passes: Passes) {
        let mut guard = self
            .state
            .passes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *guard = passes;
        self.state.changed.notify_all();
    }
}

impl State {
    /// Returns when what has come may pass.
    fn wait(&self) {
        let guard = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = self
            .changed
            .wait_while(guard, |passes| *passes == Passes::Never)
            .unwrap_or_else(PoisonError::into_inner);
        if let slow @ Passes::After(delay) = *guard {
            let mended = self
                .changed
                .wait_timeout_while(guard, delay, |passes| *passes == slow);
            drop(mended);
        }
    }
}

fn connect(near: TcpStream, far: UnixStream, state: &Arc<State>) {
    let near_again = near.try_clone().expect("a handle more");
    let far_again = far.try_clone().expect("a handle more");
    let (there, back) = (Arc::clone(state), Arc::clone(state));
    // Small replies are not to wait for one another, but for what the test says.
    near.set_nodelay(true).expect("an open connection");
    thread::spawn(move || {
        pass(near, &far, &there);
        let _ = far.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        pass(far_again, &near_again, &back);
        let _ = near_again.shutdown(Shutdown::Write);
    });
}

/// Until either end is closed.
fn pass(mut from: impl Read, mut to: impl Write, state: &State) {
    let mut bytes = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        state.wait();
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}
