//! From a call to the request on the wire.

mod job;

use fonio_adaptor_http::HTTP;
use fonio_sdk::http::Method;
use fonio_sdk::log::Level;
use fonio_sdk::testing::{Answer, Server, problems, take_log};
use fonio_sdk::{Error, json};
use job::{body, call, call_as, failure, sent, sent_as};

#[test]
fn the_table_of_operations_is_sound() {
    assert_eq!(problems(&HTTP), Vec::<String>::new());
}

#[test]
fn each_operation_uses_its_method() {
    for (operation, method) in [
        ("get", Method::Get),
        ("post", Method::Post),
        ("put", Method::Put),
        ("patch", Method::Patch),
        ("del", Method::Delete),
        ("delete", Method::Delete),
        ("head", Method::Head),
        ("options", Method::Options),
    ] {
        assert_eq!(sent(operation, json!(["/x"])).method, method, "{operation}");
    }
    assert_eq!(
        sent("request", json!(["report", "/x"])).method,
        Method::Other("REPORT".into())
    );
}

#[test]
fn an_unknown_operation_is_answered_with_the_names_there_are() {
    let error = call(&Server::default(), "fetch", json!([])).expect_err("there is no fetch");
    assert!(
        matches!(&error, Error::UnknownOperation(why) if why.contains("get, post, put")),
        "{error}"
    );
}

#[test]
fn paths_are_below_the_base_url() {
    for (path, expected) in [
        ("/patients", "https://api.example.org/v1/patients"),
        ("patients/", "https://api.example.org/v1/patients/"),
        ("", "https://api.example.org/v1"),
        ("?page=2", "https://api.example.org/v1?page=2"),
        ("../v2/patients", "https://api.example.org/v2/patients"),
        (
            "/list?next=https://other.org/",
            "https://api.example.org/v1/list?next=https://other.org/",
        ),
        (
            "/http://other.org/",
            "https://api.example.org/v1/http://other.org/",
        ),
        (
            "https://api.example.org/v3/x",
            "https://api.example.org/v3/x",
        ),
    ] {
        assert_eq!(
            sent("get", json!([path])).url.to_string(),
            expected,
            "{path}"
        );
    }
}

#[test]
fn an_absolute_url_of_another_origin_than_the_base_url_is_refused() {
    let server = Server::default();
    let failure = failure(call(&server, "get", json!(["https://evil.example/v1"])));
    assert_eq!(failure.code, "BASE_URL_MISMATCH");
    assert_eq!(failure.details["target"], "https://evil.example/v1");
    assert!(server.requests().is_empty());
}

#[test]
fn a_relative_path_without_a_base_url_is_refused() {
    let failure = failure(call_as(
        &Server::default(),
        json!({}),
        "get",
        json!(["/patients"]),
    ));
    assert_eq!(failure.code, "UNEXPECTED_RELATIVE_URL");
    assert!(failure.message.contains("/patients"), "{}", failure.message);
}

#[test]
fn a_base_url_among_the_options_serves_where_the_credential_has_none() {
    let request = sent_as(
        json!({}),
        "get",
        json!(["/x", {"baseUrl": "https://other.example"}]),
    );
    assert_eq!(request.url.to_string(), "https://other.example/x");
}

#[test]
fn a_query_is_merged_with_that_of_the_path_which_wins() {
    let query =
        json!({"a": 1, "b": ["x", "y"], "c": "a b&ü+", "d": null, "h": true, "o": {"k": 1}});
    let request = sent("get", json!(["/x?z=0&a=9", {"query": query}]));
    assert_eq!(
        request.url.query(),
        Some("b=x&b=y&c=a%20b%26%C3%BC%2B&d=&h=true&o=%7B%22k%22%3A1%7D&z=0&a=9")
    );
}

