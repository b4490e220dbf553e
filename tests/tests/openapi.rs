//! The document that describes the API, against the API: every operation in it is asked as every role, and what comes back has
//! a status that it names, and the body that it describes.

use fonio_tests::schema::Schemas;
use fonio_tests::{Host, Program, Project, Response, wait_for};
use serde_json::{Value, json};

fn project() -> Project {
    Project::with_job(
        "@openfn/language-common",
        "fn(state => { console.log('begun'); if (state.data.fail) throw new Error('no'); return state; })",
    )
    .file("fonio.toml", "[project]\nid = \"clinic\"\n")
}

/// A host with something of everything in it: a run that succeeded, one that failed, and their messages.
fn host() -> Host {
    let host = Host::guarded(project());
    for message in [json!({ "n": 1 }), json!({ "fail": true })] {
        host.post(&message);
    }
    wait_for("both runs to end", || {
        let listed = host
            .project
            .fonio(&["runs", "list", "--json", "--status", "open"])
            .json();
        let all = host.project.fonio(&["runs", "list", "--json"]).json();
        let none = listed["runs"].as_array().is_some_and(Vec::is_empty);
        (none && all["runs"].as_array().is_some_and(|runs| runs.len() == 2)).then_some(())
    });
    host
}

fn document(host: &Host) -> Value {
    let reply = host.with_token(
        &host.project.token("reads", &[]),
        "GET",
        "/api/v1/openapi.json",
    );
    assert_eq!(reply.status, 200);
    reply.json()
}

/// Every operation of the document: method, path, what is said of it.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations");
        methods
            .iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    each.collect()
}

