//! Requests that change something bear a mark: the same in each attempt at a step, so that a system that knows it does once
//! what a host that died asks for twice.

use fonio_tests::{Answer, FarSide, Gate, Host, Project, Store, wait_for};
use serde_json::json;

const MARKED: &str = "idempotency_header = \"Idempotency-Key\"\n";

/// Two requests to one place, one to another, one that only reads, and one with a mark of its own.
fn project(far_side: &FarSide, settings: &str) -> Project {
    let [a, b] = ["/a?at=1", "/b"].map(|path| far_side.url(path));
    let job = format!(
        "post('{a}', {{}}); get('{b}'); put('{b}', {{}}); post('{a}', {{}});\n\
         post('{b}', {{}}, {{ headers: {{ 'Idempotency-Key': 'mine' }} }});"
    );
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http", "expression": job },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

fn send(host: &Host) {
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", "/i/w", &headers, b"{}");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The marks of all requests so far, in their order.
fn marks(far_side: &FarSide) -> Vec<Option<String>> {
    let received = far_side.received();
    let mark =
        |name| move |request: &fonio_tests::Received| request.header(name).map(str::to_owned);
    received.iter().map(mark("idempotency-key")).collect()
}

#[test]
fn a_step_that_its_host_died_with_sends_the_same_marks_again_and_the_next_step_others() {
    Store::each(|store| {
        let gate = Gate::default();
        let closed = gate.clone();
        let far_side = FarSide::answering(move |request| {
            // The last of the five is what the host dies with.
            if request.header("idempotency-key") == Some("mine") {
                closed.pass();
            }
            Answer::json(&json!({}))
        });
        let host = Host::serving_on(store, project(&far_side, MARKED));
        send(&host);
        wait_for("five requests", || {
            (far_side.received().len() == 5).then_some(())
        });
        let host = host.killed_and_restarted();
        gate.open();
        host.runs_done();
        send(&host);
        host.runs_done();
        let all = marks(&far_side);
        assert_eq!(all.len(), 15);
        let (first, again, other) = (&all[..5], &all[5..10], &all[10..]);
        assert_eq!(first, again);
        assert_eq!(first[1], None, "what only reads bears none");
        assert_eq!(first[4].as_deref(), Some("mine"));
        let mut made: Vec<_> = [&first[..1], &first[2..4], &other[..1], &other[2..4]].concat();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 6, "all others are different: {made:?}");
        let uuid = made[0].as_deref().expect("a mark");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "8"));
    });
}

#[test]
fn an_adaptor_may_have_none_and_without_the_setting_there_are_none() {
    let off = "[adaptors.http]\nnetwork = { idempotency_header = false }\n";
    for (settings, marked) in [
        (String::new(), false),
        (format!("{MARKED}{off}"), false),
        (MARKED.to_owned(), true),
    ] {
        let far_side = FarSide::saying(json!({}));
        let host = Host::serving(project(&far_side, &settings));
        send(&host);
        host.runs_done();
        assert_eq!(marks(&far_side)[0].is_some(), marked, "{settings}");
    }
}

#[test]
fn a_header_that_has_a_meaning_of_its_own_takes_no_marks() {
    let far_side = FarSide::saying(json!({}));
    let project = project(&far_side, "idempotency_header = \"Authorization\"\n");
    let ended = fonio_tests::Program::new(["check", "."]).run(project.dir());
    let said = "`authorization` is no header to mark requests in";
    ended.expect_code(1).expect_said(said);
}
