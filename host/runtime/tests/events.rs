//! `events`: what jobs tell other workflows.

mod host;

use std::rc::Rc;

use host::{Calls, FakeHost, operations, run_on};

const STATE: &str = r#"{"data":{"id":7},"name":"intake"}"#;

fn ran(job: &str) -> (Result<String, String>, Rc<Calls>) {
    let host = FakeHost::new();
    let calls = Rc::clone(&host.calls);
    let state = run_on(host, false, &operations(&[job]), STATE);
    (
        state.map_err(|error| format!("{} {}", error.code.unwrap_or_default(), error.message)),
        calls,
    )
}

#[test]
fn an_event_carries_what_it_is_given_or_the_states_data_and_the_state_goes_on() {
    for (job, name, payload) in [
        (
            "events.publish('intake.accepted')",
            "intake.accepted",
            r#"{"id":7}"#,
        ),
        (
            "events.publish('a', { b: state => state.data.id })",
            "a",
            r#"{"b":7}"#,
        ),
        (
            "events.publish(state => `${state.name}.done`, null)",
            "intake.done",
            "null",
        ),
        ("events.publish('a', () => undefined)", "a", "null"),
        ("events.publish('a', 'x\\ud83d')", "a", r#""x\ufffd""#),
    ] {
        let (state, calls) = ran(job);
        assert_eq!(
            *calls.published.borrow(),
            [(name.to_owned(), payload.to_owned())],
            "{job}"
        );
        let state: serde_json::Value =
            serde_json::from_str(&state.expect("it runs")).expect("a state");
        assert_eq!(state["data"]["id"], 7, "{job}");
    }
}

#[test]
fn what_cannot_be_published_is_an_error_with_a_code() {
    let (state, calls) = ran("events.publish(7, 1)");
    let said = state.expect_err("a name is a text");
    assert!(said.starts_with("ILLEGAL_ARGUMENTS "), "{said}");
    assert!(calls.published.borrow().is_empty());
    let (state, _) = ran("events.publish('secret', 1)");
    let said = state.expect_err("the host refuses");
    assert!(
        said.starts_with("DENIED ") && said.contains("not granted to publish secret"),
        "{said}"
    );
}
