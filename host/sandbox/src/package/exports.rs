//! The names that a package exports, as a tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names and what is behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exports(pub BTreeMap<String, Export>);

/// What is behind a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Export {
    /// A function: how many parameters it declares before the first one with a default.
    Function(u32),
    /// An object with functions in it: `http` of `http.get`.
    Namespace(Exports),
    /// Another value.
    Value(()),
}

impl Exports {
    /// Every name, those in namespaces with the namespace before them: `http`, `http.get`.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.collect("", &mut names);
        names
    }

    fn collect(&self, before: &str, names: &mut Vec<String>) {
        for (name, export) in &self.0 {
            let name = format!("{before}{name}");
            if let Export::Namespace(inner) = export {
                inner.collect(&format!("{name}."), names);
            }
            names.push(name);
        }
    }

    /// The functions among [`Exports::names`].
    pub fn functions(&self) -> Vec<String> {
        let names = self.names().into_iter();
        names
            .filter(|name| matches!(self.at(name), Some(Export::Function(_))))
            .collect()
    }

    /// What is behind a name such as `http.get`.
    pub fn at(&self, name: &str) -> Option<&Export> {
        match name.split_once('.') {
            None => self.0.get(name),
            Some((first, rest)) => match self.0.get(first)? {
                Export::Namespace(inner) => inner.at(rest),
                Export::Function(_) | Export::Value(()) => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_namespaces_are_found_by_their_whole_name() {
        let exports: Exports =
            serde_json::from_str(r#"{"get":2,"http":{"get":2,"deep":{"x":0}},"client":null}"#)
                .expect("as the runtime writes it");
        assert_eq!(
            exports.names(),
            [
                "client",
                "get",
                "http.deep.x",
                "http.deep",
                "http.get",
                "http"
            ]
        );
        assert_eq!(exports.functions(), ["get", "http.deep.x", "http.get"]);
        assert_eq!(exports.at("http.deep.x"), Some(&Export::Function(0)));
        assert_eq!(exports.at("http.put"), None);
    }
}
