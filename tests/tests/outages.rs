//! A system that is out: steps wait for it without burning attempts, and go on when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fonio_test_postgres::Database;
use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, evil, wait_for};
use serde_json::{Value, json};

/// Nothing is tried again within a test's time unless something else wakes it.
const HOURS: &str = "[circuit_breaker]\nfailures = 1\npause = \"1h\"\nmax_pause = \"2h\"\n";

/// A system that can be switched off: it then answers 503.
fn system() -> (FarSide, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let far_side = FarSide::answering(move |_| {
        let answer = Answer::json(&json!({ "ok": true }));
        match is_up.load(Ordering::SeqCst) {
            true => answer,
            false => answer.status(503),
        }
    });
    (far_side, up)
}

/// A webhook whose job posts to the far side; what fails there is handed to a job that regrets it.
fn project(far_side: &FarSide, settings: &str) -> Project {
    let url = far_side.url("/records");
    project_of(
        far_side,
        &format!("post('{url}', state => state.data)"),
        settings,
    )
}

/// The same with another expression.
fn project_of(far_side: &FarSide, expression: &str, settings: &str) -> Project {
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http",
          "expression": expression,
          "next": { "regret": { "condition": "on_job_failure" } } },
        { "id": "regret", "adaptor": "@openfn/language-common", "expression": "fn(() => ({ regretted: true }))" },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

