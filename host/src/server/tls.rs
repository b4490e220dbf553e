//! TLS on the listener itself: certificates from files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, crypto};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cli::paint;
use crate::tenants::Sites;

/// Two files of some kilobytes are compared this often: whatever renews them need not know of this host.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// For the whole handshake; who takes longer holds a connection for nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the certificates are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The host's certificate and those that lead from it to an authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authorities whose clients are let in where a project says `mtls`, PEM.
    pub client_ca: Option<PathBuf>,
}

/// Certificates that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {detail}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// A file has not what it should.
    #[error("{} holds no {wanted} in PEM: {detail}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// They do not go together.
    #[error("the certificate {} and the key {} cannot be used: {detail}", .certificate.display(), .key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// TLS as it is served now.
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// Of the files as they were last looked at, good or not.
    seen: Mutex<[u8; 32]>,
}

/// The contents of the files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one is missing or wrong, or key and certificate do not go together.
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        let contents = Contents::read(&files)?;
        Ok(Tls {
            config: ArcSwap::from_pointee(contents.config(&files)?),
            seen: Mutex::new(contents.digest()),
            files,
        })
    }

    /// Reads the files again: whether they are others than before. Connections that are open keep what they began with.
    ///
    /// # Errors
    /// When the new ones cannot be used; the old ones stay, and the same files are not complained of twice.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let contents = Contents::read(&self.files)?;
        let digest = contents.digest();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == digest {
                return Ok(false);
            }
            *seen = digest;
        }
        self.config.store(Arc::new(contents.config(&self.files)?));
        Ok(true)
    }

    /// The handshake. Nothing when it fails, which is the other side's affair; one that speaks plain HTTP is told so.
    pub async fn accept(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, bool)> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let handshake = async {
            let mut first = [0];
            stream.peek(&mut first).await.ok()?;
            if first[0].is_ascii_alphabetic() {
                // Whether they hear it is up to them.
                let _ = tell(stream).await;
                return None;
            }
            acceptor.accept(stream).await.ok()
        };
        let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake)
            .await
            .ok()??;
        // Only verified ones are kept there.
        let certified = stream.get_ref().1.peer_certificates().is_some();
        Some((stream, certified))
    }
}

/// What they sent is read before the connection is closed: else it would be reset, and the answer with it.
async fn tell(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(PLAIN).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(REST_BYTES_MAX);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Of a request that is not answered.
const REST_BYTES_MAX: u64 = 1 << 20;

/// A handshake begins with byte 22; this is for who begins with `GET`.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\
content-length: 80\r\n\r\n{\"title\":\"Bad Request\",\"status\":400,\"detail\":\"this port speaks HTTPS, not HTTP\"}";

impl Contents {
    fn read(files: &TlsFiles) -> Result<Contents, TlsError> {
        Ok(Contents {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: files.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
        ];
        let mut hash = Sha256::new();
        for part in parts.into_iter().flatten() {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn config(&self, files: &TlsFiles) -> Result<ServerConfig, TlsError> {
        let pair = |error: rustls::Error| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            detail: error.to_string(),
        };
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match (&files.client_ca, &self.client_ca) {
            (Some(file), Some(bytes)) => {
                builder.with_client_cert_verifier(verifier(file, bytes, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| TlsError::Pem {
            file: files.key.clone(),
            wanted: "private key",
            detail: error.to_string(),
        })?;
        let chain = certificates(&files.certificate, &self.certificate)?;
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

type Verifier = Arc<dyn rustls::server::danger::ClientCertVerifier>;

/// A certificate that is shown must be good; that one is shown is for each trigger to ask.
fn verifier(
    file: &Path,
    bytes: &[u8],
    provider: Arc<crypto::CryptoProvider>,
) -> Result<Verifier, TlsError> {
    let wrong = |detail: String| TlsError::Pem {
        file: file.to_owned(),
        wanted: "certificate of an authority",
        detail,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, bytes)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| wrong(error.to_string()))?;
    Ok(verifier)
}

fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |detail: String| TlsError::Pem {
        file: file.to_owned(),
        wanted: "certificate",
        detail,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("there is none in it".to_owned()));
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::File {
        file: file.to_owned(),
        detail: error.to_string(),
    })
}

/// Reads the files again whenever they change, and on `hangup` at once, until the sites stop.
pub async fn follow(tls: Arc<Tls>, sites: Arc<Sites>, hangup: Arc<Notify>) {
    let mut complained = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = hangup.notified() => {}
            () = sites.stopping() => return,
        }
        let looking = Arc::clone(&tls);
        let outcome = tokio::task::spawn_blocking(move || looking.reload()).await;
        match outcome {
            Ok(Ok(changed)) => {
                complained = None;
                if changed {
                    let file = tls.files.certificate.display();
                    paint::event("certificate", &format!("read again from {file}"));
                }
            }
            Ok(Err(error)) if complained.as_ref() != Some(&error) => {
                paint::error(&format!(
                    "{error}; the certificate from before keeps serving"
                ));
                complained = Some(error);
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::warn!(%error, "the certificate could not be looked at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_is_as_long_as_it_says() {
        let text = std::str::from_utf8(PLAIN).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.ends_with(&format!("content-length: {}", body.len())),
            "{head}"
        );
    }
}
