//! Steps that are tried again by themselves, and runs that a person does again or ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fonio_tests::{Answer, FarSide, Gate, Host, Project, Store, wait_for};
use serde_json::{Value, json};

/// Short waits: what is under test is that they come, not how long they are.
const RETRY: &str = "[retry]\nbackoff = \"10ms\"\n";

/// Says no with this status so many times, then yes.
fn reluctant(status: u16, times: usize) -> FarSide {
    let asked = AtomicUsize::new(0);
    FarSide::answering(move |_| {
        let answer = Answer::json(&json!({ "ok": true }));
        match asked.fetch_add(1, Ordering::SeqCst) {
            before if before < times => answer.status(status),
            _ => answer,
        }
    })
}

/// A job that posts to the far side; what it leaves is handed to a second one, and a failure to a third.
fn project(far_side: &FarSide, settings: &str) -> Project {
    let url = far_side.url("/records");
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http",
          "expression": format!("post('{url}', state => state.data)"),
          "next": { "thank": { "condition": "on_job_success" }, "regret": { "condition": "on_job_failure" } } },
        { "id": "thank", "adaptor": "@openfn/language-common", "expression": "fn(state => ({ thanked: state.data }))" },
        { "id": "regret", "adaptor": "@openfn/language-common", "expression": "fn(() => ({ regretted: true }))" },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

