//! Packages of npm's kind, imported and run: what they may do, and what they may not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use fonio_tests::{Answer, FarSide, Job, Npm, Package, Program, Project};
use serde_json::json;

/// Operations, a namespace, an own `execute`, and requests in the three ways that packages make them.
const THING: &str = r#"
    export const hello = name => async state => ({ ...state, data: `hello ${typeof name === 'function' ? name(state) : name}` });
    export const fail = () => state => { throw new TypeError('it went wrong'); };
    export const util = { shout: text => text.toUpperCase() };
    export const get = url => async state => ({ ...state, data: await (await fetch(url)).text() });
    export const all = (...urls) => async state => {
        const replies = await Promise.all(urls.map(url => fetch(url)));
        return { ...state, data: replies.map(reply => reply.status) };
    };
    export const wrapped = url => async state => {
        try { await fetch(url); } catch (error) { throw new Error(`the thing failed: ${error.cause?.message ?? error.message}`); }
    };
    export const spin = () => state => { for (;;); };
    export const grow = () => state => { const all = []; for (;;) all.push(new Array(10000).fill(all.length)); };
    export const execute = (...operations) => state =>
        operations.reduce((before, operation) => before.then(operation), Promise.resolve({ ...state, session: 1 }));
"#;

fn job(npm: &Npm, expression: &str) -> Job {
    Job::new(expression).adaptor_file(&Package::new(THING).imported(npm))
}

#[test]
fn an_export_that_cannot_be_read_is_skipped_with_a_note() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let getter = "exports.hello = () => state => ({ said: 'hello' });
        Object.defineProperty(exports, 'old', { enumerable: true, get() { throw new Error('gone since 2.0'); } });";
    let manifest = r#"{"name": "@acme/thing", "version": "1.0.0", "main": "index.cjs"}"#;
    let package = Package::with_manifest(manifest).file("index.cjs", getter);
    package
        .import(&npm)
        .expect_code(0)
        .expect_said("`old`, which cannot be read: gone since 2.0");
    let job = Job::new("hello();").adaptor_file(&package.imported(&npm));
    assert_eq!(job.run().state(), json!({"said": "hello"}));
}

#[test]
fn a_job_sees_what_the_package_exports_and_the_common_operations() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let expression = "hello($.name);\nfn(state => ({ ...state, data: util.shout(state.data) }));\n";
    let state = job(&npm, expression)
        .state(&json!({"name": "you"}))
        .run()
        .state();
    assert_eq!(
        state,
        json!({"name": "you", "session": 1, "data": "HELLO YOU"})
    );
}

#[test]
fn a_failure_points_into_the_job() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let said = job(&npm, "hello('x');\n\n  fail();\n")
        .run()
        .expect_failure(1, "it went wrong");
    assert!(said.contains("job.js:3:3"), "{said}");
}

#[test]
fn an_unknown_name_is_reported_with_the_nearest_that_the_package_exports() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let said = job(&npm, "helo('x');")
        .run()
        .expect_failure(10, "`helo` is not an operation");
    assert!(said.contains("did you mean `hello`?"), "{said}");
}

#[test]
fn a_request_that_is_not_granted_is_refused_with_the_line_that_grants_it_even_in_other_words() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let far_side = FarSide::saying(json!({}));
    for call in ["get", "wrapped"] {
        let expression = format!("{call}('{}');", far_side.url("/x"));
        let said = job(&npm, &expression)
            .run()
            .expect_failure(3, "was refused");
        assert!(
            said.contains(&format!("allow = [\"{}\"]", far_side.origin())),
            "{said}"
        );
    }
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn requests_made_together_are_under_way_together() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    // None is answered before all have arrived.
    let all_here = Arc::new(Barrier::new(5));
    let far_side = FarSide::answering(move |_| {
        all_here.wait();
        Answer::empty()
    });
    let urls: Vec<String> = (0..5)
        .map(|n| format!("'{}'", far_side.url(&format!("/{n}"))))
        .collect();
    let state = job(&npm, &format!("all({});", urls.join(", ")))
        .allow(&far_side.origin())
        .run()
        .state();
    assert_eq!(state["data"], json!([200, 200, 200, 200, 200]));
}

#[test]
fn at_most_64_requests_of_a_step_are_under_way_and_the_next_wait_for_their_turn() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    // Rounds of 64, none of which is answered before it is complete.
    let round = Arc::new(Barrier::new(64));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let far_side = FarSide::answering(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        round.wait();
        now.fetch_sub(1, Ordering::SeqCst);
        Answer::empty()
    });
    let expression = format!("all(...Array(128).fill('{}'));", far_side.url("/x"));
    let state = job(&npm, &expression)
        .allow(&far_side.origin())
        .run()
        .state();
    assert_eq!(state["data"], json!(vec![200; 128]));
    assert_eq!(most.load(Ordering::SeqCst), 64);
}

