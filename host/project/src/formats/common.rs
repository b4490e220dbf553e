//! What v3 and v4 have in common: collections, credentials by name, conditions of edges, Fonio's own block.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Map;

use crate::credential::{Body, hyphenated};
use crate::draft::{Declared, DraftCondition, DraftWorkflow, keep};
use crate::model::AfterCrash;
use crate::reading::Reading;
use crate::tree::{Data, Key, Node, to_object};

const OWN_KEYS: &[&str] = &["after_crash", "start", "options"];
const OPTIONS: &[&str] = &["timeout", "run_memory_limit_mb"];

impl Reading<'_> {
    /// A list of names or of maps with a `name`, or a map by name.
    pub(super) fn collections(&mut self, node: &Node) -> Vec<String> {
        match &node.data {
            Data::Null => Vec::new(),
            Data::Map(entries) => entries
                .iter()
                .map(|(key, value)| {
                    let name = value.get("name").and_then(Node::as_text);
                    name.unwrap_or_else(|| key.text.clone())
                })
                .collect(),
            _ => {
                let nodes = self.list(node, "`collections`").unwrap_or_default();
                nodes
                    .iter()
                    .filter_map(|node| self.text(node.get("name").unwrap_or(node), "a collection"))
                    .collect()
            }
        }
    }

    /// A map of keys to `{name, owner}` as in v3, or a list of those or of `owner|name` as in v4.
    pub(super) fn declared(&mut self, node: &Node) -> Vec<Declared> {
        match &node.data {
            Data::Null => Vec::new(),
            Data::Map(entries) => entries
                .iter()
                .filter_map(|(key, value)| self.declared_one(value, Some(key)))
                .collect(),
            _ => {
                let nodes = self.list(node, "`credentials`").unwrap_or_default();
                nodes
                    .iter()
                    .filter_map(|node| self.declared_one(node, None))
                    .collect()
            }
        }
    }

    fn declared_one(&mut self, node: &Node, key: Option<&Key>) -> Option<Declared> {
        let (mut name, mut owner, mut kept) = (None, None, Map::new());
        match &node.data {
            Data::Null => {}
            Data::Text(text) if key.is_none() => return Some(self.declared_as(text, node)),
            _ => {
                for (key, value) in self.map(node, "a credential")? {
                    match key.text.as_str() {
                        "name" => name = self.optional_text(value, "`name` of a credential"),
                        "owner" => owner = self.optional_text(value, "`owner` of a credential"),
                        "id" | "uuid" | "openfn" => keep(&mut kept, key, value),
                        _ => self.ignored(key, "a credential", &["name", "owner"]),
                    }
                }
            }
        }
        let Some(name) = name.or_else(|| key.map(|key| key.text.clone())) else {
            self.error(node.at, "a credential has no name");
            return None;
        };
        Some(Declared {
            key: key.map_or_else(|| key_of(owner.as_deref(), &name), |key| key.text.clone()),
            name,
            owner,
            kept,
            file: self.file.to_owned(),
            at: key.map_or(node.at, |key| key.at),
        })
    }

    /// A map from the names of credentials to their content.
    pub(super) fn credential_bodies(&mut self, node: &Node, what: &str) -> BTreeMap<String, Body> {
        let mut bodies = BTreeMap::new();
        for (key, value) in self.map(node, what).unwrap_or_default() {
            let what = format!("the credential `{}`", key.text);
            let body = match &value.data {
                Data::Map(entries) => to_object(entries),
                Data::Null => Map::new(),
                _ => {
                    let _: Option<()> = self.wrong_kind(value, &what, "a map of its fields");
                    continue;
                }
            };
            let body = Body {
                body,
                file: self.file.to_owned(),
                at: key.at,
            };
            bodies.insert(key.text.clone(), body);
        }
        bodies
    }

    /// A credential that is named as jobs of v4 name it: `owner|name`, or the name alone.
    pub(super) fn declared_as(&self, text: &str, node: &Node) -> Declared {
        let (owner, name) = match text.split_once('|') {
            Some((owner, name)) => (Some(owner), name),
            None => (None, text),
        };
        Declared {
            key: key_of(owner, name),
            name: name.to_owned(),
            owner: owner.map(str::to_owned),
            kept: Map::new(),
            file: self.file.to_owned(),
            at: node.at,
        }
    }

    /// The block `fonio`, which OpenFn does not read: what a workflow has that its format has no place for.
    pub(super) fn own_block(&mut self, node: &Node, workflow: &mut DraftWorkflow) {
        for (key, value) in self.map(node, "`fonio`").unwrap_or_default() {
            match (key.text.as_str(), value.as_text().as_deref()) {
                ("after_crash", Some("continue")) => workflow.after_crash = AfterCrash::Continue,
                ("after_crash", Some("stop")) => workflow.after_crash = AfterCrash::Stop,
                ("after_crash", _) => self
                    .error(value.at, "`after_crash` is not known")
                    .help("one of continue and stop"),
                ("start", _) => workflow.start = self.reference(value, "`start`"),
                ("options", _) => self.options(value, workflow),
                _ => self.ignored(key, "the `fonio` block of a workflow", OWN_KEYS),
            }
        }
    }

    /// The limits of a workflow.
    pub(super) fn options(&mut self, node: &Node, workflow: &mut DraftWorkflow) {
        for (key, value) in self.map(node, "`options`").unwrap_or_default() {
            match key.text.as_str() {
                "timeout" | "run_timeout_ms" => {
                    let milliseconds = self.whole_number(key, value);
                    workflow.options.timeout = milliseconds.map(Duration::from_millis);
                }
                "run_memory_limit_mb" => {
                    let megabytes = self.whole_number(key, value);
                    workflow.options.memory_bytes = megabytes.map(|mb| mb.saturating_mul(1 << 20));
                }
                "start" => workflow.start = self.reference(value, "`start`"),
                _ => self.ignored(key, "`options`", OPTIONS),
            }
        }
    }

    fn whole_number(&mut self, key: &Key, node: &Node) -> Option<u64> {
        if node.is_null() {
            return None;
        }
        let number = match &node.data {
            Data::Number(number) => number.as_u64().filter(|number| *number > 0),
            _ => None,
        };
        if number.is_none() {
            let unit = if key.text.ends_with("_mb") {
                "megabytes"
            } else {
                "milliseconds"
            };
            let message = format!("`{}` should be a whole number of {unit}", key.text);
            self.error(node.at, message);
        }
        number
    }
}

