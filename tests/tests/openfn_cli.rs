//! The program called as `openfn`: scripts around OpenFn's command line keep working.

use fonio_tests::{Ended, FarSide, Program, Project};
use serde_json::{Value, json};

/// Three steps, each of which adds its letter.
const LETTERS: &str = r#"{ "workflow": { "name": "letters", "steps": [
  { "id": "a", "adaptor": "common", "expression": "fn(s => ({ ...s, data: { items: [...(s.data.items ?? []), 'a'] } }))", "next": "b" },
  { "id": "b", "name": "Second of all", "expression": "fn(s => ({ ...s, data: { items: [...(s.data.items ?? []), 'b'] } }))", "next": { "c": true } },
  { "id": "c", "expression": "fn(s => ({ ...s, data: { items: [...(s.data.items ?? []), 'c'] } }))" }
] } }"#;

fn openfn(project: &Project, arguments: &[&str]) -> Ended {
    Program::called("openfn", arguments).run(project.dir())
}

/// What it wrote, after checking that the run ended.
#[track_caller]
fn written(project: &Project, arguments: &[&str], file: &str) -> Value {
    openfn(project, arguments).expect_code(0);
    read(project, file)
}

#[track_caller]
fn read(project: &Project, file: &str) -> Value {
    let text = std::fs::read_to_string(project.path(file))
        .unwrap_or_else(|error| panic!("{file} was not written: {error}"));
    serde_json::from_str(&text).expect("what was written is JSON")
}

fn letters() -> Project {
    Project::new().file("flow.json", LETTERS)
}

#[track_caller]
fn expect_printed(ended: &Ended, words: &str) {
    assert!(
        ended.stdout.contains(words),
        "`{words}` is not in:\n{}",
        ended.stdout
    );
}

#[test]
fn a_job_leaves_its_state_in_output_json_beside_it() {
    let project = Project::new().file(
        "jobs/count.js",
        "fn(s => ({ ...s, data: { n: s.data.n + 1 } }))",
    );
    let state = written(
        &project,
        &[
            "jobs/count.js",
            "-ia",
            "common",
            "-S",
            r#"{"data":{"n":1},"configuration":{"x":1}}"#,
        ],
        "jobs/output.json",
    );
    assert_eq!(state, json!({"data": {"n": 2}}));
    let state = written(
        &project,
        &[
            "execute",
            "jobs/count.js",
            "-S",
            r#"{"data":{"n":5}}"#,
            "-o",
            "new/out.json",
        ],
        "new/out.json",
    );
    assert_eq!(state, json!({"data": {"n": 6}}));
}

#[test]
fn a_folder_stands_for_the_job_js_in_it() {
    let project = Project::new().file("intake/job.js", "fn(s => ({ done: true }))");
    assert_eq!(
        written(&project, &["intake"], "intake/output.json"),
        json!({"done": true})
    );
    openfn(&Project::new().file("empty/x.txt", ""), &["empty"])
        .expect_code(1)
        .expect_said("there is nothing to run in empty");
}

#[test]
fn state_comes_from_a_file_and_goes_to_one() {
    let project = Project::new()
        .file("job.js", "fn(s => ({ ...s, n: (s.n ?? 0) + 1 }))")
        .file("half.json", "{")
        .file("list.json", "[1]");
    let again = ["job.js", "-s", "kept.json", "-o", "kept.json"];
    let first = openfn(&project, &again).expect_code(0);
    first.expect_said("there is no state in kept.json");
    assert_eq!(written(&project, &again, "kept.json")["n"], 2);
    for wrong in [
        ["-s", "half.json"],
        ["-s", "list.json"],
        ["-S", "{"],
        ["-S", "7"],
    ] {
        openfn(&project, &["job.js", wrong[0], wrong[1]])
            .expect_code(1)
            .expect_said("JSON");
    }
}

