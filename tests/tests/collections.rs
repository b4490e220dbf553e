//! What jobs keep from one run to the next, in the store of the host that runs them.

use fonio_tests::{Host, Program, Project};
use serde_json::json;

const YAML: &str = "\
id: clinic\nname: clinic\nschema_version: '4.0'\ncollections: [facilities]\nworkflows:\n  - id: keep\n    name: keep\n    start: hook\n    steps:\n      \
- { id: hook, type: webhook, enabled: true, next: job }\n      - { id: job, adaptor: common, expression: ./job.js }\n";

fn project(job: &str) -> Project {
    Project::new()
        .file("project.yaml", YAML)
        .file("job.js", job)
}

fn posted(host: &Host, body: &serde_json::Value) -> fonio_tests::Run {
    host.send(
        "POST",
        "/i/keep",
        &[("content-type", "application/json")],
        body.to_string().as_bytes(),
    );
    host.runs_done().pop().expect("it started a run")
}

/// Counts how often it has seen the key `id` of a message.
const COUNT: &str = "\
fn(state => ({ ...state, id: state.data.id }));
collections.get('facilities', $.id);
fn(state => ({ ...state, seen: (state.data.seen ?? 0) + 1 }));
fn(state => collections.set('facilities', state.id, { seen: state.seen })(state));
";

#[test]
fn what_one_run_keeps_the_next_one_finds_also_after_the_host_was_killed() {
    let host = Host::serving(project(COUNT));
    assert_eq!(posted(&host, &json!({"id": "f-1"})).state["seen"], 1);
    assert_eq!(posted(&host, &json!({"id": "f-1"})).state["seen"], 2);
    let host = host.killed_and_restarted();
    assert_eq!(posted(&host, &json!({"id": "f-1"})).state["seen"], 3);
    assert_eq!(posted(&host, &json!({"id": "f-2"})).state["seen"], 1);
}

#[test]
fn a_collection_that_the_project_does_not_name_is_an_error_with_the_line_to_add() {
    let host = Host::serving(project("collections.get('clinics', 'x');"));
    let run = posted(&host, &json!({}));
    let step = run.step();
    step.expect_failure(1, "the project has no collection clinics");
    assert!(
        step.message().contains("collections: [clinics]"),
        "{}",
        step.message()
    );
    assert_eq!(step.error["code"], "COLLECTION_NOT_FOUND");
}

#[test]
fn a_value_or_key_that_cannot_be_kept_is_refused_with_its_size() {
    let long = "collections.set('facilities', () => 'k'.repeat(256), state => state.data);";
    let host = Host::serving(project(long));
    posted(&host, &json!({"n": 1}))
        .step()
        .expect_failure(1, "a key has 1 to 255 bytes, not 256");
    let large = "collections.set('facilities', 'k', () => 'x'.repeat(9 << 20));";
    let host = Host::serving(project(large).file("fonio.toml", "[limits]\nmemory = \"256MiB\"\n"));
    posted(&host, &json!({}))
        .step()
        .expect_failure(1, "8 MiB is the most");
}

#[test]
fn a_job_that_names_the_collections_adaptor_has_them_without_any_import() {
    let project = project(
        "collections.set('facilities', 'a', { n: 1 });\ncollections.each('facilities', '*', (state, value, key) => { state.found = [key, value.n]; });",
    );
    project.write(
        "project.yaml",
        YAML.replace(
            "adaptor: common",
            "adaptor: '@openfn/language-collections@0.8.0'",
        ),
    );
    let host = Host::serving(project);
    assert_eq!(posted(&host, &json!({})).state["found"], json!(["a", 1]));
}

#[test]
fn a_job_that_is_tried_alone_has_collections_that_pass() {
    let project = Project::new().file(
        "job.js",
        "collections.set('any', v => v.id, [{ id: 'a' }, { id: 'b' }]);\ncollections.remove('any', 'a');\ncollections.get('any', '*');",
    );
    let state = Program::new(["run", "job.js"])
        .run(project.dir())
        .expect_code(0)
        .json();
    assert_eq!(state["data"], json!([{"value": {"id": "b"}, "key": "b"}]));
}
