//! `[network]` and `[adaptors.NAME] network`: what jobs may reach, and the header by which a system knows a request again.

use super::Settings;
use crate::grants::Origin;
use crate::reading::Reading;
use crate::tree::{Data, Node};

/// Longer than any in use.
const HEADER_MAX_BYTES: usize = 64;
/// What has a meaning of its own that a mark would take from it.
const RESERVED: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// What one of these tables says.
#[derive(Default)]
pub(super) struct Network {
    pub allow: Option<Vec<Origin>>,
    pub idempotency_header: Option<IdempotencyHeader>,
}

/// `idempotency_header`: whether requests that change something are marked, the same in each attempt at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyHeader {
    /// In the header of this name, in small letters.
    Named(String),
    /// `false`: they are not, whatever the project's table says.
    Off,
}

impl Settings {
    /// The header in which the requests of jobs with the adaptor of this full name are marked.
    pub fn idempotency_header(&self, adaptor: &str) -> Option<&str> {
        let own = self.adaptors.get(adaptor);
        let own = own.and_then(|own| own.idempotency_header.as_ref());
        match own.or(self.idempotency_header.as_ref())? {
            IdempotencyHeader::Named(name) => Some(name),
            IdempotencyHeader::Off => None,
        }
    }
}

impl Reading<'_> {
    pub(super) fn network(&mut self, node: &Node, place: &str) -> Network {
        let mut read = Network::default();
        for (key, value) in self.map(node, place).unwrap_or_default() {
            match key.text.as_str() {
                "allow" => read.allow = self.origins(value, "`allow`"),
                "idempotency_header" => read.idempotency_header = self.idempotency_header(value),
                _ => self.unknown(key, place, &["allow", "idempotency_header"]),
            }
        }
        read
    }

    fn idempotency_header(&mut self, node: &Node) -> Option<IdempotencyHeader> {
        if node.data == Data::Bool(false) {
            return Some(IdempotencyHeader::Off);
        }
        let name = self
            .text(node, "`idempotency_header`")?
            .to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let well_formed = (1..=HEADER_MAX_BYTES).contains(&name.len()) && name.chars().all(fits);
        if well_formed && !RESERVED.contains(&name.as_str()) {
            return Some(IdempotencyHeader::Named(name));
        }
        self.error(
            node.at,
            format!("`{name}` is no header to mark requests in"),
        )
        .help("letters, digits, `-` and `_`, for instance \"Idempotency-Key\"; or false");
        None
    }
}
