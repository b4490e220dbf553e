//! What a person is told who has typed something else than was meant.

use fonio_tests::{Ended, Host, Program, Project};
use rustix::process::Signal;
use serde_json::json;

fn project() -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)")
}

fn fonio(host: &Host, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(host.project.dir())
}

fn stopped(mut host: Host) -> Host {
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    host
}

#[test]
fn what_is_no_number_is_told_what_a_number_is() {
    let project = project();
    for (arguments, words) in [
        (&["runs", "show", "abc"][..], "a run has a number"),
        (&["runs", "logs", "1.5"], "a run has a number"),
        (&["runs", "retry", "0"], "a run has a number"),
        (&["runs", "cancel", "1", "all"], "a run has a number"),
        (&["runs", "list", "--before", "now"], "a run has a number"),
        (&["messages", "show", "abc"], "a message has a number"),
        (
            &["messages", "list", "--before", "x"],
            "a message has a number",
        ),
    ] {
        let ended = Program::new(arguments).run(project.dir());
        ended
            .expect_code(2)
            .expect_said(words)
            .expect_unsaid("digit");
    }
}

#[test]
fn a_tenant_of_one_project_is_said_to_be_one_too_many() {
    let host = Host::serving(project());
    let list = ["runs", "list", "--tenant", "clinic"];
    fonio(&host, &list)
        .expect_code(2)
        .expect_said("leave out --tenant");
    let host = stopped(host);
    fonio(&host, &list)
        .expect_code(2)
        .expect_said("leave out --tenant");
    let named = ["runs", "list", "--projects", ".", "--tenant", "clinic"];
    fonio(&host, &named)
        .expect_code(2)
        .expect_said("without --tenant");
}

#[test]
fn a_tenant_that_a_host_of_several_does_not_have_is_named() {
    let tenants = Project::new();
    tenants.write(
        "clinic/project.yaml",
        "jobs: { job: { adaptor: common, trigger: any, expression: 'fn(s => s)' } }\n\
         triggers: { any: { criteria: '{}' } }\ncredentials: {}\n",
    );
    let host = Host::started_by(tenants, &Program::serving_tenants(&[]));
    host.wait_until_ready();
    fonio(
        &host,
        &["runs", "list", "--projects", ".", "--tenant", "lab"],
    )
    .expect_code(2)
    .expect_said("has no tenant lab");
}

#[test]
fn a_retry_where_there_is_no_project_says_which_to_name_and_decisions_need_none() {
    let host = Host::serving(project());
    host.run(&json!({ "n": 1 }));
    let host = stopped(host);
    let data = host.project.path(".fonio");
    let data = data.to_str().expect("a name");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let from_there =
        |command: &str| Program::new(["runs", command, "1", "--data", data]).run(elsewhere.path());
    from_there("retry")
        .expect_code(10)
        .expect_said("there is no project to run it with")
        .expect_said("--project DIR");
    from_there("cancel")
        .expect_code(1)
        .expect_said("it has ended before");
    let retry = ["runs", "retry", "1", "--data", data, "--project", "."];
    fonio(&host, &retry).expect_code(0);
}

#[test]
fn a_folder_that_is_not_there_is_said_not_to_be() {
    let nothing = tempfile::tempdir().expect("a folder");
    let absent = nothing.path().join("nope");
    let absent = absent.to_str().expect("a name");
    for command in ["messages", "runs", "dead"] {
        let list = Program::new([command, "list", "--project", absent]);
        list.run(nothing.path())
            .expect_code(2)
            .expect_said(&format!("there is no directory {absent}"))
            .expect_said("--project DIR");
    }
}

#[test]
fn an_unknown_time_zone_is_mentioned_once() {
    let host = Host::serving(project());
    host.run(&json!({ "n": 1 }));
    host.run(&json!({ "n": 2 }));
    let list = |zone: &str| {
        let program = Program::new(["runs", "list"]).env("TZ", zone);
        program.run(host.project.dir()).expect_code(0).stderr
    };
    let said = list("Mars/Olympus");
    assert_eq!(said.matches("names no time zone").count(), 1, "{said}");
    assert_eq!(list("UTC-11:30"), "");
}

#[test]
fn messages_are_listed_by_where_and_when_they_arrived() {
    let host = Host::serving(project());
    for n in 1..=3 {
        host.run(&json!({ "n": n }));
    }
    let ids = |more: &[&str]| {
        let listed = fonio(&host, &[&["messages", "list", "--json"], more].concat());
        let listed = listed.expect_code(0).json();
        let messages = listed["messages"].as_array().expect("a list");
        let ids: Vec<i64> = messages.iter().filter_map(|it| it["id"].as_i64()).collect();
        ids
    };
    assert_eq!(ids(&["--source", "inbox", "--since", "1h"]), [3, 2, 1]);
    assert_eq!(ids(&["--source", "i/w"]), [0; 0]);
    assert_eq!(ids(&["--until", "1h"]), [0; 0]);
    assert_eq!(ids(&["--limit", "1", "--before", "3"]), [2]);
    fonio(&host, &["messages", "list", "--limit", "2"])
        .expect_code(0)
        .expect_said("--before 2");
    let wrong = host.get("/api/v1/messages?since=1h").problem(400);
    assert!(wrong.contains("since_ms"), "{wrong}");
}
