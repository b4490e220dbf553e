//! Keys by which a message is known that is sent again.

use super::common::*;
use fonio_store::{MessageKey, NewMessage, OtherBody, Store, StoreError};

const EDITED: OtherBody = OtherBody::Edit;

fn keyed(body: &str, window_ms: i64, other_body: OtherBody) -> NewMessage {
    NewMessage {
        key: Some(MessageKey {
            text: "k".into(),
            window_ms,
            other_body,
        }),
        ..message(body)
    }
}

async fn accept(store: &Store, message: NewMessage) -> (i64, bool) {
    let accepted = store.accept(message, vec![run_of(&["a"])]).await;
    let accepted = accepted.expect("an accept");
    assert_eq!(accepted.runs.len(), 1);
    (accepted.message.0, accepted.repeated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_a_message_of_its_own_and_what_the_key_stands_for_from_then_on() {
    let dir = directory();
    let store = open(&dir);
    let (first, _) = accept(&store, keyed("1", 60_000, EDITED)).await;
    assert_eq!(
        accept(&store, keyed("1", 60_000, EDITED)).await,
        (first, true)
    );
    let (edit, repeated) = accept(&store, keyed("2", 60_000, EDITED)).await;
    assert!(edit > first && !repeated);
    assert_eq!(
        accept(&store, keyed("2", 60_000, EDITED)).await,
        (edit, true)
    );
    let key = "k".to_owned();
    let mistaken = keyed("3", 60_000, OtherBody::Mistake);
    assert_eq!(
        store.accept(mistaken, vec![run_of(&["a"])]).await,
        Err(StoreError::KeyTaken { key })
    );
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.messages, counts.runs), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_remembered_for_its_window_as_it_is_now() {
    let dir = directory();
    let store = open(&dir);
    let (first, _) = accept(&store, keyed("1", 60_000, EDITED)).await;
    // Of no length: nothing that was remembered is within it.
    for other_body in [EDITED, OtherBody::Mistake] {
        let (again, repeated) = accept(&store, keyed("1", 0, other_body)).await;
        assert!(again > first && !repeated);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_repetitions_at_the_same_moment_one_is_the_first() {
    let dir = directory();
    let store = open(&dir);
    accept(&store, keyed("0", 60_000, EDITED)).await;
    let (one, other) = tokio::join!(
        accept(&store, keyed("1", 60_000, EDITED)),
        accept(&store, keyed("1", 60_000, EDITED))
    );
    assert_eq!((one.0, one.1 || other.1), (other.0, true));
}
