//! Adaptors that attack the machine beside a neighbour: its processor, its memory, and what the host keeps for them.
//! docs/security/torture.md lists every behaviour and its test.

use fonio_tests::{Attack, SECRET, Step, TIGHT, component, guest};
use serde_json::{Value, json};

const CPU: &str = "the limit `cpu_time` is 300ms";

/// With more room for what is not under test.
fn roomy(memory: &str) -> String {
    TIGHT.replace("32MiB", memory).replace("300ms", "5s")
}

#[track_caller]
fn attack(name: &str) -> Step {
    Attack::by_guest(name).survived()
}

/// An attack that ends with this code and these words, in an error of this kind.
#[track_caller]
fn attack_ends(name: &str, exit_code: i64, kind: &str, words: &str) {
    let step = attack(name);
    step.expect_failure(exit_code, words);
    assert_eq!(step.error["kind"], kind, "{step:?}");
}

#[test]
fn a_loop_while_the_host_hands_an_argument_over_is_stopped() {
    let host = Attack::by_guest("loops_in_realloc").served();
    // 77,777 bytes with the quotes and brackets around them.
    let step = host.survives(&json!("x".repeat(77_773)));
    step.expect_failure(3, CPU);
    let shorter = host.survives(&json!("x".repeat(77_772)));
    assert_eq!(shorter.output["data"], "it was called", "{}", shorter.error);
}

#[test]
fn a_loop_after_the_guest_has_returned_is_stopped() {
    attack_ends("loops_after_its_return", 3, "limit", CPU);
}

#[test]
fn a_loop_while_a_component_starts_is_stopped_and_nobody_waits_for_it() {
    let looping = component::module_that_loops_at_the_start();
    let wasm = component::with_core_module(&guest("echoes"), &looping);
    let host = Attack::by_guest("echoes").served();
    // It is started when it is asked to describe itself, for up to ten seconds; the neighbours run meanwhile.
    host.project.write("adaptors/worse.wasm", wasm);
    for attempt in 0..5 {
        let step = host.survives(&json!(attempt));
        assert_eq!(step.output["data"], attempt, "{}", step.error);
    }
    host.wait_for_problem("the limit `cpu_time`");
}

#[test]
fn large_fills_of_memory_are_stopped_as_soon_as_small_instructions() {
    attack_ends("fills_memory_over_and_over", 3, "limit", CPU);
}

#[test]
fn memory_up_to_the_limit_and_a_loop_then_is_stopped() {
    attack_ends("allocates_then_loops", 3, "limit", "the limit `");
}

#[test]
fn a_storm_of_yields_is_stopped() {
    attack_ends("yields_without_end", 3, "limit", "the limit `");
}

#[test]
fn a_storm_of_calls_to_the_host_is_stopped() {
    attack_ends("calls_the_host_without_end", 3, "limit", CPU);
}

#[test]
fn handles_that_are_never_given_back_come_to_an_end() {
    attack_ends("keeps_every_handle", 1, "crash", "resource table");
}

#[test]
fn random_bytes_without_end_are_refused() {
    attack_ends(
        "asks_for_all_random_bytes",
        1,
        "crash",
        "exceeds limit 65536",
    );
}

#[test]
fn a_wait_for_nothing_at_all_ends_the_guest() {
    attack_ends("polls_nothing", 1, "crash", "empty poll list");
}

#[test]
fn a_guest_that_ends_its_program_ends_its_step_alone() {
    let host = Attack::by_guest("exits").served();
    for status in [Value::Null, json!("well")] {
        let step = host.survives(&status);
        assert_eq!(
            (step.exit_code, &step.error["kind"]),
            (1, &json!("crash")),
            "{step:?}"
        );
    }
}

#[test]
fn a_guest_that_reads_what_is_typed_reads_nothing() {
    let step = attack("reads_standard_input");
    assert_eq!(
        (step.exit_code, &step.output["data"]),
        (0, &json!("Err(\"StreamError::Closed\")")),
        "{step:?}"
    );
}

#[test]
fn a_hundred_thousand_headers_are_refused() {
    attack_ends(
        "sets_100_000_headers",
        1,
        "crash",
        "total size of fields exceeds limit",
    );
}

#[test]
fn headers_that_the_host_keeps_take_no_memory_beyond_a_bound() {
    attack_ends(
        "keeps_large_headers",
        1,
        "crash",
        "total size of fields exceeds limit",
    );
}

#[test]
fn small_headers_in_every_handle_take_no_memory_beyond_a_bound() {
    let host = Attack::by_guest("keeps_large_headers").served();
    host.survives(&json!(16_000))
        .expect_failure(1, "resource table");
}

#[test]
fn a_body_that_is_never_sent_waits_no_longer_than_its_step_may() {
    let settings = TIGHT.replace("wall_time = \"30s\"", "wall_time = \"1s\"");
    let step = Attack::by_guest("writes_a_body_that_is_never_sent")
        .settings(&settings)
        .survived();
    step.expect_failure(3, "the limit `wall_time` is 1s");
}

