//! What commands about the data folder say of a host that keeps messages in a database, and what they say as JSON.

use std::path::Path;

use fonio_test_postgres::Database;
use fonio_tests::{Ended, Host, Program, Project};
use rustix::process::Signal;
use serde_json::{Value, json};

fn project() -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)")
        .file("fonio.toml", "[project]\nid = \"clinic\"\n")
}

fn fonio(host: &Host, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(host.project.dir())
}

/// Ends the host, and gives what is left of it.
fn stopped(mut host: Host) -> Host {
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    host
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name")
}

#[test]
fn what_was_in_the_folder_before_a_host_went_to_a_database_is_no_backup() {
    let host = stopped(Host::serving(project()));
    let database = Database::new();
    let copies = tempfile::tempdir().expect("a folder");
    let (copy, data) = (copies.path().join("copy"), host.project.path(".fonio"));
    let moved = Program::new(["store", "copy", "--from", ".fonio", "--json"]);
    let moved = moved
        .env("FONIO_STORE", &database.url())
        .run(host.project.dir());
    assert_eq!(moved.expect_code(0).json()["copied"]["messages"], 0);
    fonio(&host, &["backup", text(&copies.path().join("before"))]).expect_code(0);

    let served = ["serve", ".", "--listen", "127.0.0.1:0"];
    let on_database = Program::new(served).env("FONIO_STORE", &database.url());
    let files = |name: &str| std::fs::read(host.project.path(name)).expect("a file");
    let names = ["project.yaml", "fonio.toml", "jobs/job.js"];
    let again = names
        .iter()
        .fold(Project::new(), |again, name| again.file(name, files(name)));
    let on_database = {
        let mut program = on_database;
        program.arg("--data");
        program.arg(text(&data));
        Host::started_by(again, &program)
    };
    on_database.wait_until_ready();
    on_database.run(&json!({ "n": 1 }));
    let backup = |more: &[&str]| {
        fonio(
            &host,
            &[&["backup", text(&copy), "--data", text(&data)], more].concat(),
        )
    };
    backup(&[])
        .expect_code(2)
        .expect_said("pg_dump")
        .expect_said("as the host said");
    let stopped_on_database = stopped(on_database);
    let refused = backup(&[]).expect_code(2).expect_said("pg_dump");
    assert!(!copy.exists());
    assert!(
        data.join("fonio.db").exists(),
        "the file from before is there still"
    );
    for secret in [database.url(), ":pass".to_owned()] {
        assert!(!refused.stderr.contains(&secret), "{}", refused.stderr);
    }
    let set = Program::new(["backup", text(&copy)]).env("FONIO_STORE", &database.url());
    let set = set.run(host.project.dir()).expect_code(2);
    set.expect_said("pg_dump").expect_said("FONIO_STORE is set");
    fonio(&host, &["messages", "list"])
        .expect_code(2)
        .expect_said("keeps messages and runs in a database");
    backup(&["--without-messages"])
        .expect_code(0)
        .expect_said("no messages and runs");
    assert!(copy.join("access.sqlite").exists() && !copy.join("fonio.db").exists());
    drop(stopped_on_database);

    let back = host.killed_and_restarted();
    let again = copies.path().join("again");
    fonio(&back, &["backup", text(&again)])
        .expect_code(0)
        .expect_said("backed up");
}

#[test]
fn commands_about_what_is_kept_say_what_they_did_as_json() {
    let host = Host::serving(project());
    for name in ["ama", "kofi"] {
        host.run(&json!({ "name": name }));
    }
    let json_of = |host: &Host, arguments: &[&str]| -> Value {
        fonio(host, &[arguments, &["--json"]].concat())
            .expect_code(0)
            .json()
    };
    let of_ama = ["--where", "name=ama"];
    let exported = json_of(&host, &[&["messages", "export"][..], &of_ama].concat());
    assert_eq!(exported["message"]["body"], json!({ "name": "ama" }));
    let deleted = json_of(
        &host,
        &[&["messages", "delete", "--yes"][..], &of_ama].concat(),
    );
    assert_eq!(deleted, json!({ "messages": 1, "runs": 1 }));
    let host = stopped(host);
    let folders = tempfile::tempdir().expect("a folder");
    let (copy, data) = (folders.path().join("copy"), folders.path().join("data"));
    let (copy, data) = (text(&copy), text(&data));
    let backed_up = json_of(&host, &["backup", copy]);
    assert_eq!(backed_up, json!({ "folder": copy, "lost": [] }));
    let restored = json_of(&host, &["restore", copy, "--data", data]);
    assert_eq!(restored, json!({ "data": data, "lost": [] }));
    let compacted = json_of(&host, &["store", "compact", "--data", data]);
    let bytes = |name: &str| compacted[name].as_u64().unwrap_or_default();
    assert!(
        bytes("bytes") > 0 && bytes("bytes") <= bytes("bytes_before"),
        "{compacted}"
    );
    let left = fonio(&host, &["messages", "list", "--data", data, "--json"]);
    assert_eq!(left.expect_code(0).json()["messages"][0]["id"], 2);
    fonio(&host, &["store", "compact", "--data", copy])
        .expect_code(0)
        .expect_said(" before");
    fonio(&host, &["store", "compact", "--data", text(folders.path())])
        .expect_code(1)
        .expect_said("there is no store (fonio.db) in");
}