/// Sends one message, and gives its run once that has ended.
fn send(host: &Host) -> Value {
    let reply = host.send(
        "POST",
        "/i/w",
        &[("content-type", "application/json")],
        b"{\"n\":1}",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    ended(host, &reply.json()["run_id"])
}

/// A webhook names its run in a text, as OpenFn does; the API in a number.
fn number(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn run(host: &Host, id: &Value) -> Value {
    host.get(&format!("/api/v1/runs/{}", number(id))).json()
}

fn ended(host: &Host, id: &Value) -> Value {
    wait_for("the run to end", || {
        let run = run(host, id);
        (!matches!(run["status"].as_str(), Some("queued" | "running"))).then_some(run)
    })
}

fn jobs(run: &Value) -> Vec<&str> {
    let steps = run["steps"].as_array().expect("steps");
    steps
        .iter()
        .filter_map(|step| step["job"].as_str())
        .collect()
}

fn decide(host: &Host, run: &Value, what: &str, body: &str) -> fonio_tests::Response {
    let path = format!("/api/v1/runs/{}/{what}", run["id"]);
    host.send(
        "POST",
        &path,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

#[test]
fn a_system_that_cannot_now_is_asked_again_until_it_can() {
    Store::each(|store| {
        let far_side = reluctant(503, 2);
        let host = Host::serving_on(store, project(&far_side, RETRY));
        let run = send(&host);
        assert_eq!(
            (run["status"].as_str(), jobs(&run)),
            (Some("succeeded"), vec!["send", "thank"])
        );
        assert_eq!(far_side.received().len(), 3);
        let step = &run["steps"][0];
        assert_eq!(step["attempt"], 3);
        let earlier = step["earlier"].as_array().expect("the attempts before");
        assert_eq!(earlier.len(), 2);
        assert_eq!(earlier[0]["error"]["code"], "503");
        let log = earlier[0]["log"].to_string();
        assert!(log.contains("attempt 2 of 5 comes in 0.0 s"), "{log}");
        assert!(host.said().contains("retrying"), "{}", host.said());
    });
}

#[test]
fn what_another_attempt_does_not_mend_is_not_tried_again() {
    let far_side = reluctant(400, 9);
    let host = Host::serving(project(&far_side, RETRY));
    let run = send(&host);
    assert_eq!(jobs(&run), ["send", "regret"]);
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn without_the_table_nothing_is_tried_again() {
    let far_side = reluctant(503, 9);
    let host = Host::serving(project(&far_side, ""));
    assert_eq!(jobs(&send(&host)), ["send", "regret"]);
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn after_the_last_attempt_the_failure_goes_its_way() {
    let far_side = reluctant(503, 9);
    let host = Host::serving(project(
        &far_side,
        "[retry]\nbackoff = \"10ms\"\nattempts = 3\n",
    ));
    let run = send(&host);
    assert_eq!(jobs(&run), ["send", "regret"]);
    assert_eq!(
        (far_side.received().len(), &run["steps"][0]["attempt"]),
        (3, &json!(3))
    );
}

#[test]
fn a_workflow_has_retries_of_its_own_and_after_any_error_if_it_says_so() {
    let far_side = reluctant(400, 2);
    let own =
        "[retry]\nattempts = 1\n[workflows.w]\nretry = { on = \"any\", backoff = \"10ms\" }\n";
    let host = Host::serving(project(&far_side, own));
    assert_eq!(jobs(&send(&host)), ["send", "thank"]);
    assert_eq!(far_side.received().len(), 3);
}

#[test]
fn a_job_has_retries_of_its_own_in_place_of_its_workflows() {
    let far_side = reluctant(503, 2);
    let own =
        format!("{RETRY}[workflows.w.jobs.send]\nretry = {{ attempts = 2, backoff = \"10ms\" }}\n");
    let host = Host::serving(project(&far_side, &own));
    assert_eq!(jobs(&send(&host)), ["send", "regret"]);
    assert_eq!(far_side.received().len(), 2);
    let own = "[workflows.w.jobs.sent]\nretry = { attempts = 2 }\n";
    let project = project(&far_side, own);
    let ended = fonio_tests::Program::new(["check", "."]).run(project.dir());
    let said = "the workflow `w` has no job `sent`";
    ended.expect_code(1).expect_said(said);
}

#[test]
fn no_attempt_begins_when_the_run_is_older_than_it_may_be() {
    let far_side = reluctant(503, 9);
    let own = format!("{RETRY}give_up = \"1ms\"\n");
    let host = Host::serving(project(&far_side, &own));
    assert_eq!(jobs(&send(&host)), ["send", "regret"]);
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn a_step_that_waits_for_its_next_attempt_outlives_the_host() {
    Store::each(|store| {
        let far_side = reluctant(503, 1);
        let host = Host::serving_on(store, project(&far_side, "[retry]\nbackoff = \"3s\"\n"));
        let reply = host.send(
            "POST",
            "/i/w",
            &[("content-type", "application/json")],
            b"{}",
        );
        let id = reply.json()["run_id"].clone();
        let waiting = wait_for("the first attempt", || {
            let step = run(&host, &id)["steps"][0].clone();
            (step["status"] == "waiting").then_some(step)
        });
        assert!(waiting["due_ms"].as_i64().is_some(), "{waiting}");
        let host = host.killed_and_restarted();
        let run = ended(&host, &id);
        assert_eq!(
            (run["status"].as_str(), &run["steps"][0]["attempt"]),
            (Some("succeeded"), &json!(2))
        );
        assert_eq!(far_side.received().len(), 2);
    });
}

#[test]
fn a_person_does_a_run_again_from_where_it_failed_from_a_step_or_from_its_start() {
    Store::each(|store| {
        let far_side = reluctant(500, 1);
        let host = Host::serving_on(store, project(&far_side, ""));
        let failed = send(&host);
        assert_eq!(jobs(&failed), ["send", "regret"]);
        let again = |body: &str| {
            let reply = decide(&host, &failed, "retry", body);
            assert_eq!(reply.status, 201, "{}", reply.text());
            ended(&host, &reply.json()["run_id"])
        };
        let mended = again("");
        assert_eq!(
            (jobs(&mended), &mended["retry_of"]),
            (vec!["send", "thank"], &failed["id"])
        );
        assert_eq!(jobs(&again("{\"from\":\"start\"}")), ["send", "thank"]);
        let thank = &mended["steps"][1];
        let reply = decide(
            &host,
            &mended,
            "retry",
            &json!({ "from": thank["id"], "input": { "data": 7 } }).to_string(),
        );
        let edited = ended(&host, &reply.json()["run_id"]);
        assert_eq!(jobs(&edited), ["thank"]);
        let state = host
            .get(&format!("/api/v1/dataclips/{}", edited["output"]))
            .json();
        assert_eq!(state, json!({ "thanked": 7 }));
        let sent: Vec<Value> = far_side
            .received()
            .iter()
            .map(|request| request.json())
            .collect();
        assert_eq!(sent, vec![json!({ "n": 1 }); 3], "each had the message");
        for (body, status, words) in [
            ("{\"from\": 999}", 404, "has no step 999"),
            ("{\"form\": 1}", 400, "a retry takes nothing, or JSON"),
            ("{", 400, "a retry takes nothing, or JSON"),
        ] {
            let said = decide(&host, &failed, "retry", body).problem(status);
            assert!(said.contains(words), "{said}");
        }
        let nothing = json!({ "id": 999 });
        assert!(
            decide(&host, &nothing, "retry", "")
                .problem(404)
                .contains("no run 999")
        );
    });
}

/// Two branches behind a webhook; `one` fails as long as the far side says no, and so does the job that deals with its
/// failures.
fn branches(far_side: &FarSide, settings: &str) -> Project {
    let post = |path: &str| format!("post('{}', state => state.data)", far_side.url(path));
    let job = |id: &str, path: &str, next: Value| json!({ "id": id, "adaptor": "@openfn/language-http", "expression": post(path), "next": next });
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": { "one": true, "two": true } },
        job("one", "/one", json!({ "tell": { "condition": "on_job_failure" } })),
        job("two", "/two", json!({})),
        job("tell", "/tell", json!({})),
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

#[test]
fn all_that_failed_is_done_again_and_what_only_followed_a_failure_is_not() {
    let far_side = reluctant(400, 3);
    let host = Host::serving(branches(&far_side, ""));
    let failed = send(&host);
    assert_eq!(jobs(&failed), ["one", "two", "tell"]);
    assert_eq!(failed["status"], "failed");
    let reply = decide(
        &host,
        &failed,
        "retry",
        "{\"from\":\"failed\",\"input\":{}}",
    )
    .problem(409);
    assert!(reply.contains("steps 1 and 2 failed"), "{reply}");
    let reply = host.send(
        "POST",
        "/api/v1/runs/retry",
        &[("content-type", "application/json")],
        b"{\"workflow\":\"w\"}",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mended = ended(&host, &json!(failed["id"].as_i64().expect("an id") + 1));
    assert_eq!(
        (jobs(&mended), &mended["status"]),
        (vec!["one", "two"], &json!("succeeded"))
    );
}

#[test]
fn a_system_that_refuses_connections_is_asked_again_whatever_the_adaptor_says() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let job = json!({ "id": "send", "adaptor": "@openfn/language-http", "expression": format!("get('{nobody}/')") });
    let steps = json!([{ "id": "hook", "type": "webhook", "next": "send" }, job]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    let settings =
        format!("[network]\nallow = [\"{nobody}\"]\n[retry]\nattempts = 2\nbackoff = \"10ms\"\n");
    let project = Project::new().file("project.yaml", file.to_string());
    let host = Host::serving(project.file("fonio.toml", settings));
    let failed = send(&host);
    assert_eq!(failed["steps"][0]["attempt"], 2, "{failed}");
    assert_eq!(failed["status"], "failed");
}

#[test]
fn a_person_ends_a_run_and_what_its_step_still_does_is_not_kept() {
    Store::each(|store| {
        let gate = Gate::default();
        let held = Arc::new(gate.clone());
        let far_side = FarSide::answering(move |_| {
            held.pass();
            Answer::json(&json!({}))
        });
        let host = Host::serving_on(store, project(&far_side, ""));
        let reply = host.send(
            "POST",
            "/i/w",
            &[("content-type", "application/json")],
            b"{}",
        );
        let id = reply.json()["run_id"].clone();
        wait_for("the request", || {
            (far_side.received().len() == 1).then_some(())
        });
        let begun = run(&host, &id);
        assert!(
            decide(&host, &begun, "retry", "")
                .problem(409)
                .contains("has not ended")
        );
        assert_eq!(
            decide(&host, &begun, "cancel", "").json(),
            json!({ "cancelled": true })
        );
        assert_eq!(
            decide(&host, &begun, "cancel", "").json(),
            json!({ "cancelled": false })
        );
        gate.open();
        let ended = run(&host, &id);
        assert_eq!(
            (ended["status"].as_str(), jobs(&ended)),
            (Some("cancelled"), vec![])
        );
        assert_eq!(host.runs_done().len(), 1, "nothing followed");
    });
}

#[test]
fn only_an_editor_decides_and_it_is_written_down() {
    let far_side = reluctant(500, 1);
    let project = project(&far_side, "");
    let tokens = ["viewer", "editor", "admin"].map(|role| project.token(role, &["--role", role]));
    let host = Host::guarded(project);
    let bearer = |token: &str| format!("Bearer {token}");
    let send = |method: &str, path: &str, token: &str| {
        host.send(method, path, &[("authorization", &bearer(token))], b"")
    };
    let sent = host.send(
        "POST",
        "/i/w",
        &[("content-type", "application/json")],
        b"{}",
    );
    let id = number(&sent.json()["run_id"]);
    wait_for("the run to end", || {
        let run = send("GET", &format!("/api/v1/runs/{id}"), &tokens[0]).json();
        (run["status"] == "succeeded" || run["status"] == "failed").then_some(())
    });
    let retry = format!("/api/v1/runs/{id}/retry");
    assert_eq!(send("POST", &retry, &tokens[0]).status, 403);
    assert_eq!(send("POST", &retry, &tokens[1]).status, 201);
    let audit = send("GET", "/api/v1/audit", &tokens[2]).json().to_string();
    assert!(
        audit.contains("token editor") && audit.contains("retried from step"),
        "{audit}"
    );
}

#[test]
fn steps_of_runs_that_are_ended_give_their_places_back() {
    let far_side = FarSide::saying(json!({}));
    let waits = "fn(() => new Promise(() => setTimeout(() => {}, 1e8)))";
    let slow = json!([
        { "id": "hook", "type": "webhook", "next": "wait" },
        { "id": "wait", "adaptor": "@openfn/language-common", "expression": waits },
    ]);
    let quick = json!([
        { "id": "hook", "type": "webhook", "webhook_reply": "after_completion", "next": "job" },
        { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => state)" },
    ]);
    let workflows = [
        json!({ "id": "slow", "steps": slow }),
        json!({ "id": "quick", "steps": quick }),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    let project = project(&far_side, "")
        .file("project.yaml", file.to_string())
        .file("fonio.toml", "[limits]\nwall_time = \"1d\"\n");
    let mut host = Host::serving(project);
    let headers = [("content-type", "application/json")];
    // More than run at once.
    let ids: Vec<Value> = (0..12)
        .map(|_| host.send("POST", "/i/slow", &headers, b"{}").json()["run_id"].clone())
        .collect();
    wait_for("every place to be taken", || {
        let runs = host.runs();
        let running = runs.iter().filter(|run| run["status"] == "running");
        (running.count() == 8).then_some(())
    });
    for id in &ids {
        let run = json!({ "id": number(id).parse::<u64>().expect("a number") });
        let cancelled = decide(&host, &run, "cancel", "").json();
        assert_eq!(cancelled, json!({ "cancelled": true }));
    }
    let quick = host.send("POST", "/i/quick", &headers, b"{}");
    assert_eq!(quick.status, 201, "{}", quick.text());
    host.signal(rustix::process::Signal::TERM);
    assert!(
        host.wait_for_end().success(),
        "nothing of them is waited for"
    );
}

#[test]
fn a_body_of_millions_of_small_values_is_not_taken_apart() {
    let far_side = reluctant(500, 1);
    let host = Host::serving(project(&far_side, ""));
    let failed = send(&host);
    let small = "{\"\":0},".repeat(1_200_000);
    let body = format!("{{\"from\":-5,\"input\":[{small}0]}}");
    let before = peak_memory(&host);
    let said = decide(&host, &failed, "retry", &body).problem(404);
    assert!(said.contains("has no step -5"), "{said}");
    let grown = peak_memory(&host).saturating_sub(before);
    assert!(
        grown < 64 << 10,
        "{grown} KiB for a body of {} KiB",
        body.len() >> 10
    );
}

/// In KiB.
fn peak_memory(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()));
    let status = status.expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.trim().strip_suffix("kB"));
    peak.and_then(|number| number.trim().parse().ok())
        .expect("a peak")
}
