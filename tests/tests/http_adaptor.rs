//! What the `http` adaptor really sends, and what a job finds of the reply.

use fonio_tests::{Answer, FarSide, Finished, Job, Received, evil};
use serde_json::{Value, json};

/// Runs an expression that may reach the far side, with this credential.
fn run(far_side: &FarSide, credential: &Value, expression: &str) -> Finished {
    Job::new(expression)
        .adaptor("http")
        .credential(credential)
        .allow(&far_side.origin())
        .run()
}

/// What arrives when the expression is run with a credential of just a base URL.
#[track_caller]
fn sent(expression: &str) -> Received {
    sent_with(json!({}), expression)
}

/// The same with more in the credential.
#[track_caller]
fn sent_with(mut credential: Value, expression: &str) -> Received {
    let far_side = FarSide::saying(json!({"ok": true}));
    credential["baseUrl"] = far_side.origin().into();
    run(&far_side, &credential, expression).state();
    far_side.only()
}

/// The final state when the far side answers so.
#[track_caller]
fn state_after(answer: Answer, expression: &str) -> Value {
    let far_side = FarSide::answering(move |_| answer.clone());
    run(
        &far_side,
        &json!({"baseUrl": far_side.origin()}),
        expression,
    )
    .state()
}

#[test]
fn every_method_is_sent_under_its_name() {
    for (call, method) in [
        ("get('/x')", "GET"),
        ("post('/x', {})", "POST"),
        ("put('/x', {})", "PUT"),
        ("patch('/x', {})", "PATCH"),
        ("del('/x')", "DELETE"),
        ("head('/x')", "HEAD"),
        ("options('/x')", "OPTIONS"),
        ("request('REPORT', '/x')", "REPORT"),
    ] {
        let request = sent(call);
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            (method, "/x"),
            "{call}"
        );
    }
}

#[test]
fn query_and_headers_arrive_as_they_were_given() {
    let request = sent(
        "get('/x?fixed=1', { query: { page: 2, 'a b': 'c&d', tag: ['x', 'y'] }, headers: { 'X-Trace': 'é1' } })",
    );
    assert!(request.target.starts_with("/x?"), "{}", request.target);
    for part in ["fixed=1", "page=2", "c%26d", "tag=x", "tag=y"] {
        assert!(
            request.target.contains(part),
            "{part} is not in {}",
            request.target
        );
    }
    assert!(request.header("x-trace").is_some());
    assert!(
        request
            .header("host")
            .is_some_and(|host| host.starts_with("127.0.0.1:"))
    );
}

#[test]
fn functions_of_state_are_resolved_wherever_they_stand() {
    let request = sent(
        "fn(state => ({ ...state, data: { id: 7, name: 'Ama' } }));
         post(state => `/people/${state.data.id}`, { name: state => state.data.name }, { query: { v: $.data.id } });",
    );
    assert_eq!(
        (request.target.as_str(), request.json()),
        ("/people/7?v=7", json!({"name": "Ama"}))
    );
}

#[test]
fn an_object_is_sent_as_json_and_a_text_as_it_is() {
    let request = sent("post('/x', { name: 'Ama', visits: [1, 2] })");
    assert!(
        request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
    );
    assert_eq!(request.json(), json!({"name": "Ama", "visits": [1, 2]}));
    let request = sent("post('/x', 'plain', { headers: { 'content-type': 'text/plain' } })");
    assert_eq!(
        (request.header("content-type"), request.text()),
        (Some("text/plain"), "plain".to_owned())
    );
}

#[test]
fn the_older_way_to_give_a_body_is_understood() {
    let request = sent("post('/x', { body: { name: 'Ama' }, headers: { 'x-old': 'yes' } })");
    assert_eq!(
        (request.header("x-old"), request.json()),
        (Some("yes"), json!({"name": "Ama"}))
    );
}

