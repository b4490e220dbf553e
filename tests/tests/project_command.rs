//! `fonio project`: projects come from OpenFn and go back, in every generation.

use std::fs;
use std::path::Path;

use fonio_tests::{Ended, Host, Program, Project};
use serde_json::json;

const V2: &str = "jobs:
  register:
    adaptor: common
    trigger: visit
    credential: registry
    expression: |
      fn(state => ({ ...state, data: { ...state.data, registered: true } }));
  thank:
    adaptor: common
    trigger: registered
    expression: 'fn(state => ({ ...state, thanked: true }))'
triggers:
  visit: { criteria: '{\"kind\":\"visit\"}' }
  registered: { success: register }
credentials:
  registry: { username: ana, password: hush }
";

const V3: &str = "name: Clinic
owner: nobody
credentials:
  ana@example.org-registry: { name: registry, owner: ana@example.org }
workflows:
  intake:
    name: Intake
    jobs:
      read:
        name: read
        adaptor: '@openfn/language-common@latest'
        credential: ana@example.org-registry
        body: |
          fn(state => ({ ...state, data: { ...state.data, seen: true } }));
      mop-up:
        name: mop-up
        adaptor: '@openfn/language-common@latest'
        body: fn(state => state)
    triggers:
      webhook: { type: webhook, enabled: true }
    edges:
      webhook->read: { source_trigger: webhook, target_job: read, condition_type: always, enabled: true }
      read->mop-up: { source_job: read, target_job: mop-up, condition_type: on_job_failure, enabled: true }
";

fn fonio(project: &Project, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(project.dir())
}

fn text(project: &Project, file: &str) -> String {
    fs::read_to_string(project.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Everything that is in a folder, in one text.
fn all_of(dir: &Path) -> String {
    let entries = fs::read_dir(dir).expect("the folder is there");
    let texts = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all_of(&path)
        } else {
            fs::read_to_string(path).expect("a text")
        }
    });
    texts.collect()
}

#[test]
fn a_project_of_the_microservice_comes_without_its_secrets_and_runs() {
    let project = Project::new().file("old.yaml", V2);
    fonio(&project, &["project", "import", "old.yaml", "-o", "new"])
        .expect_code(0)
        .expect_said("2 jobs")
        .expect_said("the credential `registry` has no values yet: fill in credentials/registry.json.example")
        .expect_unsaid("secrets are not exported");
    assert!(!all_of(&project.path("new")).contains("hush"));
    assert!(text(&project, "new/credentials/registry.json.example").contains("\"password\": \"\""));
    assert!(text(&project, "new/fonio.toml").contains("# [network]"));
    fonio(&project, &["check", "new"])
        .expect_code(0)
        .expect_said("the credential `registry` has no values yet");
    for ignored in [".env", "output.json", ".cli-cache/", "credentials/*.json"] {
        let ignores = text(&project, "new/.gitignore");
        assert!(ignores.lines().any(|line| line == ignored), "{ignores}");
    }
    let state = fonio(
        &project,
        &[
            "run",
            "visit",
            "--project",
            "new",
            "-S",
            r#"{"data":{"kind":"visit"}}"#,
        ],
    );
    assert_eq!(
        state.expect_code(0).json(),
        json!({"data": {"kind": "visit", "registered": true}, "thanked": true})
    );
}

#[test]
fn a_spec_becomes_a_workspace_with_jobs_as_files_that_is_served_as_it_is() {
    let project = Project::new().file("spec.yaml", V3);
    fonio(
        &project,
        &["project", "import", "spec.yaml", "-o", "clinic"],
    )
    .expect_code(0)
    .expect_said("`owner` means nothing");
    assert_eq!(
        text(&project, "clinic/workflows/intake/read.js"),
        "fn(state => ({ ...state, data: { ...state.data, seen: true } }));\n"
    );
    let served = Project::new();
    let skeleton = "clinic/credentials/ana@example.org-registry.json.example";
    assert_eq!(
        text(&project, skeleton),
        "{}\n",
        "the common operations need none"
    );
    copy(&project.path("clinic"), served.dir());
    let host = Host::serving(served);
    let reply = host.send(
        "POST",
        "/i/intake",
        &[("content-type", "application/json")],
        b"{\"n\":1}",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let runs = host.runs_done();
    assert_eq!(runs[0].state["data"], json!({"n": 1, "seen": true}));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("files can be copied");
        }
    }
}

