//! What jobs may do with the collections of their project.

use std::collections::BTreeMap;
use std::fmt;

/// What may be done with a collection. Each is more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    None,
    /// Values can be got.
    Read,
    /// Values can be got, set and removed.
    Write,
}

impl Access {
    /// The one that fonio.toml calls so.
    pub(crate) fn named(text: &str) -> Option<Access> {
        [Access::None, Access::Read, Access::Write]
            .into_iter()
            .find(|access| access.to_string() == text)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::None => "none",
            Access::Read => "read",
            Access::Write => "write",
        })
    }
}

/// `collections` in fonio.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectionGrants {
    /// The same for each that the project has.
    All(Access),
    /// For each of these; nothing for others.
    Named {
        /// By the collection's name.
        named: BTreeMap<String, Access>,
        /// Line and column in fonio.toml.
        at: (u32, u32),
    },
}

impl CollectionGrants {
    /// What may be done with the collection of this name.
    pub fn on(&self, collection: &str) -> Access {
        match self {
            CollectionGrants::All(access) => *access,
            CollectionGrants::Named { named, .. } => {
                named.get(collection).copied().unwrap_or(Access::None)
            }
        }
    }

    /// Whether anything may be done with any.
    pub fn is_any(&self) -> bool {
        match self {
            CollectionGrants::All(access) => *access > Access::None,
            CollectionGrants::Named { named, .. } => {
                named.values().any(|access| *access > Access::None)
            }
        }
    }

    /// The line of fonio.toml that says this, and `wanted` of `collection` besides.
    fn line_with(&self, collection: &str, wanted: Access) -> String {
        match self {
            CollectionGrants::All(_) => format!("collections = \"{wanted}\""),
            CollectionGrants::Named { named, .. } => {
                let mut named = named.clone();
                named.insert(collection.to_owned(), wanted);
                let entries = named.iter();
                let entries: Vec<String> = entries
                    .map(|(name, access)| format!("{} = \"{access}\"", super::toml_key(name)))
                    .collect();
                format!("collections = {{ {} }}", entries.join(", "))
            }
        }
    }
}

/// What one job may do with collections, and where fonio.toml says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCollections {
    /// What it may do.
    pub grants: CollectionGrants,
    /// The name in `[adaptors.NAME]`, if that is where it is said.
    pub(crate) adaptor: Option<String>,
}

impl JobCollections {
    /// Whether the job's adaptor may have collections, too, and not only its own code: it is named for that.
    pub fn are_for_the_adaptor(&self) -> bool {
        self.adaptor.is_some() && self.grants.is_any()
    }

    /// The lines of fonio.toml that would grant `wanted` of this collection.
    pub fn line_to_allow(&self, collection: &str, wanted: Access) -> String {
        let line = self.grants.line_with(collection, wanted);
        match &self.adaptor {
            None => format!("[project]\n{line}"),
            Some(name) => format!("[adaptors.{}]\n{line}", super::toml_key(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(entries: &[(&str, Access)]) -> CollectionGrants {
        let entries = entries.iter();
        CollectionGrants::Named {
            named: entries
                .map(|(name, access)| ((*name).to_owned(), *access))
                .collect(),
            at: (1, 1),
        }
    }

    #[test]
    fn what_is_not_named_is_not_granted() {
        let grants = named(&[("seen", Access::Read), ("sent", Access::None)]);
        assert_eq!(grants.on("seen"), Access::Read);
        assert_eq!(grants.on("sent"), Access::None);
        assert_eq!(grants.on("other"), Access::None);
        assert!(grants.is_any() && !named(&[("sent", Access::None)]).is_any());
        assert_eq!(
            CollectionGrants::All(Access::Write).on("any"),
            Access::Write
        );
    }

    #[test]
    fn the_line_keeps_what_is_granted_and_stands_in_the_table_that_counts() {
        let grants = named(&[("seen", Access::Read)]);
        let adaptor = Some("http".to_owned());
        let job = JobCollections { grants, adaptor };
        assert_eq!(
            job.line_to_allow("sent out", Access::Write),
            "[adaptors.http]\ncollections = { seen = \"read\", \"sent out\" = \"write\" }"
        );
        let job = JobCollections {
            grants: CollectionGrants::All(Access::Read),
            adaptor: None,
        };
        assert_eq!(
            job.line_to_allow("seen", Access::Write),
            "[project]\ncollections = \"write\""
        );
    }
}
