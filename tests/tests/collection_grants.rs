//! Collections are for the project's own jobs; an adaptor has them where it says that it wants them and the project says
//! that it may.

use fonio_tests::{Host, Job, Program, Project, Run, guest, wait_for};
use serde_json::json;

/// A workflow of one job `job` with this adaptor.
fn project(adaptor: &str, expression: &str) -> Project {
    let yaml = format!(
        "id: clinic\nname: clinic\nschema_version: '4.0'\ncollections: [seen, sent]\nworkflows:\n  - id: keep\n    name: keep\n    \
         start: hook\n    steps:\n      - {{ id: hook, type: webhook, enabled: true, next: job }}\n      \
         - {{ id: job, adaptor: {adaptor}, expression: ./job.js }}\n"
    );
    Project::new()
        .file("project.yaml", yaml)
        .file("job.js", expression)
}

fn posted(host: &Host) -> Run {
    host.send(
        "POST",
        "/i/keep",
        &[("content-type", "application/json")],
        b"{}",
    );
    host.runs_done().pop().expect("it started a run")
}

const COUNTS: &str = "keeps_what_it_is_granted";
const GRANT: &str = "[adaptors.counter]\ncollections = \"write\"\n";

fn counter() -> Project {
    project("counter", "attack()").file("adaptors/counter.wasm", guest(COUNTS))
}

#[test]
fn a_job_may_read_and_write_until_the_project_says_otherwise() {
    let job = "collections.set('seen', 'a', { n: 1 });\ncollections.get('seen', 'a');";
    let host = Host::serving(project("common", job));
    assert_eq!(posted(&host).state["data"], json!({"n": 1}));
    let host = Host::serving(
        project("common", job).file("fonio.toml", "[project]\ncollections = \"read\"\n"),
    );
    let run = posted(&host);
    let step = run.step();
    step.expect_failure(3, "not granted to write to the collection seen");
    assert_eq!(step.error["kind"], "denied");
    assert!(
        step.message()
            .contains("[project]\ncollections = \"write\""),
        "{}",
        step.message()
    );
}

#[test]
fn collections_are_granted_by_name_and_what_is_not_named_is_not_there() {
    let toml = "[adaptors.common]\ncollections = { seen = \"read\" }\n";
    for (job, words) in [
        ("collections.get('seen', 'a');", None),
        ("collections.each('seen', '*', state => state);", None),
        (
            "collections.set('seen', 'a', 1);",
            Some("write to the collection seen"),
        ),
        (
            "collections.remove('seen', 'a');",
            Some("write to the collection seen"),
        ),
        (
            "collections.get('sent', 'a');",
            Some("read from the collection sent"),
        ),
        (
            "collections.each('sent', '*', state => state);",
            Some("read from the collection sent"),
        ),
    ] {
        let host = Host::serving(project("common", job).file("fonio.toml", toml));
        let run = posted(&host);
        match words {
            None => assert!(run.step().error.is_null(), "{job}: {:?}", run.step().error),
            Some(words) => run.step().expect_failure(3, words),
        }
    }
}

#[test]
fn an_adaptor_that_wants_collections_is_not_loaded_until_the_project_grants_them() {
    let project = counter();
    let ended = Program::new(["check", "."])
        .run(project.dir())
        .expect_code(1)
        .expect_said("the adaptor @openfn/language-counter wants more than this project grants it")
        .expect_said("it wants log, collections; it has log; it lacks collections")
        .expect_said("it imports `fonio:collections/collections@1.0.0`")
        .expect_said("[adaptors.counter]")
        .expect_said("collections = \"write\"");
    assert!(
        ended.stdout.contains("; its jobs' own code alone"),
        "{ended:?}"
    );
    project.write("fonio.toml", GRANT);
    let ended = Program::new(["check", "."])
        .run(project.dir())
        .expect_code(0);
    assert!(
        ended.stdout.contains("seen (write), sent (write)\n"),
        "{ended:?}"
    );
    let host = Host::serving(project);
    assert_eq!(posted(&host).state["data"], 1);
    assert_eq!(posted(&host).state["data"], 2);
}

#[test]
fn a_grant_that_is_taken_back_stops_the_adaptor_while_the_host_runs() {
    let host = Host::serving(counter().file("fonio.toml", GRANT));
    assert_eq!(posted(&host).state["data"], 1);
    host.project.replace("fonio.toml", "");
    host.wait_for_problem("wants more than this project grants it");
    posted(&host)
        .step()
        .expect_failure(10, "it lacks collections");
    host.project.replace("fonio.toml", GRANT);
    host.wait_for_no_problems();
    wait_for("the adaptor to count on", || {
        (posted(&host).state["data"] == 2).then_some(())
    });
}

