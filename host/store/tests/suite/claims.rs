//! What one claim brings, and what it leaves to the next.

use super::common::*;
use fonio_store::StepInput;

/// So large that a claim brings three of them: 8 MiB are reached with the third.
const LARGE: usize = 3 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_brings_no_more_input_than_fits_into_memory_and_leaves_the_rest_for_the_next() {
    let dir = directory();
    let store = open(&dir);
    let bodies: Vec<String> = (0..7).map(|n| n.to_string().repeat(LARGE)).collect();
    let mut runs = Vec::new();
    for body in &bodies {
        runs.push(begin(&store, body, "a").await);
    }
    let mut claimed = Vec::new();
    for expected in [3, 3, 1] {
        // What was left is given back a moment after the claim.
        store.wait_for_work().await;
        while store.queued() < (bodies.len() - claimed.len()) as u64 {
            tokio::task::yield_now().await;
        }
        let some = store.claim(10).await.expect("a claim");
        assert_eq!(some.len(), expected);
        claimed.extend(some);
    }
    let order: Vec<_> = claimed.iter().map(|step| step.run).collect();
    assert_eq!(order, runs, "the oldest come first");
    for (claimed, body) in claimed.iter().zip(&bodies) {
        assert!(claimed.attempt == 1, "it was begun once");
        assert!(
            matches!(&claimed.input, StepInput::Message { body: found, .. } if found == body.as_bytes())
        );
    }
    // A state counts as a message does.
    for step in claimed {
        let settled = store.settle(step.step, success(&"8".repeat(LARGE), &["b"]));
        settled.await.expect("a settlement");
    }
    assert_eq!(store.claim(10).await.expect("a claim").len(), 3);
}
