//! Files in the place of adaptors, and what becomes of them while they are served, beside a neighbour.
//! docs/security/torture.md lists every behaviour and its test.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use fonio_tests::{Attack, FarSide, Program, Project, TIGHT, component, guest, wait_for};
use serde_json::{Value, json};

/// The job that would use it cannot run, the project says these words, and everything else is served.
#[track_caller]
fn does_not_load(wasm: &[u8], words: &str) {
    let host = Attack::by_file(wasm).served();
    host.wait_for_problem(words);
    host.survives(&Value::Null).expect_failure(10, "");
}

#[test]
fn interfaces_of_another_version_than_the_hosts_are_named() {
    let guest = guest("floods_the_log");
    let version = |from: &str, to: &str| component::renamed(&guest, from, to);
    let log = "fonio:log/log@1.0.0";
    for to in [
        "fonio:log/log@9.0.0",
        "fonio:log/log@0.1.0",
        "fonio:log/gol@1.0.0",
    ] {
        does_not_load(&version(log, to), to);
    }
    let operations = "fonio:operations/operations@1.0.0";
    for to in [
        "fonio:operations/operations@9.0.0",
        "fonio:operations/operation5@1.0.0",
    ] {
        does_not_load(&version(operations, to), "operations");
    }
}

#[test]
fn an_older_or_newer_minor_version_of_an_interface_is_the_same_interface() {
    let guest = guest("floods_the_log");
    let later = component::renamed(&guest, "fonio:log/log@1.0.0", "fonio:log/log@1.9.0");
    let step = Attack::by_file(&later)
        .settings(&TIGHT.replace("300ms", "5s"))
        .survived();
    assert_eq!(step.output["data"], "flooded", "{}", step.error);
}

#[test]
fn an_interface_whose_records_are_others_does_not_load() {
    let wasm = component::renamed(&guest("echoes"), "credential-schema", "credential-scheme");
    does_not_load(&wasm, "does not load");
}

#[test]
fn a_file_that_is_cut_anywhere_does_not_load() {
    let whole = guest("echoes");
    let host = Attack::by_file(&whole).served();
    for part in 1..8 {
        let cut = &whole[..whole.len() * part / 8];
        host.project.write("adaptors/bad.wasm", cut);
        host.wait_for_problem("adaptor");
    }
    // What served before goes on serving.
    assert_eq!(host.survives(&Value::Null).exit_code, 0);
    host.project.write("adaptors/bad.wasm", &whole);
    host.wait_for_no_problems();
    assert_eq!(host.survives(&Value::Null).exit_code, 0);
}

#[test]
fn a_tail_of_noise_after_a_whole_component_does_not_load() {
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    does_not_load(&[guest("echoes"), noise].concat(), "could not be compiled");
}

#[test]
fn a_file_of_two_gigabytes_is_not_read() {
    let host = Attack::by_guest("echoes").served();
    let path = host.project.path("adaptors/worse.wasm");
    let file = File::create(&path).expect("a file can be made");
    // It takes no room on the disk.
    file.set_len(2 << 30).expect("it can be made long");
    host.wait_for_problem("128");
    assert_eq!(host.survives(&json!(1)).output["data"], 1);
}

#[test]
fn a_link_to_a_file_of_the_machine_in_the_place_of_an_adaptor_shows_nothing_of_it() {
    let host = Attack::by_guest("echoes").served();
    symlink("/etc/passwd", host.project.path("adaptors/worse.wasm")).expect("links can be made");
    host.wait_for_problem("not WebAssembly");
    let shown = host.project_as_served().to_string();
    assert!(!shown.contains("root:"), "{shown}");
    assert_eq!(host.survives(&json!(1)).output["data"], 1);
}

/// Loads within seconds or is refused by a limit of the child that compiles; the host is served either way.
#[track_caller]
fn compiles_or_is_refused(module: &[u8]) {
    let wasm = component::with_core_module(&guest("echoes"), module);
    let host = Attack::by_file(&wasm)
        .env("FONIO_CHILD_CPU_SECONDS", "1")
        .served();
    let step = host.survives(&Value::Null);
    assert!(matches!(step.exit_code, 0 | 10), "{step:?}");
}

#[test]
fn a_function_of_seven_megabytes_stops_nobody() {
    compiles_or_is_refused(&component::module_of_one_long_function(580_000));
}

#[test]
fn a_hundred_thousand_functions_stop_nobody() {
    compiles_or_is_refused(&component::module_of_many_functions(100_000));
}

#[test]
fn a_jump_of_a_million_ways_stops_nobody() {
    compiles_or_is_refused(&component::module_with_a_long_jump_table(1_000_000));
}

