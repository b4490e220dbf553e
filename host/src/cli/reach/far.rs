//! A host elsewhere, by its address and with a token.

use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Stream, unreachable};
use crate::cli::Failure;

/// Where it is, and what is shown there.
pub(super) struct Far {
    authority: String,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    token: Option<String>,
}

impl Far {
    /// At `url`, which may have a path: what stands before the addresses of the host there. That is given as well.
    pub(super) fn new(url: &str, token: Option<String>) -> Result<(Far, String), Failure> {
        let wrong = || {
            Failure::usage(format!(
                "{url} is no address of a host; --url takes http://HOST:PORT or https://HOST"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let host = authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if token.is_some() && !encrypted && !is_this_machine(host) {
            return Err(Failure::usage(format!(
                "a token is not sent to {host} unencrypted, where everybody on the way could read it; use https"
            )));
        }
        let far = Far {
            authority: authority.as_str().to_owned(),
            host: host.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if encrypted { 443 } else { 80 }),
            tls: encrypted.then(tls).transpose()?,
            token,
        };
        Ok((far, uri.path().trim_end_matches('/').to_owned()))
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let failed = |error| unreachable(&self.authority, &error);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(failed)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.host.clone()).map_err(Failure::failed)?;
        Ok(Box::new(tls.connect(name, stream).await.map_err(failed)?))
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Trusts whom the host itself trusts: those that the program carries, and `FONIO_CA_FILE`.
fn tls() -> Result<TlsConnector, Failure> {
    crate::cli::sandbox::trust_the_operators()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Failure::failed)?
        .with_root_certificates(fonio_sandbox::trusted())
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
