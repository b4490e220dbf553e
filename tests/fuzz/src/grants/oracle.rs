//! A second reading of grants, by the `url` crate wherever it can read them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::ranges::{Range, bits};

/// A grant, as this reading has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    scheme: String,
    port: u16,
    whom: Whom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Name(String),
    /// Every name below.
    Below(String),
    Addresses(Range),
}

impl Granted {
    /// Reads a grant; `None` if it is none.
    pub fn read(text: &str) -> Option<Granted> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let scheme = scheme.to_lowercase();
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some((range, after)) = network(rest) {
            let url = plain(&format!("{scheme}://network{after}"))?;
            return Some(Granted::of(&url, Whom::Addresses(range)));
        }
        let (wildcard, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let url = plain(&format!("{scheme}://{rest}"))?;
        let whom = match (url.host()?, wildcard) {
            (Host::Domain(name), true) => Whom::Below(without_dot(name)),
            (Host::Domain(name), false) => Whom::Name(without_dot(name)),
            (_, true) => return None,
            (Host::Ipv4(address), false) => Whom::Addresses(Range::only(address.into())),
            (Host::Ipv6(address), false) => Whom::Addresses(Range::only(address.into())),
        };
        Some(Granted::of(&url, whom))
    }

    fn of(url: &Url, whom: Whom) -> Granted {
        Granted {
            scheme: url.scheme().to_owned(),
            port: url.port_or_known_default().unwrap_or(0),
            whom,
        }
    }

    /// Whether a request to `host` is granted.
    pub fn permits(&self, scheme: &str, host: &Host<&str>, port: u16) -> bool {
        if (self.scheme.as_str(), self.port) != (scheme, port) {
            return false;
        }
        match (&self.whom, host) {
            (Whom::Name(name), Host::Domain(asked)) => *name == without_dot(asked),
            (Whom::Below(domain), Host::Domain(asked)) => {
                let asked = without_dot(asked);
                let above = asked.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
            }
            (Whom::Addresses(range), Host::Ipv4(address)) => range.holds((*address).into()),
            (Whom::Addresses(range), Host::Ipv6(address)) => range.holds((*address).into()),
            _ => false,
        }
    }

    /// Whether it names this very address, or a network around it.
    pub fn names(&self, scheme: &str, address: IpAddr, port: u16) -> bool {
        (self.scheme.as_str(), self.port) == (scheme, port)
            && matches!(&self.whom, Whom::Addresses(range) if range.holds(address))
    }
}

/// An address of the web with nothing but scheme, host and port.
fn plain(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.scheme(), "http" | "https")
        && url.port() != Some(0);
    bare.then_some(url)
}

/// A network at the start, and what follows it.
fn network(text: &str) -> Option<(Range, &str)> {
    let (address, prefix, after, wide) = match text.strip_prefix('[') {
        Some(text) => {
            let (inside, after) = text.split_once(']')?;
            let (address, prefix) = inside.split_once('/')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (IpAddr::V6(address), prefix, after, 0)
        }
        None => {
            let (address, rest) = text.split_once('/')?;
            let address: Ipv4Addr = address.parse().ok()?;
            let (prefix, _) = rest.split_once(':').unwrap_or((rest, ""));
            (IpAddr::V4(address), prefix, &rest[prefix.len()..], 96)
        }
    };
    let prefix: u32 = prefix.parse().ok()?;
    (prefix + wide <= 128).then(|| (Range::around(bits(address), prefix + wide), after))
}

fn without_dot(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}
