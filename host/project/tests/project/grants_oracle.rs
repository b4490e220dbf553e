//! The grammar and the matching of grants against an oracle that knows nothing of them: the `url` crate, which reads
//! addresses as browsers do, and networks as sums of bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fonio_project::{Grants, Origin};
use proptest::prelude::*;
use url::{Host, Url};

/// What a grant means, for the oracle: a scheme, a port, and what hosts.
#[derive(Clone, Debug)]
struct Meaning {
    scheme: &'static str,
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    Name(String),
    Below(String),
    V4(Ipv4Addr, u32),
    V6(Ipv6Addr, u32),
}

impl Meaning {
    /// As a person writes it.
    fn written(&self) -> String {
        let host = match &self.hosts {
            Hosts::Name(name) => name.clone(),
            Hosts::Below(name) => format!("*.{name}"),
            Hosts::V4(address, 32) => address.to_string(),
            Hosts::V4(address, prefix) => format!("{address}/{prefix}"),
            Hosts::V6(address, 128) => format!("[{address}]"),
            Hosts::V6(address, prefix) => format!("[{address}/{prefix}]"),
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.scheme)
    }

    /// Whether this URL is within it, by what the `url` crate takes it for.
    fn holds(&self, url: &Url) -> bool {
        let own_port = if self.scheme == "http" { 80 } else { 443 };
        if url.scheme() != self.scheme
            || url.port_or_known_default() != Some(self.port.unwrap_or(own_port))
        {
            return false;
        }
        match (url.host().expect("it has a host"), &self.hosts) {
            (Host::Domain(asked), Hosts::Name(name)) => root(asked) == name.to_lowercase(),
            (Host::Domain(asked), Hosts::Below(name)) => {
                let labels: Vec<&str> = root(asked).split('.').collect();
                let wanted = name.to_lowercase();
                let wanted: Vec<&str> = wanted.split('.').collect();
                labels.len() > wanted.len() && labels.ends_with(&wanted)
            }
            (Host::Domain(_), _) => false,
            (Host::Ipv4(asked), hosts) => hosts.hold_v4(asked),
            // The same machine, in the other spelling.
            (Host::Ipv6(asked), hosts) => match asked.to_ipv4_mapped() {
                Some(asked) => hosts.hold_v4(asked),
                None => hosts.hold_v6(asked),
            },
        }
    }
}

impl Hosts {
    fn hold_v4(&self, asked: Ipv4Addr) -> bool {
        let Hosts::V4(address, prefix) = self else {
            return false;
        };
        let differ = u32::from(*address) ^ u32::from(asked);
        (0..*prefix).all(|bit| differ & (1 << (31 - bit)) == 0)
    }

    fn hold_v6(&self, asked: Ipv6Addr) -> bool {
        let Hosts::V6(address, prefix) = self else {
            return false;
        };
        let differ = u128::from(*address) ^ u128::from(asked);
        (0..*prefix).all(|bit| differ & (1 << (127 - bit)) == 0)
    }
}

/// Without the root's dot.
fn root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn names() -> impl Strategy<Value = String> {
    // From few letters, so that what is granted and what is asked often meet.
    "[abAB](-?[ab1])?(\\.[ab]{1,2}){1,2}"
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    (0u8..4, 0u8..4, 0u8..4, 0u8..8).prop_map(|(a, b, c, d)| Ipv4Addr::new(10 + a, b, c, d))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    (0u128..4, 0u128..4).prop_map(|(high, low)| Ipv6Addr::from((0xfd00 + high) << 112 | low))
}

fn meanings() -> impl Strategy<Value = Meaning> {
    let hosts = prop_oneof![
        names().prop_map(Hosts::Name),
        names().prop_map(Hosts::Below),
        (v4(), 6u32..=32).prop_map(|(address, prefix)| Hosts::V4(address, prefix)),
        (v6(), 8u32..=128).prop_map(|(address, prefix)| Hosts::V6(address, prefix)),
    ];
    let schemes = prop_oneof![Just("http"), Just("https")];
    let ports = proptest::option::of(prop_oneof![Just(80u16), Just(443), Just(8080)]);
    (schemes, hosts, ports).prop_map(|(scheme, hosts, port)| Meaning {
        scheme,
        hosts,
        port,
    })
}

