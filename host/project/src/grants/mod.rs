//! What a job may reach over the network: origins named in the project, and nothing else; in `collections`, what it
//! may do with those of the project; and in `events`, what it may publish.
//!
//! A request passes twice. By name, before anything is resolved ([`Grants::permits`]); then each address the name
//! resolved to ([`Grants::permits_address`]), because a name can lead anywhere its owner likes, also into the
//! network that this host stands in. Open `origin` for how a grant is written, `address` for which addresses are public.

mod address;
mod collections;
mod events;
mod origin;

use std::fmt;
use std::net::IpAddr;

pub use collections::{Access, CollectionGrants, JobCollections};
pub use events::JobEvents;
pub use origin::{Origin, OriginError};

/// The grants of one job. `Grants::default()` permits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    table: Table,
    /// From `allow` in fonio.toml.
    listed: Vec<Origin>,
    /// From the job's credential.
    credential: Vec<Origin>,
}

/// Where in fonio.toml a job's origins are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Table {
    /// `[network]`.
    #[default]
    Project,
    /// `[adaptors.NAME]`, which stands in place of `[network]` for jobs with that adaptor.
    Adaptor(String),
}

impl Grants {
    /// Grants as if `origins` were all that `[network]` allows.
    pub fn new(origins: impl IntoIterator<Item = Origin>) -> Grants {
        Grants {
            table: Table::Project,
            listed: origins.into_iter().collect(),
            credential: Vec::new(),
        }
    }

    pub(crate) fn for_job(table: Table, listed: Vec<Origin>, credential: Vec<Origin>) -> Grants {
        Grants {
            table,
            listed,
            credential,
        }
    }

    /// These grants and `more`, which a person named on the command line or a credential carries.
    #[must_use]
    pub fn and(mut self, more: Vec<Origin>) -> Grants {
        self.credential.extend(more);
        self
    }

    /// Every granted origin.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.listed.iter().chain(&self.credential)
    }

    /// Whether a request may be made, judged by name alone. An IP address as `host` matches origins that name it and
    /// networks that hold it. IPv6 addresses may be in brackets.
    pub fn permits(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.origins()
            .any(|origin| origin.matches(scheme, host, port))
    }

    /// Whether a request that [`permits`](Grants::permits) let pass may connect to `ip`, which `host` resolved to.
    ///
    /// Public addresses may. Others (loopback, private, link-local with the clouds' metadata services, and whatever
    /// else the public internet does not route) only when a granted origin names that very address or a network
    /// around it, or names `localhost` and `ip` is loopback.
    pub fn permits_address(&self, scheme: &str, host: &str, ip: IpAddr, port: u16) -> bool {
        self.permits(scheme, host, port)
            && (address::is_public(ip)
                || self
                    .origins()
                    .any(|origin| origin.matches_address(scheme, ip, port))
                || (origin::is_localhost(host) && ip.to_canonical().is_loopback()))
    }

    /// The lines of fonio.toml that would permit this request: the job's present list with one origin more.
    /// `host` may be a name or an IP address; for a name that leads to a private address, give the address.
    pub fn line_to_allow(&self, scheme: &str, host: &str, port: u16) -> String {
        let wanted = origin::render(scheme, host, port);
        let quoted: Vec<String> = self
            .listed
            .iter()
            .map(Origin::to_string)
            .chain([wanted])
            .map(|origin| format!("\"{origin}\""))
            .collect();
        match &self.table {
            Table::Project => format!("[network]\nallow = [{}]", quoted.join(", ")),
            Table::Adaptor(name) => format!(
                "[adaptors.{}]\nnetwork = {{ allow = [{}] }}",
                toml_key(name),
                quoted.join(", ")
            ),
        }
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<String> = self.origins().map(Origin::to_string).collect();
        f.write_str(&origins.join(", "))
    }
}