#[test]
fn a_failure_of_ten_million_characters_is_cut() {
    let attack = Attack::by_guest("fails_with_a_huge_message");
    let step = attack.settings(&roomy("128MiB")).survived();
    step.expect_failure(1, "xxx");
    assert_eq!(step.message().len(), 8192);
}

#[test]
fn lines_of_a_megabyte_are_dropped_once_the_log_is_full() {
    let attack = Attack::by_guest("logs_a_megabyte_at_a_time");
    let step = attack.settings(&TIGHT.replace("300ms", "5s")).survived();
    assert_eq!(step.output["data"], "flooded", "{}", step.error);
    assert_eq!(step.log.len(), 1, "one line says how many were dropped");
    assert!(
        step.log[0].contains("10000 more lines were dropped"),
        "{:?}",
        step.log
    );
    assert!(
        step.log[0].contains("the limit `log` is 64KiB"),
        "{:?}",
        step.log
    );
}

#[test]
fn bytes_that_are_no_text_fail_the_step() {
    attack_ends("replies_with_no_text", 1, "crash", "utf-8");
}

#[test]
fn a_description_without_end_does_not_load() {
    let host = Attack::by_guest("describes_a_million_operations").served();
    host.wait_for_problem("4 MiB");
    host.survives(&Value::Null).expect_failure(10, "");
}

#[test]
fn thousands_of_instances_in_one_component_are_refused() {
    let module = component::module_with_memory(0);
    let wasm = component::with_core_instances(&guest("echoes"), &module, 10_000);
    let host = Attack::by_file(&wasm).served();
    host.wait_for_problem("instances");
    host.survives(&Value::Null).expect_failure(10, "");
}

#[test]
fn thousands_of_tables_in_one_component_are_refused() {
    let module = component::module_that_grows_a_table();
    let wasm = component::with_core_instances(&guest("echoes"), &module, 40);
    let host = Attack::by_file(&wasm).served();
    host.wait_for_problem("does not fit this engine");
    host.survives(&Value::Null).expect_failure(10, "");
}

#[test]
fn what_a_guest_is_given_of_a_secret_is_none_wherever_it_says_it() {
    let attack = Attack::by_guest("tells_what_it_is_given_everywhere");
    let step = attack
        .calling("attack(state => state.configuration.hush)")
        .survived();
    step.expect_failure(1, "[sealed hush]");
    let said = step.log.iter().filter(|line| *line == "\"[sealed hush]\"");
    assert_eq!(said.count(), 3, "it was said three times: {:?}", step.log);
}

#[test]
fn a_trap_with_a_secret_in_its_words_says_none() {
    let attack = Attack::by_guest("traps_with_what_it_is_given");
    let step = attack
        .calling("attack(state => state.configuration.hush)")
        .survived();
    assert_eq!(
        (step.exit_code, &step.error["kind"]),
        (1, &json!("crash")),
        "{step:?}"
    );
}

#[test]
fn a_guest_has_no_secret_to_give_back() {
    let attack = Attack::by_guest("echoes");
    let step = attack
        .calling("attack(state => state.configuration)")
        .survived();
    assert_eq!(step.exit_code, 0, "{}", step.error);
    let kept = step.output["data"].to_string();
    assert!(
        kept.contains("fonioSealed") && !kept.contains("9f3c"),
        "{kept}"
    );
}

#[test]
fn the_search_for_a_secret_finds_what_a_host_wrote() {
    let host = Attack::by_guest("echoes").served();
    host.survives(&json!("a needle in every place"));
    let holding: Vec<String> = host
        .sinks()
        .into_iter()
        .filter(|(_, bytes)| fonio_tests::sinks::holds(bytes, b"a needle in every place"))
        .map(|(place, _)| place)
        .collect();
    assert!(
        holding.iter().any(|place| place == "its data"),
        "{holding:?}"
    );
    assert!(
        holding
            .iter()
            .any(|place| place.starts_with("/api/v1/dataclips/")),
        "{holding:?}"
    );
    let forms = fonio_tests::sinks::forms(SECRET);
    assert!(
        forms.len() >= 8 && forms.iter().all(|form| form.len() >= 16),
        "{forms:?}"
    );
}

#[test]
fn a_name_is_never_looked_up_for_a_guest_that_asks_the_system() {
    attack_ends("looks_up_a_name", 1, "job", "no lookup");
}

#[test]
fn a_datagram_is_never_sent() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let port = socket.local_addr().expect("it is bound").port();
    let step = Attack::by_guest("sends_a_datagram").survived_with(&json!(port));
    step.expect_failure(1, "no socket");
    socket.set_nonblocking(true).expect("it can be");
    assert!(socket.recv(&mut [0; 16]).is_err(), "nothing came");
}

#[test]
fn a_step_that_is_stopped_again_and_again_leaves_nothing_behind() {
    let host = Attack::by_guest("allocates_without_end").served();
    for _ in 0..20 {
        host.post(&json!({"to": "bad"}));
    }
    host.runs_done();
    let step = host.survives(&Value::Null);
    step.expect_failure(3, "the limit `memory` is 32MiB");
}
