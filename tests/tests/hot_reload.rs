//! Edits take effect without a restart; broken ones are reported, and what worked goes on.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use fonio_tests::{FarSide, Gate, Host, Project, guest, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};

const COMMON: &str = "@openfn/language-common";
const HTTP: &str = "@openfn/language-http";

/// A job that says a word.
fn says(word: &str) -> String {
    format!("fn(state => ({{ ...state, data: '{word}' }}));\n")
}

fn serving_one() -> Host {
    Host::serving(Project::with_job(COMMON, &says("one")))
}

/// What the job makes of a message now.
fn word(host: &Host) -> Value {
    host.run(&json!({})).step().output["data"].clone()
}

/// Sends messages until the job says this word.
#[track_caller]
fn wait_for_word(host: &Host, expected: &str) {
    wait_for(&format!("the job to say {expected}"), || {
        (word(host) == expected).then_some(())
    });
}

#[test]
fn a_job_that_is_edited_in_place_runs_as_edited() {
    let host = serving_one();
    assert_eq!(word(&host), "one");
    host.project.write("jobs/job.js", says("two"));
    wait_for_word(&host, "two");
}

#[test]
fn a_job_that_is_renamed_over_as_editors_do_runs_as_edited() {
    let host = serving_one();
    host.project.replace("jobs/job.js", says("two"));
    wait_for_word(&host, "two");
    host.project.replace("jobs/job.js", says("three"));
    wait_for_word(&host, "three");
}

#[test]
fn a_job_that_is_added_takes_messages() {
    let host = serving_one();
    host.project.write("jobs/second.js", says("second"));
    let yaml = "
jobs:
  job: { adaptor: '@openfn/language-common', trigger: any }
  second: { adaptor: '@openfn/language-common', trigger: any }
triggers: { any: { criteria: '{}' } }
credentials: {}
";
    host.project.write("project.yaml", yaml);
    wait_for("the second job to take messages", || {
        (host.post(&json!({})).json()["data"] == json!(["job", "second"])).then_some(())
    });
}

#[test]
fn a_job_that_is_taken_out_of_the_project_takes_no_more_messages() {
    let host = serving_one();
    host.project
        .write("project.yaml", "jobs: {}\ntriggers: {}\ncredentials: {}\n");
    wait_for("the job to be gone", || {
        (host.post(&json!({})).json()["data"] == json!([])).then_some(())
    });
}

#[test]
fn a_job_whose_file_is_deleted_is_reported_and_goes_on_as_it_was() {
    let host = serving_one();
    host.project.delete("jobs/job.js");
    let problem = host.wait_for_problem("job");
    assert_eq!(problem["severity"], "error", "{problem}");
    assert_eq!(word(&host), "one");
    host.project.write("jobs/job.js", says("two"));
    wait_for_word(&host, "two");
    host.wait_for_no_problems();
}

#[test]
fn a_broken_edit_of_a_job_is_reported_with_its_place_while_the_old_version_serves() {
    let host = serving_one();
    host.project.write(
        "jobs/job.js",
        "fn(state => state);\nfn(state => { return state.; });\n",
    );
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
    assert_eq!(problem["source_line"], "fn(state => { return state.; });");
    assert_eq!(word(&host), "one");
    wait_for("the console to say so", || {
        host.said().contains("jobs/job.js:2:").then_some(())
    });
    host.project.write("jobs/job.js", says("two"));
    wait_for_word(&host, "two");
    host.wait_for_no_problems();
}

#[test]
fn a_broken_project_file_is_reported_with_its_place_while_the_old_project_serves() {
    let host = serving_one();
    let good = std::fs::read_to_string(host.project.path("project.yaml")).expect("it is there");
    host.project
        .write("project.yaml", good.clone() + "triggers: [\n");
    let problem = wait_for("the problem", || {
        host.project_as_served()["problems"].get(0).cloned()
    });
    assert_eq!(problem["file"], "project.yaml", "{problem}");
    assert!(
        problem["line"].as_u64().is_some_and(|line| line > 0),
        "{problem}"
    );
    assert_eq!(word(&host), "one");
    assert_eq!(host.get("/ready").status, 200);
    host.project.write("project.yaml", good);
    host.wait_for_no_problems();
}

#[test]
fn criteria_that_are_edited_match_as_edited() {
    let host = serving_one();
    let yaml = "
jobs: { job: { adaptor: '@openfn/language-common', trigger: some } }
triggers: { some: { criteria: '{\"a\":1}' } }
credentials: {}
";
    host.project.replace("project.yaml", yaml);
    wait_for("the new criteria", || {
        (host.post(&json!({"a": 2})).json()["data"] == json!([])).then_some(())
    });
    assert_eq!(host.post(&json!({"a": 1})).json()["data"], json!(["job"]));
}

#[test]
fn a_grant_takes_effect_when_it_is_added_and_when_it_is_taken_back() {
    let far_side = FarSide::saying(json!("reached"));
    let host = Host::serving(Project::with_job(
        HTTP,
        &format!("get('{}')", far_side.url("/x")),
    ));
    let exit_code = || host.run(&json!({})).step().exit_code;
    assert_eq!(exit_code(), 3);
    host.project.write("fonio.toml", far_side.granted());
    wait_for("the grant", || (exit_code() == 0).then_some(()));
    host.project.write("fonio.toml", "[network]\nallow = []\n");
    wait_for("the grant to be gone", || (exit_code() == 3).then_some(()));
    let reached = far_side.received().len();
    assert_eq!(exit_code(), 3);
    assert_eq!(
        far_side.received().len(),
        reached,
        "an old connection must not live on"
    );
}

