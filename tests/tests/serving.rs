//! The host as an operator sees it: where it listens, how it starts and stops, what it tells of itself.

use std::net::TcpListener;

use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, request, wait_for};
use rustix::process::Signal;
use serde_json::json;

fn project() -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port()
}

#[test]
fn the_port_comes_from_the_environment_or_from_the_environment_file() {
    let port = free_port();
    let host = Host::started_by(
        project(),
        &Program::new(["serve", "."]).env("PORT", &port.to_string()),
    );
    assert_eq!(host.address().port(), port);
    let port = free_port();
    let host = Host::started_by(
        project().file(".env", format!("PORT={port}\n")),
        &Program::new(["serve", "."]),
    );
    assert_eq!(host.address().port(), port);
    assert!(host.address().ip().is_loopback());
}

#[test]
fn the_project_comes_from_the_environment() {
    let yaml = "jobs: {}\ntriggers: {}\ncredentials: {}\n";
    let project = Project::new().file("clinic/project.yaml", yaml);
    let serve = Program::new(["serve", "--listen", "127.0.0.1:0"]).env("PROJECT_DIR", "clinic");
    let host = Host::started_by(project, &serve);
    host.wait_until_ready();
    assert_eq!(
        host.project_as_served()["id"],
        "clinic",
        "the directory's name is the project's where it has no other"
    );
    assert!(
        host.project.path("clinic/.fonio").is_dir(),
        "data is beside the project"
    );
}

#[test]
fn a_directory_that_is_not_there_is_wrong_use() {
    let ended = Program::new(["serve", "absent"]).run(Project::new().dir());
    ended
        .expect_code(2)
        .expect_said("there is no directory absent");
}

#[test]
fn a_port_that_is_taken_is_reported_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has an address").to_string();
    let ended = Program::new(["serve", ".", "--listen", &address]).run(project().dir());
    ended
        .expect_code(1)
        .expect_said(&address)
        .expect_said("--listen");
}

#[test]
fn a_second_host_on_the_same_data_is_refused() {
    let host = Host::serving(project());
    let ended = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]).run(host.project.dir());
    let ended = ended.expect_code(1);
    assert!(ended.stderr.contains(".fonio"), "{}", ended.stderr);
    assert_eq!(
        host.run(&json!({})).status,
        "succeeded",
        "the first is not disturbed"
    );
}

#[test]
fn a_termination_signal_lets_what_runs_finish_and_exits_with_0() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let far_side = FarSide::answering(move |_| {
        at_gate.pass();
        Answer::json(&json!({"done": true}))
    });
    let project = Project::with_job(
        "@openfn/language-http",
        &format!("get('{}')", far_side.url("/x")),
    );
    let mut host = Host::serving(project.file("fonio.toml", far_side.granted()));
    host.post(&json!({}));
    wait_for("the step to be in flight", || {
        (far_side.received().len() == 1).then_some(())
    });
    host.signal(Signal::TERM);
    wait_for("the host to say so", || {
        host.said().contains("stopping").then_some(())
    });
    gate.open();
    assert_eq!(host.wait_for_end().code(), Some(0), "{}", host.said());
    let host = host.killed_and_restarted();
    let runs = host.runs_done();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].step().output["data"], json!({"done": true}));
    assert_eq!(
        far_side.received().len(),
        1,
        "it finished before the host ended, and was not run again"
    );
}

#[test]
fn a_second_signal_cuts_off_what_runs_and_it_runs_again_at_the_next_start() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let far_side = FarSide::answering(move |_| {
        at_gate.pass();
        Answer::json(&json!({"done": true}))
    });
    let granted = far_side.granted() + "[limits]\nwall_time = \"1d\"\n";
    let project = Project::with_job(
        "@openfn/language-http",
        &format!("get('{}')", far_side.url("/x")),
    );
    let mut host = Host::serving(project.file("fonio.toml", granted));
    host.post(&json!({}));
    wait_for("the step to be in flight", || {
        (far_side.received().len() == 1).then_some(())
    });
    host.signal(Signal::TERM);
    wait_for("the host to say what it waits for", || {
        let said = "1 step to finish; a second signal cuts off what has not";
        host.said().contains(said).then_some(())
    });
    // What comes within a second of the first counts as the same signal.
    wait_for("the host to cut it off", || {
        host.signal(Signal::INT);
        let said = "cut off 1 step, to run again at the next start";
        host.said().contains(said).then_some(())
    });
    assert_eq!(host.wait_for_end().code(), Some(0), "{}", host.said());
    let host = host.killed_and_restarted();
    wait_for("the step to be in flight again", || {
        (far_side.received().len() == 2).then_some(())
    });
    gate.open();
    let runs = host.runs_done();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].step().output["data"], json!({"done": true}));
}

