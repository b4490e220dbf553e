//! A message that is known by a field of its own counts once, however often its sender sends it.

use fonio_test_postgres::Database;
use fonio_tests::{Host, Program, Project, Response, wait_for};
use serde_json::json;

fn project(settings: &str) -> Project {
    let workflow = json!({ "id": "w", "steps": [
        { "id": "hook", "type": "webhook", "next": "job" },
        { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => state)" },
    ]});
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [workflow] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", settings)
}

const BY_ID: &str = "[triggers.w]\nidempotency_key = \"meta.instanceID\"\n";

fn send(host: &Host, content_type: &str, body: &str) -> Response {
    let headers = [("content-type", content_type)];
    let reply = host.send("POST", "/i/w", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

fn replayed(reply: &Response) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

fn form(id: &str, name: &str) -> String {
    json!({ "name": name, "meta": { "instanceID": id } }).to_string()
}

fn known_by_their_field(host: &Host) {
    let json = "application/json";
    let first = send(host, json, &form("uuid:1", "Ama"));
    let again = send(host, json, &form("uuid:1", "Ama"));
    assert_eq!((replayed(&first), replayed(&again)), (false, true));
    assert_eq!(first.json(), again.json(), "the same run");
    assert!(!replayed(&send(host, json, &form("uuid:2", "Ama"))));
    let edited = send(host, json, &form("uuid:1", "Ama Mensah"));
    assert!(!replayed(&edited), "an edit is a message of its own");
    let again = send(host, json, &form("uuid:1", "Ama Mensah"));
    assert_eq!((replayed(&again), again.json()), (true, edited.json()));
    for _ in 0..2 {
        let unnamed = send(host, json, "{\"name\":\"nobody\"}");
        assert!(!replayed(&unnamed), "without the field all are different");
    }
    assert_eq!(host.runs_done().len(), 5);
}

#[test]
fn a_message_is_known_by_its_field_and_an_edit_by_what_it_says() {
    let host = Host::serving(project(BY_ID));
    known_by_their_field(&host);
    let host = host.killed_and_restarted();
    let again = send(&host, "application/json", &form("uuid:2", "Ama"));
    assert!(replayed(&again), "a restart forgets nothing");
}

#[test]
fn the_same_in_postgres() {
    let database = Database::new();
    let program =
        Program::new(["serve", ".", "--listen", "127.0.0.1:0"]).env("FONIO_STORE", &database.url());
    let host = Host::started_by(project(BY_ID), &program);
    host.wait_until_ready();
    known_by_their_field(&host);
}

#[test]
fn submissions_in_xml_and_forms_are_known_too() {
    let settings = "[triggers.\"w/hook\"]\nidempotency_key = \"data.meta.instanceID\"\n";
    let host = Host::serving(project(settings));
    let xml = "<data><n>1</n><meta><instanceID>uuid:1</instanceID></meta></data>";
    let part = |boundary: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"xml_submission_file\"; filename=\"s.xml\"\r\n\
             Content-Type: text/xml\r\n\r\n{xml}\r\n--{boundary}--\r\n"
        )
    };
    assert!(!replayed(&send(&host, "text/xml", xml)));
    assert!(replayed(&send(&host, "text/xml", xml)));
    for boundary in ["one", "other"] {
        let kind = format!("multipart/form-data; boundary={boundary}");
        assert!(replayed(&send(&host, &kind, &part(boundary))), "{boundary}");
    }
    let form = "application/x-www-form-urlencoded";
    let body = "data[meta][instanceID]=uuid:2";
    assert!(!replayed(&send(&host, form, body)));
    assert!(replayed(&send(&host, form, body)));
    assert_eq!(host.runs_done().len(), 2);
}

#[test]
fn a_header_comes_before_the_field_and_is_no_field() {
    let host = Host::serving(project(BY_ID));
    let with_header = |key: &str, body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        host.send("POST", "/i/w", &headers, body.as_bytes())
    };
    let (one, other) = (form("uuid:1", "Ama"), form("uuid:2", "Ama"));
    assert!(!replayed(&with_header("a", &one)));
    assert!(!replayed(&with_header("b", &one)));
    assert!(replayed(&with_header("a", &one)));
    assert_eq!(with_header("a", &other).status, 422);
    assert!(!replayed(&with_header("uuid:3", &one)));
    assert!(!replayed(&send(
        &host,
        "application/json",
        &form("uuid:3", "Ama")
    )));
}

#[test]
fn what_is_older_than_the_window_is_new() {
    let settings = format!("{BY_ID}deduplicate = \"1s\"\n");
    let host = Host::serving(project(&settings));
    let body = form("uuid:1", "Ama");
    assert!(!replayed(&send(&host, "application/json", &body)));
    wait_for("the window to end", || {
        let reply = send(&host, "application/json", &body);
        (!replayed(&reply)).then_some(())
    });
    assert_eq!(host.runs_done().len(), 2);
}

#[test]
fn the_inbox_knows_fields_too() {
    let yaml = "jobs: { a: { adaptor: common, trigger: any, expression: 'fn(state => state)' } }\ntriggers: { any: { criteria: '{\"kind\":1}' } }\n";
    let settings = "[triggers.inbox]\nidempotency_key = \"/a.b/id\"\n";
    let project = Project::new()
        .file("project.yaml", yaml)
        .file("fonio.toml", settings);
    let host = Host::serving(project);
    for _ in 0..2 {
        host.post(&json!({ "kind": 1, "a.b": { "id": 7 } }));
    }
    assert_eq!(host.runs_done().len(), 1);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    for (settings, said) in [
        (
            "[triggers.w]\nidempotency_key = \"a..b\"\n",
            "`idempotency_key` does not name a field",
        ),
        (
            "[triggers.w]\ndeduplicate = \"31d\"\n",
            "`deduplicate` cannot be 31d",
        ),
        (
            "[triggers.v]\nidempotency_key = \"a\"\n",
            "there is no webhook `v`",
        ),
        (
            "[triggers.w]\ntime_zone = \"Africa/Nairobi\"\n",
            "there is no clock `w`",
        ),
    ] {
        let project = project(settings);
        let ended = Program::new(["check", "."]).run(project.dir());
        ended.expect_code(1).expect_said(said);
    }
}
