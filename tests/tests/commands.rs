//! `fonio runs`, `fonio messages` and `fonio dead`: against the host that runs here, one elsewhere, and where none runs.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, wait_for};
use serde_json::{Value, json};

/// A job that fails for what it is told to, and one of another workflow.
fn project() -> Project {
    let step = |id: &str, expression: &str| {
        json!([
            { "id": "hook", "type": "webhook", "next": id },
            { "id": id, "adaptor": "@openfn/language-common", "expression": expression },
        ])
    };
    let send = "fn(state => { console.log('sending ' + state.data.n); \
                if (state.data.fail) throw new Error(state.data.fail); return state; })";
    let workflows = [
        json!({ "id": "intake", "steps": step("send", send) }),
        json!({ "id": "report", "steps": step("count", "fn(() => { throw new Error('no numbers'); })") }),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    Project::new().file("project.yaml", file.to_string())
}

/// Sends one message, and waits until its run has ended.
fn send(host: &Host, workflow: &str, body: &Value) -> i64 {
    let headers = [("content-type", "application/json")];
    let path = format!("/i/{workflow}");
    let reply = host.send("POST", &path, &headers, body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let id = reply.json()["run_id"].clone();
    let id = id.as_str().and_then(|id| id.parse().ok()).expect("a run");
    wait_for("the run to end", || {
        let runs = host.project.fonio(&["runs", "list", "--json"]).json();
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let run = runs.into_iter().find(|run| run["id"] == id)?;
        (!matches!(run["status"].as_str(), Some("queued" | "running"))).then_some(())
    });
    id
}

fn ids(listed: &Value) -> Vec<i64> {
    let runs = listed["runs"].as_array().expect("a list");
    runs.iter().filter_map(|run| run["id"].as_i64()).collect()
}

#[test]
fn a_person_sees_runs_their_steps_and_logs_and_decides_about_them() {
    let host = Host::guarded(project());
    let well = send(&host, "intake", &json!({ "n": 1 }));
    let failed = send(
        &host,
        "intake",
        &json!({ "n": 2, "fail": "the \u{1b}[31mregistry is closed" }),
    );
    let project = &host.project;
    let list = project.fonio(&["runs", "list"]).stdout;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[0].starts_with("RUN  STATUS     WORKFLOW  JOB   BEGUN"),
        "{list}"
    );
    assert!(
        lines[1].starts_with(&format!("{failed}    failed     intake    send")),
        "{list}"
    );
    assert!(
        lines[1].contains("registry is closed") && !list.contains('\u{1b}'),
        "{list}"
    );
    let show = project.fonio(&["runs", "show", &failed.to_string()]).stdout;
    assert!(show.contains(&format!("run {failed}: failed")), "{show}");
    assert!(show.contains("STEP  STATUS  JOB   ATTEMPT"), "{show}");
    let logs = project.fonio(&["runs", "logs", &well.to_string()]).stdout;
    assert!(logs.contains("send  info sending 1"), "{logs}");
    let logs = project.fonio(&["runs", "logs", &well.to_string(), "--json"]);
    let line: Value =
        serde_json::from_str(logs.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&line["message"], &line["job"]),
        (&json!("sending 1"), &json!("send"))
    );
    let again = project.fonio(&[
        "runs",
        "retry",
        &failed.to_string(),
        "--input",
        r#"{"data":{"n":3}}"#,
    ]);
    assert_eq!(
        again.stdout,
        format!("run {failed} begun again as run {}\n", failed + 1)
    );
    let mended = Program::new(["runs", "show", "3", "--follow", "--json"]).run(project.dir());
    assert_eq!(mended.expect_code(0).json()["retry_of"], failed);
    let gone = Program::new(["runs", "cancel", "1", "99"]).run(project.dir());
    gone.expect_code(1)
        .expect_said("it has ended before")
        .expect_said("no run 99");
    Program::new(["runs", "show", "99"])
        .run(project.dir())
        .expect_code(1)
        .expect_said("no run of that id");
    Program::new(["runs", "list", "--since", "yesterday"])
        .run(project.dir())
        .expect_code(2)
        .expect_said("is no time");
    let audit = project.fonio(&["audit", "--json"]).stdout;
    assert!(
        audit.contains("command line, uid ") && audit.contains("retried from step"),
        "{audit}"
    );
}

