//! Workflows as OpenFn's runtime runs them: conditions, what follows a failure, several leaves, limits of their own.

use std::time::{Duration, Instant};

use fonio_tests::{FarSide, Gate, Host, Program, Project, Run, wait_for};
use serde_json::{Value, json};

/// A project of one workflow `flow` that a webhook starts; `steps` are the lines of its steps in YAML, each a flow map.
fn flow(next_of_hook: &str, steps: &[&str]) -> Project {
    flow_with("", next_of_hook, steps)
}

fn flow_with(options: &str, next_of_hook: &str, steps: &[&str]) -> Project {
    let steps: String = steps
        .iter()
        .map(|step| format!("      - {{ {step} }}\n"))
        .collect();
    Project::new().file(
        "project.yaml",
        format!(
            "id: clinic\nname: clinic\nschema_version: '4.0'\nworkflows:\n  - id: flow\n    name: flow\n    start: hook\n{options}    \
             steps:\n      - {{ id: hook, type: webhook, enabled: true, next: {next_of_hook} }}\n{steps}"
        ),
    )
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn posted(host: &Host, body: &Value) -> Run {
    let reply = host.send("POST", "/i/flow", &[JSON], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut runs = host.runs_done();
    runs.pop().expect("it started a run")
}

fn ran(run: &Run) -> Vec<&str> {
    run.steps.iter().map(|step| step.job.as_str()).collect()
}

const CHECK: &str = "id: check, adaptor: common, expression: 'fn(s => { if (s.data.bad) throw new Error(s.data.bad); return s; })', \
    next: { always: true, well: on_job_success, badly: on_job_failure, big: 'state.data.n > 10', off: { condition: true, disabled: true }, bare: { label: x } }";

fn leaf(id: &str) -> String {
    format!("id: {id}, adaptor: common, expression: none")
}

fn branches() -> Project {
    let leaves: Vec<String> = ["always", "well", "badly", "big", "off", "bare"]
        .map(leaf)
        .into();
    let steps: Vec<&str> = [CHECK]
        .into_iter()
        .chain(leaves.iter().map(String::as_str))
        .collect();
    flow("check", &steps)
}

#[test]
fn edges_are_followed_as_their_conditions_say() {
    let host = Host::serving(branches());
    assert_eq!(
        ran(&posted(&host, &json!({"n": 11}))),
        ["check", "always", "well", "big"]
    );
    assert_eq!(
        ran(&posted(&host, &json!({"n": 1}))),
        ["check", "always", "well"]
    );
    let run = posted(&host, &json!({"bad": "no such clinic", "n": 1}));
    assert_eq!(ran(&run), ["check", "always", "badly"]);
    assert_eq!(run.status, "succeeded", "no leaf failed");
}

#[test]
fn what_follows_a_failure_finds_the_input_of_the_failed_step_and_its_error() {
    let host = Host::serving(flow(
        "first",
        &[
            "id: first, adaptor: common, expression: 'fn(s => ({ ...s, first: true }))', next: second",
            "id: second, adaptor: common, expression: \"fn(s => ({ ...s, gone: 1 })); fn(s => { s.data.seen = true; throw new TypeError('no') });\", \
             next: { third: on_job_failure }",
            "id: third, adaptor: common, expression: none",
        ],
    ));
    let run = posted(&host, &json!({"n": 1}));
    let state = &run.state;
    assert_eq!(state["data"], json!({"n": 1, "seen": true}));
    assert_eq!(state["first"], true);
    let error = &state["errors"]["second"];
    assert_eq!(
        [
            &error["source"],
            &error["name"],
            &error["severity"],
            &error["message"]
        ],
        [
            &json!("runtime"),
            &json!("RuntimeError"),
            &json!("fail"),
            &json!("TypeError: no")
        ]
    );
    assert!(state.get("configuration").is_none());
}

#[test]
fn a_crash_ends_the_run_whatever_would_follow() {
    let host = Host::serving(flow(
        "{ a: always, z: always }",
        &[
            "id: a, adaptor: common, expression: 'fn(s => { notThere.x; return s; })', next: { b: always, c: on_job_failure }",
            "id: b, adaptor: common, expression: none",
            "id: c, adaptor: common, expression: none",
            "id: z, adaptor: common, expression: none",
        ],
    ));
    let run = posted(&host, &json!({}));
    assert_eq!((ran(&run), run.status.as_str()), (vec!["a"], "failed"));
    assert_eq!(run.steps[0].error["severity"], "crash");
    assert_eq!(run.steps[0].exit_code, 1);
    assert!(run.state.is_null());
}

#[test]
fn a_limit_ends_the_run_too() {
    let project = flow(
        "a",
        &[
            "id: a, adaptor: common, expression: 'fn(s => { for (;;); })', next: { b: always }",
            &leaf("b"),
        ],
    );
    let host = Host::serving(project.file("fonio.toml", "[limits]\ncpu_time = \"100ms\"\n"));
    let run = posted(&host, &json!({}));
    assert_eq!(ran(&run), ["a"]);
    assert_eq!(
        (run.steps[0].exit_code, &run.steps[0].error["severity"]),
        (3, &json!("kill"))
    );
}

#[test]
fn a_step_that_is_reached_twice_runs_twice_and_several_leaves_are_an_object_by_their_ids() {
    let host = Host::serving(flow(
        "a",
        &[
            "id: a, adaptor: common, expression: \"fn(s => ({ data: 'a' }))\", next: { b: true, c: true }",
            "id: b, adaptor: common, expression: \"fn(s => ({ data: s.data + 'b' }))\", next: { d: true }",
            "id: c, adaptor: common, expression: \"fn(s => ({ data: s.data + 'c' }))\", next: { d: true, e: true }",
            "id: d, adaptor: common, expression: \"fn(s => ({ data: s.data + 'd' }))\"",
            "id: e, adaptor: common, expression: \"fn(s => ({ data: s.data + 'e' }))\"",
        ],
    ));
    let run = posted(&host, &json!({}));
    assert_eq!(ran(&run), ["a", "b", "c", "d", "d", "e"], "breadth first");
    assert_eq!(
        run.state,
        json!({"d": {"data": "abd"}, "d-1": {"data": "acd"}, "e": {"data": "ace"}})
    );
}

#[test]
fn a_run_fails_when_a_leaf_failed() {
    let host = Host::serving(flow(
        "a",
        &["id: a, adaptor: common, expression: \"fn(s => { throw new Error('x') })\""],
    ));
    let run = posted(&host, &json!({"n": 1}));
    assert_eq!(run.status, "failed");
    assert_eq!(run.state["errors"]["a"]["message"], "x");
    assert_eq!(run.state["errors"]["a"]["name"], "JobError");
}

#[test]
fn a_condition_sees_the_state_and_the_step_before_and_nothing_else() {
    let host = Host::serving(flow(
        "a",
        &[
            "id: a, adaptor: common, expression: 'fn(s => s)', next: { yes: \"upstreamStepId === 'a' && !state.errors && typeof get === 'undefined';\", no: 'state.configuration' }",
            &leaf("yes"),
            &leaf("no"),
        ],
    ));
    assert_eq!(ran(&posted(&host, &json!({}))), ["a", "yes"]);
}

#[test]
fn a_condition_that_throws_ends_the_run_and_says_which() {
    let host = Host::serving(flow(
        "a",
        &[
            "id: a, adaptor: common, expression: none, next: { b: 'state.x.y.z' }",
            &leaf("b"),
        ],
    ));
    let run = posted(&host, &json!({}));
    assert_eq!((ran(&run), run.status.as_str()), (vec!["a"], "failed"));
    let error = &run.steps[0].error;
    assert_eq!(
        (&error["name"], &error["severity"]),
        (&json!("EdgeConditionError"), &json!("crash"))
    );
    assert!(
        run.steps[0]
            .message()
            .contains("the condition `state.x.y.z`: TypeError"),
        "{error}"
    );
}

#[test]
fn a_condition_on_a_trigger_is_judged_too() {
    let host = Host::serving(flow("{ a: 'state.data.n > 1' }", &[&leaf("a")]));
    assert_eq!(posted(&host, &json!({"n": 2})).state["data"]["n"], 2);
    assert!(
        ran(&posted(&host, &json!({"n": 1})))
            .iter()
            .all(|job| *job != "a")
    );
}

#[test]
fn a_condition_that_is_no_expression_is_a_problem_where_it_stands() {
    let project = flow(
        "a",
        &[
            "id: a, adaptor: common, expression: none, next: { b: 'state. > 1' }",
            &leaf("b"),
        ],
    );
    let found = Program::new(["check", ".", "--format", "json"])
        .run(project.dir())
        .expect_code(1)
        .json();
    let problem = &found["problems"][0];
    assert!(
        problem["message"]
            .as_str()
            .is_some_and(|said| said.starts_with("condition of the edge to b:")),
        "{problem}"
    );
    let line = std::fs::read_to_string(project.path("project.yaml")).expect("it is there");
    let line = line
        .lines()
        .nth(problem["line"].as_u64().expect("a line") as usize - 1)
        .expect("it is in the file");
    let column = problem["column"].as_u64().expect("a column") as usize;
    assert!(line[column - 1..].starts_with("> 1"), "{line} at {column}");
}

#[test]
fn a_workflow_has_a_timeout_for_the_whole_run() {
    let options = "    options: { timeout: 300 }\n";
    let slow = "adaptor: common, expression: 'fn(s => new Promise(done => setTimeout(() => done(s), 200)))'";
    let (a, b) = (
        format!("id: a, {slow}, next: {{ b: always }}"),
        format!("id: b, {slow}"),
    );
    let host = Host::serving(flow_with(options, "a", &[&a, &b]));
    let run = posted(&host, &json!({}));
    assert_eq!((ran(&run), run.status.as_str()), (vec!["a", "b"], "failed"));
    run.steps[1].expect_failure(
        3,
        "the run took longer than the 300ms that the workflow flow has",
    );
    assert_eq!(run.steps[1].error["code"], "timeout");
}

#[test]
fn the_time_while_the_host_is_down_is_not_the_runs() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let timeout = Duration::from_secs(5);
    let options = format!("    options: {{ timeout: {} }}\n", timeout.as_millis());
    let asks = format!(
        "id: b, adaptor: http, expression: \"get('{}')\"",
        far_side.url("/x")
    );
    let project = flow_with(
        &options,
        "a",
        &[
            "id: a, adaptor: common, expression: none, next: { b: always }",
            &asks,
        ],
    );
    let host = Host::serving(project.file("fonio.toml", far_side.granted()));
    let posted = Instant::now();
    let reply = host.send("POST", "/i/flow", &[JSON], b"{}");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let in_flight = |times: usize| {
        wait_for("the step to be in flight", || {
            (far_side.received().len() == times).then_some(())
        });
    };
    in_flight(1);
    let host = host.killed_and_restarted_after(|| {
        wait_for("longer than the run may take", || {
            (posted.elapsed() > timeout).then_some(())
        });
    });
    in_flight(2);
    gate.open();
    let runs = host.runs_done();
    assert_eq!(
        (runs.len(), ran(&runs[0]), runs[0].status.as_str()),
        (1, vec!["a", "b"], "succeeded"),
        "{runs:#?}"
    );
}

#[test]
fn a_workflow_has_a_memory_limit_of_its_own() {
    let options = "    options: { run_memory_limit_mb: 16 }\n";
    let eats = "id: a, adaptor: common, expression: \"fn(s => { const all = []; for (;;) all.push('x'.repeat(100000) + all.length); })\"";
    let host = Host::serving(flow_with(options, "a", &[eats]));
    posted(&host, &json!({})).step().expect_failure(3, "16MiB");
}

#[test]
fn a_step_starts_with_a_state_of_its_own_under_its_input() {
    let host = Host::serving(flow(
        "a",
        &["id: a, adaptor: common, state: { data: { a: 1, n: 1 }, cursor: 5 }, expression: none"],
    ));
    assert_eq!(
        posted(&host, &json!({"n": 2})).state["data"],
        json!({"a": 1, "n": 2})
    );
    assert_eq!(posted(&host, &json!({"n": 2})).state["cursor"], 5);
}

#[test]
fn a_workflow_runs_without_a_host_just_the_same() {
    let project = branches();
    let ended = |state: &str| {
        Program::new(["run", "flow", "--project", ".", "-S", state]).run(project.dir())
    };
    let state = ended(r#"{"data":{"n":11}}"#).expect_code(0).json();
    assert_eq!(
        state,
        json!({"always": {"data": {"n": 11}}, "well": {"data": {"n": 11}}, "big": {"data": {"n": 11}}})
    );
    let failed = flow(
        "a",
        &["id: a, adaptor: common, expression: \"fn(s => { throw new Error('x') })\""],
    );
    let ended = Program::new(["run", "project.yaml", "-S", "{}"])
        .run(failed.dir())
        .expect_code(1);
    assert_eq!(ended.json()["errors"]["a"]["message"], "x");
    assert!(ended.stderr.contains("Error: x"), "{}", ended.stderr);
}

#[test]
fn workflows_may_have_jobs_of_the_same_name() {
    let workflow = |id: &str| {
        format!(
            "  - id: {id}\n    name: {id}\n    start: hook\n    steps:\n      - {{ id: hook, type: webhook, enabled: true, next: send }}\n      \
             - {{ id: send, adaptor: common, expression: \"fn(() => ({{ of: '{id}' }}))\" }}\n"
        )
    };
    let yaml = format!(
        "id: p\nname: p\nschema_version: '4.0'\nworkflows:\n{}{}",
        workflow("one"),
        workflow("two")
    );
    let host = Host::serving(Project::new().file("project.yaml", yaml));
    for id in ["one", "two"] {
        host.send(
            "POST",
            &format!("/i/{id}"),
            &[("content-type", "application/json")],
            b"{}",
        );
    }
    let states: Vec<Value> = host
        .runs_done()
        .into_iter()
        .map(|run| run.state["of"].clone())
        .collect();
    assert_eq!(states, ["one", "two"]);
    let ambiguous = Program::new(["run", "send", "--project", "."])
        .run(host.project.dir())
        .expect_code(2);
    ambiguous.expect_said("there are several jobs `send`; name one of one/send, two/send");
}

#[test]
fn a_workflow_can_give_its_jobs_functions_and_errors_in_them_stand_where_they_are_written() {
    let project = flow_with(
        "    globals: ./common.js\n",
        "a",
        &["id: a, adaptor: common, expression: \"fn(s => ({ n: twice(s.data.n) }))\""],
    );
    let host = Host::serving(project.file(
        "common.js",
        "const factor = 2;\nexport const twice = n => {\n  return n.value * factor;\n};\n",
    ));
    assert_eq!(posted(&host, &json!({"n": {"value": 4}})).state["n"], 8);
    let failed = posted(&host, &json!({}));
    let log = failed.step().log.join("\n");
    assert!(
        log.contains("common.js:3:") && log.contains("return n.value * factor;"),
        "{log}"
    );
}

#[test]
fn jobs_that_would_be_known_by_the_same_name_are_a_problem() {
    let workflow = |id: &str, job: &str| {
        format!(
            "  - id: {id}\n    name: {id}\n    start: hook\n    steps:\n      - {{ id: hook, type: webhook, enabled: true, next: {job} }}\n      \
             - {{ id: {job}, adaptor: common, expression: none }}\n"
        )
    };
    let yaml = format!(
        "id: p\nname: p\nschema_version: '4.0'\nworkflows:\n{}{}",
        workflow("flow", "b/c"),
        workflow("flow/b", "c")
    );
    let project = Project::new().file("project.yaml", yaml);
    Program::new(["check", "."])
        .run(project.dir())
        .expect_code(1)
        .expect_said("are both known as `flow/b/c`")
        .expect_said("without a slash");
}

/// A job that leaves a list which nests deeper than a JSON parser may recurse.
const DEEP: &str = "fn(s => { let o = 1; for (let i = 0; i < 300; i += 1) o = [o]; return { ...s, o, mine: 7 }; })";

#[test]
fn a_state_that_nests_very_deeply_is_handed_on_whole() {
    let deep = format!("id: a, adaptor: common, expression: \"{DEEP}\", next: b");
    let fails = "id: b, adaptor: common, expression: \"fn(() => { throw new Error('no') })\", next: { c: on_job_failure }";
    let counts = "id: c, adaptor: common, expression: \"fn(s => ({ mine: s.mine, depth: JSON.stringify(s.o).indexOf('1'), failed: s.errors.b.message }))\"";
    let project = flow("a", &[&deep, fails, counts]);
    let run = Program::new(["run", "project.yaml"]).run(project.dir());
    assert_eq!(
        run.expect_code(0).json(),
        json!({"mine": 7, "depth": 300, "failed": "no"})
    );
    let deep = format!("id: a, adaptor: common, expression: \"{DEEP}\"");
    let run = Program::new(["run", "project.yaml"])
        .run(flow("a", &[&deep]).dir())
        .expect_code(0);
    assert!(
        run.stdout.starts_with('{') && run.stdout.contains(&"[".repeat(300)),
        "{}",
        run.stdout
    );
}

#[test]
fn a_run_whose_edges_lead_to_the_same_steps_over_and_over_ends() {
    let steps: Vec<String> = (0..15)
        .flat_map(|n| {
            let next = n + 1;
            [
                format!("id: s{n}, adaptor: common, expression: none, next: {{ l{n}: always, r{n}: always }}"),
                format!("id: l{n}, adaptor: common, expression: none, next: s{next}"),
                format!("id: r{n}, adaptor: common, expression: none, next: s{next}"),
            ]
        })
        .chain([leaf("s15")])
        .collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let ended = Program::new(["run", "project.yaml"]).run(flow("s0", &steps).dir());
    ended
        .expect_code(3)
        .expect_said("the run has 10000 steps, which is the most");
}

#[test]
fn a_condition_that_breaks_hides_no_error_of_the_job_before_it() {
    let host = Host::serving(flow(
        "a",
        &[
            "id: a, adaptor: common, expression: \"fn(() => { throw new Error('no items') })\", next: { b: 'state.x.y' }",
            &leaf("b"),
        ],
    ));
    let run = posted(&host, &json!({}));
    let log = run.step().log.join("\n");
    assert!(
        log.contains("Error: no items") && log.contains("the condition `state.x.y`"),
        "{log}"
    );
    assert!(log.contains("--> project.yaml:10:"), "{log}");
}
