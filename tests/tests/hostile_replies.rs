//! Far sides that misbehave: each fails the step that asked with a clear sentence, and the host serves the next message.

use std::io;
use std::net::TcpStream;

use fonio_tests::{FarSide, Host, Project, evil};
use serde_json::json;

const LIMITS: &str = "[limits]\nmemory = \"32MiB\"\nwall_time = \"1s\"\nresponse = \"1MiB\"\n";

const YAML: &str = "
jobs:
  ask: { adaptor: '@openfn/language-http', trigger: ask }
  good: { adaptor: '@openfn/language-common', trigger: good, expression: 'fn(state => state)' }
triggers:
  ask: { criteria: '{\"to\":\"ask\"}' }
  good: { criteria: '{\"to\":\"good\"}' }
credentials: {}
";

/// Asks a far side that behaves so, and checks the failure and that the host serves the next message.
#[track_caller]
fn asking_fails(behave: fn(&mut TcpStream) -> io::Result<()>, exit_code: i64, words: &str) {
    let far_side = FarSide::misbehaving(behave);
    let project = Project::new()
        .file("project.yaml", YAML)
        .file("jobs/ask.js", format!("get('{}')", far_side.url("/x")))
        .file("fonio.toml", far_side.granted() + LIMITS);
    let host = Host::serving(project);
    let run = host.run(&json!({"to": "ask"}));
    run.step().expect_failure(exit_code, words);
    assert_eq!(far_side.received().len(), 1, "it was asked, and once");
    let good = host.run(&json!({"to": "good"}));
    assert_eq!(
        good.status, "succeeded",
        "the next message was not served: {good:#?}"
    );
}

#[test]
fn a_gigabyte_is_refused_when_it_is_announced() {
    asking_fails(evil::sends_a_gigabyte, 3, "the limit `response` is 1MiB");
}

#[test]
fn a_gigabyte_in_chunks_is_cut_off() {
    asking_fails(
        evil::sends_a_gigabyte_in_chunks,
        3,
        "the limit `response` is 1MiB",
    );
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    asking_fails(evil::never_answers, 3, "the limit `wall_time` is 1s");
}

#[test]
fn a_server_that_drips_is_given_up() {
    asking_fails(evil::drips, 3, "the limit `wall_time` is 1s");
}

#[test]
fn a_reply_that_breaks_off_is_an_error() {
    asking_fails(evil::closes_half_way, 1, "GET");
}

#[test]
fn a_connection_that_closes_without_a_word_is_an_error() {
    asking_fails(evil::closes_at_once, 1, "GET");
}

#[test]
fn another_protocol_is_an_error() {
    asking_fails(evil::talks_nonsense, 1, "not valid HTTP");
}

#[test]
fn headers_without_end_are_an_error() {
    asking_fails(evil::sends_headers_without_end, 1, "not valid HTTP");
}

#[test]
fn half_a_json_reply_is_an_error() {
    asking_fails(evil::sends_half_json, 1, "cannot be read as JSON");
}