/// Every spelling of a host that a request can have.
fn asked_hosts() -> impl Strategy<Value = String> {
    prop_oneof![
        names(),
        names().prop_map(|name| format!("{name}.")),
        ("[ab]{1,2}", names()).prop_map(|(below, name)| format!("{below}.{name}")),
        (names(), "[ab]{1,2}").prop_map(|(name, above)| format!("{name}.{above}")),
        v4().prop_map(|ip| ip.to_string()),
        v4().prop_map(|ip| format!("[{}]", ip.to_ipv6_mapped())),
        v6().prop_map(|ip| format!("[{ip}]")),
        v6().prop_map(|ip| {
            let groups: Vec<String> = ip
                .segments()
                .iter()
                .map(|group| format!("{group:04X}"))
                .collect();
            format!("[{}]", groups.join(":"))
        }),
    ]
}

fn urls() -> impl Strategy<Value = Url> {
    let ports = proptest::option::of(prop_oneof![Just(80u16), Just(443), Just(8080)]);
    (
        prop_oneof![Just("http"), Just("https")],
        asked_hosts(),
        ports,
    )
        .prop_map(|(scheme, host, port)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let text = format!("{scheme}://{host}{port}/path?query");
            Url::parse(&text).expect("it is a URL")
        })
}

/// As the choke point asks.
fn permits(grants: &Grants, url: &Url) -> bool {
    let (host, port) = (url.host_str(), url.port_or_known_default());
    grants.permits(url.scheme(), host.expect("a host"), port.expect("a port"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_request_is_within_a_grant_exactly_where_the_url_crate_and_the_bits_say_so(
        meanings in proptest::collection::vec(meanings(), 0..4), url in urls(),
    ) {
        let origins = meanings.iter().map(|meaning| meaning.written().parse::<Origin>());
        let origins: Vec<Origin> = origins.collect::<Result<_, _>>().expect("they are grants");
        let grants = Grants::new(origins);
        let within = meanings.iter().any(|meaning| meaning.holds(&url));
        prop_assert_eq!(permits(&grants, &url), within, "{} in {}", url, grants);
    }

    /// What a person can write and a browser would take for another place than the grant does must be no grant.
    #[test]
    fn what_is_read_as_a_grant_is_the_place_that_the_url_crate_reads(
        text in "https?://[\\[\\]*.:@%/\\\\?#a-cA-C0-9x-]{0,16}",
    ) {
        let Ok(origin) = text.parse::<Origin>() else { return Ok(()) };
        let plain = !text.contains('*') && !text[8..].trim_end_matches('/').contains('/');
        prop_assume!(plain);
        let url = Url::parse(&text);
        prop_assert!(url.is_ok(), "{} is a grant and no URL", text);
        let url = url.expect("checked");
        prop_assert!(permits(&Grants::new([origin]), &url), "{} grants another place than {}", text, url);
        prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", text);
    }

    /// A granted name never leads to an address of the machine or its network by being resolved to it.
    #[test]
    fn a_name_opens_no_private_address_and_a_network_just_its_own(
        meanings in proptest::collection::vec(meanings(), 1..4), url in urls(), ip in prop_oneof![v4().prop_map(IpAddr::V4), v6().prop_map(IpAddr::V6)],
    ) {
        let origins = meanings.iter().map(|meaning| meaning.written().parse::<Origin>().expect("a grant"));
        let grants = Grants::new(origins);
        let (scheme, host, port) = (url.scheme(), url.host_str().expect("a host"), url.port_or_known_default().expect("a port"));
        let mut there = url.clone();
        there.set_ip_host(ip).expect("it has a host");
        // 10.… is private, 11.… to 13.… are not; fd00::/8 is.
        let private = match ip { IpAddr::V4(ip) => ip.is_private(), IpAddr::V6(_) => true };
        let named = meanings.iter().any(|meaning| meaning.holds(&there));
        let within = meanings.iter().any(|meaning| meaning.holds(&url));
        let expected = within && (named || !private);
        prop_assert_eq!(grants.permits_address(scheme, host, ip, port), expected, "{} at {} in {}", url, ip, grants);
    }
}
