//! Collections: values by key that stay from one run to the next. The sandbox only passes on what a guest asks; who keeps
//! the values, and which collections there are, whoever runs the step says.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::bindings::adaptor::fonio::collections::collections as wit;
use crate::capabilities::http::step::{Refusals, Said};
use crate::expression::RuntimeImports;
use crate::guest::AdaptorState;

/// The longest key. OpenFn's server keeps keys in columns of that length.
pub const KEY_MAX_BYTES: usize = 255;
/// The largest value: what a step may leave as its state, at most, is more.
pub const VALUE_MAX_BYTES: usize = 8 << 20;

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, CollectionsError>> + Send + 'a>>;

/// Who keeps the values of a project.
pub trait Collections: Debug + Send + Sync {
    /// A value as JSON.
    fn get<'a>(&'a self, collection: &'a str, key: &'a str) -> Later<'a, Option<String>>;
    /// Items in the order of their keys, at most `limit` of them, after `cursor`.
    fn list<'a>(
        &'a self,
        collection: &'a str,
        query: Query,
        limit: usize,
        cursor: Option<String>,
    ) -> Later<'a, Page>;
    /// Sets all items or none: keys and values as JSON.
    fn set<'a>(&'a self, collection: &'a str, items: Vec<(String, String)>) -> Later<'a, ()>;
    /// Removes items, and tells their keys.
    fn remove<'a>(&'a self, collection: &'a str, query: Query) -> Later<'a, Vec<String>>;
}

/// Which items; times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A key, in which `*` stands for any characters.
    pub keys: String,
    /// Made before this time.
    pub created_before: Option<u64>,
    /// Made at this time or after.
    pub created_after: Option<u64>,
    /// Changed before this time.
    pub updated_before: Option<u64>,
    /// Changed at this time or after.
    pub updated_after: Option<u64>,
}

/// A part of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Keys and values.
    pub items: Vec<(String, String)>,
    /// Where the next part begins.
    pub cursor: Option<String>,
}

/// Why a collection gives or takes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectionsError {
    /// The project has none of that name; the sentence says what would help.
    #[error("{0}")]
    Unknown(String),
    /// The project does not grant it; the sentence says what would.
    #[error("{0}")]
    Denied(String),
    /// The store has a problem.
    #[error("{0}")]
    Store(String),
}

/// A guest's way to the collections, if it has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepCollections {
    pub keeper: Option<Arc<dyn Collections>>,
    /// What was asked for and is not granted.
    pub refusals: Refusals,
}

impl StepCollections {
    /// With refusals noted among those of the guest's requests.
    pub fn noting(self, refusals: Refusals) -> StepCollections {
        StepCollections { refusals, ..self }
    }

    /// The error as a guest has it. That it was denied, the host remembers: it is no failure of the job's own.
    fn told(&self, error: CollectionsError) -> wit::Error {
        if let CollectionsError::Denied(sentence) = &error {
            self.refusals.note(Said::denied(sentence.clone()));
        }
        error.into()
    }

    fn keeper(&self, collection: &str) -> Result<&dyn Collections, wit::Error> {
        let none = || {
            wit::Error::UnknownCollection(format!(
                "there is no collection {collection}: this step has none"
            ))
        };
        self.keeper.as_deref().ok_or_else(none)
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<String>, wit::Error> {
        let found = self.keeper(collection)?.get(collection, key).await;
        found.map_err(|error| self.told(error))
    }

    async fn list(
        &self,
        collection: &str,
        query: wit::Query,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<wit::Page, wit::Error> {
        let keeper = self.keeper(collection)?;
        let page = keeper
            .list(collection, query.into(), limit as usize, cursor)
            .await
            .map_err(|error| self.told(error))?;
        let items = page
            .items
            .into_iter()
            .map(|(key, value)| wit::Item { key, value });
        Ok(wit::Page {
            items: items.collect(),
            cursor: page.cursor,
        })
    }

    async fn set(&self, collection: &str, items: Vec<wit::Item>) -> Result<(), wit::Error> {
        let keeper = self.keeper(collection)?;
        for item in &items {
            check(item)?;
        }
        let items = items
            .into_iter()
            .map(|item| (item.key, item.value))
            .collect();
        let done = keeper.set(collection, items).await;
        done.map_err(|error| self.told(error))
    }

    async fn remove(&self, collection: &str, query: wit::Query) -> Result<Vec<String>, wit::Error> {
        let keeper = self.keeper(collection)?;
        let removed = keeper.remove(collection, query.into()).await;
        removed.map_err(|error| self.told(error))
    }
}

/// What is kept is JSON, whatever the guest says: whoever reads it counts on that.
fn check(item: &wit::Item) -> Result<(), wit::Error> {
    let (key, value) = (item.key.len(), item.value.len());
    if key == 0 || key > KEY_MAX_BYTES {
        return Err(wit::Error::Invalid(format!(
            "a key has 1 to {KEY_MAX_BYTES} bytes, not {key}"
        )));
    }
    if value > VALUE_MAX_BYTES {
        let said = format!(
            "the value of {} has {value} bytes; {} MiB is the most",
            item.key,
            VALUE_MAX_BYTES >> 20
        );
        return Err(wit::Error::Invalid(said));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&item.value) {
        Ok(_) => Ok(()),
        Err(error) => Err(wit::Error::Invalid(format!(
            "the value of {} is not JSON: {error}",
            item.key
        ))),
    }
}

impl From<CollectionsError> for wit::Error {
    fn from(error: CollectionsError) -> wit::Error {
        match error {
            CollectionsError::Unknown(said) => wit::Error::UnknownCollection(said),
            CollectionsError::Denied(said) | CollectionsError::Store(said) => {
                wit::Error::Other(said)
            }
        }
    }
}

impl From<wit::Query> for Query {
    fn from(query: wit::Query) -> Query {
        Query {
            keys: query.keys,
            created_before: query.created_before,
            created_after: query.created_after,
            updated_before: query.updated_before,
            updated_after: query.updated_after,
        }
    }
}

/// The same imports for the two kinds of guests that have them.
macro_rules! collections_of {
    ($state:ty) => {
        impl wit::Host for $state {
            async fn get(
                &mut self,
                collection: String,
                key: String,
            ) -> wasmtime::Result<Result<Option<String>, wit::Error>> {
                Ok(self.collections.get(&collection, &key).await)
            }

            async fn list(
                &mut self,
                collection: String,
                query: wit::Query,
                limit: u32,
                cursor: Option<String>,
            ) -> wasmtime::Result<Result<wit::Page, wit::Error>> {
                Ok(self
                    .collections
                    .list(&collection, query, limit, cursor)
                    .await)
            }

            async fn set(
                &mut self,
                collection: String,
                items: Vec<wit::Item>,
            ) -> wasmtime::Result<Result<(), wit::Error>> {
                Ok(self.collections.set(&collection, items).await)
            }

            async fn remove(
                &mut self,
                collection: String,
                query: wit::Query,
            ) -> wasmtime::Result<Result<Vec<String>, wit::Error>> {
                Ok(self.collections.remove(&collection, query).await)
            }
        }
    };
}

collections_of!(RuntimeImports);
collections_of!(AdaptorState);