#[test]
fn lists_are_narrowed_down_and_go_on_part_by_part() {
    let host = Host::guarded(project());
    let refused = json!({ "n": 1, "fail": "connection REFUSED" });
    let (a, b) = (
        send(&host, "intake", &refused),
        send(&host, "intake", &json!({ "n": 2 })),
    );
    let c = send(&host, "report", &json!({}));
    let list = |more: &[&str]| {
        let mut arguments = vec!["runs", "list", "--json"];
        arguments.extend(more);
        ids(&host.project.fonio(&arguments).json())
    };
    assert_eq!(list(&[]), [c, b, a]);
    assert_eq!(list(&["--workflow", "intake"]), [b, a]);
    assert_eq!(list(&["--job", "count"]), [c]);
    assert_eq!(list(&["--status", "failed"]), [c, a]);
    assert_eq!(list(&["--error", "connection refused"]), [a]);
    assert_eq!(list(&["--since", "1h"]), [c, b, a]);
    assert_eq!(list(&["--until", "1h"]), [0; 0]);
    assert_eq!(list(&["--limit", "1", "--before", &c.to_string()]), [b]);
    let part = Program::new(["runs", "list", "--limit", "2"]).run(host.project.dir());
    part.expect_code(0).expect_said(&format!("--before {b}"));
    let messages = host
        .project
        .fonio(&["messages", "list", "--json", "--limit", "1"])
        .json();
    assert_eq!(messages["messages"][0]["runs"], json!([c]));
    let message = host.project.fonio(&["messages", "show", "1"]);
    assert_eq!(message.json(), refused);
    let whole = host
        .project
        .fonio(&["messages", "show", "1", "--json"])
        .json();
    assert_eq!((&whole["body"], &whole["runs"]), (&refused, &json!([a])));
    assert_eq!(whole["request"]["method"], "POST");
}

