//! Expressions that misbehave: each fails its own step with a clear sentence, and the host serves the next message.

use fonio_tests::{Host, Job, Project, Step};
use serde_json::{Value, json};

const LIMITS: &str = "[limits]\nmemory = \"32MiB\"\ncpu_time = \"300ms\"\nwall_time = \"30s\"\nlog = \"64KiB\"\noutput = \"1MiB\"\n";

const YAML: &str = "
jobs:
  job: { adaptor: '@openfn/language-common', trigger: bad }
  good: { adaptor: '@openfn/language-common', trigger: good, expression: 'fn(state => state)' }
triggers:
  bad: { criteria: '{\"to\":\"bad\"}' }
  good: { criteria: '{\"to\":\"good\"}' }
credentials: {}
";

fn serving(expression: &str) -> Host {
    Host::serving(
        Project::new()
            .file("project.yaml", YAML)
            .file("jobs/job.js", expression)
            .file("fonio.toml", LIMITS),
    )
}

/// Runs the expression, and checks that the host serves the next message as if nothing had been.
#[track_caller]
fn step_of(expression: &str) -> Step {
    let host = serving(expression);
    let mut run = host.run(&json!({"to": "bad"}));
    let good = host.run(&json!({"to": "good"}));
    assert_eq!(
        good.status, "succeeded",
        "the next message was not served: {good:#?}"
    );
    run.steps.pop().expect("the step is stored")
}

/// The expression fails its step, in a served project and on the command line alike.
#[track_caller]
fn fails(expression: &str, exit_code: i32, words: &str) {
    step_of(expression).expect_failure(exit_code.into(), words);
    Job::new(expression)
        .settings(LIMITS)
        .run()
        .expect_failure(exit_code, words);
}

/// What is kept of the expression's result.
#[track_caller]
fn kept(expression: &str) -> Value {
    let step = step_of(expression);
    assert_eq!(step.exit_code, 0, "{}", step.error);
    step.output
}

#[test]
fn a_syntax_error_is_found_when_the_job_loads_and_has_a_place() {
    let expression = "fn(state => {\n  const = 1;\n});\n";
    let host = serving(expression);
    let problem = host.wait_for_problem("job");
    assert_eq!(
        (&problem["file"], &problem["line"]),
        (&json!("jobs/job.js"), &json!(2)),
        "{problem}"
    );
    assert!(
        problem["column"].as_u64().is_some_and(|column| column > 1),
        "{problem}"
    );
    assert_eq!(host.run(&json!({"to": "bad"})).step().exit_code, 10);
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
    Job::new(expression).run().expect_failure(10, "job.js:2:");
}

#[test]
fn an_expression_that_loops_for_ever_is_stopped() {
    fails(
        "fn(() => { while (true); })",
        3,
        "the limit `cpu_time` is 300ms",
    );
}

#[test]
fn an_expression_that_loops_for_ever_while_it_is_evaluated_is_stopped() {
    fails(
        "const forEver = (() => { while (true); })();\nfn(state => state);",
        3,
        "the limit `cpu_time` is 300ms",
    );
}

#[test]
fn an_expression_that_awaits_for_ever_without_waiting_is_stopped() {
    fails(
        "fn(async () => { while (true) await null; })",
        3,
        "the limit `cpu_time` is 300ms",
    );
}

#[test]
fn a_regular_expression_that_never_comes_back_is_stopped() {
    fails(
        "fn(() => /^(a+)+$/.test('a'.repeat(60) + 'b'))",
        3,
        "the limit `cpu_time` is 300ms",
    );
}

#[test]
fn an_expression_that_takes_memory_without_end_is_stopped() {
    let expression = "fn(() => { const kept = []; while (true) kept.push(new Uint8Array(1e6).fill(kept.length)); })";
    fails(expression, 3, "the limit `memory` is 32MiB");
}

#[test]
fn an_expression_that_catches_everything_is_stopped_all_the_same() {
    let expression =
        "fn(() => { while (true) { try { while (true); } catch {} finally { continue; } } })";
    fails(expression, 3, "the limit `cpu_time` is 300ms");
}

#[test]
fn an_expression_that_waits_for_a_timer_for_too_long_is_stopped() {
    let job = Job::new("fn(() => new Promise(resolve => setTimeout(resolve, 1e9)))");
    let ended = job.settings("[limits]\nwall_time = \"500ms\"\n").run();
    ended.expect_failure(3, "the limit `wall_time` is 500ms");
}

#[test]
fn a_promise_that_nothing_settles_is_an_error_at_once() {
    fails(
        "fn(() => new Promise(() => {}))",
        1,
        "waits for a promise that nothing will settle",
    );
}

#[test]
fn a_string_can_be_thrown() {
    fails("fn(() => { throw 'no patient'; })", 1, "no patient");
}

#[test]
fn anything_can_be_thrown() {
    fails(
        "fn(() => { throw { code: 7, message: 'an object' }; })",
        1,
        "an object",
    );
    fails("fn(() => { throw null; })", 1, "null");
    fails(
        "fn(() => { throw new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; } }); })",
        1,
        "cannot be shown",
    );
}

