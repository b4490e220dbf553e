//! Runs that a person has done again: one from a step with the state that it had, and many by what they have in common.

use fonio_tests::{Ended, Host, Program, Project, wait_for};
use serde_json::{Value, json};

/// Two jobs, each of which fails where it is told to.
fn project() -> Project {
    let job = |id: &str, next: Value| {
        let expression = format!(
            "fn(state => {{ if (state.data.fail === '{id}') throw new Error('told to'); \
             return {{ ...state, {id}: state.data.n }}; }})"
        );
        json!({ "id": id, "adaptor": "@openfn/language-common", "expression": expression, "next": next })
    };
    let on_success = json!({ "second": { "condition": "on_job_success" } });
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "first" },
        job("first", on_success),
        job("second", json!({})),
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new().file("project.yaml", file.to_string())
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Sends one message, and gives its run once that has ended.
fn send(host: &Host, body: &Value) -> Value {
    let reply = host.send("POST", "/i/w", &JSON, body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let id = reply.json()["run_id"]
        .as_str()
        .and_then(|id| id.parse().ok());
    ended(host, id.expect("a run's number"))
}

fn ended(host: &Host, id: i64) -> Value {
    wait_for("the run to end", || {
        let run = host.get(&format!("/api/v1/runs/{id}")).json();
        (!matches!(run["status"].as_str(), Some("queued" | "running"))).then_some(run)
    })
}

fn jobs(run: &Value) -> Vec<&str> {
    let steps = run["steps"].as_array().expect("steps");
    let jobs = steps.iter().filter_map(|step| step["job"].as_str());
    jobs.collect()
}

fn state(host: &Host, id: &Value) -> Value {
    host.get(&format!("/api/v1/dataclips/{id}")).json()
}

/// Asks the API to do many again.
fn many(host: &Host, body: Value) -> Value {
    let reply = host.send(
        "POST",
        "/api/v1/runs/retry",
        &JSON,
        body.to_string().as_bytes(),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The new runs, once they have ended.
fn begun(host: &Host, decided: &Value) -> Vec<Value> {
    let done = decided["done"].as_array().expect("a list");
    let begun = done.iter().filter_map(|done| done["retried_by"].as_i64());
    begun.map(|run| ended(host, run)).collect()
}

fn fonio(host: &Host, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(host.project.dir())
}

#[test]
fn a_run_begins_again_at_one_of_its_steps_with_the_state_that_the_step_had() {
    let host = Host::serving(project());
    let run = send(&host, &json!({ "n": 7 }));
    assert_eq!(jobs(&run), ["first", "second"]);
    let (id, second) = (&run["id"], &run["steps"][1]);
    let path = format!("/api/v1/runs/{id}/retry");
    for from in [second["id"].clone(), json!({ "job": "second" })] {
        let body = json!({ "from": from }).to_string();
        let reply = host.send("POST", &path, &JSON, body.as_bytes());
        assert_eq!(reply.status, 201, "{}", reply.text());
        let again = ended(&host, reply.json()["run_id"].as_i64().expect("a run"));
        assert_eq!((jobs(&again), &again["retry_of"]), (vec!["second"], id));
        assert_eq!(
            again["steps"][0]["input"], second["input"],
            "not even a copy"
        );
        let left = state(&host, &again["output"]);
        let of_jobs = (&left["data"], &left["first"], &left["second"]);
        assert_eq!(of_jobs, (&json!({ "n": 7 }), &json!(7), &json!(7)));
    }
    for (from, status) in [
        (json!({ "job": "third" }), 404),
        (json!({ "jobs": "second" }), 400),
    ] {
        let body = json!({ "from": from }).to_string();
        let said = host
            .send("POST", &path, &JSON, body.as_bytes())
            .problem(status);
        assert!(
            said.contains("no step of the job third") || said.contains("`from` is"),
            "{said}"
        );
    }
}

#[test]
fn the_command_line_begins_a_run_again_at_a_step_and_at_a_job() {
    let host = Host::serving(project());
    let run = send(&host, &json!({ "n": 7 }));
    let (id, second) = (run["id"].to_string(), &run["steps"][1]);
    for from in [&second["id"].to_string(), "second"] {
        let decided = fonio(&host, &["runs", "retry", &id, "--from", from, "--json"]);
        let again = begun(&host, &decided.expect_code(0).json()).remove(0);
        assert_eq!(jobs(&again), ["second"]);
        assert_eq!(again["steps"][0]["input"], second["input"]);
    }
    host.project.write("state.json", r#"{"data":{"n":8}}"#);
    let edited = [
        "runs",
        "retry",
        &id,
        "--from",
        "second",
        "--state",
        "state.json",
        "--json",
    ];
    let decided = fonio(&host, &edited).expect_code(0).json();
    let again = begun(&host, &decided).remove(0);
    let left = state(&host, &again["output"]);
    assert_eq!(left, json!({ "data": { "n": 8 }, "second": 8 }));
    fonio(&host, &["runs", "retry", &id, "--from", "third"])
        .expect_code(1)
        .expect_said("has no step of the job third");
}

#[test]
fn many_begin_again_at_a_job_and_those_that_have_no_such_step_are_skipped() {
    let host = Host::serving(project());
    let early = send(&host, &json!({ "n": 1, "fail": "first" }));
    let late = send(&host, &json!({ "n": 2, "fail": "second" }));
    assert_eq!(
        (jobs(&early), jobs(&late)),
        (vec!["first"], vec!["first", "second"])
    );
    let decided = many(
        &host,
        json!({ "from": { "job": "second" }, "input": { "data": { "n": 3 } } }),
    );
    assert_eq!(decided["matched"], json!([early["id"], late["id"]]));
    assert_eq!(decided["skipped"][0]["run"], early["id"]);
    let why = decided["skipped"][0]["why"].as_str().expect("a reason");
    assert!(why.contains("has no step of the job second"), "{why}");
    let again = begun(&host, &decided);
    assert_eq!((again.len(), jobs(&again[0])), (1, vec!["second"]));
    let left = state(&host, &again[0]["output"]);
    assert_eq!(left, json!({ "data": { "n": 3 }, "second": 3 }));
    let decided = fonio(
        &host,
        &[
            "runs",
            "retry",
            "--all",
            "--from",
            "first",
            "--input",
            r#"{"data":{"n":4}}"#,
            "--json",
        ],
    );
    let again = begun(&host, &decided.expect_code(0).json());
    assert_eq!(again.len(), 1, "what is skipped is a dead letter still");
    assert_eq!(
        (jobs(&again[0]), &again[0]["retry_of"]),
        (vec!["first", "second"], &early["id"])
    );
    let audit = fonio(&host, &["audit", "--json"]).expect_code(0).stdout;
    assert!(
        audit.contains("from the job second, with another state"),
        "{audit}"
    );
}

#[test]
fn runs_that_succeeded_are_done_again_only_when_they_are_asked_for_and_each_once() {
    let host = Host::serving(project());
    let before: Vec<Value> = (0..3)
        .map(|n| send(&host, &json!({ "n": n }))["id"].clone())
        .collect();
    assert_eq!(
        many(&host, json!({}))["matched"],
        json!([]),
        "none is a dead letter"
    );
    let mut ask = json!({ "status": "succeeded", "from": { "job": "second" }, "limit": 1 });
    let mut matched = Vec::new();
    loop {
        let decided = many(&host, ask.clone());
        // They have succeeded by the next call, too.
        for again in begun(&host, &decided) {
            assert_eq!(
                (jobs(&again), &again["status"]),
                (vec!["second"], &json!("succeeded"))
            );
        }
        matched.extend(decided["matched"].as_array().cloned().unwrap_or_default());
        if decided["next"].is_null() {
            break;
        }
        let on = json!({ "status": "succeeded", "next": decided["next"] }).to_string();
        let wrong = host.send("POST", "/api/v1/runs/retry", &JSON, on.as_bytes());
        assert!(wrong.problem(400).contains("until_ms"));
        ask["next"] = decided["next"].clone();
        ask["until_ms"] = decided["until_ms"].clone();
        assert!(
            matched.len() < 4,
            "it goes on with what it began: {matched:?}"
        );
    }
    assert_eq!(matched, before);
    let again = many(
        &host,
        json!({ "status": "succeeded", "until_ms": ask["until_ms"] }),
    );
    assert_eq!(again["matched"], json!([]), "none is done twice");
    for status in ["cancelled", "queued"] {
        let body = json!({ "status": status }).to_string();
        let said = host
            .send("POST", "/api/v1/runs/retry", &JSON, body.as_bytes())
            .problem(400);
        assert!(said.contains("`status` is succeeded, or failed"), "{said}");
    }
}

#[test]
fn the_command_line_asks_before_it_does_again_what_succeeded() {
    let host = Host::serving(project());
    let failed = send(&host, &json!({ "n": 1, "fail": "second" }))["id"].clone();
    let well = send(&host, &json!({ "n": 2 }))["id"].clone();
    let retry = |more: &[&str]| fonio(&host, &[&["runs", "retry"], more].concat());
    retry(&[]).expect_code(2).expect_said("or say --all");
    retry(&["--all", "--from", "3"])
        .expect_code(2)
        .expect_said("is of one run");
    let dry = retry(&["--workflow", "w", "--dry-run"]).expect_code(0);
    assert_eq!(
        dry.stdout,
        format!("{failed}\n"),
        "dead letters unless it is said"
    );
    retry(&["--status", "succeeded"])
        .expect_code(2)
        .expect_said("1 run that succeeded would be done again")
        .expect_said("--yes");
    let dry = retry(&["--status", "succeeded", "--dry-run"]).expect_code(0);
    assert_eq!(dry.stdout, format!("{well}\n"));
    let decided = retry(&[
        "--status",
        "succeeded",
        "--since",
        "1h",
        "--from",
        "start",
        "--yes",
        "--json",
    ]);
    let decided = decided.expect_code(0).json();
    assert_eq!(decided["matched"], json!([well]));
    assert_eq!(jobs(&begun(&host, &decided)[0]), ["first", "second"]);
    retry(&["--status", "running", "--yes"])
        .expect_code(2)
        .expect_said("`status` is");
    retry(&[&failed.to_string(), "--status", "failed"])
        .expect_code(2)
        .expect_said("cannot be used with");
}

#[test]
fn a_run_that_is_done_again_may_wait_before_it_begins() {
    let host = Host::serving(project());
    let failed = send(&host, &json!({ "n": 1, "fail": "first" }))["id"].to_string();
    let shown = |run: &Value| host.get(&format!("/api/v1/runs/{run}")).json();
    let decided = fonio(
        &host,
        &["runs", "retry", &failed, "--delay", "1h", "--json"],
    );
    let later = shown(&decided.expect_code(0).json()["done"][0]["retried_by"]);
    assert_eq!(later["status"], "queued");
    let wait = later["due_ms"].as_i64().zip(later["created_ms"].as_i64());
    let wait = wait.map(|(due, created)| due - created).expect("a time");
    assert!(wait > 3_000_000, "about an hour: {later}");
    let other = send(&host, &json!({ "n": 2, "fail": "first" }))["id"].clone();
    let decided = many(
        &host,
        json!({ "delay_ms": 1, "input": { "data": { "n": 3 } } }),
    );
    assert_eq!(decided["matched"], json!([other]));
    assert_eq!(begun(&host, &decided)[0]["status"], "succeeded");
    let too_late = json!({ "delay_ms": 400_i64 * 86_400_000 }).to_string();
    let path = format!("/api/v1/runs/{failed}/retry");
    let said = host
        .send("POST", &path, &JSON, too_late.as_bytes())
        .problem(400);
    assert!(said.contains("at most"), "{said}");
}