#[test]
fn an_adaptor_that_imports_collections_without_a_word_finds_none_though_its_job_has_them() {
    let job = "collections.set('seen', 'secret-plan', 'here');\nattack();";
    let project = project("thief", job)
        .file("adaptors/thief.wasm", guest("takes_collections_unasked"))
        .file("fonio.toml", "[adaptors.thief]\ncollections = \"write\"\n");
    let host = Host::serving(project);
    let found = posted(&host).state["data"].to_string();
    assert!(found.contains("this step has none"), "{found}");
}

#[test]
fn an_adaptor_that_wants_a_capability_of_a_later_version_is_not_loaded() {
    let project =
        project("crier", "attack()").file("adaptors/crier.wasm", guest("wants_databases"));
    Program::new(["check", "."])
        .run(project.dir())
        .expect_code(1)
        .expect_said("wants `databases`, and this version has no such capability")
        .expect_said("it wants log, databases; there are network, log, collections, events");
}

#[test]
fn one_job_is_run_with_the_same_grants() {
    let project = counter();
    let run = |project: &Project| {
        project.write("alone.js", "attack()");
        let arguments = [
            "run",
            "alone.js",
            "-a",
            "adaptors/counter.wasm",
            "--project",
            ".",
        ];
        Program::new(arguments).run(project.dir())
    };
    // By the name that it gives itself, as its file may be called anything.
    run(&project)
        .expect_code(10)
        .expect_said("it lacks collections");
    project.write("fonio.toml", GRANT);
    assert_eq!(run(&project).expect_code(0).json()["data"], 1);
    // Its own words for it would be others.
    project.write("fonio.toml", GRANT.replace("write", "read"));
    run(&project)
        .expect_code(3)
        .expect_said("this job is not granted to write to the collection")
        .expect_said("[adaptors.counter]");
}

#[test]
fn a_refusal_ends_a_run_with_3_and_can_be_caught_but_an_error_of_those_words_is_the_jobs_own() {
    let run = |expression: &str| {
        let toml = "[project]\ncollections = \"read\"\n";
        Job::new(expression).settings(toml).run()
    };
    let refused = run("collections.set('seen', 'a', 1);");
    let said = refused.expect_failure(3, "not granted to write to the collection seen");
    assert!(said.contains("--> job.js:1:1"), "{said}");
    let caught = "collections.set('seen', 'a', 1).catch((error, state) => ({ ...state, data: error.message }));";
    let data = run(caught).state()["data"].to_string();
    assert!(data.contains("not granted to write"), "{data}");
    run("fn(() => { throw new Error('this job is not granted to write to the collection seen'); });")
        .expect_failure(1, "not granted to write to the collection seen");
    run("collections.get('seen', 7);")
        .ended
        .expect_unsaid("not granted");
}

#[test]
fn what_a_file_wants_is_shown_before_anyone_trusts_it() {
    let project = Project::new().file("counter.wasm", guest(COUNTS));
    let inspect = |arguments: &[&str]| {
        let arguments = [&["adaptor", "inspect", "counter.wasm"], arguments].concat();
        Program::new(arguments).run(project.dir()).expect_code(0)
    };
    let said = inspect(&[]).stdout;
    for words in [
        "wants       log, collections",
        "  collections\n    fonio:collections/collections@1.0.0\n",
    ] {
        assert!(said.contains(words), "{words} is not in:\n{said}");
    }
    let json = inspect(&["--json"]).json();
    assert_eq!(
        json["capabilities"]["collections"],
        json!(["fonio:collections/collections@1.0.0"])
    );
}

#[test]
fn a_project_of_jobs_and_triggers_has_the_collections_that_it_names() {
    let yaml = "jobs:\n  job:\n    adaptor: '@openfn/language-collections'\n    trigger: any\ntriggers:\n  any:\n    criteria: '{}'\n";
    let keeps =
        "collections.set('seen', 'key', state => state.data);\ncollections.get('seen', 'key');";
    let project = |collections: &str| {
        Project::new()
            .file("project.yaml", format!("{yaml}{collections}"))
            .file("jobs/job.js", keeps)
    };
    let host = Host::serving(project("collections: [seen]\n"));
    let run = host.run(&json!({ "n": 7 }));
    assert_eq!(run.status, "succeeded", "{run:#?}");
    assert_eq!(run.steps[0].output["data"]["n"], 7);
    let run = Host::serving(project("")).run(&json!({}));
    assert!(
        run.steps[0]
            .error
            .to_string()
            .contains("collections: [seen]"),
        "{run:#?}"
    );
}
