//! Credentials whose secrets guests get: each use is in the audit log.

use fonio_tests::{FarSide, Host, Project};
use serde_json::{Value, json};

const SECRET: &str = "hush-hush-hush";

fn project(expression: &str, reveal: bool) -> Project {
    let far_side = FarSide::saying(json!({}));
    let credential = json!({"baseUrl": far_side.origin(), "password": SECRET});
    let yaml = "jobs:\n  job:\n    expression: jobs/job.js\n    adaptor: \"@openfn/language-http\"\n    \
                credential: far\n    trigger: any\ntriggers:\n  any:\n    criteria: {}\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", expression)
        .file("credentials/far.json", credential.to_string())
        .file(
            "fonio.toml",
            format!("[project]\nid = \"clinic\"\n[credentials.far]\nreveal = {reveal}\n"),
        )
}

/// Oldest first.
fn reveals(host: &Host) -> Vec<Value> {
    let audit = host.get("/api/v1/audit").json();
    let rows = audit["audit"].as_array().expect("a list").iter().rev();
    rows.filter(|row| row["what"] == "reveal")
        .cloned()
        .collect()
}

#[test]
fn each_use_of_a_revealed_credential_is_in_the_audit_log() {
    let expression = "fn(state => { if (state.data.fail) throw new Error('no'); return state; });";
    let host = Host::serving(project(expression, true));
    assert!(reveals(&host).is_empty());
    host.run(&json!({}));
    host.run(&json!({"fail": true}));
    let rows = reveals(&host);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    for (row, run) in rows.iter().zip(host.runs().iter().rev()) {
        assert_eq!(
            (&row["who"], &row["tenant"], &row["subject"]),
            (&json!("host"), &json!("clinic"), &json!("far"))
        );
        let of = format!("job job, run {}, step ", run["id"]);
        let detail = row["detail"].as_str().expect("a text");
        assert!(detail.starts_with(&of), "{detail} is not of {of}");
        assert!(!row.to_string().contains(SECRET));
    }
}

#[test]
fn a_sealed_credential_leaves_no_such_row() {
    let host = Host::serving(project("fn(state => state);", false));
    host.run(&json!({}));
    assert_eq!(reveals(&host), Vec::<Value>::new());
}

#[test]
fn what_cannot_be_written_down_is_not_revealed() {
    let host = Host::serving(project(
        "fn(state => ({ seen: state.configuration.password.length }));",
        true,
    ));
    let file = rusqlite::Connection::open(host.project.path(".fonio/access.sqlite"));
    let file = file.expect("a file");
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    file.execute_batch(full).expect("it is changed");
    let run = host.run(&json!({}));
    run.step().expect_failure(
        10,
        "the credential `far` is revealed to this job, and that could not be written into the audit log",
    );
    file.execute_batch("DROP TRIGGER full")
        .expect("it is changed back");
    assert_eq!(host.run(&json!({})).status, "succeeded");
}
