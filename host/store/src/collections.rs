//! Collections: values by key, which jobs keep from one run to the next.

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::model::now_ms;
use crate::read::page_of_keys;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;

/// The most items in one answer of [`Store::collection_items`].
pub const ITEMS_MAX: usize = 1_000;

/// A value under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Unique in its collection.
    pub key: String,
    /// JSON.
    pub value: String,
}

/// Which items of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFilter {
    /// A key, in which `*` stands for any characters.
    pub keys: String,
    /// Only items made before this time, in milliseconds since 1970.
    pub created_before_ms: Option<i64>,
    /// Only items made at or after this time.
    pub created_after_ms: Option<i64>,
    /// Only items changed before this time.
    pub updated_before_ms: Option<i64>,
    /// Only items changed at or after this time.
    pub updated_after_ms: Option<i64>,
}

/// A part of a collection, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    /// At most as many as were asked for.
    pub items: Vec<Item>,
    /// Where the next part begins; nothing after the last.
    pub cursor: Option<String>,
}

impl ItemFilter {
    /// All keys that fit `keys`.
    pub fn keys(keys: &str) -> ItemFilter {
        ItemFilter {
            keys: keys.to_owned(),
            created_before_ms: None,
            created_after_ms: None,
            updated_before_ms: None,
            updated_after_ms: None,
        }
    }

    /// Whether `keys` fits this key; times are not looked at.
    pub fn fits_key(&self, key: &str) -> bool {
        matches(&self.keys, key)
    }

    /// What every fitting key begins with.
    pub(crate) fn prefix(&self) -> &str {
        self.keys.split('*').next().unwrap_or_default()
    }
}

/// Greedy from the left, which is right for a pattern whose only wildcard is `*`.
fn matches(pattern: &str, key: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = key.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Store {
    /// A value.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn collection_item(
        &self,
        collection: &str,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        self.pages()
            .read(move |db| item(db, &collection, &key))
            .await
    }

    /// Items in the order of their keys, at most `limit` of them and [`ITEMS_MAX`], after `cursor`.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn collection_items(
        &self,
        collection: &str,
        filter: ItemFilter,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Items, StoreError> {
        let collection = collection.to_owned();
        let limit = limit.min(ITEMS_MAX);
        self.pages()
            .read(move |db| page_of_keys(db, &collection, &filter, limit, cursor.as_deref()))
            .await
    }

    /// Sets values, over those that are there. All or none, and durable when it returns.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn set_collection_items(
        &self,
        collection: &str,
        items: Vec<Item>,
    ) -> Result<(), StoreError> {
        self.change(Set {
            collection: collection.to_owned(),
            items,
            now_ms: now_ms(),
        })
        .await
    }

    /// Removes the items that fit, and tells their keys.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn remove_collection_items(
        &self,
        collection: &str,
        filter: ItemFilter,
    ) -> Result<Vec<String>, StoreError> {
        self.change(Remove {
            collection: collection.to_owned(),
            filter,
        })
        .await
    }
}

fn item(db: &mut Db, collection: &str, key: &str) -> Result<Option<String>, SqlError> {
    db.query_opt(
        "SELECT value FROM collections WHERE collection = $1 AND key = $2",
        values![collection, key],
        |row| row.get(0),
    )
}

struct Set {
    collection: String,
    items: Vec<Item>,
    now_ms: i64,
}

impl Change for Set {
    type Answer = ();

    fn weight(&self) -> usize {
        let weight = |item: &Item| item.key.len() + item.value.len();
        self.items.iter().map(weight).sum()
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        writing.make_room(self.weight())?;
        for item in &self.items {
            writing.db.execute(
                "INSERT INTO collections (collection, key, value, created_ms, updated_ms) VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms",
                values![&self.collection, &item.key, &item.value, self.now_ms],
            )?;
        }
        Ok(())
    }
}

struct Remove {
    collection: String,
    filter: ItemFilter,
}

impl Change for Remove {
    type Answer = Vec<String>;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_of_keys(
                writing.db,
                &self.collection,
                &self.filter,
                ITEMS_MAX,
                cursor.as_deref(),
            )?;
            keys.extend(page.items.into_iter().map(|item| item.key));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        for key in &keys {
            writing.db.execute(
                "DELETE FROM collections WHERE collection = $1 AND key = $2",
                values![&self.collection, key],
            )?;
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_key_stands_for_any_characters() {
        for (pattern, key, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*-2", "x-2", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1b2", false),
            ("a*a", "a", false),
            ("2024-*-é*", "2024-05-école", true),
        ] {
            assert_eq!(matches(pattern, key), fits, "{pattern} {key}");
        }
    }
}
