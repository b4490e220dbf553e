//! `fonio adaptor new`, `build` and `test`, in every language, and components of other toolchains.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fonio_tests::authoring::{Workshop, as_author, contents, reachable, run};
use fonio_tests::{Answer, Ended, FarSide, Host, Job, Project, guests};
use serde_json::{Value, json};

/// Everything of this repository that decides what comes of a template, other than the template itself.
const BUILDERS: &[&[u8]] = &[
    include_bytes!("../../host/src/author/build.rs"),
    include_bytes!("../../host/src/author/rust.rs"),
    include_bytes!("../../host/src/author/python.rs"),
];

/// `fonio adaptor new clinic`, and then `build`, which is done once for what `new` writes.
fn new_and_built(language: &str, can_be_built: impl FnOnce() -> bool) -> Option<PathBuf> {
    let workshop = Workshop::enter(language);
    let new = ["adaptor", "new", "clinic", "--lang", language];
    let fresh = Project::new();
    as_author(fresh.dir(), &new).expect_code(0);
    let written = contents(&fresh.path("clinic"));
    let written = written.iter().map(Vec::as_slice);
    let sources: Vec<&[u8]> = written.chain(BUILDERS.iter().copied()).collect();
    let made = workshop.once(&sources, can_be_built, |dir| {
        as_author(dir, &new).expect_code(0);
        let built = as_author(dir, &["adaptor", "build", "clinic"]).expect_code(0);
        assert!(built.stdout.contains("clinic.wasm: "), "{built:#?}");
    });
    Some(made?.join("clinic"))
}

/// The repository itself needs what it takes.
fn rust() -> PathBuf {
    new_and_built("rust", || true).expect("it can always be built")
}

/// Nothing where PyPI cannot be reached.
fn python(test: &str) -> Option<PathBuf> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/templates");
    let folder = Project::new();
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ])
    .arg("-r")
    .arg(templates.join("python/requirements.txt"))
    .arg("-d")
    .arg(folder.dir());
    new_and_built("python", || reachable(test, pip))
}

/// Nothing where npm cannot be reached.
fn javascript(test: &str) -> Option<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["view", "esbuild", "version"]);
    let dir = new_and_built("js", || reachable(test, npm))?;
    // It takes two seconds, and much of this repository goes into it.
    as_author(&dir, &["adaptor", "build"]).expect_code(0);
    Some(dir)
}

/// An adaptor that knows nothing of Fonio but its WIT.
const GREETER: &str = r#"
    export const operations = {
        describe() {
            const name = { name: 'name', docs: 'Whom.', schema: '{"type": "string"}', optional: false };
            return {
                name: 'greeter', version: '1.0.0', docs: 'Greets.', credentialSchema: '{}', answersTo: [], wants: [],
                operations: [{ name: 'greet', docs: 'Greets: `greet("Asha")`.', parameters: [name] }],
            };
        },
        invoke(operation, args, state) {
            const [name] = JSON.parse(args);
            if (!name) throw { tag: 'invalid-argument', val: 'a name is needed' };
            return { data: JSON.stringify({ greeting: `Hello, ${name}` }) };
        },
    };
"#;

/// Made by `@bytecodealliance/componentize-js`; nothing where npm cannot be reached.
fn greeter(test: &str) -> Option<PathBuf> {
    Workshop::component_of_javascript(test, "greeter", GREETER)
}

/// Runs the cases that `new` wrote.
#[track_caller]
fn passes_its_own_cases(dir: &Path) {
    let ended = as_author(dir, &["adaptor", "test", "--json"]).expect_code(0);
    let told = ended.json();
    assert_eq!(
        (&told["passed"], &told["failed"]),
        (&json!(3), &json!(0)),
        "{told:#}"
    );
}

#[test]
fn a_new_adaptor_in_rust_builds_and_passes_its_cases() {
    let dir = rust();
    passes_its_own_cases(&dir);
    let said = as_author(&dir, &["adaptor", "test"]).expect_code(0).stdout;
    assert!(said.contains("ok    a patient is read by number"), "{said}");
    assert!(said.contains("3 passed, 0 failed"), "{said}");
}

#[test]
fn a_new_adaptor_in_rust_has_native_tests_that_pass() {
    let dir = rust();
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet"]);
    let ended = run(cargo, &dir).expect_code(0);
    assert!(ended.stdout.contains("2 passed"), "{ended:#?}");
}

#[test]
fn a_new_adaptor_in_javascript_builds_and_passes_its_cases() {
    if let Some(dir) = javascript("an adaptor in JavaScript") {
        passes_its_own_cases(&dir);
    }
}

#[test]
fn a_new_adaptor_in_python_builds_and_passes_its_cases() {
    if let Some(dir) = python("an adaptor in Python") {
        passes_its_own_cases(&dir);
    }
}

