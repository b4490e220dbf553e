//! `fonio compile`, and `fonio run` of whole workflows: what is meant, and what is said when nothing is.

use fonio_tests::{Ended, FarSide, Program, Project};
use serde_json::json;

const TWO: &str = "id: clinic
name: clinic
schema_version: '4.0'
workflows:
  - id: first
    name: The first
    steps: [{ id: a, expression: 'fn(s => ({ ...s, by: 1 }))' }]
  - id: second
    steps: [{ id: b, expression: 'fn(s => ({ ...s, by: 2 }))' }]
";

fn fonio(project: &Project, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(project.dir())
}

#[test]
fn compile_shows_the_module_that_runs_line_for_line() {
    let project = Project::new().file("job.js", "const limit = 3;\nget($.url).then(s => s);\n");
    let ended = fonio(&project, &["compile", "job.js", "-a", "http"]).expect_code(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "const limit = 3;");
    assert!(lines[1].contains("state.url"), "{}", lines[1]);
    fonio(
        &project,
        &["compile", "job.js", "-a", "http", "-o", "out.js"],
    )
    .expect_code(0);
    let written = std::fs::read_to_string(project.path("out.js")).expect("it was written");
    assert_eq!(written, ended.stdout);
}

#[test]
fn what_does_not_compile_is_shown_with_its_place_and_exits_with_10() {
    let project = Project::new().file("job.js", "fn(s => s);\ngte('/x');\n");
    fonio(&project, &["compile", "job.js", "-a", "http"])
        .expect_code(10)
        .expect_said("--> job.js:2:1")
        .expect_said("get");
    fonio(&project, &["compile", "absent.js"]).expect_code(2);
    fonio(&project, &["compile", "job.js", "-a", "nowhere"]).expect_code(10);
}

#[test]
fn of_several_workflows_in_a_file_one_is_named() {
    let project = Project::new().file("flows.yaml", TWO);
    fonio(&project, &["run", "flows.yaml"])
        .expect_code(2)
        .expect_said("fonio run NAME --project flows.yaml")
        .expect_said("first, second");
    for (name, by) in [("second", 2), ("The first", 1)] {
        let ended = fonio(
            &project,
            &["run", name, "--project", "flows.yaml", "-S", "{}"],
        );
        assert_eq!(ended.expect_code(0).json()["by"], by);
    }
    fonio(&project, &["run", "third", "--project", "flows.yaml"])
        .expect_code(2)
        .expect_said("its workflows are first, second");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let dir = Project::new();
    for absent in ["absent.js", "absent.json", "absent.yaml"] {
        fonio(&dir, &["run", absent])
            .expect_code(2)
            .expect_said(&format!("{absent} cannot be read"));
    }
    fonio(&dir, &["run", "job", "--project", "absent"])
        .expect_code(10)
        .expect_said("absent");
}

#[test]
fn an_error_in_one_workflow_does_not_keep_another_from_running() {
    let project = Project::new().file("flows.yaml", TWO.replace("by: 2", "by: )"));
    let ended = fonio(&project, &["run", "first", "--project", "flows.yaml"]);
    assert_eq!(ended.expect_code(0).json()["by"], 1);
    fonio(&project, &["run", "second", "--project", "flows.yaml"]).expect_code(10);
}

#[test]
fn a_refusal_names_both_ways_to_allow_it() {
    let far_side = FarSide::saying(json!({}));
    let get = format!("get('{}')", far_side.url("/x"));
    let flow = json!({"workflow": {"steps": [{"id": "a", "adaptor": "http", "expression": get}]}});
    let project = Project::new()
        .file("job.js", &get)
        .file("flow.json", flow.to_string());
    for what in [&["run", "job.js", "-a", "http"][..], &["run", "flow.json"]] {
        fonio(&project, what)
            .expect_code(3)
            .expect_said("[network]")
            .expect_said("--allow");
    }
}

#[test]
fn the_credential_of_the_command_line_opens_its_own_system_to_a_workflow() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let flow = r#"{ "workflow": { "steps": [{ "id": "a", "adaptor": "http", "expression": "get('/x')" }] } }"#;
    let credential = json!({"baseUrl": far_side.url("")}).to_string();
    let project = Project::new()
        .file("flow.json", flow)
        .file("credential.json", credential);
    let ended = fonio(&project, &["run", "flow.json", "-c", "credential.json"]);
    assert_eq!(ended.expect_code(0).json()["data"], json!({"ok": true}));
    fonio(
        &project,
        &[
            "run",
            "flow.json",
            "-S",
            &json!({"configuration": {"x": far_side.url("")}}).to_string(),
        ],
    )
    .expect_code(1);
}