fn send(host: &Host, n: usize) {
    let body = json!({ "n": n }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", "/i/w", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn breakers(host: &Host) -> Vec<Value> {
    let shown = host.project_as_served()["breakers"].clone();
    shown.as_array().expect("a list").clone()
}

/// Waits until so many steps wait for the system, and gives its breaker.
fn parked(host: &Host, steps: u64) -> Value {
    wait_for(&format!("{steps} steps to be parked"), || {
        let breakers = breakers(host);
        breakers.into_iter().find(|it| it["parked"] == steps)
    })
}

/// The bodies that were sent, each as often as it was, in order.
fn numbers(far_side: &FarSide) -> Vec<u64> {
    let received = far_side.received();
    let mut numbers: Vec<u64> = received
        .iter()
        .filter_map(|request| request.json()["n"].as_u64())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn all_succeeded(host: &Host) -> bool {
    let runs = host.runs_done();
    runs.iter().all(|run| run.status == "succeeded")
}

#[test]
fn an_outage_costs_one_request_and_outlives_the_host_and_then_every_message_arrives_once() {
    let (far_side, up) = system();
    let host = Host::serving(project(&far_side, HOURS));
    send(&host, 0);
    let breaker = parked(&host, 1);
    assert_eq!(breaker["origin"], far_side.origin());
    assert_eq!(
        (&breaker["state"], &breaker["jobs"]),
        (&json!("open"), &json!(["w/send"]))
    );
    for n in 1..=20 {
        send(&host, n);
    }
    parked(&host, 21);
    assert_eq!(far_side.received().len(), 1, "nobody else went there");
    let step = host.get("/api/v1/runs/21").json()["steps"][0].clone();
    assert_eq!(
        (&step["status"], &step["attempt"], &step["parked_on"]),
        (&json!("waiting"), &json!(1), &json!(far_side.origin()))
    );
    let metrics = host.get("/metrics").text();
    assert!(metrics.contains("fonio_steps_parked 21\n"), "{metrics}");
    let open = format!("fonio_breaker_open{{origin=\"{}\"}} 1\n", far_side.origin());
    assert!(metrics.contains(&open), "{metrics}");

    up.store(true, Ordering::SeqCst);
    let host = host.killed_and_restarted();
    assert!(all_succeeded(&host));
    let mut expected: Vec<u64> = (0..=20).collect();
    expected.insert(0, 0);
    assert_eq!(numbers(&far_side), expected);
    let step = host.get("/api/v1/runs/1").json()["steps"][0].clone();
    assert_eq!(step["attempt"], 1, "what it waited did not count");
    assert!(breakers(&host).is_empty());
}

fn comes_back_by_itself(host: &Host, far_side: &FarSide, come_back: impl FnOnce()) {
    for n in 0..10 {
        send(host, n);
    }
    parked(host, 10);
    let before = far_side.received().len();
    wait_for("two probes", || {
        (far_side.received().len() >= before + 2).then_some(())
    });
    come_back();
    assert!(all_succeeded(host));
    let said = host.said();
    assert!(said.contains("is out: steps wait for it"), "{said}");
    assert!(said.contains("is back"), "{said}");
    assert!(breakers(host).is_empty());
}

const MOMENTS: &str = "[retry]\nbackoff = \"10ms\"\n[circuit_breaker]\nfailures = 3\npause = \"100ms\"\nmax_pause = \"200ms\"\n";

#[test]
fn steps_go_on_by_themselves_when_the_system_is_back() {
    let (far_side, up) = system();
    let host = Host::serving(project(&far_side, MOMENTS));
    comes_back_by_itself(&host, &far_side, || up.store(true, Ordering::SeqCst));
}

#[test]
fn they_do_on_postgresql_too() {
    let database = Database::new();
    let (far_side, up) = system();
    let host = on(&database, project(&far_side, MOMENTS));
    comes_back_by_itself(&host, &far_side, || up.store(true, Ordering::SeqCst));
}

fn on(database: &Database, project: Project) -> Host {
    let program =
        Program::new(["serve", ".", "--listen", "127.0.0.1:0"]).env("FONIO_STORE", &database.url());
    let host = Host::started_by(project, &program);
    host.wait_until_ready();
    host
}

/// Well above what an answer takes on a busy machine.
const BRIEFLY: &str = "[limits]\nwall_time = \"2s\"\n";

/// A system that takes every connection and says nothing: a step that its time cuts off is parked as by any outage.
fn hangs_and_comes_back(serve: impl FnOnce(Project) -> Host) {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let host = serve(project(&far_side, &format!("{MOMENTS}{BRIEFLY}")));
    comes_back_by_itself(&host, &far_side, || gate.open());
    let mut arrived = numbers(&far_side);
    arrived.dedup();
    assert_eq!(arrived, (0..10).collect::<Vec<u64>>());
    let runs = host.runs_done();
    assert!(
        runs.iter().all(|run| run.steps.len() == 1),
        "nothing is regretted: {runs:#?}"
    );
}

#[test]
fn steps_wait_for_a_system_that_hangs_and_go_on_when_it_answers() {
    hangs_and_comes_back(Host::serving);
}

#[test]
fn they_wait_for_one_that_hangs_on_postgresql_too() {
    let database = Database::new();
    hangs_and_comes_back(|project| on(&database, project));
}

#[test]
fn a_step_that_was_cut_off_while_it_waited_says_for_whom_and_asks_again_under_the_same_mark() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let marked = far_side.granted() + "idempotency_header = \"Idempotency-Key\"\n";
    let project = project(&far_side, "").file("fonio.toml", marked + HOURS + BRIEFLY);
    let host = Host::serving(project);
    send(&host, 0);
    assert_eq!(parked(&host, 1)["origin"], far_side.origin());
    let step = host.get("/api/v1/runs/1").json()["steps"][0].clone();
    let error = &step["earlier"][0]["error"];
    assert_eq!(
        (&error["code"], &error["waited_for"]),
        (&json!("wall_time"), &json!(far_side.origin()))
    );
    let said = error["message"].as_str().expect("a sentence");
    let waited = format!("It was waiting for an answer of {}", far_side.origin());
    assert!(said.ends_with(&waited), "{said}");

    gate.open();
    let host = host.killed_and_restarted();
    assert!(all_succeeded(&host));
    let received = far_side.received();
    let marks: Vec<_> = received
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert_eq!(marks.len(), 2);
    assert!(marks[0].is_some() && marks[0] == marks[1], "{marks:?}");
    let step = host.get("/api/v1/runs/1").json()["steps"][0].clone();
    assert_eq!(step["status"], "succeeded");
    let before = &step["earlier"][0]["error"];
    assert_eq!(before["waited_for"], far_side.origin(), "it is still told");
}

#[test]
fn a_system_that_begins_an_answer_and_never_ends_it_is_out_too() {
    let far_side = FarSide::misbehaving(evil::drips);
    let settings = format!("{HOURS}{BRIEFLY}");
    let host = Host::serving(project(&far_side, &settings));
    send(&host, 0);
    assert_eq!(parked(&host, 1)["origin"], far_side.origin());
}

#[test]
fn with_retries_alone_a_step_that_was_cut_off_while_it_waited_is_tried_again() {
    for on in ["transient", "any"] {
        let gate = Gate::default();
        let far_side = FarSide::behind(&gate);
        let retry = format!("[retry]\nbackoff = \"10ms\"\non = \"{on}\"\n{BRIEFLY}");
        let host = Host::serving(project(&far_side, &retry));
        send(&host, 0);
        wait_for("the second attempt", || {
            (far_side.received().len() == 2).then_some(())
        });
        gate.open();
        assert!(all_succeeded(&host));
        assert_eq!(numbers(&far_side), [0, 0]);
    }
}

#[test]
fn a_job_that_takes_too_long_by_itself_fails_whatever_the_system_said_before() {
    let far_side = FarSide::answering(|_| Answer::empty().status(503));
    let url = far_side.url("/records");
    let expression = format!(
        "get('{url}').catch((error, state) => state);\n\
         fn(() => new Promise(resolve => setTimeout(resolve, 1e9)));"
    );
    let settings = format!("{HOURS}[retry]\nbackoff = \"10ms\"\n{BRIEFLY}");
    let host = Host::serving(project_of(&far_side, &expression, &settings));
    send(&host, 0);
    let runs = host.runs_done();
    runs[0].steps[0].expect_failure(3, "the limit `wall_time` is 2s");
    let step = host.get("/api/v1/runs/1").json()["steps"][0].clone();
    assert_eq!(
        (&step["attempt"], &step["earlier"]),
        (&json!(1), &json!([]))
    );
    assert!(step["error"]["waited_for"].is_null(), "{step}");
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn a_system_that_says_when_to_come_back_is_not_asked_before() {
    let far_side =
        FarSide::answering(|_| Answer::empty().status(429).header("retry-after", "3600"));
    let settings = "[circuit_breaker]\npause = \"1s\"\nmax_pause = \"2h\"\n";
    let host = Host::serving(project(&far_side, settings));
    send(&host, 0);
    let breaker = parked(&host, 1);
    let at = |name: &str| breaker[name].as_i64().expect("a time");
    assert_eq!(at("next_ms") - at("since_ms"), 3_600_000);
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn a_system_that_is_not_there_at_all_is_out_too() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let far_side = FarSide::at(gone, |_| Ok(()));
    let host = Host::serving(project(&far_side, HOURS));
    send(&host, 0);
    assert_eq!(parked(&host, 1)["origin"], far_side.origin());
}

#[test]
fn a_step_that_has_waited_for_too_long_is_tried_once_more_and_fails() {
    let (far_side, _down) = system();
    let settings = format!("{HOURS}give_up = \"1s\"\n[retry]\n");
    let host = Host::serving(project(&far_side, &settings));
    send(&host, 0);
    let runs = host.runs_done();
    assert_eq!(far_side.received().len(), 2);
    let steps = &runs[0].steps;
    assert_eq!(steps.len(), 2, "the failure goes its way");
    let log = host.get("/api/v1/runs/1").json()["steps"][0]["log"].to_string();
    assert!(log.contains("given up: it has waited for 1s"), "{log}");
    let again = host.send("POST", "/api/v1/runs/1/retry", &[], b"");
    assert_eq!(again.status, 201, "{}", again.text());
}

#[test]
fn without_the_table_or_where_a_workflow_takes_no_part_steps_fail() {
    let off = format!("{HOURS}[workflows.w]\ncircuit_breaker = false\n");
    for settings in ["", off.as_str()] {
        let (far_side, _down) = system();
        let host = Host::serving(project(&far_side, settings));
        for n in 0..3 {
            send(&host, n);
        }
        let runs = host.runs_done();
        assert!(runs.iter().all(|run| run.steps.len() == 2));
        assert_eq!(far_side.received().len(), 3);
        assert!(breakers(&host).is_empty());
    }
}

#[test]
fn taking_the_table_out_lets_go_of_what_waits() {
    let (far_side, up) = system();
    let host = Host::serving(project(&far_side, HOURS));
    send(&host, 0);
    parked(&host, 1);
    up.store(true, Ordering::SeqCst);
    host.project.write("fonio.toml", far_side.granted());
    assert!(all_succeeded(&host));
}

#[test]
fn what_is_wrong_in_the_table_is_said() {
    let (far_side, _down) = system();
    for (settings, said) in [
        ("failures = 0\n", "`failures` should be a whole number"),
        (
            "pause = \"2h\"\n",
            "the longest pause, `max_pause` 10m, is shorter than the first, `pause` 2h",
        ),
        ("wait = \"2h\"\n", "wait"),
    ] {
        let settings = format!("[circuit_breaker]\n{settings}");
        let ended = Program::new(["check", "."]).run(project(&far_side, &settings).dir());
        ended.expect_code(1).expect_said(said);
    }
}