#[test]
fn nothing_and_a_function_are_kept_as_an_empty_state() {
    assert_eq!(kept("fn(() => {})"), json!({}));
    assert_eq!(kept("fn(() => () => 1)"), json!({}));
}

#[test]
fn a_cycle_is_kept_with_a_mark_where_it_closes() {
    let state = kept(
        "fn(state => { const ring = { name: 'ring' }; ring.self = ring; return { ring, list: [1, state.data] }; })",
    );
    assert_eq!(
        state,
        json!({"ring": {"name": "ring", "self": "[Circular]"}, "list": [1, {"to": "bad"}]})
    );
}

#[test]
fn a_state_that_contains_itself_does_not_keep_its_credential_by_that_way() {
    let state = kept("fn(state => { state.self = state; state.list = [state]; return state; })");
    assert_eq!(state["data"], json!({"to": "bad"}));
    assert!(!state.to_string().contains("configuration"), "{state}");
}

#[test]
fn a_state_beyond_the_limit_is_not_kept() {
    fails(
        "fn(() => ({ big: 'x'.repeat(2e6) }))",
        3,
        "the limit `output` is 1MiB",
    );
}

#[test]
fn a_state_nested_without_end_is_an_error() {
    let expression = "fn(() => { let nest = []; for (let n = 0; n < 200000; n++) nest = [nest]; return { nest }; })";
    assert_ne!(step_of(expression).exit_code, 0);
}

#[test]
fn recursion_without_end_is_an_error_that_the_job_could_catch() {
    fails(
        "const down = n => down(n + 1) + 1;\nfn(() => down(0))",
        1,
        "stack",
    );
    let state = kept(
        "const down = n => down(n + 1) + 1;\nfn(() => { try { return down(0); } catch (e) { return { caught: true }; } })",
    );
    assert_eq!(state, json!({"caught": true}));
}

#[test]
fn source_nested_without_end_is_a_problem_of_that_job_alone() {
    let expression = format!(
        "fn(state => {}1{})",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let host = serving(&expression);
    assert_eq!(host.run(&json!({"to": "bad"})).step().exit_code, 10);
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
    let said = Job::new(&expression)
        .run()
        .expect_failure(10, "nests deeper than 500 brackets");
    assert!(said.contains("--> job.js:1:512\n"), "{said}");
}

#[test]
fn whatever_nests_too_deeply_is_told_in_a_sentence() {
    let nested = |open: &str, close: &str, times: usize| {
        format!(
            "fn(state => {{ {}1{} }})",
            open.repeat(times),
            close.repeat(times)
        )
    };
    for (expression, words) in [
        (nested("[", "]", 50_000), "nests deeper than 500 brackets"),
        (nested("{", "}", 3_000), "nests deeper than 500 brackets"),
        (nested("{", "}", 50_000), "nests deeper than 500 brackets"),
        (nested("!", "", 100_000), "nests too deeply to be compiled"),
    ] {
        let said = Job::new(&expression).run().expect_failure(10, words);
        assert!(!said.contains("trap"), "{said}");
    }
    let allowed = Job::new(&nested("[", "]", 490)).run();
    assert_eq!(allowed.state(), json!({}));
}

#[test]
fn binary_noise_is_a_problem_of_that_job_alone() {
    let host = serving("\u{0}\u{1}\u{2}\u{fffd}\u{202e}`${");
    assert_eq!(host.run(&json!({"to": "bad"})).step().exit_code, 10);
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
}

#[test]
fn a_flood_of_log_lines_is_cut_off() {
    let step = step_of(
        "fn(state => { for (let n = 0; n < 5000; n++) console.log('x'.repeat(100)); return state; })",
    );
    assert_eq!(step.exit_code, 0, "{}", step.error);
    let bytes: usize = step.log.iter().map(String::len).sum();
    assert!(
        (32 << 10..66 << 10).contains(&bytes),
        "{bytes} bytes were kept of a limit of 64 KiB"
    );
    assert!(
        step.log
            .last()
            .is_some_and(|line| line.contains("the limit `log` is 64KiB")),
        "{:?}",
        step.log.last()
    );
}

#[test]
fn terminal_escapes_in_a_log_never_reach_the_terminal() {
    let ended = Job::new(
        "fn(state => { console.log('\\x1b[2J\\x1b]0;owned\\x07cleared\\u202egnp.exe'); return state; })",
    )
    .run()
    .ended;
    assert!(ended.stderr.contains("cleared"), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn what_a_step_leaves_behind_is_gone_for_the_next() {
    let host = serving(
        "fn(() => {
            const seen = [globalThis.left, Array.prototype.poisoned, JSON.stringify({ a: 1 })];
            globalThis.left = Array.prototype.poisoned = 'behind';
            JSON.stringify = () => 'owned';
            return { seen };
        })",
    );
    host.run(&json!({"to": "bad"}));
    let second = host.run(&json!({"to": "bad"}));
    assert_eq!(
        second.step().output["seen"],
        json!([null, null, "{\"a\":1}"]),
        "{second:#?}"
    );
}
