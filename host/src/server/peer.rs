//! Whoever is at the other end of a connection, and the doors they stand before.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fonio_access::Principal;
use http::HeaderMap;

use super::doors::Doors;

/// One connection. Each of its requests carries it as an extension, for the receiver.
#[derive(Clone)]
pub struct Peer {
    /// Of the connection: a proxy's, if there is one.
    address: IpAddr,
    /// Whether the connection is by TLS.
    pub encrypted: bool,
    /// Whether the other side has shown a certificate that the listener's authority signed.
    pub certified: bool,
    /// Who it is, where the kernel says so: the owner of the host, on its socket.
    pub owner: Option<Principal>,
    /// What they stand before.
    pub doors: Arc<Doors>,
}

impl Peer {
    /// At the other end of a connection that has no TLS.
    pub fn new(address: IpAddr, doors: Arc<Doors>) -> Peer {
        Peer {
            address,
            encrypted: false,
            certified: false,
            owner: None,
            doors,
        }
    }

    /// The user of this number, to whom the host belongs, on this machine.
    pub fn owner(uid: u32, doors: Arc<Doors>) -> Peer {
        Peer {
            owner: Some(Principal::local(uid)),
            ..Peer::new(Ipv4Addr::LOCALHOST.into(), doors)
        }
    }

    /// The same by TLS.
    #[must_use]
    pub fn by_tls(self, certified: bool) -> Peer {
        Peer {
            encrypted: true,
            certified,
            ..self
        }
    }

    /// Where a request came from. What a proxy says counts only if the host was told that there is one: anybody can write a
    /// header. Of several addresses the last is the one that the proxy itself saw.
    pub fn address(&self, headers: &HeaderMap) -> IpAddr {
        if !self.doors.behind_proxy {
            return self.address;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        forwarded
            .and_then(|header| {
                header
                    .to_str()
                    .ok()?
                    .rsplit(',')
                    .next()?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(self.address)
    }

    /// Whether what is sent back can be read by nobody on the way.
    pub fn is_private(&self, headers: &HeaderMap) -> bool {
        let forwarded = || {
            headers
                .get("x-forwarded-proto")
                .is_some_and(|scheme| scheme == "https")
        };
        self.encrypted || (self.doors.behind_proxy && forwarded())
    }
}
