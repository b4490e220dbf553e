//! What a person types, and what they read.

use fonio_tests::{FarSide, Job, Program, Project, guest};
use serde_json::{Value, json};

/// Six mistakes, each of another kind.
const BROKEN: &str = "jobs:
  one:
    adaptor: '@openfn/language-common'
    trigger: missing
    expression: fn(state => state)
  two:
    adaptor: '@openfn/language-nowhere'
    trigger: any
    expression: frobnicate()
  three:
    adaptor: '@openfn/language-common'
    trigger: never
    credential: nobody
    expression: fn(state => state)
triggers:
  any:
    criteria: '{\"a\":'
  never:
    cron: 'every day'
credentials: {}
";

fn check(project: &Project, format: &str) -> fonio_tests::Ended {
    Program::new(["check", ".", "--format", format]).run(project.dir())
}

#[test]
fn check_finds_every_problem_with_its_place_and_what_would_help() {
    let project = Project::new().file("project.yaml", BROKEN);
    let ended = check(&project, "text").expect_code(1);
    for place in [
        "project.yaml:4:14",
        "project.yaml:17:20",
        "project.yaml:19:11",
        "project.yaml:13:17",
    ] {
        assert!(
            ended.stderr.contains(&format!("--> {place}")),
            "{place} is not in:\n{}",
            ended.stderr
        );
    }
    for word in ["missing", "every day", "nobody"] {
        assert!(
            ended.stderr.contains(word),
            "{word} is not in:\n{}",
            ended.stderr
        );
    }
    assert!(
        ended.stderr.contains(" = "),
        "no problem says what would help:\n{}",
        ended.stderr
    );
}

#[test]
fn check_compiles_the_jobs_and_finds_their_problems_too() {
    let project = Project::with_job(
        "@openfn/language-common",
        "fn(state => state);\nfrobnicate();\n",
    );
    check(&project, "text")
        .expect_code(1)
        .expect_said("--> jobs/job.js:2:1");
    let project = Project::with_job("@openfn/language-nowhere", "fn(state => state)");
    check(&project, "text")
        .expect_code(1)
        .expect_said("no adaptor here answers to @openfn/language-nowhere");
}