#[test]
fn two_adaptors_that_both_say_they_are_the_same_are_told_apart_by_their_files() {
    let host = Attack::by_guest("says_one").served();
    host.project.write("adaptors/worse.wasm", guest("says_two"));
    wait_for("the other to be there", || {
        let shown = host.project_as_served();
        (shown.to_string().contains("worse")).then_some(())
    });
    let step = host.survives(&Value::Null);
    assert_eq!(step.output["data"], "one", "{}", step.error);
}

#[test]
fn a_hundred_saves_while_messages_come_end_on_the_last_and_lose_none() {
    let host = Attack::by_guest("says_one").served();
    let (one, two) = (guest("says_one"), guest("says_two"));
    for save in 0..100 {
        let wasm = if save % 2 == 0 { &one } else { &two };
        match save % 3 {
            0 => host.project.write("adaptors/bad.wasm", wasm),
            1 => host.project.replace("adaptors/bad.wasm", wasm),
            _ => {
                host.project.delete("adaptors/bad.wasm");
                host.project.replace("adaptors/bad.wasm", wasm);
            }
        }
        host.post(&json!({"to": "good"}));
    }
    let runs = host.runs_done();
    assert_eq!(runs.len(), 100);
    assert!(runs.iter().all(|run| run.status == "succeeded"));
    wait_for("the last to serve", || {
        (host.survives(&Value::Null).output["data"] == "two").then_some(())
    });
}

#[test]
fn a_folder_that_is_swapped_whole_is_served_as_it_is_then() {
    let host = Attack::by_guest("says_one").served();
    host.project.write("later/bad.wasm", guest("says_two"));
    let path = |name: &str| host.project.path(name);
    fs::rename(path("adaptors"), path("earlier")).expect("folders can be renamed");
    fs::rename(path("later"), path("adaptors")).expect("folders can be renamed");
    wait_for("the other folder to serve", || {
        (host.survives(&Value::Null).output["data"] == "two").then_some(())
    });
}

#[test]
fn a_grant_that_goes_in_the_same_moment_as_an_adaptor_changes_is_gone_for_both_versions() {
    let far_side = FarSide::saying(json!({}));
    let request = json!(format!("{} /x", far_side.address()));
    let host = Attack::by_guest("asks_by_hand")
        .settings(&(far_side.granted() + TIGHT))
        .served();
    assert_eq!(host.survives(&request).exit_code, 0);
    host.project.write("fonio.toml", TIGHT);
    host.project
        .replace("adaptors/bad.wasm", guest("asks_by_hand"));
    wait_for("the grant to go", || {
        (host.survives(&request).exit_code == 3).then_some(())
    });
    let reached = far_side.received().len();
    host.survives(&request).expect_failure(3, "was refused");
    assert_eq!(far_side.received().len(), reached);
}

#[test]
fn a_step_that_waits_for_a_reply_when_its_adaptor_is_deleted_ends_by_its_own_limit() {
    let far_side = FarSide::misbehaving(fonio_tests::evil::never_answers);
    let host = Attack::by_guest("asks_by_hand")
        .settings(
            &(far_side.granted() + &TIGHT.replace("wall_time = \"30s\"", "wall_time = \"1s\"")),
        )
        .served();
    host.post(&json!({"to": "bad", "argument": format!("{} /x", far_side.address())}));
    wait_for("the request to arrive", || {
        (far_side.connections() > 0).then_some(())
    });
    host.project.delete("adaptors/bad.wasm");
    host.project
        .write("jobs/bad.js", "fn(state => ({ now: 'another' }))");
    let runs = host.runs_done();
    runs[0]
        .step()
        .expect_failure(3, "the limit `wall_time` is 1s");
    assert_eq!(host.run(&json!({"to": "good"})).status, "succeeded");
}

#[test]
fn what_a_file_says_of_itself_never_steers_the_terminal_of_who_looks_at_it() {
    let wasm = guest("describes_itself_with_escapes");
    let project = Project::new()
        .file("project.yaml", "jobs: {}\ntriggers: {}\n")
        .file("adaptors/evil.wasm", wasm);
    for arguments in [
        ["adaptor", "list", "."].as_slice(),
        &["adaptor", "inspect", "adaptors/evil.wasm"],
        &["adaptor", "lock"],
        &["check", "."],
    ] {
        let ended = Program::new(arguments).run(project.dir());
        let said = format!("{}{}", ended.stdout, ended.stderr);
        // Into a pipe what is not shown so would have been left out, so that nothing else could be seen here.
        assert!(said.contains("\\u{1b}[2J"), "{arguments:?}: {said}");
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(steers), "{arguments:?}: {said:?}");
        // Nor does it make up lines.
        assert!(!said.contains("\nhttp built in"), "{arguments:?}: {said}");
    }
}
