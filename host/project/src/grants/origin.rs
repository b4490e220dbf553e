//! How a grant is written: `https://dhis2.example.org`, `https://*.example.net:8443`, `http://10.1.0.0/16:8080`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Longest name that DNS carries, in characters.
const NAME_MAX: usize = 253;
/// Longest part of a name between dots.
const LABEL_MAX: usize = 63;

/// A scheme, a host or a set of hosts, and one port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Host {
    /// In lower case, without a dot at the end.
    Name(String),
    /// `*.example.net`, held as `.example.net`: every name below, at any depth, and not `example.net` itself.
    Below(String),
    Address(IpAddr),
    Network(IpNet),
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No `https://` or `http://` in front.
    #[error("an origin starts with https:// or http://")]
    NoScheme,
    /// Another scheme than the two.
    #[error("`{0}` is not a scheme that can be granted; origins start with https:// or http://")]
    UnknownScheme(String),
    /// `https://user:password@host`.
    #[error("an origin carries no user name or password; those belong into a credential")]
    UserInfo,
    /// Something after host and port.
    #[error("an origin ends after host and port; `{0}` is too much")]
    Path(String),
    /// No host at all.
    #[error("it names no host")]
    NoHost,
    /// `*` elsewhere than alone in front of a domain.
    #[error("`*` stands only for what comes before a domain, as in https://*.example.org")]
    Wildcard,
    /// Letters outside ASCII.
    #[error("`{0}` has letters that DNS does not carry; write the name in its xn-- form")]
    NotAscii(String),
    /// Not the form of a host name.
    #[error("`{0}` is not the name of a host")]
    Name(String),
    /// Numbers like an address, but none.
    #[error("`{0}` is not an IP address, which is four numbers up to 255, or IPv6 in brackets")]
    Address(String),
    /// A prefix that is none.
    #[error("`{0}` is not a network such as 10.1.0.0/16 or [fd00::/8]")]
    Network(String),
    /// A port that is none.
    #[error("`{0}` is not a port from 1 to 65535")]
    Port(String),
}

impl Origin {
    /// Whether a request to this host, by name or by IP address, is within the origin.
    pub(super) fn matches(&self, scheme: &str, host: &str, port: u16) -> bool {
        if !self.matches_scheme_and_port(scheme, port) {
            return false;
        }
        if let Some(ip) = parse_address(host) {
            return self.holds(ip);
        }
        let host = normal(host);
        match &self.host {
            Host::Name(name) => *name == host,
            Host::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Host::Address(_) | Host::Network(_) => false,
        }
    }

    /// Whether the origin names this address or a network around it.
    pub(super) fn matches_address(&self, scheme: &str, ip: IpAddr, port: u16) -> bool {
        self.matches_scheme_and_port(scheme, port) && self.holds(ip)
    }

    fn matches_scheme_and_port(&self, scheme: &str, port: u16) -> bool {
        self.port == port && scheme.eq_ignore_ascii_case(self.scheme.name())
    }

    fn holds(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        match &self.host {
            Host::Address(address) => *address == ip,
            Host::Network(network) => network.contains(&ip),
            Host::Name(_) | Host::Below(_) => false,
        }
    }
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Secrets stand in queries.
fn without_query(rest: &str) -> String {
    let query = rest.find(['?', '#']);
    query.map_or_else(|| rest.to_owned(), |at| format!("{}…", &rest[..=at]))
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Origin, OriginError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(OriginError::NoScheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::UnknownScheme(scheme.to_owned())),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(OriginError::UserInfo);
        }
        let (host, rest) = split_host(rest)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => scheme.default_port(),
            None => return Err(OriginError::Path(without_query(rest))),
            Some(port) => parse_port(port)?,
        };
        Ok(Origin { scheme, host, port })
    }
}

/// Takes the host, or a network with its prefix, off the front.
fn split_host(text: &str) -> Result<(Host, &str), OriginError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, rest) = inner
            .split_once(']')
            .ok_or_else(|| OriginError::Address(text.to_owned()))?;
        return Ok((parse_v6(inner)?, rest));
    }
    let end = text.find([':', '/', '?', '#']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if let Some(prefix) = rest
        .strip_prefix('/')
        .filter(|_| name.parse::<Ipv4Addr>().is_ok())
    {
        let digits = prefix
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(prefix.len());
        let written = &text[..end + 1 + digits];
        let network: IpNet = written
            .parse()
            .map_err(|_| OriginError::Network(written.to_owned()))?;
        return Ok((Host::Network(network.trunc()), &prefix[digits..]));
    }
    Ok((parse_name(name)?, rest))
}

