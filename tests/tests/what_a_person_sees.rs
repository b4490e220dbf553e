//! `fonio run`, `openfn` and `fonio adaptor` as the person before the screen reads them.

use fonio_tests::{Answer, Ended, FarSide, Gate, Job, Npm, Package, Program, Project, guest};
use serde_json::json;

/// Runs this; the other system answers only once the line of the job's has been read.
fn read_along(program: &Program, answers: &Gate, project: &Project) -> Ended {
    program.run_until_said(project.dir(), "on my way", || answers.open())
}

#[test]
fn what_a_job_writes_is_read_while_it_runs_and_once() {
    let flow = |url: &str| {
        format!(
            r#"{{ "workflow": {{ "steps": [{{ "id": "a", "adaptor": "http",
                "expression": "fn(s => {{ console.warn('on my way'); return s; }}); get('{url}')" }}] }} }}"#
        )
    };
    for name in ["fonio", "openfn"] {
        for what in ["job.js", "flow.json"] {
            let answers = Gate::default();
            let gate = answers.clone();
            let far_side = FarSide::answering(move |_| {
                gate.pass();
                Answer::json(&json!({"ok": true}))
            });
            let url = far_side.url("/x");
            let project = Project::new()
                .file(
                    "job.js",
                    format!("fn(s => {{ console.warn('on my way'); return s; }});\nget('{url}');"),
                )
                .file("flow.json", flow(&url))
                .file(
                    "fonio.toml",
                    format!("{}[limits]\nwall_time = \"20s\"\n", far_side.granted()),
                );
            let program = match name {
                "openfn" => Program::called("openfn", [what, "-a", "http", "-O"]),
                _ => Program::new(["run", what, "-a", "http"]),
            };
            let ended = read_along(&program, &answers, &project).expect_code(0);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(said.contains(r#""ok": true"#), "{name} {what}: {said}");
            assert_eq!(
                said.matches("on my way").count(),
                1,
                "{name} {what}: {said}"
            );
        }
    }
}

#[test]
fn lines_of_jobs_stand_between_those_of_their_steps() {
    let project = Project::new().file(
        "flow.json",
        r#"{ "workflow": { "steps": [
            { "id": "a", "expression": "fn(s => { console.log('in a'); return s; })", "next": "b" },
            { "id": "b", "expression": "fn(s => { console.log('in b'); return s; })" }
        ] } }"#,
    );
    let said = Program::new(["run", "flow.json"])
        .run(project.dir())
        .expect_code(0)
        .stderr;
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines, ["step a", "info in a", "step b", "info in b"]);
}

#[test]
fn a_failure_shows_its_line_marks_the_operation_and_says_what_its_adaptor_proposes() {
    let said = Job::new("fn(s => s);\n\n  get('/x', {\n    query: { a: 1 } });\n")
        .adaptor("http")
        .run()
        .expect_failure(1, "is relative");
    for words in [
        "--> job.js:3:3\n",
        "3 |   get('/x', {\n  |   ^^^\n",
        " = Set baseUrl in the credential",
    ] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
}

fn two_versions() -> Project {
    Project::new().file(
        "clinic/project.yaml",
        "jobs:
  a: { adaptor: '@openfn/language-http@7.2.0', trigger: any, expression: 'fn(s => s)' }
  b: { adaptor: '@openfn/language-http@latest', trigger: any, expression: 'fn(s => s)' }
triggers: { any: { criteria: '{}' } }
credentials: {}
",
    )
}

fn in_folder(project: &Project, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(project.dir())
}

#[test]
fn a_job_that_names_a_version_which_is_not_imported_is_told_so_with_the_command_that_brings_it() {
    let project = two_versions();
    let missing = "7.2.0 is not imported: fonio adaptor import @openfn/language-http@7.2.0";
    let from_above = format!("{missing} --project clinic\n");
    let listed = in_folder(&project, &["adaptor", "list", "clinic"]).expect_code(0);
    assert!(listed.stdout.contains(&from_above), "{}", listed.stdout);
    assert_eq!(
        listed.stdout.matches("not imported").count(),
        1,
        "latest is any version"
    );
    let checked = in_folder(&project, &["check", "clinic"]).expect_code(0);
    assert!(
        checked
            .stderr
            .starts_with("note: jobs that name @openfn/language-http@7.2.0 get a native adaptor")
    );
    let checked = checked.expect_said(&from_above);
    assert!(
        checked.stdout.contains("0 errors, 0 warnings"),
        "{}",
        checked.stdout
    );
    let json = in_folder(&project, &["check", "clinic", "--format", "json"]).expect_code(0);
    assert_eq!(json.json()["problems"], json!([]));
    assert_eq!(json.json()["notes"].as_array().map(Vec::len), Some(1));
    let here = Program::new(["adaptor", "list"]).run(&project.path("clinic"));
    assert!(
        here.stdout.contains(&format!("{missing}\n")),
        "{}",
        here.stdout
    );
}

