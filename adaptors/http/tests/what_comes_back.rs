//! From the answer on the wire to a job's state, or to its error.

mod job;

use fonio_sdk::http::Method;
use fonio_sdk::testing::{Answer, Server};
use fonio_sdk::{Error, Value, json};
use job::{body, call, call_as, failure, got};

#[test]
fn the_reply_is_data_and_response() {
    let answer = Answer::json(201, r#"{"id": 7}"#)
        .with("set-cookie", "a=1")
        .with("set-cookie", "b=2");
    let reply = call(
        &Server::answering([answer]),
        "post",
        json!(["/x", {}, {"query": {"q": 1}}]),
    )
    .expect("201");
    assert_eq!(reply.data, json!({"id": 7}));
    let expected = json!({
        "url": "https://api.example.org/v1/x",
        "method": "POST",
        "statusCode": 201,
        "statusMessage": "Created",
        "headers": {"content-type": "application/json", "set-cookie": ["a=1", "b=2"]},
        "duration": 1,
        "query": {"q": 1},
    });
    assert_eq!(reply.response, Some(expected));
}

#[test]
fn data_is_parsed_by_its_content_type() {
    let json_text = r#"{"a": 1}"#;
    for (content_type, expected) in [
        ("application/json; charset=utf-8", json!({"a": 1})),
        ("application/fhir+json", json!(json_text)),
        ("text/plain", json!(json_text)),
        ("application/xml", json!(json_text)),
    ] {
        let reply = got(Answer::new(200, content_type, json_text), json!({})).expect("200");
        assert_eq!(reply.data, expected, "{content_type}");
    }
    assert_eq!(
        got(
            Answer::new(200, "text/plain; charset=ISO-8859-1", *b"caf\xe9"),
            json!({})
        )
        .expect("200")
        .data,
        "café"
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let answer = Answer::new(200, "text/plain", *b"\xEF\xBB\xBFa");
    assert_eq!(got(answer, json!({})).expect("200").data, "a");
}

#[test]
fn parse_as_goes_before_the_content_type() {
    let answer = || Answer::new(200, "text/plain", r#"{"a": 1}"#);
    for (parse_as, expected) in [
        ("json", json!({"a": 1})),
        ("text", json!(r#"{"a": 1}"#)),
        ("base64", json!("eyJhIjogMX0=")),
    ] {
        assert_eq!(
            got(answer(), json!({"parseAs": parse_as}))
                .expect("200")
                .data,
            expected,
            "{parse_as}"
        );
    }
}

#[test]
fn nothing_is_null() {
    assert_eq!(
        got(Answer::empty(204), json!({})).expect("204").data,
        Value::Null
    );
    assert_eq!(
        got(Answer::json(200, ""), json!({})).expect("200").data,
        Value::Null
    );
    assert_eq!(
        got(
            Answer::Reply(200, Default::default(), b"x".to_vec()),
            json!({})
        )
        .expect("200")
        .data,
        Value::Null
    );
    let head = call(
        &Server::answering([Answer::json(200, "")]),
        "head",
        json!(["/x"]),
    )
    .expect("200");
    assert_eq!(head.data, Value::Null);
}

#[test]
fn json_that_is_none_is_a_failure_with_the_text() {
    let failure = failure(got(Answer::json(200, r#"{"a":"#), json!({})));
    assert_eq!(failure.code, "200");
    assert_eq!(failure.details["body"], r#"{"a":"#);
    assert!(
        failure.message.contains("cannot be read as JSON"),
        "{}",
        failure.message
    );
}

#[test]
fn a_status_from_400_on_is_a_failure() {
    let failure = failure(got(
        Answer::json(404, r#"{"why": "gone"}"#),
        json!({"query": {"a": 1}}),
    ));
    assert_eq!(failure.code, "404");
    assert_eq!(
        failure.message,
        "GET to https://api.example.org/v1/x returned 404: Not Found"
    );
    assert_eq!(failure.details["statusCode"], 404);
    assert_eq!(failure.details["statusMessage"], "Not Found");
    assert_eq!(failure.details["method"], "GET");
    assert_eq!(failure.details["url"], "https://api.example.org/v1/x");
    assert_eq!(
        failure.details["headers"],
        json!({"content-type": "application/json"})
    );
    assert_eq!(failure.details["body"], json!({"why": "gone"}));
    assert_eq!(failure.details["duration"], 1);
}

#[test]
fn a_failure_shows_a_body_that_is_not_what_it_says() {
    let failure = failure(got(Answer::json(502, "<html>"), json!({})));
    assert_eq!(failure.details["body"], "<html>");
}

#[test]
fn the_option_errors_decides_by_status() {
    let not_found = || Answer::json(404, "{}");
    got(not_found(), json!({"errors": false})).expect("no status is a failure");
    got(not_found(), json!({"errors": {"404": false}})).expect("404 is no failure");
    let renamed = failure(got(
        not_found(),
        json!({"errors": {"404": "There is no such patient"}}),
    ));
    assert_eq!(
        (renamed.code.as_str(), renamed.message.as_str()),
        ("404", "There is no such patient")
    );
    assert_eq!(
        failure(got(not_found(), json!({"errors": {"500": false}}))).code,
        "404"
    );
    assert_eq!(
        failure(got(
            Answer::json(200, "{}"),
            json!({"errors": {"200": "Odd"}})
        ))
        .message,
        "Odd"
    );
}

#[test]
fn redirects_are_followed_five_times_by_default() {
    let hops = || (0..6).map(|_| Answer::empty(302).with("location", "/next"));
    let server = Server::answering(hops());
    let reply = call(&server, "get", json!(["/x"])).expect("the last redirect is the answer");
    assert_eq!(server.requests().len(), 6);
    assert_eq!(reply.response.expect("a response")["statusCode"], 302);
    let server = Server::answering(hops());
    call(&server, "get", json!(["/x", {"maxRedirections": 0}]))
        .expect("the redirect is the answer");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_redirected_post_becomes_a_get_or_stays_as_its_status_says() {
    for (status, method, sent) in [
        (301, Method::Get, ""),
        (302, Method::Get, ""),
        (303, Method::Get, ""),
        (307, Method::Post, "5"),
        (308, Method::Post, "5"),
    ] {
        let server = Server::answering([
            Answer::empty(status).with("location", "../y?z=1"),
            Answer::json(200, "{}"),
        ]);
        let reply = call(&server, "post", json!(["/x", 5])).expect("200");
        let second = server.requests().remove(1);
        assert_eq!(second.url.to_string(), "https://api.example.org/y?z=1");
        assert_eq!((&second.method, body(&second)), (&method, sent), "{status}");
        let response = reply.response.expect("a response");
        assert_eq!(
            (&response["url"], &response["duration"]),
            (&json!("https://api.example.org/v1/x"), &json!(2))
        );
    }
}

#[test]
fn a_redirect_to_another_origin_carries_no_secrets() {
    let credential = json!({"baseUrl": "https://a.example", "access_token": "T", "apiKey": "K", "apiKeyHeader": "x-key"});
    for (location, kept) in [
        ("https://a.example/y", true),
        ("https://b.example/y", false),
        ("http://a.example/y", false),
    ] {
        let server = Server::answering([
            Answer::empty(307).with("location", location),
            Answer::json(200, "{}"),
        ]);
        call_as(
            &server,
            credential.clone(),
            "get",
            json!(["/x", {"headers": {"Cookie": "c"}}]),
        )
        .expect("200");
        let second = server.requests().remove(1);
        for header in ["authorization", "x-key", "cookie"] {
            assert_eq!(
                second.headers.get(header).is_some(),
                kept,
                "{header} to {location}"
            );
        }
    }
}

#[test]
fn what_the_host_refuses_stays_what_it_is() {
    for error in [
        Error::Denied("no".into()),
        Error::Timeout("late".into()),
        Error::TooLarge("long".into()),
    ] {
        assert_eq!(got(Answer::Error(error.clone()), json!({})), Err(error));
    }
}