fn parse_v6(inner: &str) -> Result<Host, OriginError> {
    if inner.contains('/') {
        let network: Option<IpNet> = inner
            .parse()
            .ok()
            .filter(|network| matches!(network, IpNet::V6(_)));
        // A mapped network would never match: addresses are compared as IPv4 where they are.
        let network = network.filter(|network| network.addr().to_canonical().is_ipv6());
        return network
            .map(|network| Host::Network(network.trunc()))
            .ok_or_else(|| OriginError::Network(inner.to_owned()));
    }
    let address: Ipv6Addr = inner
        .parse()
        .map_err(|_| OriginError::Address(inner.to_owned()))?;
    Ok(Host::Address(IpAddr::V6(address).to_canonical()))
}

fn parse_name(name: &str) -> Result<Host, OriginError> {
    if name.is_empty() {
        return Err(OriginError::NoHost);
    }
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let lower = normal(name);
    if !lower.is_ascii() {
        return Err(OriginError::NotAscii(name.to_owned()));
    }
    let (domain, wildcard) = match lower.strip_prefix("*.") {
        Some(domain) => (domain, true),
        None => (lower.as_str(), false),
    };
    if domain.contains('*') {
        return Err(OriginError::Wildcard);
    }
    if domain.len() > NAME_MAX || !domain.split('.').all(is_label) {
        return Err(OriginError::Name(name.to_owned()));
    }
    // Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses, so what ends in a number must be one, in full.
    let last = domain.rsplit('.').next().unwrap_or(domain);
    if last.chars().all(|c| c.is_ascii_digit()) || last.starts_with("0x") {
        return Err(OriginError::Address(name.to_owned()));
    }
    Ok(if wildcard {
        Host::Below(format!(".{domain}"))
    } else {
        Host::Name(domain.to_owned())
    })
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LABEL_MAX
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    let (digits, rest) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
    let only_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port) if only_digits && port > 0 && rest.is_empty() => Ok(port),
        Ok(_) if only_digits && !rest.is_empty() => Err(OriginError::Path(without_query(rest))),
        _ => Err(OriginError::Port(text.to_owned())),
    }
}

/// An IP address, in brackets or not, that a request names as its host.
fn parse_address(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    inner.parse().ok()
}

/// Names are equal in any case and with or without the root's dot.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

