//! A system that takes every connection and never answers: what holds up a host's steps for as long as is wanted.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Listens until the process ends.
pub struct Silent {
    pub address: SocketAddr,
    arrivals: Receiver<Instant>,
}

impl Silent {
    pub fn begin() -> anyhow::Result<Silent> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (arrived, arrivals) = mpsc::channel();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                kept.push(stream);
                if arrived.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
        Ok(Silent { address, arrivals })
    }

    /// Forgets who has come so far.
    pub fn forget(&self) {
        while self.arrivals.try_recv().is_ok() {}
    }

    /// When the next one comes.
    pub fn next(&self, within: Duration) -> anyhow::Result<Instant> {
        self.arrivals
            .recv_timeout(within)
            .context("no step sent its request")
    }
}