#[test]
fn output_can_be_printed_instead() {
    let project = Project::new().file("job.js", "fn(s => ({ data: [1] }))");
    let ended = openfn(&project, &["job.js", "-O", "-l", "none,job=none"]).expect_code(0);
    assert_eq!(ended.json(), json!({"data": [1]}));
    assert!(
        !project.path("output.json").exists(),
        "nothing else is written"
    );
}

#[test]
fn errors_in_a_job_leave_exit_code_0_and_an_output_that_tells_of_them() {
    let project = Project::new().file("job.js", "fn(s => { throw new Error('no such clinic'); })");
    let ended = openfn(&project, &["job.js", "-a", "common"]).expect_code(0);
    expect_printed(&ended, "with errors");
    ended
        .expect_said("Errors reported in 1 jobs")
        .expect_said("--> job.js:1:21");
    let error = &read(&project, "output.json")["errors"]["job-1"];
    assert_eq!(
        [
            &error["name"],
            &error["severity"],
            &error["message"],
            &error["source"]
        ],
        [
            &json!("JobError"),
            &json!("fail"),
            &json!("no such clinic"),
            &json!("runtime")
        ]
    );
}

#[test]
fn a_run_that_crashes_is_killed_or_cannot_begin_has_exit_code_1_and_no_output() {
    let project = Project::new()
        .file("crash.js", "fn(s => { nowhere.x; })")
        .file("slow.js", "fn(s => { for (;;); })")
        .file("broken.js", "fn(s => {")
        .file("unknown.js", "frobnicate()")
        .file("lost.json", r#"{ "workflow": { "steps": [{ "id": "a", "expression": "./absent.js" }] } }"#)
        .file("circle.json", r#"{ "workflow": { "steps": [{ "id": "a", "expression": "fn(s => s)", "next": "b" }, { "id": "b", "expression": "fn(s => s)", "next": "a" }] } }"#);
    for (arguments, said) in [
        (&["crash.js"][..], "nowhere is not defined"),
        (&["slow.js", "-t", "50"], "50ms"),
        (&["broken.js"], "broken.js:1"),
        (&["unknown.js"], "frobnicate"),
        (&["lost.json"], "absent.js"),
        (&["circle.json"], "a"),
        (&["crash.js", "flow"], "flow can be no workflow"),
        (&["absent.js"], "job not found"),
        (&["absent.json"], "workflow not found"),
        (&["absent"], "openfn.yaml"),
        (
            &["crash.js", "-a", "nowhere"],
            "no adaptor here answers to @openfn/language-nowhere",
        ),
        (
            &["crash.js", "-a", "http=./http"],
            "fonio adaptor import http",
        ),
        (&["crash.js", "--frobnicate"], "--frobnicate"),
        (&["crash.js", "-l", "loud"], "none, default, info and debug"),
        (&["crash.js", "--allow", "nonsense"], "--allow nonsense"),
    ] {
        openfn(&project, arguments).expect_code(1).expect_said(said);
        assert!(
            !project.path("output.json").exists(),
            "{arguments:?} wrote an output"
        );
    }
}

#[test]
fn a_workflow_runs_from_its_start_to_its_end_or_in_part() {
    let project = letters();
    let items = |more: &[&str]| {
        let arguments: Vec<&str> = ["flow.json"].iter().chain(more).copied().collect();
        written(&project, &arguments, "output.json")["data"]["items"].clone()
    };
    assert_eq!(items(&[]), json!(["a", "b", "c"]));
    assert_eq!(
        items(&["-S", r#"{"data":{"items":["z"]}}"#]),
        json!(["z", "a", "b", "c"])
    );
    assert_eq!(
        items(&["--start", "b", "-S", r#"{"data":{}}"#]),
        json!(["b", "c"])
    );
    assert_eq!(items(&["--end", "b"]), json!(["a", "b"]));
    assert_eq!(items(&["--only", "b", "-S", "{}"]), json!(["b"]));
    assert_eq!(items(&["--only", "Second", "-S", "{}"]), json!(["b"]));
    openfn(&project, &["flow.json", "--only", "z"])
        .expect_code(1)
        .expect_said("its steps are a, b, c");
}

#[test]
fn a_part_of_a_name_that_fits_several_steps_names_them() {
    let project = Project::new().file(
        "flow.yaml",
        "steps:\n  - { id: send-one, expression: 'fn(s => s)', next: send-two }\n  - { id: send-two, expression: 'fn(s => s)' }\n",
    );
    openfn(&project, &["flow.yaml", "--start", "send"])
        .expect_code(1)
        .expect_said("send-one, send-two");
}

#[test]
fn what_steps_left_is_kept_and_a_later_start_takes_it_up() {
    let project = letters();
    openfn(&project, &["flow.json", "--start", "c"])
        .expect_code(0)
        .expect_said("none is kept of b");
    openfn(
        &project,
        &[
            "flow.json",
            "--cache-steps",
            "-S",
            r#"{"data":{"items":["z"]},"configuration":{"k":"hush"}}"#,
        ],
    )
    .expect_code(0);
    assert_eq!(
        read(&project, ".cli-cache/letters/b.json"),
        json!({"data": {"items": ["z", "a", "b"]}})
    );
    assert!(project.path(".cli-cache/.gitignore").exists());
    let state = written(&project, &["flow.json", "--start", "c"], "output.json");
    assert_eq!(state["data"]["items"], json!(["z", "a", "b", "c"]));
    let state = written(
        &project,
        &["flow.json", "--start", "c", "-S", "{}"],
        "output.json",
    );
    assert_eq!(
        state["data"]["items"],
        json!(["c"]),
        "a state that is given wins"
    );
}

#[test]
fn conditions_several_leaves_and_a_failing_branch_come_out_as_in_openfn() {
    let flow = |condition: &str| {
        format!(
            r#"{{ "workflow": {{ "steps": [
                {{ "id": "first", "expression": "fn(s => s)", "next": {{ "small": "state.data.n < 10", "large": "{condition}" }} }},
                {{ "id": "small", "expression": "fn(s => ({{ size: 'small' }}))" }},
                {{ "id": "large", "expression": "fn(s => {{ throw new Error('too large') }})" }}
            ] }} }}"#
        )
    };
    let project = Project::new()
        .file("one.json", flow("state.data.n >= 10"))
        .file("both.json", flow("true"));
    let state = ["-S", r#"{"data":{"n":5}}"#];
    assert_eq!(
        written(&project, &["one.json", state[0], state[1]], "output.json"),
        json!({"size": "small"})
    );
    let ended = openfn(&project, &["both.json", state[0], state[1]]).expect_code(0);
    ended.expect_said("Errors reported in 1 jobs");
    let both = read(&project, "output.json");
    assert_eq!(both["small"], json!({"size": "small"}));
    assert_eq!(both["large"]["errors"]["large"]["message"], "too large");
}

#[test]
fn credentials_come_from_a_map_and_reach_no_output() {
    let step = |credential: &str| {
        format!(
            r#"{{ "workflow": {{ "steps": [{{ "id": "a", "configuration": "{credential}", "expression": "fn(s => ({{ user: s.configuration.user }}))" }}] }} }}"#
        )
    };
    let project = Project::new()
        .file("flow.json", step("registry"))
        .file("owned.json", step("ana@example.org|registry"))
        .file(
            "map.yaml",
            "registry: { user: ana }\nana@example.org|registry: { user: bea }\n",
        )
        .file("map.json", r#"{ "registry": { "user": "cleo" } }"#)
        .file("bad.yaml", "registry: hush\n");
    let user = |flow: &str, map: &str| {
        let ended = openfn(&project, &[flow, "--credentials", map]).expect_code(0);
        assert!(!ended.stderr.contains("no content"), "{}", ended.stderr);
        read(&project, "output.json")
    };
    assert_eq!(user("flow.json", "map.yaml"), json!({"user": "ana"}));
    assert_eq!(user("flow.json", "map.json"), json!({"user": "cleo"}));
    assert_eq!(user("owned.json", "map.yaml"), json!({"user": "bea"}));
    let refused = openfn(&project, &["flow.json", "--credentials", "bad.yaml"]).expect_code(1);
    assert!(
        !refused.stderr.contains("hush"),
        "a secret is shown:\n{}",
        refused.stderr
    );
}

#[test]
fn the_network_is_shut_but_for_credentials_allow_and_fonio_toml() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let origin = far_side.url("");
    let project = Project::new().file("jobs/job.js", format!("get('{}')", far_side.url("/x")));
    let job = ["jobs/job.js", "-a", "http"];
    let refused = openfn(&project, &job).expect_code(0);
    refused.expect_said("[network]").expect_said("--allow");
    let data = |more: &[&str]| {
        let arguments: Vec<&str> = job.iter().chain(more).copied().collect();
        written(&project, &arguments, "jobs/output.json")["data"].clone()
    };
    let ok = json!({"ok": true});
    assert_eq!(data(&["--allow", origin.trim_end_matches('/')]), ok);
    let own = json!({"configuration": {"baseUrl": origin}}).to_string();
    assert_eq!(data(&["-S", &own]), ok);
    project.write("fonio.toml", far_side.granted());
    assert_eq!(data(&[]), ok);
    project.delete("fonio.toml");
    project.write("jobs/fonio.toml", far_side.granted());
    assert_eq!(data(&[]), ok);
}

#[test]
fn a_file_stands_for_an_adaptor_in_a_job_and_in_a_workflow() {
    let flow = r#"{ "workflow": { "steps": [{ "id": "a", "adaptor": "voice@1.0.0", "expression": "attack()" }] } }"#;
    let project = Project::new()
        .file("job.js", "attack()")
        .file("flow.json", flow)
        .file("build/mine.wasm", fonio_tests::guest("says_one"))
        .file("build/empty.wasm", "");
    for arguments in [
        &["job.js", "-a", "build/mine.wasm"][..],
        &["job.js", "-a", "common", "-a", "voice=build/mine.wasm"],
        &["flow.json", "-a", "voice=build/mine.wasm"],
    ] {
        assert_eq!(
            written(&project, arguments, "output.json")["data"],
            "one",
            "{arguments:?}"
        );
    }
    openfn(&project, &["flow.json"])
        .expect_code(1)
        .expect_said("@openfn/language-voice");
    openfn(&project, &["job.js", "-a", "build/empty.wasm"])
        .expect_code(1)
        .expect_said("build/empty.wasm is not an adaptor: the file is empty");
    openfn(&project, &["job.js", "-a", "http", "-a", "build/mine.wasm"])
        .expect_code(1)
        .expect_said("one adaptor beside the common operations");
}

#[test]
fn a_workspace_has_workflows_by_name() {
    let project = Project::new()
        .file("openfn.yaml", "project: { id: clinic }\nworkspace: { credentials: credentials.yaml }\n")
        .file("credentials.yaml", "registry: { user: ana }\n")
        .file("workflows/intake/intake.yaml", "id: intake\nname: Intake\nsteps:\n  - { id: read, expression: ./read.js, configuration: registry }\n")
        .file("workflows/intake/read.js", "fn(s => ({ user: s.configuration.user }))")
        .file("workflows/other/other.yaml", "id: other\nsteps:\n  - { id: x, expression: 'frobnicate()' }\n");
    assert_eq!(
        written(&project, &["intake"], "workflows/intake/output.json"),
        json!({"user": "ana"})
    );
    assert_eq!(
        written(&project, &[".", "Intake", "-o", "out.json"], "out.json"),
        json!({"user": "ana"})
    );
    openfn(&project, &["."])
        .expect_code(1)
        .expect_said("intake, other");
    openfn(&project, &["nowhere"])
        .expect_code(1)
        .expect_said("intake, other");
}

#[test]
fn lines_look_as_openfns_do_and_levels_choose_among_them() {
    let project = Project::new().file(
        "job.js",
        "fn(s => { console.log('on my way'); console.error('oh'); return s; })",
    );
    let ended = openfn(&project, &["job.js", "-a", "common", "-i"]).expect_code(0);
    expect_printed(&ended, "[JOB] ℹ on my way");
    expect_printed(&ended, "[CLI] ✔ Finished in ");
    assert!(!ended.stdout.contains("--autoinstall"), "{}", ended.stdout);
    let ended = ended.expect_said("[JOB] ✘ oh");
    assert!(
        !(ended.stdout + &ended.stderr).contains('\u{1b}'),
        "no colours where nobody looks"
    );
    let info = openfn(&project, &["job.js", "-a", "common", "-i", "-l", "info"]);
    expect_printed(&info, "--autoinstall has nothing to do here");
    let none = openfn(&project, &["job.js", "-l", "none"]);
    assert_eq!(none.stdout, "[JOB] ℹ on my way\n");
    let silent = openfn(&project, &["job.js", "-l", "none", "-l", "job=none"]);
    assert_eq!(
        (silent.stdout.as_str(), silent.stderr.as_str()),
        ("", "[JOB] ✘ oh\n")
    );
}

#[test]
fn objects_that_a_job_logs_are_shown_as_sanitize_asks() {
    let job = "fn(s => { console.log('got', { b: 1, a: 2 }, [1, 2], 7); console.log({ x: 1 }); console.log({}, []); return s; })";
    let flow = r#"{ "workflow": { "globals": "./own.js", "steps": [{ "id": "a", "expression": "fn(s => { console.log(twice([1])); return s; })" }] } }"#;
    let project = Project::new()
        .file("job.js", job)
        .file("own.js", "export const twice = list => [...list, ...list];")
        .file("flow.json", flow);
    let lines = |what: &str, policy: &str| {
        let ended = openfn(&project, &[what, "-l", "none", "--sanitize", policy]).expect_code(0);
        ended.stdout.replace("[JOB] ℹ ", "")
    };
    assert_eq!(
        lines("job.js", "none"),
        "got {\"b\":1,\"a\":2} [1,2] 7\n{\"x\":1}\n{} []\n"
    );
    assert_eq!(lines("job.js", "remove"), "got null null 7\n");
    assert_eq!(
        lines("job.js", "summarize"),
        "got (object with keys a, b) (array with 2 items) 7\n(object with keys x)\n(empty object) (empty array)\n"
    );
    assert_eq!(
        lines("job.js", "obfuscate"),
        "got [object] [array] 7\n[object]\n[object] [array]\n"
    );
    assert_eq!(lines("flow.json", "summarize"), "(array with 2 items)\n");
    openfn(&project, &["job.js", "--sanitize", "wash"])
        .expect_code(1)
        .expect_said("none, remove, summarize, obfuscate");
}

#[test]
fn hints_use_the_words_of_the_program_that_was_called() {
    let project = Project::new().file("job.js", "post('/x')");
    let said = openfn(&project, &["job.js"]).expect_code(1).stderr;
    assert!(
        said.contains("`openfn JOB -a`") && !said.contains("fonio run"),
        "{said}"
    );
}

#[test]
fn lines_can_be_json() {
    let project = Project::new().file(
        "job.js",
        "fn(s => { console.log('on my way'); return { data: 1 }; })",
    );
    let ended = openfn(&project, &["job.js", "-a", "common", "--log-json", "-O"]).expect_code(0);
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect();
    let of_job = lines
        .iter()
        .find(|line| line["name"] == "JOB")
        .expect("the job wrote");
    assert_eq!(
        (&of_job["level"], &of_job["message"]),
        (&json!("info"), &json!(["on my way"]))
    );
    assert!(
        of_job["time"]
            .as_str()
            .is_some_and(|time| time.parse::<u128>().is_ok())
    );
    assert!(
        lines
            .iter()
            .any(|line| line["message"] == json!([{"data": 1}]))
    );
    let failed = Program::called("openfn", ["absent.js"])
        .env("OPENFN_LOG_JSON", "true")
        .run(project.dir())
        .expect_code(1);
    let line: Value = serde_json::from_str(failed.stderr.trim()).expect("errors are JSON, too");
    assert_eq!(line["level"], "error");
}

#[test]
fn compile_prints_what_runs_or_writes_it() {
    let project = Project::new()
        .file("job.js", "get($.url);")
        .file("bad.js", "get(");
    let ended = openfn(&project, &["compile", "job.js", "-a", "http"]).expect_code(0);
    assert!(ended.stdout.contains("state.url"), "{}", ended.stdout);
    openfn(
        &project,
        &["compile", "job.js", "-a", "http", "-o", "new/out.js"],
    )
    .expect_code(0);
    let written = std::fs::read_to_string(project.path("new/out.js")).expect("it was written");
    assert_eq!(written.trim(), ended.stdout.trim());
    openfn(&project, &["compile", "bad.js", "-a", "http"])
        .expect_code(1)
        .expect_said("bad.js:1:")
        .expect_said("Failed to compile job");
    let json = openfn(&project, &["compile", "bad.js", "--log-json"]).expect_code(1);
    for line in json.stderr.lines() {
        let line: Value = serde_json::from_str(line).expect("every line is JSON");
        assert_eq!(line["level"], "error");
    }
}

#[test]
fn docs_tell_what_an_adaptor_can_do() {
    let dir = Project::new();
    let all = openfn(&dir, &["docs", "http"]).expect_code(0);
    expect_printed(&all, "get(path, options?)");
    let one = openfn(&dir, &["docs", "@openfn/language-http@latest", "post"]).expect_code(0);
    expect_printed(&one, "post(path, data?, options?)");
    expect_printed(
        &openfn(&dir, &["docs", "common"]).expect_code(0),
        "dataValue",
    );
    openfn(&dir, &["docs", "http", "frobnicate"])
        .expect_code(1)
        .expect_said("openfn docs");
}

#[test]
fn test_shows_that_all_is_well() {
    let ended = openfn(&Project::new(), &["test"]).expect_code(0);
    expect_printed(&ended, "Result: 42");
}

#[test]
fn what_only_openfn_has_is_told_in_a_sentence() {
    let dir = Project::new();
    for command in [
        "metadata",
        "pull",
        "deploy",
        "repo",
        "collections",
        "apollo",
    ] {
        openfn(&dir, &[command, "anything", "-l", "info"])
            .expect_code(1)
            .expect_said(&format!("openfn {command}: "));
    }
    for (words, instead) in [
        (
            &["repo", "install", "-a", "http@7.2.0"][..],
            "openfn repo install: adaptors are .wasm files here, made once of a package: fonio adaptor import http@7.2.0\n",
        ),
        (&["repo", "list"], "fonio adaptor list"),
        (&["install"], "fonio adaptor import @openfn/language-NAME"),
        (&["deploy"], "fonio serve"),
        (&["pull", "x"], "fonio project import"),
        (&["project", "pull"], "fonio project export"),
    ] {
        openfn(&dir, words).expect_code(1).expect_said(instead);
    }
    expect_printed(&openfn(&dir, &["version"]).expect_code(0), "fonio");
    for help in [
        &["--help"][..],
        &["help"],
        &[],
        &["compile", "help"],
        &["docs", "--help"],
    ] {
        expect_printed(&openfn(&dir, help).expect_code(0), "openfn");
    }
}