#[test]
fn a_credential_without_content_is_to_be_filled_in_with_what_its_adaptor_wants() {
    let spec = V3.replace("language-common", "language-http");
    let project = Project::new().file("spec.yaml", spec.replace("fn(state", "request(state"));
    fonio(&project, &["project", "import", "spec.yaml", "-o", "new"]).expect_code(0);
    let skeleton = text(
        &project,
        "new/credentials/ana@example.org-registry.json.example",
    );
    let fields: serde_json::Value = serde_json::from_str(&skeleton).expect("it is JSON");
    assert_eq!(
        (&fields["baseUrl"], &fields["password"]),
        (&json!(""), &json!(""))
    );
}

#[test]
fn nothing_is_overwritten_unless_it_is_forced() {
    let project = Project::new().file("spec.yaml", V3);
    let import = ["project", "import", "spec.yaml", "-o", "clinic"];
    fonio(&project, &import).expect_code(0);
    project.write("clinic/workflows/intake/read.js", "mine");
    fonio(&project, &import)
        .expect_code(2)
        .expect_said("clinic/workflows/intake/read.js")
        .expect_said("--force");
    assert_eq!(text(&project, "clinic/workflows/intake/read.js"), "mine");
    let forced: Vec<&str> = import.iter().copied().chain(["--force"]).collect();
    fonio(&project, &forced).expect_code(0);
    assert!(text(&project, "clinic/workflows/intake/read.js").starts_with("fn("));
    project.write("other/project.yaml", V2);
    fonio(
        &project,
        &["project", "import", "spec.yaml", "-o", "other", "--force"],
    )
    .expect_code(2)
    .expect_said("there already is a project in other: project.yaml");
}

#[test]
fn the_folder_is_named_as_the_project_where_no_other_is() {
    let project = Project::new().file("spec.yaml", V3);
    fonio(&project, &["project", "import", "spec.yaml"]).expect_code(0);
    assert!(project.path("clinic/openfn.yaml").exists());
}

#[test]
fn grants_and_adaptors_come_along() {
    let settings = "[network]\nallow = [\"https://api.example.org\"]\n";
    let project = Project::new()
        .file("old/project.yaml", V3)
        .file("old/fonio.toml", settings)
        .file("old/adaptors/voice.wasm", fonio_tests::guest("says_one"));
    fonio(&project, &["project", "import", "old", "-o", "new"])
        .expect_code(0)
        .expect_said("voice.wasm");
    assert_eq!(text(&project, "new/fonio.toml"), settings);
    fonio(&project, &["check", "new"]).expect_code(0);
    assert!(project.path("new/adaptors/voice.wasm").exists());
}

#[test]
fn what_cannot_be_understood_is_not_imported_and_the_reason_has_its_place() {
    let project = Project::new()
        .file(
            "broken.yaml",
            V3.replace("target_job: mop-up", "target_job: mop-in"),
        )
        .file("half.json", "{");
    fonio(&project, &["project", "import", "broken.yaml", "-o", "new"])
        .expect_code(10)
        .expect_said("--> broken.yaml:23:53")
        .expect_said("nothing was written");
    assert!(!project.path("new").exists());
    fonio(&project, &["project", "import", "half.json"])
        .expect_code(10)
        .expect_said("half.json:1");
    fonio(&project, &["project", "import", "absent"])
        .expect_code(2)
        .expect_said("there is no file or folder absent");
}