#[test]
fn check_tells_machines_the_same() {
    let problems = check(&Project::new().file("project.yaml", BROKEN), "json")
        .expect_code(1)
        .json();
    assert_eq!(problems["ok"], false);
    let problems = problems["problems"].as_array().expect("there are problems");
    assert!(problems.len() >= 4, "{problems:#?}");
    for problem in problems {
        assert_eq!(problem["file"], "project.yaml", "{problem}");
        assert!(
            problem["line"].as_u64().is_some_and(|line| line > 0),
            "{problem}"
        );
        assert!(
            problem["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{problem}"
        );
    }
}

#[test]
fn check_is_content_with_a_good_project() {
    let project = Project::with_job("@openfn/language-http", "get('/x')");
    let ended = check(&project, "text").expect_code(0);
    assert!(ended.stdout.contains("1 job"), "{}", ended.stdout);
    let found = check(&project, "json").expect_code(0).json();
    assert_eq!(
        (&found["ok"], &found["problems"]),
        (&json!(true), &json!([]))
    );
}

#[test]
fn a_mistyped_key_in_the_settings_is_found_and_the_right_one_proposed() {
    let project = Project::with_job("@openfn/language-common", "fn(state => state)");
    project.write("fonio.toml", "[limits]\nmemroy = \"64MiB\"\n");
    let ended = check(&project, "text");
    assert!(ended.stderr.contains("fonio.toml:2:1"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("memory"),
        "the right key is proposed:\n{}",
        ended.stderr
    );
}

#[test]
fn an_empty_directory_is_no_project_and_the_sentence_says_what_one_is() {
    check(&Project::new(), "text")
        .expect_code(1)
        .expect_said("project.yaml");
}

#[test]
fn adaptor_list_names_what_jobs_can_use() {
    let project = Project::new().file("adaptors/voice.wasm", guest("says_one"));
    let ended = Program::new(["adaptor", "list", "."])
        .run(project.dir())
        .expect_code(0);
    for word in [
        "@openfn/language-common",
        "@openfn/language-http",
        "voice",
        "adaptors/voice.wasm",
    ] {
        assert!(
            ended.stdout.contains(word),
            "{word} is not in:\n{}",
            ended.stdout
        );
    }
    let json = Program::new(["adaptor", "list", ".", "--json"])
        .run(project.dir())
        .expect_code(0)
        .json();
    let names: Vec<&Value> = json["adaptors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|adaptor| &adaptor["name"])
        .collect();
    assert!(
        names.contains(&&json!("voice")) && names.contains(&&json!("http")),
        "{json}"
    );
}

#[test]
fn adaptor_inspect_shows_operations_schema_and_imports_before_anyone_trusts_the_file() {
    let project = Project::new().file("x.wasm", guest("opens_a_socket"));
    let ended = Program::new(["adaptor", "inspect", "x.wasm"])
        .run(project.dir())
        .expect_code(0);
    for word in ["test 1.0.0", "attack(argument?)", "wasi:sockets/tcp"] {
        assert!(
            ended.stdout.contains(word),
            "{word} is not in:\n{}",
            ended.stdout
        );
    }
    let json = Program::new(["adaptor", "inspect", "x.wasm", "--json"])
        .run(project.dir())
        .expect_code(0)
        .json();
    assert_eq!(json["operations"][0]["name"], "attack");
    project.write("y.wasm", b"");
    let empty = Program::new(["adaptor", "inspect", "y.wasm"]).run(project.dir());
    empty
        .expect_code(10)
        .expect_said("y.wasm is not an adaptor: the file is empty");
}

#[test]
fn run_exits_with_0_1_2_3_or_10() {
    let far_side = FarSide::saying(json!({}));
    Job::new("fn(state => state)").run().ended.expect_code(0);
    Job::new("fn(() => { throw new Error('x'); })")
        .run()
        .ended
        .expect_code(1);
    Job::new(&format!("get('{}')", far_side.url("/")))
        .adaptor("http")
        .run()
        .ended
        .expect_code(3);
    Job::new("fn(state => {").run().ended.expect_code(10);
    Job::new("fn(state => state)")
        .adaptor("nowhere")
        .run()
        .ended
        .expect_code(10);
    let project = Project::new()
        .file("job.js", "fn(state => state)")
        .file("list.json", "[1]")
        .file("half.json", "{");
    for wrong in [
        &["run"][..],
        &["run", "absent.js"],
        &["run", "job.js", "--frobnicate"],
        &["run", "job.js", "-S", "{"],
        &["run", "job.js", "-s", "half.json"],
        &["run", "job.js", "-s", "list.json"],
        &["run", "job.js", "-s", "absent.json"],
        &["run", "job.js", "-c", "half.json"],
        &["run", "job.js", "--allow", "not an origin"],
        &["frobnicate"],
        &[],
    ] {
        let ended = Program::new(wrong).run(project.dir());
        assert_eq!(ended.code, Some(2), "{wrong:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty(), "{wrong:?} says nothing");
    }
}

#[test]
fn run_reads_state_and_credential_from_files_and_writes_the_final_state_to_one() {
    let project = Project::new()
        .file(
            "job.js",
            "fn(state => ({ ...state, user: state.configuration.username }))",
        )
        .file("state.json", r#"{"data":{"a":1}}"#)
        .file("credential.json", r#"{"username":"ama"}"#);
    let arguments = [
        "run",
        "job.js",
        "-s",
        "state.json",
        "-c",
        "credential.json",
        "-o",
        "out.json",
    ];
    let ended = Program::new(arguments).run(project.dir()).expect_code(0);
    assert_eq!(ended.stdout, "", "the state is in the file alone");
    let written = std::fs::read_to_string(project.path("out.json")).expect("the state was written");
    assert_eq!(
        serde_json::from_str::<Value>(&written).expect("it is JSON"),
        json!({"data": {"a": 1}, "user": "ama"})
    );
}

#[test]
fn run_takes_a_job_of_a_project_by_its_name() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let project = Project::with_job(
        "@openfn/language-http",
        &format!("get('{}')", far_side.url("/x")),
    );
    project.write("fonio.toml", far_side.granted());
    let dir = project.dir().to_str().expect("a path of text");
    let elsewhere = Project::new();
    let state = Program::new(["run", "job", "--project", dir])
        .run(elsewhere.dir())
        .expect_code(0)
        .json();
    assert_eq!(state["data"], json!({"ok": true}));
    let wrong = Program::new(["run", "jab", "--project", dir])
        .run(elsewhere.dir())
        .expect_code(2);
    assert!(
        wrong.stderr.contains("its jobs are job"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_log_of_a_job_goes_to_standard_error_so_that_its_state_can_be_piped() {
    let ended = Job::new(
        "fn(state => { console.log('on my way'); console.warn('careful'); return state; })",
    )
    .run()
    .ended;
    let ended = ended
        .expect_code(0)
        .expect_said("on my way")
        .expect_said("careful");
    assert_eq!(ended.json(), json!({}));
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    for arguments in [
        &["check", "."][..],
        &["run", "job.js"],
        &["--help"],
        &["run", "--help"],
    ] {
        let ended =
            Program::new(arguments).run(Project::new().file("job.js", "fn(state => {").dir());
        assert!(
            !(ended.stdout + &ended.stderr).contains('\u{1b}'),
            "{arguments:?}"
        );
    }
}

#[test]
fn every_help_text_says_what_to_do() {
    let dir = Project::new();
    let help = |arguments: &[&str]| Program::new(arguments).run(dir.dir()).expect_code(0).stdout;
    let top = help(&["--help"]);
    for word in [
        "serve",
        "run",
        "check",
        "adaptor",
        "project.yaml",
        "fonio.toml",
    ] {
        assert!(top.contains(word), "{word} is not in:\n{top}");
    }
    assert!(
        !top.contains("compile-guest"),
        "what the program calls itself is nobody's business:\n{top}"
    );
    let serve = help(&["serve", "--help"]);
    for word in [
        "--listen",
        "4001",
        "PROJECT_DIR",
        "--data",
        ".fonio",
        "SIGTERM",
        "--dev",
        "--tls-cert",
    ] {
        assert!(serve.contains(word), "{word} is not in:\n{serve}");
    }
    let run = help(&["run", "--help"]);
    for word in [
        "--adaptor",
        "--state",
        "--credential",
        "--output",
        "--project",
        "--allow",
        "10",
    ] {
        assert!(run.contains(word), "{word} is not in:\n{run}");
    }
    assert!(help(&["check", "--help"]).contains("--format"));
    assert!(help(&["adaptor", "--help"]).contains("inspect"));
    assert!(help(&["--version"]).starts_with("fonio "));
}

#[test]
fn a_problem_in_a_folded_expression_shows_the_line_of_the_file() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:\n  job:\n    adaptor: common\n    trigger: any\n    expression: >\n      fn(state => state);\n      \
         fnn(state => state);\ntriggers: { any: { criteria: '{}' } }\ncredentials: {}\n",
    );
    let ended = Program::new(["check", "."])
        .run(project.dir())
        .expect_code(1);
    ended
        .expect_said("--> project.yaml:7:7")
        .expect_said("7 |       fnn(state => state);\n  |       ^^^\n");
}

#[test]
fn a_folder_that_is_not_there_and_a_file_in_place_of_one_are_wrong_use() {
    let project = Project::new().file("wf.json", "{}");
    Program::new(["adaptor", "list", "nosuch"])
        .run(project.dir())
        .expect_code(2)
        .expect_said("there is no folder nosuch");
    Program::new(["check", "wf.json"])
        .run(project.dir())
        .expect_code(2)
        .expect_said("wf.json is a file")
        .expect_said("fonio project import wf.json");
}

#[test]
fn an_error_in_a_job_within_the_project_file_stands_where_it_is_in_that_file() {
    let yaml = "jobs:\n  job:\n    adaptor: '@openfn/language-common'\n    trigger: any\n    expression: |\n      fn(state => state);\n      fn(state => state.no.such);\ntriggers:\n  any:\n    criteria: '{}'\n";
    let project = Project::new().file("project.yaml", yaml);
    let ended = Program::new(["run", "job", "--project", "."]).run(project.dir());
    ended.expect_code(1).expect_said("project.yaml:7:");
}