fn toml_key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(origins: &[&str]) -> Grants {
        Grants::new(
            origins
                .iter()
                .map(|origin| origin.parse().expect("an origin")),
        )
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn nothing_is_permitted_by_default() {
        assert!(!Grants::default().permits("https", "example.org", 443));
        assert!(!Grants::default().permits_address(
            "https",
            "example.org",
            ip("93.184.215.14"),
            443
        ));
    }

    #[test]
    fn a_public_address_is_fine_once_the_name_is_permitted() {
        let grants = grants(&["https://dhis2.example.org"]);
        assert!(grants.permits_address("https", "dhis2.example.org", ip("93.184.215.14"), 443));
        assert!(!grants.permits_address("https", "other.example.org", ip("93.184.215.14"), 443));
        assert!(!grants.permits_address("http", "dhis2.example.org", ip("93.184.215.14"), 80));
    }

    #[test]
    fn a_granted_name_that_leads_to_a_private_address_is_refused() {
        let grants = grants(&["https://dhis2.example.org", "http://[::1]:9"]);
        for address in [
            "10.0.0.5",
            "127.0.0.1",
            "169.254.169.254",
            "192.168.1.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.5",
        ] {
            assert!(
                !grants.permits_address("https", "dhis2.example.org", ip(address), 443),
                "{address}"
            );
        }
    }

    #[test]
    fn a_private_address_is_granted_by_being_named_or_by_a_network_around_it() {
        let grants = grants(&[
            "https://dhis2.internal",
            "https://10.1.0.0/16",
            "http://127.0.0.1:8080",
        ]);
        assert!(grants.permits_address("https", "dhis2.internal", ip("10.1.2.3"), 443));
        assert!(grants.permits_address("https", "dhis2.internal", ip("::ffff:10.1.2.3"), 443));
        assert!(!grants.permits_address("https", "dhis2.internal", ip("10.2.2.3"), 443));
        assert!(grants.permits_address("http", "127.0.0.1", ip("127.0.0.1"), 8080));
        assert!(!grants.permits("http", "127.0.0.1", 8081));
        assert!(grants.permits("https", "10.1.2.3", 443));
        assert!(!grants.permits("http", "10.1.2.3", 80));
    }

    #[test]
    fn localhost_covers_loopback_addresses_and_no_others() {
        let grants = grants(&["http://localhost:4004"]);
        assert!(grants.permits_address("http", "localhost", ip("127.0.0.1"), 4004));
        assert!(grants.permits_address("http", "LOCALHOST", ip("::1"), 4004));
        assert!(!grants.permits_address("http", "localhost", ip("10.0.0.1"), 4004));
        assert!(!grants.permits_address("http", "localhost", ip("127.0.0.1"), 4005));
        assert!(!grants.permits("http", "127.0.0.1", 4004));
    }

    #[test]
    fn the_line_to_allow_keeps_what_is_allowed_already() {
        assert_eq!(
            Grants::default().line_to_allow("https", "api.example.org", 443),
            "[network]\nallow = [\"https://api.example.org\"]"
        );
        assert_eq!(
            grants(&["https://a.example.org"]).line_to_allow("http", "::1", 8080),
            "[network]\nallow = [\"https://a.example.org\", \"http://[::1]:8080\"]"
        );
    }

    #[test]
    fn the_line_to_allow_names_the_table_that_counts() {
        let listed = vec!["https://a.example.org".parse().expect("an origin")];
        let grants = Grants::for_job(Table::Adaptor("http".to_owned()), listed, Vec::new());
        assert_eq!(
            grants.line_to_allow("https", "b.example.org", 8443),
            "[adaptors.http]\nnetwork = { allow = [\"https://a.example.org\", \"https://b.example.org:8443\"] }"
        );
        let grants = Grants::for_job(Table::Adaptor("@acme/x".to_owned()), Vec::new(), Vec::new());
        assert!(
            grants
                .line_to_allow("https", "b.org", 443)
                .starts_with("[adaptors.\"@acme/x\"]")
        );
    }

    #[test]
    fn what_the_line_says_permits_what_was_refused() {
        for (scheme, host, port) in [
            ("https", "api.example.org", 443),
            ("http", "10.0.0.1", 80),
            ("http", "[::1]", 8080),
        ] {
            let line = Grants::default().line_to_allow(scheme, host, port);
            let origin = line.split('"').nth(1).expect("one quoted origin");
            assert!(grants(&[origin]).permits(scheme, host, port), "{line}");
        }
    }
}