#[test]
fn a_project_goes_out_in_every_generation_and_comes_back_the_same() {
    let project = Project::new().file("spec.yaml", V3);
    let state = |what: &str| {
        let run = [
            "run",
            "intake",
            "--project",
            what,
            "-S",
            r#"{"data":{"n":1}}"#,
        ];
        fonio(&project, &run).expect_code(0).json()
    };
    let first = state("spec.yaml");
    for (format, to) in [
        ("v3", "three.yaml"),
        ("v4", "four/project.yaml"),
        ("workspace", "space"),
    ] {
        fonio(
            &project,
            &[
                "project",
                "export",
                "spec.yaml",
                "--format",
                format,
                "-o",
                to,
            ],
        )
        .expect_code(0);
        assert_eq!(state(to), first, "{format}");
        let again = fonio(&project, &["project", "export", to, "--format", "v3"]).expect_code(0);
        let straight = fonio(
            &project,
            &["project", "export", "spec.yaml", "--format", "v3"],
        )
        .expect_code(0);
        assert_eq!(again.stdout, straight.stdout, "by way of {format}");
    }
}

#[test]
fn an_export_says_what_a_format_has_no_place_for() {
    let project = Project::new()
        .file("project.yaml", V2)
        .file("spec/project.yaml", V3);
    fonio(&project, &["project", "export", "spec", "--format", "v2"])
        .expect_code(1)
        .expect_said("v2 has no webhooks");
    let ended = fonio(&project, &["project", "export", "--format", "v4"]).expect_code(0);
    assert!(
        ended.stdout.contains("schema_version: '4.0'"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("hush"));
    ended
        .expect_said("OpenFn has no triggers of messages")
        .expect_said("secrets are not exported");
    fonio(&project, &["project", "export", "--format", "workspace"])
        .expect_code(2)
        .expect_said("-o DIR");
    fonio(
        &project,
        &["project", "export", "--format", "v4", "-o", "project.yaml"],
    )
    .expect_code(2)
    .expect_said("--force");
    fonio(&project, &["project", "export", "--format", "v1"]).expect_code(2);
}

#[test]
fn an_import_says_what_it_leaves_behind() {
    let with_comments = format!("# ours\n{V3}");
    let project = Project::new()
        .file("spec.yaml", &with_comments)
        .file(".env", "SECRET=hush\n")
        .file(
            "four/project.yaml",
            "schema_version: '4.0'\nid: p\ncli: { version: 2, forked_from: x }\nworkflows:\n  - id: w\n    steps:\n      - { id: a, expression: \"// no comment\\nnone\" }\n",
        );
    fonio(&project, &["project", "import", "spec.yaml", "-o", "new"])
        .expect_code(0)
        .expect_said("the comments in spec.yaml are not carried over")
        .expect_said(".env was not copied");
    assert!(!project.path("new/.env").exists());
    fonio(&project, &["project", "import", "four", "-o", "other"])
        .expect_code(0)
        .expect_said("v4 has no `cli`, which is left out")
        .expect_unsaid("comments")
        .expect_unsaid(".env");
}

#[test]
fn the_credential_file_of_a_workflow_has_one_name_from_then_on() {
    let workflow = r#"{"workflow": {"id": "wf", "steps": [{"id": "a", "configuration": "./tmp/cred.json", "expression": "fn(s => s)"},
        {"id": "b", "configuration": "./tmp/cred.json", "expression": "fn(s => s)"}, {"id": "c", "configuration": "./cred.json", "expression": "fn(s => s)"}]}}"#;
    let project = Project::new()
        .file("wf.json", workflow)
        .file("tmp/cred.json", r#"{"token": "hush"}"#)
        .file("cred.json", r#"{"token": "other"}"#);
    fonio(&project, &["project", "import", "wf.json", "-o", "new"])
        .expect_code(0)
        .expect_said("fill in credentials/cred.json.example and rename it to cred.json")
        .expect_said("fill in credentials/cred-2.json.example");
    let written = text(&project, "new/workflows/wf/wf.yaml");
    assert_eq!(
        written.matches("configuration: cred\n").count(),
        2,
        "{written}"
    );
    assert_eq!(
        written.matches("configuration: cred-2\n").count(),
        1,
        "{written}"
    );
    for name in ["cred", "cred-2"] {
        let example = text(&project, &format!("new/credentials/{name}.json.example"));
        project.write(&format!("new/credentials/{name}.json"), example);
    }
    let ended = fonio(&project, &["check", "new"]).expect_code(0);
    assert!(!ended.stderr.contains("cred"), "{}", ended.stderr);
}
