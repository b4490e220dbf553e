//! Taking values of the wanted kind from a tree, and reporting those of another.

use std::path::Path;

use crate::draft::Field;
use crate::problem::Problem;
use crate::report::{Place, Report};
use crate::suggest::did_you_mean;
use crate::tree::{Data, Key, Node};

/// One file being read.
pub(crate) struct Reading<'r> {
    pub report: &'r mut Report,
    pub file: &'r Path,
    /// Its text, in which values have their places.
    pub text: &'r str,
}

impl Reading<'_> {
    pub fn error(&mut self, at: Place, message: impl Into<String>) -> &mut Problem {
        self.report.error(self.file, at, message)
    }

    pub fn warning(&mut self, at: Place, message: impl Into<String>) -> &mut Problem {
        self.report.warning(self.file, at, message)
    }

    /// The entries of a map; nothing at all is an empty one.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        match &node.data {
            Data::Map(entries) => Some(entries),
            Data::Null => Some(&[]),
            _ => self.wrong_kind(node, what, "a map of names to values"),
        }
    }

    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.data {
            Data::List(nodes) => Some(nodes),
            _ => self.wrong_kind(node, what, "a list"),
        }
    }

    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        node.as_text()
            .or_else(|| self.wrong_kind(node, what, "a text"))
    }

    /// A text that may be left out.
    pub fn field(&mut self, node: &Node, what: &str) -> Field {
        if node.is_null() {
            return Field::Absent;
        }
        match self.text(node, what) {
            Some(text) => Field::Text {
                text,
                at: node.at,
                written_at: node.written_at,
            },
            None => Field::Wrong,
        }
    }

    /// The name of something else in the file; nothing is none.
    pub fn reference(&mut self, node: &Node, what: &str) -> Option<Key> {
        if node.is_null() {
            return None;
        }
        let text = self.text(node, what)?;
        Some(Key { text, at: node.at })
    }

    /// A text that may be left out, where its place does not matter.
    pub fn optional_text(&mut self, node: &Node, what: &str) -> Option<String> {
        if node.is_null() {
            return None;
        }
        self.text(node, what)
    }

    /// Nothing at all is neither.
    pub fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.data {
            Data::Bool(yes) => Some(yes),
            Data::Null => None,
            _ => self.wrong_kind(node, what, "true or false"),
        }
    }

    pub fn wrong_kind<T>(&mut self, node: &Node, what: &str, wanted: &str) -> Option<T> {
        self.error(
            node.at,
            format!("{what} should be {wanted}, and is {}", node.kind()),
        );
        None
    }

    /// A key that means nothing here, in a file where it may have been meant for another program.
    pub fn ignored(&mut self, key: &Key, place: &str, known: &[&str]) {
        let help = did_you_mean(
            &key.text,
            &format!("{place} may have"),
            known.iter().copied(),
        );
        self.warning(
            key.at,
            format!("`{}` means nothing in {place}, and is ignored", key.text),
        )
        .help = help;
    }

    /// A key that means nothing here, in a file of our own: a slip in a grant or a limit must not pass.
    pub fn unknown(&mut self, key: &Key, place: &str, known: &[&str]) {
        let help = did_you_mean(
            &key.text,
            &format!("{place} may have"),
            known.iter().copied(),
        );
        self.error(key.at, format!("there is no key `{}` in {place}", key.text))
            .help = help;
    }
}
