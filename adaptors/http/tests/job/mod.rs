//! A job's call of an operation, against a scripted server.
#![allow(dead_code, reason = "each test file uses what it needs")]

use fonio_adaptor_http::HTTP;
use fonio_sdk::http::Request;
use fonio_sdk::testing::{Answer, Server};
use fonio_sdk::{Error, Failure, Reply, Value, json};

/// Calls with a credential that has a base URL, and nothing else.
pub fn call(server: &Server, operation: &str, arguments: Value) -> Result<Reply, Error> {
    call_as(
        server,
        json!({"baseUrl": "https://api.example.org/v1"}),
        operation,
        arguments,
    )
}

/// Calls with a credential.
pub fn call_as(
    server: &Server,
    configuration: Value,
    operation: &str,
    arguments: Value,
) -> Result<Reply, Error> {
    let state = json!({"configuration": configuration, "data": {}});
    HTTP.invoke(operation, arguments.to_string(), state.to_string(), server)
}

/// The one request that a call sends.
pub fn sent(operation: &str, arguments: Value) -> Request {
    sent_as(
        json!({"baseUrl": "https://api.example.org/v1"}),
        operation,
        arguments,
    )
}

/// The one request that a call with a credential sends.
pub fn sent_as(configuration: Value, operation: &str, arguments: Value) -> Request {
    let server = Server::answering([Answer::json(200, "{}")]);
    call_as(&server, configuration, operation, arguments).expect("the server answers 200");
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// What a call of `get('/x', options)` makes of an answer.
pub fn got(answer: Answer, options: Value) -> Result<Reply, Error> {
    call(&Server::answering([answer]), "get", json!(["/x", options]))
}

/// The failure that a call is expected to end in.
pub fn failure(result: Result<Reply, Error>) -> Failure {
    match result {
        Err(Error::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// The body of a request, which is text in all of these tests.
pub fn body(request: &Request) -> &str {
    std::str::from_utf8(&request.body).expect("text")
}