#[test]
fn a_package_meets_the_limits_of_a_step_and_the_error_names_them() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let far_side = FarSide::answering(|_| Answer::new("text/plain", vec![b'x'; 100_000]));
    let url = far_side.url("/x");
    for (limit, expression) in [
        ("cpu_time = \"300ms\"", "spin();".to_owned()),
        ("memory = \"32MiB\"", "grow();".to_owned()),
        (
            "wall_time = \"300ms\"",
            "fn(() => new Promise(done => setTimeout(done, 60_000)));".to_owned(),
        ),
        ("requests = 1", format!("all('{url}', '{url}');")),
        ("response = \"50KiB\"", format!("get('{url}');")),
    ] {
        let name = limit.split(' ').next().unwrap_or_default();
        let said = job(&npm, &expression)
            .settings(&format!("{}[limits]\n{limit}\n", far_side.granted()))
            .run()
            .expect_failure(3, &format!("`{name}`"));
        assert!(
            said.contains("LimitError") || said.contains("error"),
            "{said}"
        );
    }
}

#[test]
fn a_part_of_node_that_is_not_there_is_named_where_it_is_used_and_not_before() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let wasm = Package::new(
        "import fs, { readFileSync } from 'node:fs';
         import { connect } from 'net';
         export const file = () => state => readFileSync('/etc/passwd');
         export const other = () => state => fs.writeFileSync('/tmp/x', '');
         export const socket = () => state => connect(80);",
    )
    .imported(&npm);
    for (call, named) in [
        ("file", "readFileSync"),
        ("other", "writeFileSync"),
        ("socket", "connect"),
    ] {
        let said = Job::new(&format!("{call}();"))
            .adaptor_file(&wasm)
            .run()
            .expect_failure(1, named);
        assert!(said.contains("not available in Fonio's sandbox"), "{said}");
    }
}

#[test]
fn each_step_starts_from_the_package_as_it_was_loaded() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let wasm = Package::new("let calls = 0; export const count = () => state => ({ calls: ++calls, id: crypto.randomUUID() });")
        .imported(&npm);
    let run = || Job::new("count();").adaptor_file(&wasm).run().state();
    let (first, second) = (run(), run());
    assert_eq!((&first["calls"], &second["calls"]), (&json!(1), &json!(1)));
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_file_says_what_is_in_it_without_being_run() {
    let Some(npm) = Npm::for_test("imports") else {
        return;
    };
    let package = Package::with_manifest(
        r#"{"name": "@acme/thing", "version": "1.2.3", "license": "MIT", "description": "Does things", "main": "index.js"}"#,
    )
    .file("index.js", "module.exports = { post: (path, data) => state => state, util: { x: () => 1 } };")
    .file("configuration-schema.json", r#"{"properties": {"token": {"writeOnly": true}}}"#)
    .file(
        "ast.json",
        r#"{"operations": [{"name": "post", "docs": {"description": "Posts", "tags": [
            {"title": "param", "name": "path", "description": "Where", "type": {"type": "NameExpression", "name": "string"}},
            {"title": "param", "name": "data", "type": {"type": "OptionalType", "expression": {"type": "NameExpression", "name": "object"}}}
        ]}}, {"name": "ghost", "docs": {"description": "Documented, but not exported"}}]}"#,
    );
    let project = fonio_tests::Project::new().file("thing.wasm", package.imported(&npm));
    let said = Program::new(["adaptor", "inspect", "thing.wasm", "--json"])
        .run(project.dir())
        .expect_code(0)
        .json();
    assert_eq!(
        (
            &said["name"],
            &said["version"],
            &said["docs"],
            &said["package"]["licence"]
        ),
        (
            &json!("@acme/thing"),
            &json!("1.2.3"),
            &json!("Does things"),
            &json!("MIT")
        )
    );
    assert_eq!(
        said["package"]["exports"],
        json!({"post": 2, "util": {"x": 0}})
    );
    assert_eq!(said["answers_to"], json!(["@acme/thing"]));
    assert_eq!(
        said["credential_schema"]["properties"]["token"]["writeOnly"],
        json!(true)
    );
    let names: Vec<&str> = said["operations"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|o| o["name"].as_str())
        .collect();
    assert_eq!(names, ["post", "util.x"]);
    assert_eq!(
        said["operations"][0]["parameters"],
        json!([
            {"name": "path", "docs": "Where", "schema": {"type": "string"}, "optional": false},
            {"name": "data", "docs": "", "schema": {"type": "object"}, "optional": true},
        ])
    );
    let imports = said["imports"].as_array().expect("a list");
    assert!(
        imports
            .iter()
            .all(|import| !import.as_str().unwrap_or_default().contains("filesystem")),
        "{imports:?}"
    );
}

#[test]
fn an_adaptor_is_not_written_where_no_project_is() {
    let empty = Project::new();
    let import = |arguments: &[&str]| {
        let all = ["adaptor", "import", "http@7.2.10", "--from", "."]
            .iter()
            .chain(arguments);
        Program::new(all.copied().collect::<Vec<_>>())
            .run(empty.dir())
            .expect_code(2)
            .stderr
    };
    assert!(import(&[]).contains("holds no project"));
    assert!(import(&["--project", "nowhere"]).contains("there is no folder nowhere"));
}
