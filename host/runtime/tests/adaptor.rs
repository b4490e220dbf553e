//! Jobs that call their adaptor.

mod host;

use std::rc::Rc;

use fonio_runtime::{Engine, Failure, Reply};
use host::{FakeHost, operations, run_on};
use serde_json::{Value, json};

fn invoked(module: &str, state: &str) -> (Value, Vec<(String, Value, Value)>) {
    let host = FakeHost::new();
    let calls = Rc::clone(&host.calls);
    let state = run_on(host, true, module, state).expect("the job succeeds");
    let parse = |text: &str| serde_json::from_str(text).expect("JSON");
    let invoked = calls.invoked.take();
    (
        parse(&state),
        invoked
            .iter()
            .map(|(name, args, state)| (name.clone(), parse(args), parse(state)))
            .collect(),
    )
}

#[test]
fn arguments_are_resolved_and_the_reply_becomes_the_state() {
    let module = operations(&[
        "get(s => `/p/${s.data.id}`, { query: { a: async s => s.data.id, b: [s => 1] } })",
    ]);
    let (state, calls) = invoked(&module, r#"{"data":{"id":7},"configuration":{"u":1}}"#);
    assert_eq!(calls[0].0, "get");
    assert_eq!(
        calls[0].1,
        json!(["/p/7", { "query": { "a": 7, "b": [1] } }])
    );
    assert_eq!(
        calls[0].2,
        json!({ "data": { "id": 7 }, "configuration": { "u": 1 } })
    );
    assert_eq!(state["references"], json!([{ "id": 7 }]));
    assert_eq!(state["data"], json!({ "get": calls[0].1 }));
}

#[test]
fn references_and_the_last_response_are_not_sent_to_the_adaptor() {
    let module = operations(&["get('/a')", "get('/b')"]);
    let (state, calls) = invoked(&module, r#"{"data":1,"references":[0]}"#);
    assert_eq!(calls[1].2, json!({ "data": { "get": ["/a"] } }));
    assert_eq!(state["references"], json!([0, 1, { "get": ["/a"] }]));
}

#[test]
fn the_response_is_there_for_the_next_operation() {
    let module = operations(&["get('/a')", "fn(s => ({ status: s.response.status }))"]);
    assert_eq!(invoked(&module, "{}").0, json!({ "status": 200 }));
}

#[test]
fn a_function_beyond_the_declared_parameters_runs_on_the_result() {
    let module = operations(&[
        "get('/a', {}, s => ({ called: s.data.get[0] }))",
        "post('/b', s => s.called, {}, async s => ({ ...s, b: s.data.post[1] }))",
    ]);
    let (state, _) = invoked(&module, "{}");
    assert_eq!(
        (state["called"].clone(), state["b"].clone()),
        (json!("/a"), json!("/a"))
    );
}

#[test]
fn references_and_data_are_there_before_the_first_operation() {
    let module = operations(&["fn(s => s)"]);
    assert_eq!(
        invoked(&module, r#"{"a":1}"#).0,
        json!({ "references": [], "data": null, "a": 1 })
    );
}

#[test]
fn a_failure_can_be_caught_with_its_fields_or_names_the_call_in_the_job() {
    let failing = || {
        let mut host = FakeHost::new();
        host.answer = Box::new(|_, _| {
            Err(Failure {
                code: "NOT_FOUND".into(),
                message: "GET /x answered 404".into(),
                details: r#"{"statusCode":404,"body":{"a":1}}"#.into(),
            })
        });
        host
    };
    let caught = "__operation(async () => (__defer(get('/x'), p => p, (e, s) => ({ n: e.name, c: e.code, s: e.statusCode, b: e.body.a }))), 1);";
    let state = run_on(failing(), true, caught, "{}").expect("it is caught");
    assert_eq!(
        state,
        r#"{"n":"AdaptorError","c":"NOT_FOUND","s":404,"b":1}"#
    );

    let uncaught = "__operation(async () => (each([1],\n  get('/x'))), 1);";
    let error = run_on(failing(), true, uncaught, "{}").expect_err("it fails");
    assert_eq!(
        (error.name.as_str(), error.code.as_deref()),
        ("AdaptorError", Some("NOT_FOUND"))
    );
    assert_eq!(error.message, "GET /x answered 404");
    assert_eq!(
        error.details,
        r#"{"statusCode":404,"body":{"a":1},"code":"NOT_FOUND"}"#
    );
    assert_eq!(error.at.map(|at| at.line), Some(2));
}

#[test]
fn an_operation_of_the_adaptor_wins_over_a_common_one() {
    let mut host = FakeHost::new();
    host.answer = Box::new(|_, _| {
        Ok(Reply {
            data: "1".into(),
            response: None,
        })
    });
    let bytecode = Engine::new(FakeHost::new())
        .expect("the library loads")
        .compile("job", &operations(&["each('x')"]))
        .expect("it compiles");
    let operations = vec![fonio_runtime::Operation {
        name: "each".into(),
        parameters: 1,
        options: Vec::new(),
    }];
    let job = fonio_runtime::Job {
        bytecode,
        operations,
        state: r#"{"data":0}"#.into(),
    };
    let state = Engine::new(host)
        .expect("the library loads")
        .run(&job)
        .expect("it runs");
    assert_eq!(state, r#"{"references":[0],"data":1}"#);
}

#[test]
fn a_function_after_the_options_is_a_callback_wherever_the_options_stand() {
    let module =
        operations(&["post('/x', { body: s => s.data }, s => ({ ...s, called: s.data.post[0] }))"]);
    let (state, calls) = invoked(&module, r#"{"data":1}"#);
    assert_eq!(calls[0].1, json!(["/x", { "body": 1 }]));
    assert_eq!(state["called"], "/x");
}

#[test]
fn a_function_after_data_that_is_no_options_is_a_function_of_state() {
    let module = operations(&["post('/x', { name: 'a' }, s => ({ headers: s.data }))"]);
    let (_, calls) = invoked(&module, r#"{"data":{"h":"1"}}"#);
    assert_eq!(
        calls[0].1,
        json!(["/x", { "name": "a" }, { "headers": { "h": "1" } }])
    );
}
