//! From a granted name to a connected stream: resolved once, every address checked, connected to exactly that one.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use fonio_project::Grants;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Resolving, connecting and the TLS handshake together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the name {0} could not be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("the name {host} resolves to {addresses}, which this project does not grant")]
    Prohibited { host: String, addresses: String },
    #[error("no connection to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("no TLS connection to {0}: {1}")]
    Tls(String, io::Error),
    #[error("there was no connection to it within {CONNECT_TIMEOUT:?}")]
    Timeout,
    #[error("{0} is not an address to connect to")]
    Address(String),
}

/// The Mozilla roots that the program carries, because small machines often have none, or stale ones; and those that
/// [`trust_also`] added.
static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();

fn roots() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    }
}

/// Why nobody more is trusted.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It is no PEM, or what it holds is no certificate.
    #[error("a certificate in it cannot be read: {0}")]
    Unreadable(String),
    /// Nothing of it is a certificate.
    #[error("there is no certificate in it; it should hold `-----BEGIN CERTIFICATE-----`")]
    Empty,
    /// Some connection may have been made without it.
    #[error("who is trusted was settled before")]
    Late,
}

/// Trusts who signed with the keys of these certificates, in PEM, as much as Mozilla's authorities, for every connection of
/// jobs and of the host itself. To be called once, before the first project is loaded.
///
/// # Errors
/// When there is no certificate in `pem`, or one that cannot be read, or it is too late.
pub fn trust_also(pem: &[u8]) -> Result<(), AuthorityError> {
    let mut trusted = roots();
    let before = trusted.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|one| trusted.add(one).map_err(|error| error.to_string()));
        added.map_err(AuthorityError::Unreadable)?;
    }
    if trusted.len() == before {
        return Err(AuthorityError::Empty);
    }
    ROOTS
        .set(Arc::new(trusted))
        .map_err(|_| AuthorityError::Late)
}

/// Who is trusted; settled with the first call.
pub fn trusted() -> Arc<RootCertStore> {
    Arc::clone(ROOTS.get_or_init(|| Arc::new(roots())))
}

/// TLS with sessions of its own: a ticket that one job's server gave must not tell another's who is there.
fn tls() -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_root_certificates(trusted())
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What the pool calls for each new connection.
#[derive(Clone)]
pub struct Connector {
    grants: Arc<Grants>,
    tls: TlsConnector,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.grants).finish()
    }
}

impl Connector {
    pub(super) fn new(grants: Arc<Grants>) -> Connector {
        Connector { grants, tls: tls() }
    }
}

/// Scheme, host (without brackets) and port of an absolute `http` or `https` address.
pub(crate) fn origin(uri: &Uri) -> Option<(&str, &str, u16)> {
    let scheme = uri.scheme_str()?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((scheme, host, uri.port_u16().unwrap_or(default)))
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (grants, tls) = (Arc::clone(&self.grants), self.tls.clone());
        Box::pin(async move {
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect(&grants, &tls, &uri))
                .await
                .map_err(|_| ConnectError::Timeout)??;
            Ok(TokioIo::new(stream))
        })
    }
}

async fn connect(grants: &Grants, tls: &TlsConnector, uri: &Uri) -> Result<Stream, ConnectError> {
    let (scheme, host, port) = origin(uri).ok_or_else(|| ConnectError::Address(uri.to_string()))?;
    let resolved: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| ConnectError::Resolve(host.to_owned(), error))?
        .collect();
    let granted = granted(grants, (scheme, host, port), &resolved)?;
    let stream = connect_first(&granted).await?;
    // Small requests go out at once: a job waits for each reply.
    let _ = stream.set_nodelay(true);
    if scheme == "http" {
        return Ok(Stream::Plain(stream));
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| ConnectError::Address(uri.to_string()))?;
    let tls = tls
        .connect(name, stream)
        .await
        .map_err(|error| ConnectError::Tls(host.to_owned(), error))?;
    Ok(Stream::Tls(Box::new(tls)))
}

/// Those of the addresses that a name resolved to, this one time, that may be connected to. What connects gets addresses
/// and no name, so a name that leads elsewhere a moment later leads nowhere.
fn granted(
    grants: &Grants,
    (scheme, host, port): (&str, &str, u16),
    resolved: &[SocketAddr],
) -> Result<Vec<SocketAddr>, ConnectError> {
    let permitted = |at: &&SocketAddr| grants.permits_address(scheme, host, at.ip(), port);
    let granted: Vec<SocketAddr> = resolved.iter().filter(permitted).copied().collect();
    if !granted.is_empty() {
        return Ok(granted);
    }
    let addresses: Vec<String> = resolved.iter().map(|at| at.ip().to_string()).collect();
    Err(ConnectError::Prohibited {
        host: host.to_owned(),
        addresses: addresses.join(", "),
    })
}

/// Tries the addresses in the resolver's order; the last failure is the one to report.
async fn connect_first(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(ConnectError::Connect(*address, error)),
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::Address(String::new())))
}

/// A connection, encrypted or not.
pub enum Stream {
    /// For `http`.
    Plain(TcpStream),
    /// For `https`.
    Tls(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Plain(_) => "Plain",
            Stream::Tls(_) => "Tls",
        })
    }
}

/// Calls the same method on whichever stream there is.
macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Plain($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
        }
    };
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(origin: &str) -> Grants {
        Grants::new([origin.parse().expect("an origin")])
    }

    /// What of these addresses the name `api.example.org` may lead to.
    fn led_to(addresses: &[&str]) -> Result<Vec<String>, String> {
        let resolved: Vec<SocketAddr> = addresses
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an address"), 443))
            .collect();
        let to = ("https", "api.example.org", 443);
        granted(&grants("https://*.example.org"), to, &resolved)
            .map(|granted| granted.iter().map(|at| at.ip().to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_granted_name_that_leads_to_the_metadata_service_is_refused() {
        for address in [
            "169.254.169.254",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            let refused = led_to(&[address]).expect_err(address);
            assert!(refused.contains(address), "{refused}");
        }
    }

    #[test]
    fn a_name_that_leads_to_public_and_private_addresses_leads_to_the_public_ones_alone() {
        let led = led_to(&["10.0.0.1", "93.184.215.14", "127.0.0.1", "2606:4700::1111"]);
        let public = ["93.184.215.14", "2606:4700::1111"].map(str::to_owned);
        assert_eq!(led, Ok(public.to_vec()));
    }

    #[test]
    fn a_name_that_leads_elsewhere_the_second_time_is_judged_the_second_time() {
        assert!(led_to(&["93.184.215.14"]).is_ok());
        assert!(led_to(&["127.0.0.1"]).is_err());
    }

    #[test]
    fn tls_sessions_are_those_of_one_job_and_no_other() {
        let connector = || Connector::new(Arc::new(grants("https://api.example.org")));
        let (one, other) = (connector(), connector());
        // Tickets are kept in the configuration.
        assert!(Arc::ptr_eq(one.tls.config(), one.clone().tls.config()));
        assert!(!Arc::ptr_eq(one.tls.config(), other.tls.config()));
    }
}