#[test]
fn dead_letters_are_done_again_by_what_they_have_in_common_after_the_project_is_mended() {
    let host = Host::guarded(project());
    let closed = json!({ "n": 1, "fail": "the registry is closed" });
    let (a, b) = (
        send(&host, "intake", &closed),
        send(&host, "intake", &closed),
    );
    let other = send(
        &host,
        "intake",
        &json!({ "n": 2, "fail": "no such clinic" }),
    );
    let report = send(&host, "report", &json!({}));
    let well = send(&host, "intake", &json!({ "n": 3 }));
    let mended = project_file(&host.project)
        .replace("if (state.data.fail) throw new Error(state.data.fail);", "");
    let path = host.project.path("project.yaml");
    let host = host.restarted_after(|| std::fs::write(path, mended).expect("it is written"));
    let project = &host.project;
    let dead = || ids(&project.fonio(&["dead", "list", "--json"]).json());
    assert_eq!(dead(), [report, other, b, a]);
    let some = ["--workflow", "intake", "--error", "registry"];
    let with = |first: &[&'static str]| [first, &some].concat();
    let dry = project.fonio(&with(&["dead", "retry", "--dry-run"]));
    assert_eq!(dry.stdout, format!("{a}\n{b}\n"));
    assert_eq!(dead().len(), 4, "nothing is done");
    let done = project.fonio(&with(&["dead", "retry", "--json"])).json();
    let news: Vec<i64> = done["done"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|done| done["retried_by"].as_i64())
        .collect();
    assert_eq!(
        (news, &done["matched"]),
        (vec![well + 1, well + 2], &json!([a, b]))
    );
    for run in [well + 1, well + 2] {
        let ended = Program::new(["runs", "show", "--follow", &run.to_string()]).run(project.dir());
        ended.expect_code(0);
    }
    assert_eq!(dead(), [report, other]);
    let nothing = project.fonio(&with(&["dead", "retry", "--json"])).json();
    assert_eq!(nothing["matched"], json!([]), "none is done twice");
    project.fonio(&["dead", "discard", &report.to_string()]);
    Program::new(["dead", "discard", &report.to_string()])
        .run(project.dir())
        .expect_code(1)
        .expect_said("no dead letter");
    assert_eq!(dead(), [other]);
    project.fonio(&["dead", "discard", "--all"]);
    assert_eq!(dead(), [0; 0]);
    Program::new(["dead", "retry"])
        .run(project.dir())
        .expect_code(2)
        .expect_said("--all");
    let audit = project.fonio(&["audit", "--json"]).stdout;
    let retry = audit
        .lines()
        .find(|line| line.contains("\"retry\""))
        .expect("a row");
    assert!(
        retry.contains("2 of 2 runs") && retry.contains("registry"),
        "{retry}"
    );
    assert!(audit.contains("\"discard\""), "{audit}");
}

#[test]
fn a_dead_letter_whose_job_is_gone_holds_up_no_other() {
    let host = Host::guarded(project());
    let fails = json!({ "n": 1, "fail": "no" });
    let (report, intake) = (
        send(&host, "report", &json!({})),
        send(&host, "intake", &fails),
    );
    let mut file: Value = serde_json::from_str(&project_file(&host.project)).expect("JSON");
    file["workflows"]
        .as_array_mut()
        .expect("workflows")
        .remove(1);
    let path = host.project.path("project.yaml");
    let host =
        host.restarted_after(|| std::fs::write(path, file.to_string()).expect("it is written"));
    let ended = Program::new(["dead", "retry", "--all", "--json"]).run(host.project.dir());
    let decided = ended.expect_code(1).json();
    assert_eq!(decided["done"][0]["run"], intake);
    assert_eq!(decided["skipped"][0]["run"], report);
    let why = decided["skipped"][0]["why"].as_str().expect("a reason");
    assert!(why.contains("no longer in the project"), "{why}");
}

fn project_file(project: &Project) -> String {
    std::fs::read_to_string(project.path("project.yaml")).expect("the project's file")
}

#[test]
fn many_runs_that_wait_are_ended_at_once() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let url = far_side.url("/");
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": [
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http", "expression": format!("post('{url}', s => s.data)") },
    ] }] });
    let project = Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted());
    let host = Host::guarded(project);
    for _ in 0..20 {
        let sent = host.send(
            "POST",
            "/i/w",
            &[("content-type", "application/json")],
            b"{}",
        );
        assert_eq!(sent.status, 200);
    }
    let open = || {
        ids(&host
            .project
            .fonio(&["runs", "list", "--status", "open", "--json"])
            .json())
    };
    assert_eq!(open().len(), 20);
    let some = host
        .project
        .fonio(&[
            "runs",
            "cancel",
            "--workflow",
            "w",
            "--limit",
            "3",
            "--json",
        ])
        .json();
    assert_eq!(some["matched"], json!([20, 19, 18]));
    host.project.fonio(&["runs", "cancel", "--all"]);
    assert_eq!(open(), [0; 0]);
    gate.open();
    let all = host
        .project
        .fonio(&["runs", "list", "--status", "cancelled", "--json"])
        .json();
    assert_eq!(ids(&all).len(), 20);
    let refused = Program::new(["runs", "cancel", "--status", "failed"]).run(host.project.dir());
    refused
        .expect_code(2)
        .expect_said("what has ended cannot be ended");
}

#[test]
fn where_no_host_runs_the_command_reads_the_data_itself_and_what_it_begins_waits_for_one() {
    let mut host = Host::guarded(project());
    let failed = send(&host, "intake", &json!({ "n": 1, "fail": "no" }));
    host.signal(rustix::process::Signal::TERM);
    assert!(host.wait_for_end().success());
    assert!(!host.project.path(".fonio/fonio.sock").exists());
    let list = host.project.fonio(&["dead", "list", "--json"]).json();
    assert_eq!(ids(&list), [failed]);
    let input = r#"{"data":{"n":5}}"#;
    let retry = Program::new(["runs", "retry", &failed.to_string(), "--input", input])
        .run(host.project.dir());
    retry
        .expect_code(0)
        .expect_said("no host runs on this data");
    let shown = host.project.fonio(&["runs", "show", "2", "--json"]).json();
    assert_eq!(shown["status"], "queued");
    let host = host.killed_and_restarted();
    let ended = Program::new(["runs", "logs", "2", "--follow"]).run(host.project.dir());
    assert!(ended.expect_code(0).stdout.contains("sending 5"));
}