#[test]
fn a_credential_that_is_edited_is_sent_as_edited() {
    let far_side = FarSide::saying(json!({}));
    let credential =
        |token: &str| json!({"baseUrl": far_side.origin(), "access_token": token}).to_string();
    let yaml = "
jobs: { job: { adaptor: '@openfn/language-http', trigger: any, credential: registry } }
triggers: { any: { criteria: '{}' } }
credentials: {}
";
    let project = Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", "get('/x')")
        .file("credentials/registry.json", credential("first"));
    let host = Host::serving(project);
    let sent = || {
        assert_eq!(host.run(&json!({})).step().exit_code, 0);
        far_side
            .received()
            .last()
            .and_then(|request| request.header("authorization").map(str::to_owned))
    };
    assert_eq!(sent().as_deref(), Some("Bearer first"));
    host.project
        .replace("credentials/registry.json", credential("second"));
    wait_for("the new token", || {
        (sent().as_deref() == Some("Bearer second")).then_some(())
    });
}

#[test]
fn an_adaptor_can_be_dropped_in_replaced_broken_and_deleted() {
    let host = Host::serving(Project::with_job("@openfn/language-voice", "attack()"));
    host.wait_for_problem("no adaptor here answers to @openfn/language-voice");
    assert_eq!(host.run(&json!({})).step().exit_code, 10);
    host.project.write("adaptors/voice.wasm", guest("says_one"));
    wait_for_word(&host, "one");
    host.wait_for_no_problems();
    host.project
        .replace("adaptors/voice.wasm", guest("says_two"));
    wait_for_word(&host, "two");
    host.project
        .write("adaptors/voice.wasm", &guest("says_one")[..1000]);
    let problem = host.wait_for_problem("could not be compiled");
    assert_eq!(problem["file"], "adaptors/voice.wasm");
    assert_eq!(word(&host), "two", "the last version that worked serves on");
    host.project.write("adaptors/voice.wasm", b"");
    host.wait_for_problem("the file is empty");
    assert_eq!(word(&host), "two");
    host.project.delete("adaptors/voice.wasm");
    host.wait_for_problem("no adaptor here answers to @openfn/language-voice");
    host.project.write("adaptors/voice.wasm", guest("says_one"));
    wait_for_word(&host, "one");
    host.wait_for_no_problems();
}

#[test]
fn a_step_in_flight_finishes_on_the_version_it_started_with() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let job = |word: &str| {
        format!(
            "get('{}'); fn(state => ({{ ...state, data: '{word}' }}))",
            far_side.url("/x")
        )
    };
    let host =
        Host::serving(Project::with_job(HTTP, &job("one")).file("fonio.toml", far_side.granted()));
    host.post(&json!({}));
    wait_for("the step to be in flight", || {
        (far_side.received().len() == 1).then_some(())
    });
    // One that does not wait at the gate, to see when the edit is live.
    host.project.write("jobs/job.js", says("two"));
    wait_for("the edit to be live", || {
        host.post(&json!({}));
        host.runs()
            .iter()
            .any(|run| run["status"] == "succeeded")
            .then_some(())
    });
    gate.open();
    let runs = host.runs_done();
    let words: Vec<&Value> = runs.iter().map(|run| &run.step().output["data"]).collect();
    assert_eq!(
        (words.first(), words.last()),
        (Some(&&json!("one")), Some(&&json!("two")))
    );
}

#[test]
fn fifty_saves_in_a_row_end_on_the_last() {
    let host = serving_one();
    for save in 0..50 {
        let source = if save % 7 == 3 {
            "fn(state => {".to_owned()
        } else {
            says(&format!("save {save}"))
        };
        if save % 2 == 0 {
            host.project.write("jobs/job.js", source)
        } else {
            host.project.replace("jobs/job.js", source)
        }
    }
    wait_for_word(&host, "save 49");
    host.wait_for_no_problems();
}

#[test]
fn a_hangup_signal_reloads_too() {
    let host = serving_one();
    host.project.write("jobs/job.js", says("two"));
    host.signal(Signal::HUP);
    wait_for_word(&host, "two");
    // Served as `.`, which in a log says nothing.
    let folder = host.project.dir().canonicalize().expect("it is there");
    let expected = format!("reloaded {}\n", folder.display());
    wait_for("the folder in the log", || {
        host.said().contains(&expected).then_some(())
    });
}

#[test]
fn a_jobs_folder_that_appears_later_is_watched() {
    let yaml = "
jobs: { job: { adaptor: '@openfn/language-common', trigger: any } }
triggers: { any: { criteria: '{}' } }
credentials: {}
";
    let host = Host::started(Project::new().file("project.yaml", yaml));
    host.project.write("jobs/job.js", says("one"));
    host.wait_for_no_problems();
    wait_for_word(&host, "one");
    host.project.write("jobs/job.js", says("two"));
    wait_for_word(&host, "two");
}

#[test]
fn a_log_that_is_written_into_the_folder_all_the_time_keeps_no_edit_and_no_end_waiting() {
    let mut host = serving_one();
    let log = host.project.path("some.log");
    let (going_on, over) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while over.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                std::fs::write(&log, "a line\n").expect("it is written");
            }
        });
        // Gone also when an assertion does not hold: the scope waits for the thread.
        let _going_on = going_on;
        host.project.write("jobs/job.js", says("two"));
        wait_for_word(&host, "two");
        host.signal(Signal::TERM);
        assert_eq!(host.wait_for_end().code(), Some(0), "{}", host.said());
    });
}

/// Shorter than the 30 ms for which files must be quiet.
const PACE: Duration = Duration::from_millis(5);
