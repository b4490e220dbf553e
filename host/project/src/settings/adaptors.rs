//! `[adaptors.NAME]`: what jobs with one adaptor may reach, and `collections`, which `[project]` has, too.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{AdaptorSettings, Settings};
use crate::adaptor::AdaptorName;
use crate::grants::{Access, CollectionGrants};
use crate::reading::Reading;
use crate::tree::{Data, Key, Node};

const KEYS: &[&str] = &["network", "collections", "events", "environment"];

/// What the contract has names for and this version has not. A grant that does nothing would be taken for one that does.
const ABSENT: &[(&str, &str)] = &[
    ("databases", "adaptors have no databases"),
    ("datastore", "adaptors have no files"),
];

impl Reading<'_> {
    pub(super) fn adaptors(&mut self, node: &Node, settings: &mut Settings) {
        for (key, value) in self.map(node, "[adaptors]").unwrap_or_default() {
            let place = format!("[adaptors.{}]", key.text);
            if let Some(name) = self.adaptor_name(key, &place) {
                let read = self.adaptor(key, value, &place);
                settings.adaptors.insert(name, read);
            }
        }
    }

    fn adaptor_name(&mut self, key: &Key, place: &str) -> Option<String> {
        match AdaptorName::from_str(&key.text) {
            Ok(AdaptorName {
                name,
                version: None,
            }) => return Some(name),
            Ok(_) => self
                .error(
                    key.at,
                    format!("{place} names a version, and would be for any"),
                )
                .help("write the name without the version"),
            Err(error) => {
                self.error(key.at, format!("`{}` names no adaptor: {error}", key.text));
            }
        }
        None
    }

    fn adaptor(&mut self, name: &Key, node: &Node, place: &str) -> AdaptorSettings {
        let mut read = AdaptorSettings {
            allow: None,
            idempotency_header: None,
            collections: None,
            events: None,
            environment: Vec::new(),
            written: name.text.clone(),
            at: name.at,
        };
        for (key, value) in self.map(node, place).unwrap_or_default() {
            match key.text.as_str() {
                "network" => {
                    let network = self.network(value, place);
                    read.allow = network.allow;
                    read.idempotency_header = network.idempotency_header;
                }
                "environment" => read.environment = self.variables(value),
                "collections" => read.collections = Some(self.collection_grants(key, value)),
                "events" => read.events = Some(self.event_patterns(value)),
                _ => self.absent_or_unknown(key, place),
            }
        }
        read
    }

    /// Names of variables, each where it stands.
    fn variables(&mut self, node: &Node) -> Vec<Key> {
        let items = self.list(node, "`environment`").unwrap_or_default();
        let name = |item: &Node| {
            let text = self.text(item, "a variable's name in `environment`")?;
            Some(Key { text, at: item.at })
        };
        items.iter().filter_map(name).collect()
    }

    fn absent_or_unknown(&mut self, key: &Key, place: &str) {
        match ABSENT.iter().find(|(name, _)| *name == key.text) {
            None => self.unknown(key, place, KEYS),
            Some((name, so)) => self
                .error(
                    key.at,
                    format!(
                        "`{name}` cannot be granted: this version has no such capability, and {so}"
                    ),
                )
                .help("take the line out"),
        }
    }

    /// `"none"`, `"read"`, `"write"`, or a table of names to these. What is wrong grants nothing.
    pub(super) fn collection_grants(&mut self, key: &Key, node: &Node) -> CollectionGrants {
        let Data::Map(entries) = &node.data else {
            return CollectionGrants::All(self.access("`collections`", node));
        };
        let mut named = BTreeMap::new();
        for (name, value) in entries {
            let access = self.access(&format!("`{}` in `collections`", name.text), value);
            named.insert(name.text.clone(), access);
        }
        CollectionGrants::Named {
            named,
            at: (key.at.line, key.at.column),
        }
    }

    fn access(&mut self, what: &str, node: &Node) -> Access {
        let text = node.as_text();
        let access = text.as_deref().and_then(Access::named);
        if access.is_none() {
            self.error(node.at, format!("{what} should be `none`, `read` or `write`"))
                .help("`write` is to read and to write; a table says it for each collection: { seen = \"read\", sent = \"write\" }");
        }
        access.unwrap_or(Access::None)
    }
}