#[test]
fn the_socket_is_its_owners_alone_and_what_a_killed_host_left_is_taken_over() {
    let host = Host::guarded(project());
    let socket = host.project.path(".fonio/fonio.sock");
    let found = std::fs::metadata(&socket).expect("the socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let second = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]).run(host.project.dir());
    second.expect_code(1);
    host.project.fonio(&["runs", "list"]);
    let host = host.killed_and_restarted();
    assert!(socket.exists());
    send(&host, "intake", &json!({ "n": 1 }));
}

#[test]
fn another_user_is_not_let_in_at_the_socket() {
    use std::io::{Read, Write};
    let host = Host::guarded(project());
    let socket = host.project.path(".fonio/fonio.sock");
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    // As if somebody had loosened the modes.
    for (path, mode) in [
        (host.project.dir().to_owned(), 0o755),
        (host.project.path(".fonio"), 0o755),
        (socket.clone(), 0o666),
    ] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("modes can be set");
    }
    let ask = move |uid: u32| {
        let socket = socket.clone();
        // Of this thread alone, by the system call itself.
        let asked = std::thread::spawn(move || {
            let uid = rustix::process::Uid::from_raw(uid);
            rustix::thread::set_thread_uid(uid).expect("root can become anybody");
            let mut stream =
                std::os::unix::net::UnixStream::connect(&socket).expect("it is open to all");
            let _ = stream.write_all(b"GET /api/v1/runs HTTP/1.1\r\nhost: localhost\r\n\r\n");
            let mut reply = String::new();
            let _ = stream.read_to_string(&mut reply);
            reply
        });
        asked.join().expect("an answer")
    };
    assert!(ask(0).starts_with("HTTP/1.1 200"));
    assert_eq!(ask(65_534), "");
    wait_for("the line", || {
        host.said().contains("another user").then_some(())
    });
}

#[test]
fn a_data_folder_with_a_long_path_has_a_socket_all_the_same() {
    let project = project();
    let data = format!("{}/data", "long-name-of-a-folder/".repeat(8));
    std::fs::create_dir_all(project.path(&data)).expect("folders");
    let data = project.path(&data).display().to_string();
    let serve = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--data", &data]);
    let host = Host::guarded_by(project, &serve);
    host.wait_until_ready();
    let listed = Program::new(["runs", "list", "--json", "--data", &data]).run(host.project.dir());
    assert_eq!(ids(&listed.expect_code(0).json()), [0; 0]);
}

#[test]
fn a_host_elsewhere_is_asked_with_a_token() {
    let host = Host::guarded(project());
    let failed = send(&host, "intake", &json!({ "n": 1, "fail": "no" }));
    let viewer = host
        .project
        .token("viewer", &["--role", "viewer", "--scope", "read,write"]);
    let editor = host.project.token("editor", &["--role", "editor"]);
    let url = format!("http://{}", host.address());
    let elsewhere = Project::new();
    let asked = |token: &str, arguments: &[&str]| {
        let program = Program::new(arguments)
            .env("FONIO_URL", &url)
            .env("FONIO_TOKEN", token);
        program.run(elsewhere.dir())
    };
    assert_eq!(
        ids(&asked(&viewer, &["runs", "list", "--json"])
            .expect_code(0)
            .json()),
        [failed]
    );
    asked("", &["runs", "list"])
        .expect_code(1)
        .expect_said("FONIO_TOKEN");
    asked(&viewer, &["dead", "retry", "--all"])
        .expect_code(1)
        .expect_said("takes the role editor");
    asked(&editor, &["dead", "retry", "--all"]).expect_code(0);
    let audit = host.project.fonio(&["audit", "--json"]).stdout;
    assert!(audit.contains("token editor"), "{audit}");
    let open = [
        "runs",
        "list",
        "--url",
        "http://fonio.example.org",
        "--token",
        "x",
    ];
    Program::new(open)
        .run(elsewhere.dir())
        .expect_code(2)
        .expect_said("unencrypted");
    Program::new(["runs", "list"])
        .run(elsewhere.dir())
        .expect_code(1)
        .expect_said("--project DIR");
}

