//! A message that is sent again with the same key counts once.

use std::thread;

use fonio_test_postgres::Database;
use fonio_tests::{Host, Program, Project, Response};
use serde_json::json;

fn project() -> Project {
    let workflow = |id: &str, reply: &str| {
        json!({ "id": id, "steps": [
            { "id": "hook", "type": "webhook", "webhook_reply": reply, "next": "job" },
            { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => ({ at: Date.now(), of: state.data }))" },
        ]})
    };
    let workflows = [
        workflow("later", "before_start"),
        workflow("now", "after_completion"),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    Project::new().file("project.yaml", file.to_string())
}

fn send(host: &Host, path: &str, key: &str, body: &str) -> Response {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    host.send("POST", path, &headers, body.as_bytes())
}

fn replayed(reply: &Response) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

fn once_however_often_it_is_sent(host: &Host) {
    let first = send(host, "/i/later", "a-1", "{\"n\":1}");
    let again = send(host, "/i/later", "a-1", "{\"n\":1}");
    assert_eq!((first.status, replayed(&first)), (200, false));
    assert_eq!((again.status, replayed(&again)), (200, true));
    assert_eq!(first.json(), again.json(), "the same run");
    let now = send(host, "/i/now", "a-1", "{\"n\":1}");
    let again = send(host, "/i/now", "a-1", "{\"n\":1}");
    assert_eq!(
        (now.status, replayed(&now)),
        (201, false),
        "keys are of one webhook"
    );
    assert_eq!(
        now.json()["data"],
        again.json()["data"],
        "what the first run ended with"
    );
    let other = send(host, "/i/later", "a-1", "{\"n\":2}");
    assert!(
        other.problem(422).contains("a key stands for one message"),
        "{}",
        other.text()
    );
    assert_eq!(send(host, "/i/later", "a-2", "{\"n\":2}").status, 200);
    let replies: Vec<Response> = thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| send(host, "/i/later", "storm", "{\"n\":3}")))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().expect("no panic"))
            .collect()
    });
    assert_eq!(replies.iter().filter(|reply| !replayed(reply)).count(), 1);
    assert!(
        replies
            .iter()
            .all(|reply| reply.json() == replies[0].json())
    );
    assert_eq!(host.runs_done().len(), 4);
}

#[test]
fn a_message_that_is_sent_again_with_its_key_is_answered_as_the_first_and_runs_once() {
    let host = Host::serving(project());
    once_however_often_it_is_sent(&host);
    let host = host.killed_and_restarted();
    assert!(
        replayed(&send(&host, "/i/later", "a-1", "{\"n\":1}")),
        "a restart forgets nothing"
    );
    assert_eq!(host.runs_done().len(), 4);
}

#[test]
fn the_same_in_postgres() {
    let database = Database::new();
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--dev"]);
    let host = Host::guarded_by(project(), &program.env("FONIO_STORE", &database.url()));
    host.wait_until_ready();
    once_however_often_it_is_sent(&host);
}

#[test]
fn the_inbox_knows_keys_too_and_refuses_what_is_none() {
    let yaml = "jobs: { a: { adaptor: common, trigger: any, expression: 'fn(state => state)' } }\ntriggers: { any: { criteria: '{}' } }\n";
    let host = Host::serving(Project::new().file("project.yaml", yaml));
    assert_eq!(send(&host, "/inbox", "k", "{}").status, 202);
    let again = send(&host, "/inbox", "k", "{}");
    assert_eq!((again.status, replayed(&again)), (202, true));
    assert_eq!(host.runs_done().len(), 1);
    for key in ["", &"x".repeat(256)] {
        let said = send(&host, "/inbox", key, "{}").problem(400);
        assert!(said.contains("1 to 255 visible ASCII characters"), "{said}");
    }
    assert_eq!(host.runs_done().len(), 1);
}
