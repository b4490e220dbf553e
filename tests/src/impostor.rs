//! A server that speaks TLS with a certificate for which nobody that a host trusts has vouched.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::Identity;

/// It listens until the test ends, and keeps what it gets to read.
#[derive(Debug)]
pub struct Impostor {
    address: SocketAddr,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    /// Who shows this certificate.
    pub fn showing(identity: &Identity) -> Impostor {
        let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
            .expect("a certificate in PEM");
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("a pair");
        let config = Arc::new(config);
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