#[test]
fn a_form_is_sent_as_multipart_and_can_carry_a_file() {
    let request = sent(
        "post('/x', { form: { name: 'Ama', photo: { value: 'bytes', options: { filename: 'a.txt', contentType: 'text/plain' } } } })",
    );
    let kind = request.header("content-type").expect("a form has a type");
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .expect("it names its boundary")
        .trim_matches('"');
    let body = request.text();
    assert!(
        body.starts_with(&format!("--{boundary}\r\n"))
            && body.trim_end().ends_with(&format!("--{boundary}--")),
        "{body}"
    );
    assert!(body.contains("name=\"name\"\r\n\r\nAma\r\n"), "{body}");
    assert!(
        body.contains("filename=\"a.txt\"")
            && body.contains("text/plain")
            && body.contains("bytes"),
        "{body}"
    );
}

#[test]
fn an_urlencoded_body_is_encoded() {
    let request = sent("post('/x', { urlencoded: { name: 'Ama K', also: 'a&b=c' } })");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let body = request.text();
    assert!(
        body == "name=Ama+K&also=a%26b%3Dc" || body == "name=Ama%20K&also=a%26b%3Dc",
        "{body}"
    );
}

#[test]
fn basic_authentication_is_made_of_name_and_password() {
    let request = sent_with(json!({"username": "ama", "password": "pa:ss"}), "get('/x')");
    // base64 of ama:pa:ss
    assert_eq!(request.header("authorization"), Some("Basic YW1hOnBhOnNz"));
}

#[test]
fn a_token_is_sent_as_a_bearer() {
    let request = sent_with(json!({"access_token": "t0ken"}), "get('/x')");
    assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
}

#[test]
fn an_api_key_is_sent_in_the_header_the_credential_names() {
    let request = sent_with(
        json!({"apiKey": "k", "apiKeyHeader": "x-registry-key"}),
        "get('/x')",
    );
    assert_eq!(request.header("x-registry-key"), Some("k"));
}

#[test]
fn a_path_is_appended_to_the_path_of_the_base_url() {
    let far_side = FarSide::saying(json!({}));
    run(
        &far_side,
        &json!({"baseUrl": far_side.url("/api/v1")}),
        "get('/people')",
    )
    .state();
    assert_eq!(far_side.only().target, "/api/v1/people");
}

#[test]
fn an_absolute_address_away_from_the_base_url_is_an_error() {
    let (home, away) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    let expression = format!("get('{}')", away.url("/x"));
    let job = Job::new(&expression)
        .adaptor("http")
        .credential(&json!({"baseUrl": home.origin(), "password": "p", "username": "u"}));
    job.allow(&away.origin())
        .run()
        .expect_failure(1, "the origin of the credential's baseUrl");
    assert!(
        away.received().is_empty(),
        "the credential's secrets must not go there"
    );
}

#[test]
fn a_status_from_400_on_is_an_error_that_the_job_can_catch_with_all_there_is_to_know() {
    let answer = Answer::json(&json!({"detail": "no such person"}))
        .status(404)
        .header("x-request", "r1");
    let state = state_after(
        answer,
        "get('/people/9').catch((error, state) => ({
            ...state, caught: [error.name, error.code, error.statusCode, error.body, error.headers['x-request']],
        }))",
    );
    let expected = json!(["AdaptorError", "404", 404, {"detail": "no such person"}, "r1"]);
    assert_eq!(state["caught"], expected);
}

#[test]
fn an_error_that_nobody_catches_fails_the_step_and_names_status_address_and_line() {
    let far_side = FarSide::answering(|_| Answer::json(&json!({})).status(503));
    let expression = "fn(state => state);\npost('/people', { a: 1 });\n";
    let said = run(
        &far_side,
        &json!({"baseUrl": far_side.origin()}),
        expression,
    )
    .expect_failure(1, "503");
    assert!(said.contains(&far_side.url("/people")), "{said}");
    assert!(said.contains("--> job.js:2:1"), "{said}");
}

#[test]
fn statuses_that_the_job_expects_are_no_errors() {
    let not_found = Answer::json(&json!({"gone": true})).status(404);
    let state = state_after(not_found.clone(), "get('/x', { errors: { 404: false } })");
    assert_eq!(state["data"], json!({"gone": true}));
    let state = state_after(not_found.clone(), "get('/x', { errors: false })");
    assert_eq!(state["data"], json!({"gone": true}));
    let far_side = FarSide::answering(move |_| not_found.clone());
    let custom = "get('/x', { errors: { 404: 'nobody of that number' } })";
    run(&far_side, &json!({"baseUrl": far_side.origin()}), custom)
        .expect_failure(1, "nobody of that number");
}