#[test]
fn data_is_sent_as_json() {
    let request = sent("post", json!(["/x", {"name": "Asha"}]));
    assert_eq!(body(&request), r#"{"name":"Asha"}"#);
    assert_eq!(
        request.headers.get("content-type"),
        Some("application/json")
    );
    assert_eq!(body(&sent("put", json!(["/x", [1, 2]]))), "[1,2]");
}

#[test]
fn data_with_options_keeps_the_content_type_of_the_options() {
    let request = sent(
        "post",
        json!(["/x", {"a": 1}, {"headers": {"Content-Type": "application/fhir+json", "x-n": 5}}]),
    );
    assert_eq!(body(&request), r#"{"a":1}"#);
    assert_eq!(
        request.headers.get("content-type"),
        Some("application/fhir+json")
    );
    assert_eq!(request.headers.get("x-n"), Some("5"));
}

#[test]
fn an_object_of_options_alone_is_the_older_dialect() {
    let request = sent(
        "post",
        json!(["/x", {"body": {"a": 1}, "headers": {"x-y": "z"}, "query": {"q": 1}}]),
    );
    assert_eq!(body(&request), r#"{"a":1}"#);
    assert_eq!(request.headers.get("x-y"), Some("z"));
    assert_eq!(request.url.query(), Some("q=1"));
    assert_eq!(
        body(&sent("post", json!(["/x", {"json": {"a": 1}}]))),
        r#"{"a":1}"#
    );
    assert_eq!(
        body(&sent(
            "post",
            json!(["/x", {"body": {"a": 1}, "json": true}])
        )),
        r#"{"a":1}"#
    );
}

#[test]
fn data_that_only_looks_like_options_is_data() {
    let graphql = json!({"query": "{ patients { id } }"});
    assert_eq!(
        body(&sent("post", json!(["/graphql", graphql]))),
        graphql.to_string()
    );
    let mixed = json!({"body": "text", "title": "note"});
    assert_eq!(
        body(&sent("post", json!(["/notes", mixed]))),
        mixed.to_string()
    );
    let with_options = json!({"body": "text"});
    assert_eq!(
        body(&sent("post", json!(["/notes", with_options, {}]))),
        with_options.to_string()
    );
}

#[test]
fn request_also_takes_one_object() {
    let request = sent_as(
        json!({}),
        "request",
        json!([{"method": "put", "url": "https://a.example/x", "json": {"a": 1}}]),
    );
    assert_eq!(
        (request.method.as_str(), request.url.to_string().as_str()),
        ("PUT", "https://a.example/x")
    );
    assert_eq!(body(&request), r#"{"a":1}"#);
}

#[test]
fn a_text_is_sent_as_it_is() {
    let request = sent("post", json!(["/x", "<a/>", {"contentType": "xml"}]));
    assert_eq!(
        (body(&request), request.headers.get("content-type")),
        ("<a/>", Some("application/xml"))
    );
    let request = sent("post", json!(["/x", "a,b", {"contentType": "text/csv"}]));
    assert_eq!(
        (body(&request), request.headers.get("content-type")),
        ("a,b", Some("text/csv"))
    );
}

#[test]
fn a_form_is_multipart() {
    let form = json!({"a": 1, "q\"": {"k": 1}, "file": {"value": "<x/>", "options": {"filename": "f.xml", "contentType": "text/xml"}}});
    let expected = "--fonio-form-boundary\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                    --fonio-form-boundary\r\nContent-Disposition: form-data; name=\"q%22\"\r\n\r\n{\"k\":1}\r\n\
                    --fonio-form-boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.xml\"\r\n\
                    Content-Type: text/xml\r\n\r\n<x/>\r\n\
                    --fonio-form-boundary--\r\n";
    for arguments in [
        json!(["/x", {"form": form}]),
        json!(["/x", {"formData": form}]),
        json!(["/x", form, {"contentType": "form"}]),
    ] {
        let request = sent("post", arguments);
        assert_eq!(body(&request), expected);
        assert_eq!(
            request.headers.get("content-type"),
            Some("multipart/form-data; boundary=fonio-form-boundary")
        );
    }
}

#[test]
fn a_part_cannot_end_a_multipart_form_early() {
    let request = sent(
        "post",
        json!(["/x", {"form": {"a": "\r\n--fonio-form-boundary--\r\n"}}]),
    );
    assert_eq!(
        request.headers.get("content-type"),
        Some("multipart/form-data; boundary=fonio-form-boundary-x")
    );
}

#[test]
fn a_form_can_be_urlencoded() {
    for arguments in [
        json!(["/x", {"urlencoded": {"a": 1, "b": "x y", "l": [1, 2]}}]),
        json!(["/x", {"a": 1, "b": "x y", "l": [1, 2]}, {"contentType": "urlencoded"}]),
        json!(["/x", {"a": 1, "b": "x y", "l": [1, 2]}, {"headers": {"content-type": "application/x-www-form-urlencoded"}}]),
    ] {
        let request = sent("post", arguments);
        assert_eq!(body(&request), "a=1&b=x+y&l=1&l=2");
        assert_eq!(
            request.headers.get("content-type"),
            Some("application/x-www-form-urlencoded")
        );
    }
}

#[test]
fn the_credential_signs_the_request() {
    let authorization = |configuration| {
        let request = sent_as(configuration, "get", json!(["https://a.example/"]));
        request.headers.get("authorization").map(str::to_owned)
    };
    assert_eq!(
        authorization(json!({"username": "u", "password": "p"})).as_deref(),
        Some("Basic dTpw")
    );
    for name in ["access_token", "accessToken", "token"] {
        assert_eq!(
            authorization(json!({name: "T"})).as_deref(),
            Some("Bearer T"),
            "{name}"
        );
    }
    assert_eq!(
        authorization(json!({"username": "u", "password": "p", "access_token": "T"})).as_deref(),
        Some("Bearer T")
    );
    assert_eq!(authorization(json!({})), None);
}

#[test]
fn an_api_key_has_a_header_of_its_own() {
    let request = sent_as(json!({"apiKey": "K"}), "get", json!(["https://a.example/"]));
    assert_eq!(request.headers.get("x-api-key"), Some("K"));
    let request = sent_as(
        json!({"apiKey": "K", "apiKeyHeader": "X-Key"}),
        "get",
        json!(["https://a.example/"]),
    );
    assert_eq!(request.headers.get("x-key"), Some("K"));
}

#[test]
fn options_go_before_the_credential_and_headers_before_both() {
    let credential = json!({"username": "u", "password": "p"});
    let options =
        json!({"authentication": {"username": "o", "password": "q", "sendImmediately": true}});
    let request = sent_as(
        credential.clone(),
        "get",
        json!(["https://a.example/", options]),
    );
    assert_eq!(request.headers.get("authorization"), Some("Basic bzpx"));
    let request = sent_as(
        credential,
        "get",
        json!(["https://a.example/", {"headers": {"Authorization": "mine"}}]),
    );
    assert_eq!(request.headers.get("authorization"), Some("mine"));
}

#[test]
fn client_certificates_are_refused_with_the_reason() {
    let error = call(
        &Server::default(),
        "get",
        json!(["/x", {"tls": {"cert": "…"}}]),
    )
    .expect_err("not sent without it");
    assert!(
        error.to_string().contains("`tls` cannot be used"),
        "{error}"
    );
    let credential = json!({"baseUrl": "https://a.example", "tls": {"ca": "…"}});
    call_as(&Server::default(), credential, "get", json!(["/x"])).expect_err("not sent without it");
    sent("get", json!(["/x", {"tls": {}}]));
}

#[test]
fn options_without_effect_are_named_in_the_log() {
    take_log();
    sent(
        "get",
        json!(["/x", {"fnord": 1, "gzip": true, "headers": {"Host": "x", "Accept-Encoding": "br"}}]),
    );
    let warnings: Vec<String> = take_log()
        .into_iter()
        .filter(|(level, _)| *level == Level::Warn)
        .map(|(_, line)| line)
        .collect();
    for word in ["fnord", "`gzip`", "`Host`", "`Accept-Encoding`"] {
        assert!(
            warnings.iter().any(|line| line.contains(word)),
            "{word}: {warnings:?}"
        );
    }
}

#[test]
fn what_is_not_of_the_right_shape_is_refused_by_name() {
    for (arguments, word) in [
        (json!([]), "`path` of get() is missing"),
        (json!([5]), "`path` of get()"),
        (json!(["/x", "text"]), "`options` of get()"),
        (json!(["/x", {"headers": "a: b"}]), "`headers`"),
        (json!(["/x", {"timeout": -1}]), "`timeout`"),
        (json!(["/x", {"parseAs": "yaml"}]), "`parseAs`"),
    ] {
        let error = call(&Server::default(), "get", arguments).expect_err("the wrong shape");
        assert!(
            matches!(&error, Error::InvalidArgument(why) if why.contains(word)),
            "{word}: {error}"
        );
    }
}

#[test]
fn a_callback_in_the_place_of_options_is_not_mistaken_for_them() {
    let server = Server::answering([Answer::json(200, "{}")]);
    let state = json!({"configuration": {}, "data": {}, "references": []});
    let error = call(&server, "post", json!(["/x", {"body": {"a": 1}}, state]))
        .expect_err("a state is no options");
    assert!(error.to_string().contains(".then("), "{error}");
    assert!(server.requests().is_empty());
}
