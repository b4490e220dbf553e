//! The collections of a project: in the store while it is served, and in memory for `fonio run`; to each job those that it
//! is granted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fonio_project::{Access, JobCollections};
use fonio_sandbox::{Collections, CollectionsError, Later, Page, Query};
use fonio_store::{Item, ItemFilter, Store, StoreError};

/// Those that the project names, kept in the store.
#[derive(Debug)]
pub struct StoredCollections {
    names: BTreeSet<String>,
    store: Store,
}

impl StoredCollections {
    /// The collections of these names.
    pub fn new(names: impl IntoIterator<Item = String>, store: Store) -> StoredCollections {
        StoredCollections {
            names: names.into_iter().collect(),
            store,
        }
    }

    fn known(&self, collection: &str) -> Result<(), CollectionsError> {
        if self.names.contains(collection) {
            return Ok(());
        }
        Err(CollectionsError::Unknown(format!(
            "the project has no collection {collection}; to have it, add to the project file:\ncollections: [{collection}]"
        )))
    }
}

fn of_store(error: StoreError) -> CollectionsError {
    CollectionsError::Store(error.to_string())
}

fn filter(query: Query) -> ItemFilter {
    let ms = |time: Option<u64>| time.map(|time| i64::try_from(time).unwrap_or(i64::MAX));
    ItemFilter {
        keys: query.keys,
        created_before_ms: ms(query.created_before),
        created_after_ms: ms(query.created_after),
        updated_before_ms: ms(query.updated_before),
        updated_after_ms: ms(query.updated_after),
    }
}

impl Collections for StoredCollections {
    fn get<'a>(&'a self, collection: &'a str, key: &'a str) -> Later<'a, Option<String>> {
        Box::pin(async move {
            self.known(collection)?;
            self.store
                .collection_item(collection, key)
                .await
                .map_err(of_store)
        })
    }

    fn list<'a>(
        &'a self,
        collection: &'a str,
        query: Query,
        limit: usize,
        cursor: Option<String>,
    ) -> Later<'a, Page> {
        Box::pin(async move {
            self.known(collection)?;
            let found = self
                .store
                .collection_items(collection, filter(query), limit, cursor)
                .await;
            let found = found.map_err(of_store)?;
            let items = found
                .items
                .into_iter()
                .map(|item| (item.key, item.value))
                .collect();
            Ok(Page {
                items,
                cursor: found.cursor,
            })
        })
    }

    fn set<'a>(&'a self, collection: &'a str, items: Vec<(String, String)>) -> Later<'a, ()> {
        Box::pin(async move {
            self.known(collection)?;
            let items = items
                .into_iter()
                .map(|(key, value)| Item { key, value })
                .collect();
            self.store
                .set_collection_items(collection, items)
                .await
                .map_err(of_store)
        })
    }

    fn remove<'a>(&'a self, collection: &'a str, query: Query) -> Later<'a, Vec<String>> {
        Box::pin(async move {
            self.known(collection)?;
            let removed = self
                .store
                .remove_collection_items(collection, filter(query))
                .await;
            removed.map_err(of_store)
        })
    }
}

/// Any collection, empty at first and gone at the end: for trying a job.
#[derive(Debug, Default)]
pub struct PassingCollections(Mutex<BTreeMap<String, BTreeMap<String, String>>>);

impl PassingCollections {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything here is as old as the run itself, so times filter nothing.
    fn fitting(&self, collection: &str, query: &Query) -> Vec<(String, String)> {
        let all = self.all();
        let items = all.get(collection).into_iter().flatten();
        let filter = ItemFilter::keys(&query.keys);
        items
            .filter(|(key, _)| filter.fits_key(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl Collections for PassingCollections {
    fn get<'a>(&'a self, collection: &'a str, key: &'a str) -> Later<'a, Option<String>> {
        let value = self
            .all()
            .get(collection)
            .and_then(|items| items.get(key).cloned());
        Box::pin(async move { Ok(value) })
    }

    fn list<'a>(
        &'a self,
        collection: &'a str,
        query: Query,
        limit: usize,
        cursor: Option<String>,
    ) -> Later<'a, Page> {
        let mut items = self.fitting(collection, &query);
        items.retain(|(key, _)| cursor.as_ref().is_none_or(|cursor| key > cursor));
        let more = items.len() > limit;
        items.truncate(limit);
        let cursor = items.last().map(|(key, _)| key.clone()).filter(|_| more);
        Box::pin(async move { Ok(Page { items, cursor }) })
    }

    fn set<'a>(&'a self, collection: &'a str, items: Vec<(String, String)>) -> Later<'a, ()> {
        self.all()
            .entry(collection.to_owned())
            .or_default()
            .extend(items);
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, collection: &'a str, query: Query) -> Later<'a, Vec<String>> {
        let keys: Vec<String> = self
            .fitting(collection, &query)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        if let Some(items) = self.all().get_mut(collection) {
            items.retain(|key, _| !keys.contains(key));
        }
        Box::pin(async move { Ok(keys) })
    }
}

/// The same collections, as far as a job may have them.
pub fn granted(all: &Arc<dyn Collections>, grants: JobCollections) -> Arc<dyn Collections> {
    let all = Arc::clone(all);
    Arc::new(GrantedCollections { all, grants })
}

/// What a job is granted of a project's collections.
#[derive(Debug)]
struct GrantedCollections {
    all: Arc<dyn Collections>,
    grants: JobCollections,
}

impl GrantedCollections {
    /// Before anything is looked up: what is not granted is not told to be there either.
    fn check(&self, collection: &str, wanted: Access) -> Result<(), CollectionsError> {
        if self.grants.grants.on(collection) >= wanted {
            return Ok(());
        }
        let act = if wanted == Access::Read {
            "read from"
        } else {
            "write to"
        };
        Err(CollectionsError::Denied(format!(
            "this job is not granted to {act} the collection {collection}; to allow it, write into fonio.toml:\n{}",
            self.grants.line_to_allow(collection, wanted)
        )))
    }
}

impl Collections for GrantedCollections {
    fn get<'a>(&'a self, collection: &'a str, key: &'a str) -> Later<'a, Option<String>> {
        match self.check(collection, Access::Read) {
            Ok(()) => self.all.get(collection, key),
            Err(denied) => Box::pin(async { Err(denied) }),
        }
    }

    fn list<'a>(
        &'a self,
        collection: &'a str,
        query: Query,
        limit: usize,
        cursor: Option<String>,
    ) -> Later<'a, Page> {
        match self.check(collection, Access::Read) {
            Ok(()) => self.all.list(collection, query, limit, cursor),
            Err(denied) => Box::pin(async { Err(denied) }),
        }
    }

    fn set<'a>(&'a self, collection: &'a str, items: Vec<(String, String)>) -> Later<'a, ()> {
        match self.check(collection, Access::Write) {
            Ok(()) => self.all.set(collection, items),
            Err(denied) => Box::pin(async { Err(denied) }),
        }
    }

    fn remove<'a>(&'a self, collection: &'a str, query: Query) -> Later<'a, Vec<String>> {
        match self.check(collection, Access::Write) {
            Ok(()) => self.all.remove(collection, query),
            Err(denied) => Box::pin(async { Err(denied) }),
        }
    }
}