/// Checks a reply against what is said of the operation.
#[track_caller]
fn check(document: &Value, operation: &Value, reply: &Response, what: &str) {
    let said = &operation["responses"][reply.status.to_string()];
    assert!(
        said.is_object(),
        "{what}: {} is not described: {}",
        reply.status,
        reply.text()
    );
    let said = match said["$ref"].as_str() {
        Some(to) => document
            .pointer(to.trim_start_matches('#'))
            .expect("it leads somewhere"),
        None => said,
    };
    let kind = reply.header("content-type").unwrap_or_default();
    let Some(content) = said["content"].as_object() else {
        return;
    };
    let schema = content
        .get(kind)
        .unwrap_or_else(|| panic!("{what}: {kind} is not described"));
    let problems = Schemas(document).problems(&schema["schema"], &reply.json());
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

#[test]
fn every_operation_answers_every_role_as_the_document_says() {
    let host = host();
    let document = document(&host);
    let made = |role: &str| Some(host.project.token(role, &["--role", role]));
    let callers = [
        ("nobody", None),
        ("a stranger", Some("fonio_unknown".to_owned())),
        ("viewer", made("viewer")),
        ("editor", made("editor")),
        ("admin", made("admin")),
    ];
    let order = ["viewer", "editor", "admin"];
    for (method, path, operation) in operations(&document) {
        if operation["x-place"] == "host" {
            continue;
        }
        for id in ["1", "2", "99"] {
            for (who, token) in &callers {
                let at = path
                    .replace("{run}", id)
                    .replace("{message}", id)
                    .replace("{dataclip}", id);
                // A stream does not end by itself; of this kind there is none.
                let at = match operation["responses"]["200"]["content"]["text/event-stream"] {
                    Value::Null => at,
                    _ => at + "?kind=none",
                };
                let reply = match token {
                    Some(token) => host.with_token(token, &method, &at),
                    None => host.send(&method, &at, &[], b""),
                };
                let what = format!("{method} {at} by {who}");
                check(&document, operation, &reply, &what);
                let Some(role) = operation["x-role"].as_str() else {
                    continue;
                };
                let rank = |role: &str| order.iter().position(|known| *known == role);
                let expected = match (token, rank(who)) {
                    (_, Some(has)) if Some(has) >= rank(role) => None,
                    (_, Some(_)) => Some(403),
                    (_, None) => Some(401),
                };
                match expected {
                    Some(status) => assert_eq!(reply.status, status, "{what}"),
                    None => assert!(![401, 403].contains(&reply.status), "{what}"),
                }
            }
            if !path.contains('{') {
                break;
            }
        }
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_as_the_document_says() {
    let host = host();
    let document = document(&host);
    let token = host.project.token("admin", &["--role", "admin"]);
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    for (method, path, query, body, status) in [
        ("GET", "/api/v1/runs", "?sort=up", "", 400),
        (
            "GET",
            "/api/v1/runs",
            "?status=failed&limit=1&error=no&job=job",
            "",
            200,
        ),
        ("GET", "/api/v1/runs/{run}", "?wait_ms=10", "", 200),
        ("GET", "/api/v1/runs/{run}", "?wait=10", "", 400),
        ("GET", "/api/v1/messages", "?sort=up", "", 400),
        (
            "GET",
            "/api/v1/messages",
            "?source=inbox&since_ms=1&until_ms=99999999999999&limit=1",
            "",
            200,
        ),
        ("GET", "/api/v1/audit", "?limit=x", "", 400),
        ("POST", "/api/v1/runs/{run}/retry", "", "{\"form\": 1}", 400),
        (
            "POST",
            "/api/v1/runs/{run}/retry",
            "",
            "{\"from\": \"start\"}",
            201,
        ),
        (
            "POST",
            "/api/v1/runs/{run}/retry",
            "",
            "{\"from\": 999}",
            404,
        ),
        (
            "POST",
            "/api/v1/runs/retry",
            "",
            "{\"status\": \"cancelled\"}",
            400,
        ),
        (
            "POST",
            "/api/v1/runs/retry",
            "",
            "{\"status\": \"succeeded\", \"from\": {\"job\": \"job\"}, \"input\": {}, \"limit\": 1}",
            200,
        ),
        (
            "POST",
            "/api/v1/runs/retry",
            "",
            "{\"dry_run\": true, \"from\": \"start\", \"error\": \"no\"}",
            200,
        ),
        (
            "POST",
            "/api/v1/runs/cancel",
            "",
            "{\"workflow\": \"job\", \"limit\": 5, \"next\": 9}",
            200,
        ),
        (
            "POST",
            "/api/v1/runs/cancel",
            "",
            "{\"from\": \"start\"}",
            400,
        ),
        ("POST", "/api/v1/runs/discard", "", "[]", 400),
        ("POST", "/api/v1/session", "", "{}", 400),
        ("POST", "/api/v1/messages/export", "", "{}", 400),
        (
            "POST",
            "/api/v1/messages/delete",
            "",
            "{\"where\": {\"n\": \"7\"}}",
            200,
        ),
    ] {
        let operation = &document["paths"][path][method.to_lowercase()];
        let at = format!("{}{query}", path.replace("{run}", "2"));
        let reply = host.send(method, &at, &headers, body.as_bytes());
        assert_eq!(
            reply.status,
            status,
            "{method} {at} {body}: {}",
            reply.text()
        );
        check(
            &document,
            operation,
            &reply,
            &format!("{method} {at} {body}"),
        );
    }
}

#[test]
fn a_host_of_several_describes_itself_and_its_tenants() {
    let tenants = Project::new();
    tenants.write(
        "clinic/project.yaml",
        "jobs: { job: { adaptor: common, trigger: any, expression: 'fn(s => s)' } }\n\
         triggers: { any: { criteria: '{}' } }\ncredentials: {}\n",
    );
    let host = Host::guarded_by(tenants, &Program::serving_tenants(&[]));
    host.wait_until_ready();
    let token = host.project.token("admin", &["--role", "admin"]);
    let document = host
        .with_token(&token, "GET", "/api/v1/openapi.json")
        .json();
    host.send("GET", "/api/v1/openapi.json", &[], b"")
        .problem(401);
    for (method, path, operation) in operations(&document) {
        if operation["x-place"] == "project" {
            continue;
        }
        let reply = host.with_token(&token, &method, &path);
        check(&document, operation, &reply, &format!("{method} {path}"));
    }
}