pub(super) fn is_localhost(host: &str) -> bool {
    let host = normal(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// An origin as it is written in fonio.toml.
pub(super) fn render(scheme: &str, host: &str, port: u16) -> String {
    let host = match parse_address(host).map(|ip| ip.to_canonical()) {
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        None => normal(host),
    };
    match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Below(suffix) => write!(f, "*{suffix}")?,
            Host::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            Host::Address(ip) => write!(f, "{ip}")?,
            Host::Network(network @ IpNet::V6(_)) => write!(f, "[{network}]")?,
            Host::Network(network) => write!(f, "{network}")?,
        }
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;
    use proptest::prelude::*;

    fn origin(text: &str) -> Origin {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn origins_are_shown_as_they_are_written() {
        for text in [
            "https://dhis2.example.org",
            "https://*.example.net:8443",
            "http://10.1.0.0/16:8080",
            "http://[::1]:8080",
            "https://[fd00::/8]",
            "http://localhost:4004",
        ] {
            assert_eq!(origin(text).to_string(), text);
        }
        assert_eq!(
            origin(" HTTPS://Example.ORG.:443/ ").to_string(),
            "https://example.org"
        );
        assert_eq!(
            origin("http://10.1.2.3/16").to_string(),
            "http://10.1.0.0/16"
        );
        assert_eq!(
            origin("http://[::ffff:10.0.0.1]").to_string(),
            "http://10.0.0.1"
        );
    }

    #[test]
    fn a_name_matches_itself_in_any_spelling_and_nothing_else() {
        let origin = origin("https://api.example.org");
        assert!(origin.matches("https", "api.example.org", 443));
        assert!(origin.matches("HTTPS", "API.Example.org.", 443));
        for host in [
            "example.org",
            "x.api.example.org",
            "api.example.org.evil.net",
            "xapi.example.org",
            "",
        ] {
            assert!(!origin.matches("https", host, 443), "{host}");
        }
        assert!(!origin.matches("http", "api.example.org", 443));
        assert!(!origin.matches("https", "api.example.org", 8443));
    }

    #[test]
    fn a_wildcard_matches_below_its_domain_and_not_the_domain() {
        let origin = origin("https://*.example.net");
        assert!(origin.matches("https", "a.example.net", 443));
        assert!(origin.matches("https", "a.b.example.net", 443));
        for host in [
            "example.net",
            ".example.net",
            "aexample.net",
            "example.net.evil.org",
            "10.0.0.1",
        ] {
            assert!(!origin.matches("https", host, 443), "{host}");
        }
    }

    #[test]
    fn what_is_no_origin_says_why() {
        use OriginError as E;
        let cases = [
            ("example.org", E::NoScheme),
            ("ftp://example.org", E::UnknownScheme("ftp".into())),
            ("https://user:pw@example.org", E::UserInfo),
            ("https://example.org/api", E::Path("/api".into())),
            ("https://example.org:8443/api", E::Path("/api".into())),
            ("https://example.org?x", E::Path("?…".into())),
            ("https://", E::NoHost),
            ("https://:443", E::NoHost),
            ("https://*", E::Wildcard),
            ("https://*.*.org", E::Wildcard),
            ("https://a*.example.org", E::Wildcard),
            (
                "https://bücher.example",
                E::NotAscii("bücher.example".into()),
            ),
            ("https://exa mple.org", E::Name("exa mple.org".into())),
            ("https://-a.org", E::Name("-a.org".into())),
            ("https://a..org", E::Name("a..org".into())),
            ("http://127.1", E::Address("127.1".into())),
            ("http://2130706433", E::Address("2130706433".into())),
            ("http://0x7f.0.0.0x1", E::Address("0x7f.0.0.0x1".into())),
            ("http://[::1", E::Address("[::1".into())),
            ("http://10.0.0.0/33", E::Network("10.0.0.0/33".into())),
            ("http://[10.0.0.0/8]", E::Network("10.0.0.0/8".into())),
            ("https://a.org:0", E::Port("0".into())),
            ("https://a.org:65536", E::Port("65536".into())),
            ("https://a.org:+1", E::Port("+1".into())),
            ("https://a.org:", E::Port(String::new())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_origin_with_a_name_is_for_what_the_http_crate_requests(
            scheme in "https?", host in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?(\\.[a-z]([a-z0-9-]{0,4}[a-z0-9])?){1,3}",
            port in proptest::option::of(1u16..),
        ) {
            let text = match port { Some(port) => format!("{scheme}://{host}:{port}"), None => format!("{scheme}://{host}") };
            let uri: Uri = format!("{text}/api?x=1").parse().expect("a URI");
            let (uri_scheme, uri_host) = (uri.scheme_str().expect("a scheme"), uri.host().expect("a host"));
            let uri_port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
            let origin = text.parse::<Origin>().expect("what is a URI is an origin");
            prop_assert!(origin.matches(uri_scheme, uri_host, uri_port));
            prop_assert!(!origin.matches(uri_scheme, uri_host, uri_port ^ 1));
            let other = format!("x{uri_host}");
            prop_assert!(!origin.matches(uri_scheme, &other, uri_port));
        }

        #[test]
        fn a_network_holds_what_the_ipnet_crate_says(address: [u8; 4], prefix in 0u8..=32, asked: [u8; 4]) {
            let (address, asked) = (Ipv4Addr::from(address), Ipv4Addr::from(asked));
            let network: ipnet::Ipv4Net = format!("{address}/{prefix}").parse().expect("a network");
            let origin = origin(&format!("http://{address}/{prefix}:8080"));
            prop_assert_eq!(origin.matches("http", &asked.to_string(), 8080), network.contains(&asked));
            let mapped = IpAddr::V6(asked.to_ipv6_mapped());
            prop_assert_eq!(origin.matches_address("http", mapped, 8080), network.contains(&asked));
        }

        #[test]
        fn no_text_makes_the_parser_panic_and_what_it_reads_it_can_write(text in "(https?://)?[\\[\\]*./:@?#a-z0-9é-]{0,24}") {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse::<Origin>(), Ok(origin));
            }
        }
    }
}