#[test]
fn a_component_of_another_toolchain_is_an_adaptor() {
    let Some(wasm) = greeter("a component by componentize-js") else {
        return;
    };
    let shown = as_author(
        wasm.parent().expect("in a folder"),
        &["adaptor", "inspect", "greeter.wasm"],
    );
    let shown = shown.expect_code(0).stdout;
    for line in [
        "greeter 1.0.0",
        "greet(name)",
        "wasi:filesystem/preopens@0.2",
    ] {
        assert!(shown.contains(line), "{line} in:\n{shown}");
    }
    let bytes = fs::read(&wasm).expect("it was made");
    let state = Job::new("greet('Asha')").adaptor_file(&bytes).run().state();
    assert_eq!(state["data"], json!({"greeting": "Hello, Asha"}));
    let said = Job::new("greet('')")
        .adaptor_file(&bytes)
        .run()
        .expect_failure(1, "a name is needed");
    assert!(said.contains("job.js:1:1"), "{said}");
}

#[test]
fn adaptors_of_every_toolchain_drop_into_one_running_project() {
    let test = "adaptors of every toolchain in one project";
    let clinic = |dir: PathBuf| {
        (
            dir.join("clinic.wasm"),
            "getPatient(7)",
            json!({"id": 7, "path": "/patients/7"}),
        )
    };
    let mut dropped = vec![("in-rust", clinic(rust()))];
    dropped.extend(javascript(test).map(|dir| ("in-javascript", clinic(dir))));
    dropped.extend(python(test).map(|dir| ("in-python", clinic(dir))));
    let greeting = json!({"greeting": "Hello, Asha"});
    dropped.extend(greeter(test).map(|wasm| ("in-another", (wasm, "greet('Asha')", greeting))));

    let far_side = FarSide::answering(|request| {
        let id: u64 = request
            .target
            .rsplit('/')
            .next()
            .and_then(|id| id.parse().ok())
            .unwrap_or_default();
        Answer::json(&json!({"id": id, "path": request.target}))
    });
    let credential = json!({"baseUrl": far_side.origin(), "token": "T"});
    // A file is named by its name, a package of JavaScript by that in its package.json.
    let adaptor = |name: &'static str| {
        if name == "in-javascript" {
            "clinic"
        } else {
            name
        }
    };
    let mut jobs = String::from("jobs:\n");
    for (name, (_, expression, _)) in &dropped {
        let adaptor = adaptor(name);
        jobs += &format!(
            "  {name}:\n    adaptor: {adaptor}\n    credential: clinic\n    trigger: any\n    expression: {expression}\n"
        );
    }
    let yaml = jobs + "triggers:\n  any:\n    criteria: '{}'\ncredentials: {}\n";
    let host = Host::serving(
        Project::new()
            .file("project.yaml", yaml)
            .file("credentials/clinic.json", credential.to_string())
            .file("fonio.toml", far_side.granted()),
    );
    host.wait_for_problem("no adaptor here answers to");
    for (name, (wasm, ..)) in &dropped {
        warm(wasm);
        let bytes = fs::read(wasm).expect("it was built");
        host.project
            .replace(&format!("adaptors/{name}.wasm"), bytes);
    }
    host.wait_for_no_problems();
    let run = host.run(&json!({}));
    for (name, (_, _, expected)) in &dropped {
        assert_eq!(run.step_of(name).output["data"], *expected, "{run:#?}");
    }
}

/// Large components take a host some seconds to compile, the first time; the test is not about that.
fn warm(wasm: &Path) {
    let path = wasm.display().to_string();
    as_author(
        wasm.parent().expect("in a folder"),
        &["adaptor", "inspect", &path],
    )
    .expect_code(0);
}

#[test]
fn a_name_that_is_taken_or_is_none_is_refused() {
    let project = Project::new().file("taken/mine.txt", "");
    let new = |name: &str| as_author(project.dir(), &["adaptor", "new", name, "--lang", "python"]);
    new("taken").expect_code(2).expect_said("is there already");
    new("../escaped")
        .expect_code(2)
        .expect_said("is no name for an adaptor");
    assert_eq!(fs::read_dir(project.dir()).expect("it is there").count(), 1);
}

#[test]
fn a_folder_without_an_adaptor_is_refused() {
    let project = Project::new();
    let built = as_author(project.dir(), &["adaptor", "build"]);
    built.expect_code(2).expect_said("holds no adaptor");
    let tested = as_author(project.dir(), &["adaptor", "test"]);
    tested.expect_code(2).expect_said("has no cases");
}