#[test]
fn a_version_that_is_imported_is_named_beside_the_one_that_is_not() {
    let Some(npm) = Npm::for_test("what_a_person_sees") else {
        return;
    };
    let manifest = r#"{"name": "@openfn/language-http", "version": "7.2.10", "main": "index.js"}"#;
    let package = Package::with_manifest(manifest)
        .named("http")
        .file("index.js", "exports.get = () => state => state;");
    let project = two_versions().file("clinic/adaptors/http.wasm", package.imported(&npm));
    let listed = in_folder(&project, &["adaptor", "list", "clinic"]).expect_code(0);
    assert!(
        listed
            .stdout
            .contains("7.2.0 is not imported (7.2.10 is): fonio adaptor import"),
        "{}",
        listed.stdout
    );
}

#[test]
fn what_is_here_is_named_once_and_no_line_of_the_list_is_too_long_to_read() {
    let project = Project::with_job("@openfn/language-nowhere@1.2.3", "fn(s => s)");
    project.write("adaptors/one.wasm", guest("says_one"));
    project.write("adaptors/two.wasm", guest("says_one"));
    let listed = in_folder(&project, &["adaptor", "list"]).expect_code(1);
    assert!(
        listed.stdout.contains(
            "\n    import it from npm: fonio adaptor import @openfn/language-nowhere@1.2.3\n"
        ),
        "{}",
        listed.stdout
    );
    for line in listed.stdout.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
    let here = listed
        .stdout
        .split_once("here now: ")
        .expect("it says what is here")
        .1;
    let names: Vec<&str> = here
        .split_whitespace()
        .map(|name| name.trim_end_matches(','))
        .collect();
    let mut once = names.clone();
    once.dedup();
    assert_eq!(names, once);
    assert!(names.contains(&"@openfn/language-http"), "{names:?}");
}

#[test]
fn where_no_project_is_the_hint_names_the_file_to_write() {
    let project = Project::new().file("jobs/job.js", "fn(s => s)");
    Program::called("openfn", ["jobs/job.js", "-a", "nowhere"])
        .run(project.dir())
        .expect_code(1)
        .expect_said("fonio adaptor import @openfn/language-nowhere -o jobs/adaptors/nowhere.wasm");
}

#[test]
fn an_adaptor_is_inspected_by_its_name_too() {
    let project = Project::new().file("adaptors/voice.wasm", guest("says_one"));
    let shown = |name: &str| {
        in_folder(&project, &["adaptor", "inspect", name])
            .expect_code(0)
            .stdout
    };
    assert!(shown("http").contains("get(path, options?)"));
    assert!(shown("@openfn/language-http@latest").contains("answers to  @openfn/language-http"));
    assert!(shown("voice").contains("attack("));
    assert!(shown("common").contains("dataValue"));
    in_folder(&project, &["adaptor", "inspect", "nowhere"])
        .expect_code(10)
        .expect_said("no adaptor here answers to @openfn/language-nowhere");
    in_folder(&project, &["adaptor", "inspect", "absent.wasm"])
        .expect_code(10)
        .expect_said("absent.wasm is not an adaptor");
}

#[test]
fn what_a_package_exports_in_a_namespace_and_the_collections_it_reaches_are_inspected() {
    let Some(npm) = Npm::for_test("what_a_person_sees") else {
        return;
    };
    let wasm = Package::new("export const http = { get: url => state => state };").imported(&npm);
    let project = Project::new().file("thing.wasm", wasm);
    let shown = in_folder(&project, &["adaptor", "inspect", "thing.wasm"]).expect_code(0);
    for words in ["http.get(", "wants       network, log, collections, events"] {
        assert!(
            shown.stdout.contains(words),
            "`{words}` is not in:\n{}",
            shown.stdout
        );
    }
    let json = in_folder(&project, &["adaptor", "inspect", "thing.wasm", "--json"]).json();
    assert_eq!(
        json["wants"],
        json!(["network", "log", "collections", "events"])
    );
}

#[test]
fn a_name_where_a_project_is_gets_the_option_that_was_forgotten() {
    let project = Project::with_job("@openfn/language-common", "fn(s => s)");
    in_folder(&project, &["run", "job"])
        .expect_code(2)
        .expect_said("fonio run job --project .");
    in_folder(&Project::new(), &["run", "job"])
        .expect_code(2)
        .expect_said("job cannot be read");
}

#[test]
fn a_failing_operation_on_the_first_line_is_shown_where_it_stands() {
    for (job, place) in [
        ("get('/x');", "job.js:1:1"),
        ("fn(s => s); get('/x');", "job.js:1:13"),
        ("\n  get('/x');", "job.js:2:3"),
    ] {
        let said = Job::new(job)
            .adaptor("http")
            .run()
            .expect_failure(1, "is relative");
        assert!(said.contains(&format!("{place}\n")), "{said}");
    }
}
