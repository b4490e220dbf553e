//! What a step writes is seen while it runs.

use std::sync::atomic::{AtomicU32, Ordering};

use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, wait_for};
use serde_json::{Value, json};

/// A webhook whose job writes a line, asks the far side, and writes another.
fn project(far_side: &FarSide) -> Project {
    let expression = format!(
        "fn(s => {{ console.log('half way'); return s; }});\n\
         get('{}');\n\
         fn(s => {{ console.log('done'); return s; }});",
        far_side.url("/")
    );
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http", "expression": expression },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted())
}

fn send(host: &Host) {
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", "/i/w", &headers, b"{}");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Follows the only run until its job has written its last line, and gives what was printed.
fn follow(host: &Host, mut hear: impl FnMut(&str)) -> Vec<String> {
    let mut printed = Vec::new();
    let follow = Program::new(["runs", "logs", "1", "--follow"]);
    follow.lines_until(host.project.dir(), |line| {
        hear(line);
        printed.push(line.to_owned());
        line.contains("done")
    });
    printed
}

#[track_caller]
fn assert_each_once(printed: &[String]) {
    for words in ["half way", "done"] {
        let times = printed.iter().filter(|line| line.contains(words));
        assert_eq!(times.count(), 1, "{words}: {printed:#?}");
    }
}

#[test]
fn lines_are_followed_while_their_step_runs_and_printed_once() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let host = Host::serving(project(&far_side));
    send(&host);
    // The step ends only because this is opened while it runs.
    let printed = follow(&host, |line| {
        if line.contains("half way") {
            gate.open();
        }
    });
    assert_each_once(&printed);
}

#[test]
fn the_api_shows_what_a_running_step_has_written_and_nothing_of_one_that_waits() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let host = Host::serving(project(&far_side));
    send(&host);
    let running = wait_for("a line of the running step", || {
        let step = host.get("/api/v1/runs/1").json()["steps"][0].clone();
        (step["log"][0]["message"] == "half way").then_some(step)
    });
    assert_eq!(
        (&running["status"], &running["finished_ms"]),
        (&json!("running"), &Value::Null)
    );
    gate.open();
    let log = host.runs_done()[0].step().log.clone();
    assert!(log.len() >= 2, "{log:?}");
}

#[test]
fn an_attempt_that_failed_is_printed_once_and_the_next_while_it_runs() {
    let gate = Gate::default();
    let held = gate.clone();
    let asked = AtomicU32::new(0);
    let far_side = FarSide::answering(move |_| {
        if asked.fetch_add(1, Ordering::SeqCst) == 0 {
            return Answer::empty().status(503);
        }
        held.pass();
        Answer::json(&json!({}))
    });
    let settings = "[retry]\nbackoff = \"10ms\"\n";
    let project = project(&far_side).file("fonio.toml", far_side.granted() + settings);
    let host = Host::serving(project);
    send(&host);
    wait_for("the second attempt", || {
        (far_side.received().len() == 2).then_some(())
    });
    let mut heard = 0;
    let printed = follow(&host, |line| {
        heard += usize::from(line.contains("half way"));
        if heard == 2 {
            gate.open();
        }
    });
    let halves = printed.iter().filter(|line| line.contains("half way"));
    assert_eq!(halves.count(), 2, "{printed:#?}");
}