/// As v3 makes its keys, so that a credential has one name in all generations. Without an owner, it is from v2.
fn key_of(owner: Option<&str>, name: &str) -> String {
    match owner {
        Some(owner) => hyphenated(&format!("{owner} {name}")),
        None => name.to_owned(),
    }
}

/// The conditions that are words.
pub(super) fn keyword(text: &str) -> Option<DraftCondition> {
    match text.trim() {
        "always" => Some(DraftCondition::Always),
        "on_job_success" => Some(DraftCondition::OnSuccess),
        "on_job_failure" => Some(DraftCondition::OnFailure),
        "never" => Some(DraftCondition::Never),
        _ => None,
    }
}

/// A name as v4 makes an id of it: `Fetch Data!` is `fetch-data`.
pub(crate) fn slugify(name: &str) -> String {
    let words: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        })
        .collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_an_id() {
        for (name, id) in [
            ("Fetch Data!", "fetch-data"),
            ("  a_b (c) ", "a_b-c"),
            ("…", ""),
        ] {
            assert_eq!(slugify(name), id);
        }
    }

    #[test]
    fn a_credential_has_the_key_that_v3_gives_it() {
        assert_eq!(key_of(Some("ana@x.org"), "new one"), "ana@x.org-new-one");
        assert_eq!(key_of(None, "new one"), "new one");
    }
}