#[test]
fn a_reply_is_parsed_by_its_content_type() {
    let data = |answer: Answer| state_after(answer, "get('/x')")["data"].clone();
    assert_eq!(
        data(Answer::new("application/json; charset=utf-8", "[1]")),
        json!([1])
    );
    assert_eq!(
        data(Answer::new("application/fhir+json", r#"{"a":1}"#)),
        json!(r#"{"a":1}"#),
        "as in language-http"
    );
    assert_eq!(data(Answer::new("text/csv", "a,b")), json!("a,b"));
    assert_eq!(data(Answer::empty()), Value::Null);
    assert_eq!(data(Answer::empty().status(204)), Value::Null);
}

#[test]
fn a_reply_is_parsed_as_the_job_asks() {
    let state = state_after(
        Answer::new("text/plain", r#"{"a":1}"#),
        "get('/x', { parseAs: 'json' })",
    );
    assert_eq!(state["data"], json!({"a": 1}));
    let state = state_after(
        Answer::json(&json!({"a": 1})),
        "get('/x', { parseAs: 'text' })",
    );
    assert_eq!(state["data"], json!(r#"{"a":1}"#));
    let state = state_after(
        Answer::new("image/png", vec![0x89, b'P', 0, 255]),
        "get('/x', { parseAs: 'base64' })",
    );
    assert_eq!(state["data"], json!("iVAA/w=="));
}

#[test]
fn a_reply_that_is_not_the_json_it_says_is_an_error_with_its_text() {
    let state = state_after(
        Answer::new("application/json", "<html>busy</html>"),
        "get('/x').catch((error, state) => ({ ...state, caught: [error.message, error.statusCode, error.body] }))",
    );
    assert!(
        state["caught"][0]
            .as_str()
            .is_some_and(|message| message.contains("cannot be read as JSON")),
        "{state}"
    );
    assert_eq!(
        (&state["caught"][1], &state["caught"][2]),
        (&json!(200), &json!("<html>busy</html>"))
    );
}

#[test]
fn a_server_that_is_silent_for_longer_than_the_timeout_is_an_error() {
    let far_side = FarSide::misbehaving(evil::never_answers);
    let said = run(
        &far_side,
        &json!({"baseUrl": far_side.origin()}),
        "get('/x', { timeout: 100 })",
    )
    .expect_failure(1, "100");
    assert!(said.contains("--> job.js:1:1"), "{said}");
}

#[test]
fn a_redirect_is_followed_and_the_last_reply_counts() {
    let far_side = FarSide::answering(|request| match request.target.as_str() {
        "/old" => Answer::empty().status(302).header("location", "/new"),
        _ => Answer::json(&json!({"at": request.target})),
    });
    let state = run(
        &far_side,
        &json!({"baseUrl": far_side.origin()}),
        "get('/old')",
    )
    .state();
    assert_eq!(state["data"], json!({"at": "/new"}));
}

#[test]
fn redirects_without_end_end() {
    let far_side = FarSide::answering(|_| Answer::empty().status(302).header("location", "/again"));
    let state = run(
        &far_side,
        &json!({"baseUrl": far_side.origin()}),
        "get('/x', { maxRedirections: 3 }); fn(state => ({ status: state.response.statusCode }))",
    );
    assert_eq!(state.state()["status"], 302);
    assert_eq!(far_side.received().len(), 4);
}

#[test]
fn a_redirect_to_another_origin_gets_no_secrets() {
    let away = FarSide::saying(json!({}));
    let to = away.url("/x");
    let home = FarSide::answering(move |_| Answer::empty().status(307).header("location", &to));
    let credential = json!({"baseUrl": home.origin(), "username": "u", "password": "p"});
    Job::new("get('/x')")
        .adaptor("http")
        .credential(&credential)
        .allow(&away.origin())
        .run();
    assert!(home.only().header("authorization").is_some());
    assert!(
        away.received()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}
