//! What whoever runs a host relies on: what it shows, and what it keeps to itself.

use std::os::unix::fs::PermissionsExt;

use fonio_tests::{Host, Program, Project, wait_for};
use serde_json::json;

fn project(expression: &str) -> Project {
    Project::with_job("@openfn/language-common", expression)
}

#[test]
fn the_data_is_its_owners_alone_and_stays_out_of_a_repository() {
    let host = Host::serving(project("fn(state => state)"));
    host.run(&json!({}));
    let data = host.project.path(".fonio");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&data), 0o700);
    let databases = ["fonio.db", "fonio.db-wal"].map(|name| mode(&data.join(name)));
    assert_eq!(databases, [0o600, 0o600]);
    let ignored = std::fs::read_to_string(data.join(".gitignore")).expect("it is there");
    assert_eq!(ignored, "*\n");
}

#[test]
fn a_job_that_logs_its_state_does_not_log_its_credential() {
    let host = Host::serving(Project::new().file(
        "project.yaml",
        "jobs: { job: { adaptor: common, trigger: any, credential: secret, expression: \
                 'fn(s => { console.log(s); console.log({ nested: s }); return s; })' } }\n\
                 triggers: { any: { criteria: '{}' } }\n\
                 credentials: { secret: { username: ama, password: shhh } }\n",
    ));
    let run = host.run(&json!({"n": 1}));
    let log = run.step().log.join("\n");
    assert!(
        log.contains(r#""configuration":{"username":"****","password":"****"}"#),
        "{log}"
    );
    assert!(!log.contains("shhh"), "{log}");
}

#[test]
fn a_failed_step_is_a_line_on_the_console() {
    let host = Host::serving(project("fn(() => { throw new Error('no such clinic'); })"));
    host.run(&json!({}));
    wait_for("the line", || {
        host.said()
            .contains("failed job in run 1: Error: no such clinic")
            .then_some(())
    });
}

#[test]
fn a_stop_leaves_no_log_beside_the_data_and_nothing_to_complain_of() {
    let mut host = Host::serving(project("fn(state => state)"));
    host.run(&json!({}));
    host.signal(rustix::process::Signal::TERM);
    assert!(host.wait_for_end().success());
    assert!(!host.said().contains("WARN"), "{}", host.said());
    let log = std::fs::metadata(host.project.path(".fonio/fonio.db-wal"));
    assert!(
        log.map_or(0, |log| log.len()) == 0,
        "the log is folded into the file"
    );
}

#[test]
fn head_is_answered_like_get() {
    let host = Host::serving(project("fn(state => state)"));
    for path in ["/", "/health", "/ready", "/metrics", "/api/v1/runs"] {
        assert_eq!(host.send("HEAD", path, &[], b"").status, 200, "{path}");
    }
}

#[test]
fn a_wrong_setting_in_the_environment_is_wrong_use() {
    let dir = project("fn(state => state)");
    let said = |name: &str, value: &str| {
        let serve = Program::new(["serve", "."]).env(name, value);
        serve.run(dir.dir()).expect_code(2).stderr
    };
    assert!(said("PORT", "abc").contains("`PORT` is not a port"));
    assert!(
        said("ENDPOINT_STYLE", "foo").contains("`ENDPOINT_STYLE` is neither `async` nor `sync`")
    );
}

#[test]
fn the_address_to_listen_on_can_be_a_name() {
    let bare = Program::new(["serve", ".", "--listen", "4625"]);
    bare.run(project("fn(state => state)").dir())
        .expect_code(2)
        .expect_said("HOST:PORT, for example 127.0.0.1:4625");
    let serve = Program::new(["serve", ".", "--listen", "localhost:0"]);
    let host = Host::started_by(project("fn(state => state)"), &serve);
    assert!(host.address().ip().is_loopback());
}

#[test]
fn a_job_that_runs_on_in_an_older_version_is_shown_as_that() {
    let host = Host::serving(project("fn(state => ({ v: 1 }))"));
    host.project.write("jobs/job.js", "fn(state => ");
    host.wait_for_problem("job");
    let job = host.project_as_served()["jobs"][0].clone();
    assert_eq!(
        (&job["loaded"], &job["outdated"]),
        (&json!(true), &json!(true))
    );
    host.project.write("jobs/job.js", "fn(state => ({ v: 2 }))");
    host.wait_for_no_problems();
    assert_eq!(host.project_as_served()["jobs"][0]["outdated"], false);
}

#[test]
fn a_message_that_matched_nothing_is_seen_to_have_arrived() {
    let host = Host::serving(Project::new().file(
        "project.yaml",
        "jobs: { job: { adaptor: common, trigger: one, expression: 'fn(s => s)' } }\n\
         triggers: { one: { criteria: '{\"n\": 1}' } }\ncredentials: {}\n",
    ));
    host.post(&json!({"n": 2}));
    host.post(&json!({"n": 1}));
    host.runs_done();
    let list =
        |query: &str| host.get(&format!("/api/v1/messages{query}")).json()["messages"].clone();
    let all = list("");
    let seen = |at: usize| {
        [
            &all[at]["id"],
            &all[at]["source"],
            &all[at]["bytes"],
            &all[at]["runs"],
        ]
        .map(Clone::clone)
    };
    assert_eq!(seen(0), [json!(2), json!("inbox"), json!(7), json!([1])]);
    assert_eq!(seen(1), [json!(1), json!("inbox"), json!(7), json!([])]);
    assert_eq!(list("?limit=1")[0]["id"], 2);
    assert_eq!(list("?before=2")[0]["id"], 1);
    assert_eq!(host.get("/api/v1/messages?sort=up").status, 400);
}
