//! `collections`: what jobs keep from one run to the next, as OpenFn's adaptor of that name has it.

mod host;

use std::rc::Rc;

use fonio_runtime::ItemQuery;
use host::{Calls, FakeHost, operations, run_on};
use serde_json::{Value, json};

/// The final state of a job with these operations, and what the host was asked.
fn ran(job: &[&str]) -> (Value, Rc<Calls>) {
    let host = FakeHost::new();
    let calls = Rc::clone(&host.calls);
    {
        let mut kept = calls.kept.borrow_mut();
        for n in 0..2500 {
            kept.insert(format!("k{n:04}"), format!("{{\"n\":{n}}}"));
        }
    }
    let state = run_on(
        host,
        false,
        &operations(job),
        r#"{"data":{},"name":"facilities"}"#,
    );
    let state = state.unwrap_or_else(|error| panic!("{}", error.message));
    (serde_json::from_str(&state).expect("a state"), calls)
}

fn fails(job: &str) -> (String, String) {
    let error = run_on(FakeHost::new(), false, &operations(&[job]), "{}").expect_err("it fails");
    (
        error.code.clone().unwrap_or_default(),
        error.message.clone(),
    )
}

#[test]
fn one_key_gives_its_value_and_a_missing_one_an_empty_object() {
    let (state, _) = ran(&["collections.get('facilities', 'k0007')"]);
    assert_eq!(state["data"], json!({"n": 7}));
    let (state, calls) = ran(&["collections.get(state => state.name, { key: 'none' })"]);
    assert_eq!(state["data"], json!({}));
    assert!(calls.log.borrow()[0].1.contains("has no key none"));
}

#[test]
fn a_pattern_gives_all_that_fits_with_their_keys_page_by_page() {
    let (state, calls) = ran(&["collections.get('facilities', 'k*')"]);
    let data = state["data"].as_array().expect("a list");
    assert_eq!(data.len(), 2500);
    assert_eq!(data[3], json!({"key": "k0003", "value": {"n": 3}}));
    assert_eq!(calls.queries.borrow().len(), 3);
}

#[test]
fn each_calls_back_for_every_item_within_its_limit_and_leaves_a_cursor() {
    let job = "collections.each('facilities', { key: '*', limit: 3 }, async (state, value, key) => { (state.seen ??= []).push([key, value.n]); })";
    let (state, _) = ran(&[job]);
    assert_eq!(
        state["seen"],
        json!([["k0000", 0], ["k0001", 1], ["k0002", 2]])
    );
    assert_eq!(state["data"], json!({"cursor": "k0002"}));
}

#[test]
fn filters_by_time_are_passed_on_as_moments() {
    let (_, calls) = ran(&[
        "collections.get('facilities', { createdAfter: '2026-01-01T00:00:00Z', updatedBefore: new Date(5) })",
    ]);
    let wanted = ItemQuery {
        keys: "*".into(),
        created_after: Some(1_767_225_600_000),
        updated_before: Some(5),
        ..ItemQuery::default()
    };
    assert_eq!(calls.queries.borrow()[0], wanted);
}

#[test]
fn values_are_set_under_a_key_or_under_those_that_a_function_makes() {
    let (state, calls) = ran(&[
        "fn(state => ({ ...state, list: [{ id: 'a' }, { id: 'b' }] }))",
        "collections.set('facilities', value => value.id, state => state.list)",
        "collections.set('facilities', 'all', state => state.list)",
        "collections.set('facilities', 'one', { x: 1 })",
        "collections.remove('facilities', 'k0001')",
    ]);
    let kept = calls.kept.borrow();
    let value = |key: &str| kept.get(key).map(String::as_str);
    assert_eq!(value("a"), Some(r#"{"id":"a"}"#));
    assert_eq!(value("all"), Some(r#"[{"id":"a"},{"id":"b"}]"#));
    assert_eq!(value("one"), Some(r#"{"x":1}"#));
    assert_eq!(value("k0001"), None);
    assert_eq!(state["list"][0]["id"], "a", "the state goes on");
}

#[test]
fn what_cannot_be_is_an_error_with_a_code() {
    assert_eq!(
        fails("collections.get('clinics', 'x')").0,
        "COLLECTION_NOT_FOUND"
    );
    assert_eq!(
        fails("collections.set('facilities', 'x')").0,
        "ILLEGAL_ARGUMENTS"
    );
    assert_eq!(
        fails("collections.set('facilities', value => 7, [1])").0,
        "KEYGEN_ERROR"
    );
    let (code, said) = fails("collections.get('facilities', { createdSince: 1 })");
    assert_eq!(code, "ILLEGAL_ARGUMENTS");
    assert!(said.contains("createdSince"), "{said}");
}
