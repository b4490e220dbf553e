//! Values that jobs keep from one run to the next.

use super::common::*;
use fonio_store::{Item, ItemFilter, Store};

fn item(key: &str, value: &str) -> Item {
    Item {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

async fn keys(store: &Store, filter: ItemFilter) -> Vec<String> {
    let found = store.collection_items("c", filter, 100, None).await;
    let items = found.expect("a read").items;
    items.into_iter().map(|item| item.key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_there_after_a_crash_and_in_its_own_collection_only() {
    let dir = directory();
    let store = open(&dir);
    let set = |value: &str| store.set_collection_items("c", vec![item("k", value)]);
    set("1").await.expect("a set");
    set("2").await.expect("a set");
    let (_dir, store) = after_a_crash(&dir);
    assert_eq!(store.collection_item("c", "k").await, Ok(Some("2".into())));
    assert_eq!(store.collection_item("d", "k").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_come_in_parts_in_the_order_of_their_keys() {
    let dir = directory();
    let store = open(&dir);
    let items = (0..25).rev().map(|n| item(&format!("k{n:02}"), "0"));
    let others = ["a", "kz", "z"].map(|key| item(key, "0"));
    store
        .set_collection_items("c", items.chain(others).collect())
        .await
        .expect("a set");
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let part = store
            .collection_items("c", ItemFilter::keys("k*"), 10, cursor)
            .await
            .expect("a read");
        seen.push(part.items.len());
        cursor = part.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [10, 10, 6]);
    let all = keys(&store, ItemFilter::keys("*")).await;
    assert_eq!((all.len(), all.is_sorted()), (28, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_found_by_when_they_were_made_and_changed() {
    let dir = directory();
    let store = open(&dir);
    store
        .set_collection_items("c", vec![item("k", "1")])
        .await
        .expect("a set");
    let by = |change: fn(&mut ItemFilter)| {
        let mut filter = ItemFilter::keys("*");
        change(&mut filter);
        filter
    };
    for (filter, found) in [
        (by(|f| f.created_after_ms = Some(0)), 1),
        (by(|f| f.created_before_ms = Some(0)), 0),
        (by(|f| f.updated_after_ms = Some(i64::MAX)), 0),
        (by(|f| f.updated_before_ms = Some(i64::MAX)), 1),
    ] {
        assert_eq!(
            keys(&store, filter.clone()).await.len(),
            found,
            "{filter:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_is_removed_and_named() {
    let dir = directory();
    let store = open(&dir);
    let items = ["a-1", "a-2", "b-1"].map(|key| item(key, "0")).into();
    store.set_collection_items("c", items).await.expect("a set");
    let removed = store
        .remove_collection_items("c", ItemFilter::keys("a-*"))
        .await;
    assert_eq!(removed, Ok(vec!["a-1".to_owned(), "a-2".to_owned()]));
    assert_eq!(keys(&store, ItemFilter::keys("*")).await, ["b-1"]);
}
