//! Requests to the service: few and small, so each has a connection of its own.
//!
//! They do not go by the guests' way out, whose rules are of what a project grants: an operator's own service is most often
//! at a private address. No redirect is followed, and no proxy variable read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::OidcError;

/// From the first try to connect to the last byte of the reply: somebody waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Keys and descriptions have some kilobytes, with certificates in them some tens.
const REPLY_MAX_BYTES: usize = 1 << 20;

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailed {
    /// No such address.
    #[error("it is no address on http or https")]
    Address,
    /// No connection.
    #[error("no connection ({0})")]
    Connect(String),
    /// It took too long.
    #[error("no reply within {TIMEOUT:?}")]
    Timeout,
    /// It is too long.
    #[error("its reply is longer than {REPLY_MAX_BYTES} bytes")]
    TooLong,
    /// It is not HTTP, or ends in the middle.
    #[error("its reply cannot be read ({0})")]
    Broken(String),
}

/// What a service replied. There may be tokens in it.
pub struct Fetched {
    pub status: StatusCode,
    pub body: Zeroizing<Vec<u8>>,
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Asks one service.
pub struct Client(TlsConnector);

impl Client {
    /// That trusts the authorities in `ca` (PEM), else those that the program carries.
    pub fn new(ca: Option<&str>) -> Result<Client, OidcError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OidcError::System(error.to_string()))?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        Ok(Client(TlsConnector::from(Arc::new(config))))
    }

    /// Sends it, within 10 s, and reads the whole reply, of at most 1 MiB.
    pub async fn fetch(&self, request: Request<Bytes>) -> Result<Fetched, FetchFailed> {
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch_all(request)).await;
        fetched.unwrap_or(Err(FetchFailed::Timeout))
    }

    async fn fetch_all(&self, request: Request<Bytes>) -> Result<Fetched, FetchFailed> {
        let (mut parts, body) = request.into_parts();
        let stream = self.connect(&parts.uri).await?;
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let authority = authority.and_then(|name| HeaderValue::from_str(name).ok());
        let agent = concat!("fonio/", env!("CARGO_PKG_VERSION"));
        for (name, value) in [
            (HOST, authority.ok_or(FetchFailed::Address)?),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(agent)),
            (CONNECTION, HeaderValue::from_static("close")),
        ] {
            parts.headers.insert(name, value);
        }
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map(Uri::from).ok_or(FetchFailed::Address)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // It ends with the reply, or when nobody waits for that any more. What it says then, the reply said before.
        tokio::spawn(connection);
        let request = Request::from_parts(parts, Full::new(body));
        let reply = sender.send_request(request).await.map_err(broken)?;
        let status = reply.status();
        let mut incoming = Limited::new(reply.into_body(), REPLY_MAX_BYTES);
        let mut body = Zeroizing::new(Vec::new());
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => FetchFailed::TooLong,
                Err(error) => broken(error),
            })?;
            if let Ok(data) = frame.into_data() {
                body.extend_from_slice(&data);
            }
        }
        Ok(Fetched { status, body })
    }

    async fn connect(&self, uri: &Uri) -> Result<Box<dyn Stream>, FetchFailed> {
        let host = uri.host().ok_or(FetchFailed::Address)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let encrypted = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let failed = |error: std::io::Error| FetchFailed::Connect(error.to_string());
        let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
        if !encrypted {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchFailed::Address)?;
        let stream = self.0.connect(name, stream).await.map_err(failed)?;
        Ok(Box::new(stream))
    }
}

fn broken(error: impl fmt::Display) -> FetchFailed {
    FetchFailed::Broken(error.to_string())
}

fn roots(ca: Option<&str>) -> Result<RootCertStore, OidcError> {
    let Some(pem) = ca else {
        let roots = webpki_roots::TLS_SERVER_ROOTS.into();
        return Ok(RootCertStore { roots });
    };
    let wrong = |why: String| OidcError::System(format!("`ca` holds no authority in PEM: {why}"));
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(store)
}
