//! Adaptors that misbehave: each fails its own step with a clear sentence, and the host serves the next message.

use fonio_tests::{FarSide, Host, Job, Project, Step, component, guest};
use serde_json::{Value, json};

/// Small, so that the attacks are over soon.
const LIMITS: &str = "[limits]\nmemory = \"32MiB\"\ncpu_time = \"300ms\"\nwall_time = \"30s\"\nlog = \"64KiB\"\noutput = \"1MiB\"\n";
/// For guests that do a lot before they meet the limit that the test is about.
const ROOMY: &str = "[limits]\nmemory = \"1GiB\"\ncpu_time = \"30s\"\nwall_time = \"60s\"\nlog = \"64KiB\"\noutput = \"1MiB\"\n";

const YAML: &str = "
jobs:
  bad: { adaptor: '@openfn/language-bad', trigger: bad, expression: 'attack(state => state.data.argument)' }
  good: { adaptor: '@openfn/language-common', trigger: good, expression: 'fn(state => state)' }
triggers:
  bad: { criteria: '{\"to\":\"bad\"}' }
  good: { criteria: '{\"to\":\"good\"}' }
credentials: {}
";

/// A project with a hostile adaptor, and a job beside it that has nothing to do with it.
fn serving(wasm: &[u8], limits: &str) -> Host {
    Host::serving(
        Project::new()
            .file("project.yaml", YAML)
            .file("adaptors/bad.wasm", wasm)
            .file("fonio.toml", limits),
    )
}

/// Has the adaptor attack, and checks that the host serves the next message as if nothing had been.
#[track_caller]
fn step_attacked_by(wasm: &[u8], limits: &str) -> Step {
    let host = serving(wasm, limits);
    let mut run = host.run(&json!({"to": "bad"}));
    let good = host.run(&json!({"to": "good"}));
    assert_eq!(
        good.status, "succeeded",
        "the next message was not served: {good:#?}"
    );
    run.steps.pop().expect("the step is stored")
}

/// The guest fails its step, in a served project and on the command line alike.
#[track_caller]
fn attack_fails(name: &str, limits: &str, exit_code: i32, words: &str) {
    let wasm = guest(name);
    step_attacked_by(&wasm, limits).expect_failure(exit_code.into(), words);
    Job::new("attack()")
        .adaptor_file(&wasm)
        .settings(limits)
        .run()
        .expect_failure(exit_code, words);
}

/// The file is no adaptor: its job fails, the project says why, and `fonio run` exits 10.
#[track_caller]
fn load_fails(wasm: &[u8], words: &str) {
    let host = serving(wasm, LIMITS);
    let problem = host.wait_for_problem(words);
    assert_eq!(
        (&problem["severity"], &problem["file"]),
        (&json!("error"), &json!("adaptors/bad.wasm"))
    );
    assert_eq!(host.run(&json!({"to": "bad"})).step().exit_code, 10);
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
    Job::new("attack()")
        .adaptor_file(wasm)
        .run()
        .expect_failure(10, words);
}

#[test]
fn a_well_behaved_guest_of_the_same_make_works() {
    let host = serving(&guest("echoes"), LIMITS);
    let run = host.run(&json!({"to": "bad", "argument": {"a": [1]}}));
    assert_eq!(run.step().output["data"], json!({"a": [1]}), "{run:#?}");
}

#[test]
fn a_guest_that_computes_for_ever_is_stopped() {
    attack_fails(
        "loops_in_invoke",
        LIMITS,
        3,
        "the limit `cpu_time` is 300ms",
    );
}

#[test]
fn a_guest_that_takes_memory_without_end_is_stopped() {
    attack_fails(
        "allocates_without_end",
        LIMITS,
        3,
        "the limit `memory` is 32MiB",
    );
}

#[test]
fn a_guest_that_waits_for_ever_is_stopped() {
    let limits = LIMITS.replace("30s", "1s");
    attack_fails("waits_for_ever", &limits, 3, "the limit `wall_time` is 1s");
}

#[test]
fn a_guest_that_calls_itself_without_end_is_stopped() {
    attack_fails("recurses_without_end", LIMITS, 1, "call stack exhausted");
}

#[test]
fn a_guest_that_traps_fails_its_step() {
    attack_fails("traps", LIMITS, 1, "unreachable");
}

#[test]
fn a_reply_that_is_no_json_fails_the_step() {
    attack_fails("replies_with_no_json", LIMITS, 1, "JSON");
}

#[test]
fn a_failure_whose_details_are_no_json_keeps_its_sentence() {
    attack_fails("fails_with_no_json", LIMITS, 1, "it failed");
}

#[test]
fn a_huge_reply_meets_the_limit_of_memory_first_and_then_that_of_output() {
    attack_fails(
        "replies_with_100_megabytes",
        LIMITS,
        3,
        "the limit `memory` is 32MiB",
    );
    attack_fails(
        "replies_with_100_megabytes",
        ROOMY,
        3,
        "the limit `output` is 1MiB",
    );
}

