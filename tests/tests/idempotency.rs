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

/// What each of these requests is answered, all of them sent at once, to one host and the other in turn.
fn storm(hosts: &[Host; 2], key: &str, bodies: &[&str]) -> Vec<Response> {
    thread::scope(|scope| {
        let senders: Vec<_> = bodies
            .iter()
            .zip(hosts.iter().cycle())
            .map(|(body, host)| scope.spawn(move || send(host, "/i/later", key, body)))
            .collect();
        let answers = senders.into_iter().map(|sender| sender.join());
        answers.map(|answer| answer.expect("no panic")).collect()
    })
}

#[test]
fn of_a_storm_of_one_key_to_two_hosts_one_message_is_taken_and_all_answers_name_it() {
    let database = Database::new();
    let serve = || {
        let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
        let host = Host::started_by(project(), &program.env("FONIO_STORE", &database.url()));
        host.wait_until_ready();
        host
    };
    let hosts = [serve(), serve()];
    const STORMS: usize = 10;
    for number in 0..STORMS {
        let key = format!("same-{number}");
        let answers = storm(&hosts, &key, &["{\"n\":1}"; 16]);
        let first = answers.iter().find(|answer| !replayed(answer));
        let first = first.expect("one of them is the first").json();
        for answer in &answers {
            assert_eq!((answer.status, answer.json()), (200, first.clone()));
        }
        assert_eq!(answers.iter().filter(|answer| replayed(answer)).count(), 15);

        // Two messages that have one key by a slip: whichever is first, the other is refused, by both hosts.
        let bodies: Vec<&str> = ["{\"n\":1}", "{\"n\":1}", "{\"n\":2}", "{\"n\":2}"].repeat(4);
        let answers = storm(&hosts, &format!("slip-{number}"), &bodies);
        let (taken, refused): (Vec<_>, Vec<_>) = bodies
            .iter()
            .zip(&answers)
            .partition(|(_, answer)| answer.status == 200);
        assert_eq!((taken.len(), refused.len()), (8, 8));
        for (body, answer) in &taken {
            assert_eq!((*body, answer.json()), (taken[0].0, taken[0].1.json()));
        }
        for (_, answer) in &refused {
            let said = answer.problem(422);
            assert!(said.contains("a key stands for one message"), "{said}");
        }
    }
    assert_eq!(hosts[0].runs_done().len(), 2 * STORMS);
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