#[test]
fn source_that_does_not_build_is_said_by_the_compiler() {
    let dir = rust();
    let broken = Project::new()
        .file("Cargo.toml", "[package]\nname = \"broken\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n")
        .file("src/lib.rs", "fn broken() -> u8 { \"text\" }\n");
    let ended = as_author(broken.dir(), &["adaptor", "build"]);
    let ended = ended
        .expect_code(1)
        .expect_said("did not build; the reasons are above");
    assert!(
        ended.stderr.contains("mismatched types"),
        "{}",
        ended.stderr
    );
    // No world: a module, but no component.
    broken.write(
        "src/lib.rs",
        "#[unsafe(no_mangle)] pub extern \"C\" fn nothing() {}\n",
    );
    let ended = as_author(broken.dir(), &["adaptor", "build"]);
    ended
        .expect_code(1)
        .expect_said("it implements no WIT world");
    assert!(dir.join("clinic.wasm").is_file());
}

/// Runs one case against the http adaptor that the program carries.
fn tried(case: &Value) -> Ended {
    let project = Project::new().file("tests/case.json", case.to_string());
    let http = guests().join("http.wasm").display().to_string();
    as_author(project.dir(), &["adaptor", "test", "--wasm", &http])
}

#[test]
fn a_case_passes_when_requests_and_result_are_as_expected() {
    let case = json!({
        "name": "two requests, one after the other",
        "job": "get('/a', { query: { x: 1 } }); post('/b', { body: $.data, headers: { 'x-kind': 'test' } })",
        "state": { "configuration": { "baseUrl": "$FAR_SIDE" } },
        "farSide": [
            { "expect": { "method": "GET", "path": "/a?x=1" }, "reply": { "body": { "self": "$FAR_SIDE/a" } } },
            { "expect": { "method": "POST", "path": "/b", "headers": { "X-Kind": "test" }, "body": { "self": "$FAR_SIDE/a" } },
              "reply": { "status": 201, "headers": { "content-type": "text/html" }, "body": "made" } },
        ],
        "expect": { "data": "made" },
    });
    let said = tried(&case).expect_code(0).stdout;
    assert!(
        said.contains("ok    two requests, one after the other ("),
        "{said}"
    );
}

#[test]
fn a_case_reaches_nothing_but_its_far_side() {
    let case = json!({
        "name": "elsewhere",
        "operation": "get",
        "arguments": ["http://127.0.0.1:9/"],
        "expect": { "error": { "code": "DENIED", "message": "127.0.0.1:9" } },
    });
    tried(&case).expect_code(0);
}

#[test]
fn a_case_fails_with_every_place_that_differs() {
    let case = |job: &str, far_side: Value, expect: Value| {
        json!({ "name": "n", "job": job, "farSide": far_side, "expect": expect,
                "state": { "configuration": { "baseUrl": "$FAR_SIDE" } } })
    };
    let a = |body: Value| json!([{ "expect": { "path": "/a" }, "reply": { "body": body } }]);
    for (case, words) in [
        (
            case(
                "get('/a')",
                a(json!({"n": [1, 2]})),
                json!({"data": {"n": [1, 3]}}),
            ),
            "data/n/1\n        - 3\n        + 2",
        ),
        (
            case("get('/b')", a(json!(1)), json!({"data": 1})),
            "farSide/0/path\n        - \"/a\"\n        + \"/b\"",
        ),
        (
            case("fn(s => s)", a(json!(1)), json!({"state": {}})),
            "farSide/0: the request did not come: any method /a",
        ),
        (
            case("get('/a'); get('/a')", a(json!(1)), json!({"data": 1})),
            "GET /a came, and no further request is expected",
        ),
        (
            case("get('/a')", a(json!(1)), json!({"error": {"code": "404"}})),
            "an error was expected, and the job ended well",
        ),
        (
            case(
                "fn(() => { throw new TypeError('own') })",
                json!([]),
                json!({"error": {"name": "Error", "message": "other"}}),
            ),
            "error/name\n        - \"Error\"\n        + \"TypeError\"\n      error/message has not these words\n        - \"other\"",
        ),
        (
            case(
                "fn(() => { throw new Error('own') })",
                json!([]),
                json!({"data": 1}),
            ),
            "the job failed: Error: own",
        ),
        (
            case("nothing()", json!([]), json!({"data": 1})),
            "job:1:1: ",
        ),
    ] {
        let ended = tried(&case).expect_code(1);
        assert!(
            ended.stdout.contains("FAIL  n (tests/case.json)"),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains(words),
            "`{words}` is not in:\n{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains("0 passed, 1 failed"),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn a_file_that_is_no_case_is_named_with_the_reason() {
    tried(&json!({ "name": "n", "job": "fn(s => s)", "expects": {} }))
        .expect_code(2)
        .expect_said("tests/case.json is no case: unknown field `expects`");
}