#[test]
fn an_interrupt_ends_an_idle_host_with_0() {
    let mut host = Host::serving(project());
    host.signal(Signal::INT);
    assert_eq!(host.wait_for_end().code(), Some(0), "{}", host.said());
}

#[test]
fn health_and_readiness_are_two_things() {
    let host = Host::started(Project::new().file("project.yaml", "jobs: [\n"));
    assert_eq!(host.get("/health").status, 200);
    assert!(host.get("/ready").problem(503).contains("/api/v1/project"));
    let refused = host.post_inbox("application/json", "{}");
    assert!(refused.header("retry-after").is_some());
    refused.problem(503);
    assert_eq!(host.project_as_served()["ready"], false);
    host.project
        .write("project.yaml", "jobs: {}\ntriggers: {}\ncredentials: {}\n");
    host.wait_until_ready();
    host.wait_for_no_problems();
    host.post(&json!({}));
}

#[test]
fn the_metrics_are_in_prometheus_text_format_and_count_what_happened() {
    let host = Host::serving(project());
    host.run(&json!({}));
    host.post_inbox("application/json", "{").problem(400);
    let response = host.get("/metrics");
    assert!(
        response
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
    );
    let text = response.text();
    let mut described = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (
                words.next(),
                words.next().unwrap_or(""),
                words.next().unwrap_or(""),
            );
            assert!(
                matches!(
                    (kind, rest),
                    (Some("HELP"), _) | (Some("TYPE"), "counter" | "gauge")
                ),
                "{line}"
            );
            described.push(name);
        } else {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            assert!(described.contains(&name), "{name} is not described");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for line in [
        "fonio_messages_accepted_total 1",
        "fonio_messages_refused_total 1",
        "fonio_steps_succeeded_total 1",
        "fonio_steps_failed_total 0",
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "{line} is not in:\n{text}"
        );
    }
}

#[test]
fn the_page_shows_itself_and_may_ask_nobody_else() {
    let host = Host::serving(project());
    let page = host.get("/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    assert!(
        !page.text().contains("https://"),
        "everything it needs is in it"
    );
}

#[test]
fn what_is_not_there_is_a_problem_with_a_way_on() {
    let host = Host::serving(project());
    assert!(host.get("/nowhere").problem(404).contains("/inbox"));
    assert!(host.get("/api/v1/nowhere").problem(404).contains("runs"));
    host.get("/api/v1/runs/9999").problem(404);
    host.get("/api/v1/runs/x").problem(404);
    host.get("/api/v1/runs?limit=x").problem(400);
    host.get("/api/v1/dataclips/9999").problem(404);
}

#[test]
fn a_client_that_sends_nonsense_or_half_a_request_disturbs_nobody() {
    use std::io::{Read, Write};
    let host = Host::serving(project());
    let mut open = Vec::new();
    for bytes in [
        &b"\x16\x03\x01\0\0"[..],
        b"POST /inbox HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf",
        b"GET ",
        b"\0\0\0\0",
    ] {
        let mut stream = std::net::TcpStream::connect(host.address()).expect("it accepts");
        stream.write_all(bytes).expect("it reads");
        open.push(stream);
    }
    assert_eq!(host.run(&json!({})).status, "succeeded");
    drop(open);
    let mut stream = std::net::TcpStream::connect(host.address()).expect("it accepts");
    stream.write_all(b"NONSENSE\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("it answers and closes");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(
        request(host.address(), "GET", "/health", &[], b"")
            .expect("it answers")
            .status,
        200
    );
}
