//! A server that speaks TLS, and remembers by which handshake each request came.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::Identity;
use crate::tls::server_config;

/// It answers one request on each connection, and offers to take the session up again.
#[derive(Clone, Debug)]
pub struct Handshakes {
    address: SocketAddr,
    met: Arc<Mutex<Vec<Met>>>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The path that was asked for.
    pub path: String,
    /// Whether the session is one of an earlier connection.
    pub resumed: bool,
}

impl Handshakes {
    /// Of who shows this certificate.
    pub fn showing(identity: &Identity) -> Handshakes {
        let config = server_config(identity);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = Handshakes {
            address: listener.local_addr().expect("it is bound"),
            met: Arc::default(),
        };
        let serves = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, config) = (serves.clone(), Arc::clone(&config));
                // Who trusts nobody here ends its connection with an error.
                thread::spawn(move || server.serve(stream, config));
            }
        });
        server
    }

    /// `https://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The connections on which something was asked, in that order.
    pub fn met(&self) -> Vec<Met> {
        self.met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut reader = BufReader::new(StreamOwned::new(tls, stream));
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut tls = reader.into_inner();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let resumed = tls.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        self.met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Met { path, resumed });
        tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        tls.conn.send_close_notify();
        tls.flush()
    }
}