#[test]
fn a_run_is_followed_to_its_end_and_the_command_ends_as_it_did() {
    let gate = Gate::default();
    let held = gate.clone();
    let far_side = FarSide::answering(move |_| {
        held.pass();
        Answer::json(&json!({})).status(500)
    });
    let url = far_side.url("/");
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": [
        { "id": "hook", "type": "webhook", "next": "first" },
        { "id": "first", "adaptor": "@openfn/language-common", "expression": "fn(s => { console.log('begun'); return s; })", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http", "expression": format!("post('{url}', s => s.data)") },
    ] }] });
    let project = Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted());
    let host = Host::guarded(project);
    host.send(
        "POST",
        "/i/w",
        &[("content-type", "application/json")],
        b"{}",
    );
    let follow = Program::new(["runs", "show", "1", "--follow"]);
    let ended = follow.run_until_said(host.project.dir(), "succeeded first", || gate.open());
    let ended = ended.expect_code(1).expect_said("failed send");
    assert!(ended.stdout.contains("run 1: failed"), "{}", ended.stdout);
    let logs = Program::new(["runs", "logs", "1", "--follow"]).run(host.project.dir());
    assert!(logs.expect_code(1).stdout.contains("begun"));
}

#[test]
fn a_list_is_followed_as_runs_come_and_end() {
    let host = Host::guarded(project());
    send(&host, "intake", &json!({ "n": 1 }));
    let follow = Program::new([
        "runs",
        "list",
        "--follow",
        "--json",
        "--status",
        "succeeded",
    ]);
    let mut seen = Vec::new();
    follow.lines_until(host.project.dir(), |line| {
        let run: Value = serde_json::from_str(line).expect("a run a line");
        seen.push(run["id"].as_i64().expect("its number"));
        if seen == [1] {
            send(&host, "report", &json!({}));
            send(&host, "intake", &json!({ "n": 2 }));
        }
        seen.len() == 2
    });
    assert_eq!(seen, [1, 3]);
}

#[test]
fn a_tenant_is_named_and_reached_whether_or_not_the_host_runs() {
    let tenants = Project::new();
    for name in ["clinic", "lab"] {
        tenants.write(&format!("{name}/project.yaml"), project_file(&project()));
    }
    let serve = Program::serving_tenants(&[]);
    let mut host = Host::guarded_by(tenants, &serve);
    host.wait_until_ready();
    wait_for("the tenant", || {
        (host.get("/clinic/ready").status == 200).then_some(())
    });
    let sent = host.send(
        "POST",
        "/clinic/i/intake",
        &[("content-type", "application/json")],
        b"{\"n\":1}",
    );
    assert_eq!(sent.status, 200, "{}", sent.text());
    let list = |tenant: &str| {
        let arguments = [
            "runs",
            "list",
            "--json",
            "--projects",
            ".",
            "--tenant",
            tenant,
        ];
        ids(&host.project.fonio(&arguments).json())
    };
    assert_eq!((list("clinic"), list("lab")), (vec![1], vec![]));
    let follow = [
        "runs", "show", "1", "--follow", "--data", ".fonio", "--tenant", "clinic",
    ];
    host.project.fonio(&follow);
    host.signal(rustix::process::Signal::TERM);
    assert!(host.wait_for_end().success());
    let list = |tenant: &str| {
        let arguments = [
            "runs",
            "list",
            "--json",
            "--projects",
            ".",
            "--tenant",
            tenant,
        ];
        Program::new(arguments).run(host.project.dir())
    };
    assert_eq!(ids(&list("clinic").expect_code(0).json()), [1]);
    list("nowhere")
        .expect_code(2)
        .expect_said("there are: clinic, lab");
}

#[test]
fn times_are_of_the_zone_that_a_person_is_in() {
    let host = Host::guarded(project());
    send(&host, "intake", &json!({ "n": 1 }));
    let list = |zone: &str| {
        let program = Program::new(["runs", "list"]).env("TZ", zone);
        program.run(host.project.dir()).expect_code(0).stdout
    };
    assert_ne!(list("UTC-11:30"), list("UTC+3"), "half a day apart");
}
