//! A server that speaks TLS with a certificate for which nobody that a host trusts has vouched.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use crate::Identity;
use crate::tls::server_config;

/// It listens until the test ends, and keeps what it gets to read.
#[derive(Debug)]
pub struct Impostor {
    address: SocketAddr,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    /// Who shows this certificate.
    pub fn showing(identity: &Identity) -> Impostor {
        let config = server_config(identity);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let read = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&read);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
                let mut text = Vec::new();
                // Who is not trusted reads an alert and the end.
                let _ = StreamOwned::new(tls, stream).read_to_end(&mut text);
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(text);
            }
        });
        Impostor { address, read }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said to it in confidence.
    pub fn read(&self) -> Vec<u8> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