/// The step goes on, its log is cut off, and the log says so.
#[track_caller]
fn log_is_cut_off(name: &str) {
    let step = step_attacked_by(&guest(name), ROOMY);
    assert_eq!(
        (step.exit_code, &step.output["data"]),
        (0, &json!("flooded")),
        "{}",
        step.error
    );
    let bytes: usize = step.log.iter().map(String::len).sum();
    assert!(
        (32 << 10..66 << 10).contains(&bytes),
        "{bytes} bytes were kept of a limit of 64 KiB"
    );
    let last = step.log.last().expect("there are lines");
    assert!(last.contains("the limit `log` is 64KiB"), "{last}");
}

#[test]
fn a_flood_of_log_lines_is_cut_off() {
    log_is_cut_off("floods_the_log");
}

#[test]
fn a_flood_on_standard_output_is_cut_off_like_a_log() {
    log_is_cut_off("floods_standard_output");
}

#[test]
fn words_of_a_refusal_are_no_refusal() {
    attack_fails("pretends_to_be_refused", LIMITS, 1, "was refused");
}

#[test]
fn plain_wasi_shows_nothing_of_the_machine() {
    let step = step_attacked_by(&guest("looks_around"), LIMITS);
    assert_eq!(
        step.output["data"],
        json!([0, [], 0]),
        "folders, variables, arguments; {}",
        step.error
    );
}

#[test]
fn plain_wasi_sockets_reach_nothing() {
    let far_side = FarSide::saying(Value::Null);
    let job = format!("attack({})", far_side.address().port());
    let settings = far_side.granted() + LIMITS;
    let ended = Job::new(&job)
        .adaptor_file(&guest("opens_a_socket"))
        .settings(&settings)
        .run();
    ended.expect_failure(1, "no socket");
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn a_guest_that_computes_for_ever_when_it_describes_itself_does_not_load() {
    // On the command line alone: it computes until its limit each time that it is loaded.
    let wasm = guest("loops_in_describe");
    let said = Job::new("attack()")
        .adaptor_file(&wasm)
        .run()
        .expect_failure(10, "its `describe` failed");
    assert!(said.contains("the limit `"), "the limit is named:\n{said}");
}

#[test]
fn a_guest_that_takes_memory_without_end_when_it_describes_itself_does_not_load() {
    load_fails(
        &guest("allocates_in_describe"),
        "the limit `memory` is 256MiB",
    );
}

#[test]
fn a_guest_whose_schema_is_no_json_does_not_load() {
    load_fails(&guest("describes_itself_with_no_json"), "is not JSON");
}

#[test]
fn a_guest_that_wants_what_no_host_has_does_not_load_and_the_want_is_named() {
    load_fails(
        &guest("wants_what_no_host_has"),
        "`evil:corp/thing@1.0.0`, which this host does not offer",
    );
}

#[test]
fn an_empty_file_does_not_load() {
    load_fails(b"", "the file is empty");
}

#[test]
fn a_file_that_is_still_being_written_does_not_load() {
    let whole = guest("echoes");
    load_fails(&whole[..5], "too short");
    load_fails(&whole[..whole.len() / 2], "could not be compiled");
}

#[test]
fn random_bytes_do_not_load() {
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    load_fails(&noise, "not WebAssembly");
    let after_the_preamble = [b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat();
    load_fails(&after_the_preamble, "could not be compiled");
}

#[test]
fn a_core_module_does_not_load_and_the_sentence_says_what_to_do() {
    load_fails(
        &component::module_with_memory(1),
        "wasm-tools component new",
    );
}

#[test]
fn many_memories_are_limited_in_sum() {
    // Four of 12 MiB: each below the limit of 32 MiB, together above it.
    let mut wasm = guest("echoes");
    for _ in 0..4 {
        wasm = component::with_core_module(&wasm, &component::module_with_memory(192));
    }
    step_attacked_by(&wasm, LIMITS).expect_failure(3, "the limit `memory` is 32MiB");
    let roomy = LIMITS.replace("32MiB", "128MiB");
    let step = step_attacked_by(&wasm, &roomy);
    assert_eq!(
        step.exit_code, 0,
        "with room for all four it works: {}",
        step.error
    );
}

#[test]
fn a_memory_too_large_from_the_start_does_not_load() {
    let wasm =
        component::with_core_module(&guest("echoes"), &component::module_with_memory(16_384));
    let ended = Job::new("attack()")
        .adaptor_file(&wasm)
        .settings(LIMITS)
        .run()
        .expect_failure(10, "guest.wasm");
    assert!(ended.contains("memory"), "{ended}");
}

#[test]
fn a_table_that_grows_without_end_comes_to_an_end() {
    let wasm =
        component::with_core_module(&guest("echoes"), &component::module_that_grows_a_table());
    // The growth is in the start function, so it already meets the limits when the file is loaded.
    Job::new("attack()")
        .adaptor_file(&wasm)
        .settings(LIMITS)
        .run()
        .expect_failure(10, "guest.wasm is not an adaptor");
    let host = serving(&wasm, LIMITS);
    host.wait_for_problem("does not load");
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
}

#[test]
fn many_attacks_at_once_leave_the_host_serving() {
    let host = serving(&guest("loops_in_invoke"), &LIMITS.replace("300ms", "100ms"));
    for _ in 0..30 {
        host.post(&json!({"to": "bad"}));
    }
    host.post(&json!({"to": "good"}));
    let runs = host.runs_done();
    let ended = |code| {
        runs.iter()
            .filter(|run| run.step().exit_code == code)
            .count()
    };
    assert_eq!((ended(3), ended(0)), (30, 1));
}
