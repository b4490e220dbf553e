//! What a project grants is in the audit log, and again whenever it changes.

use fonio_tests::{Host, Project, guest, wait_for};

const YAML: &str = "id: clinic
name: clinic
schema_version: '4.0'
collections: [seen, sent]
workflows:
  - id: keep
    steps:
      - { id: hook, type: webhook, enabled: true, next: job }
      - { id: job, adaptor: around, expression: 'attack()' }
";

/// The details of the rows about grants, oldest first.
fn rows(host: &Host) -> Vec<String> {
    let audit = host.get("/api/v1/audit").json();
    let rows = audit["audit"].as_array().expect("a list").iter().rev();
    rows.filter(|row| row["what"] == "grants")
        .map(|row| row["detail"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Changes `fonio.toml`, and gives what the next row says.
#[track_caller]
fn after(host: &Host, toml: &str) -> String {
    let before = rows(host).len();
    host.project.replace("fonio.toml", toml);
    wait_for("the next row", || rows(host).get(before).cloned())
}

#[test]
fn collections_and_variables_are_among_what_is_granted_by_name_and_never_by_value() {
    let project = Project::new()
        .file("project.yaml", YAML)
        .file("adaptors/around.wasm", guest("looks_around"))
        .file(".env", "REGION=north-by-northwest\nSERVER=clinic-seven\n");
    let host = Host::serving(project);
    let first = wait_for("the first row", || rows(&host).first().cloned());
    assert!(
        first.contains("job keep/job may reach (nothing named), may write seen write sent; "),
        "{first}"
    );
    let narrowed = after(&host, "[project]\ncollections = { seen = \"read\" }\n");
    assert!(narrowed.contains(", may read seen; "), "{narrowed}");
    let none = after(&host, "[project]\ncollections = \"none\"\n");
    assert!(!none.contains("seen"), "{none}");
    let for_it = "[adaptors.around]\ncollections = { sent = \"write\" }\n";
    let for_it = after(&host, for_it);
    assert!(
        for_it.contains(", may write sent (its adaptor, too); "),
        "{for_it}"
    );
    let variables =
        "[adaptors.around]\ncollections = \"none\"\nenvironment = [\"REGION\", \"SERVER\"]\n";
    let variables = after(&host, variables);
    assert!(variables.contains(", sees REGION SERVER; "), "{variables}");
    let all = rows(&host).join("\n");
    assert!(!all.contains("north") && !all.contains("seven"), "{all}");
}
