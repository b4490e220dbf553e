//! How long things are kept: retention, a disk that is nearly full, what a person has forgotten, backups, and moving house.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fonio_test_postgres::Database;
use fonio_tests::{Ended, FarSide, Gate, Host, Program, Project, Store, request, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A job that hands on what it was sent.
fn project(settings: &str) -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)").file("fonio.toml", settings)
}

fn serve(arguments: &[&str]) -> Program {
    let usual = ["serve", ".", "--listen", "127.0.0.1:0"];
    Program::new(usual.iter().chain(arguments))
}

fn stop(mut host: Host) -> Host {
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    host
}

fn metric(host: &Host, name: &str) -> u64 {
    let text = host.get("/metrics").text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn messages(host: &Host) -> Vec<Value> {
    let answer = host.get("/api/v1/messages").json();
    answer["messages"].as_array().expect("a list").clone()
}

fn fonio(host: &Host, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(host.project.dir())
}

#[test]
fn what_is_older_than_it_is_kept_is_forgotten_and_counted() {
    Store::each(|store| {
        let host = Host::serving_on(
            store,
            project("[retention]\nmessages = \"1s\"\nruns = \"1s\"\n"),
        );
        for n in 0..3 {
            host.post(&json!({ "n": n }));
        }
        wait_for("messages and runs to be forgotten", || {
            (messages(&host).is_empty() && host.runs().is_empty()).then_some(())
        });
        wait_for("them to be counted", || {
            let counted = ["messages", "runs", "dataclips"]
                .map(|what| metric(&host, &format!("fonio_swept_{what}_total")));
            (counted[0] == 3 && counted[1] == 3 && counted[2] >= 2).then_some(())
        });
        assert_eq!(metric(&host, "fonio_store_messages_total"), 3);
    });
}

#[test]
fn where_nothing_is_kept_a_waiting_sender_gets_its_answer_and_then_only_the_status_is_left() {
    Store::each(|store| {
        let workflow = json!({ "id": "flow", "steps": [
            { "id": "hook", "type": "webhook", "webhook_reply": "after_completion", "next": "job" },
            { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => { console.log('hush'); return state; })" },
        ]});
        let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [workflow] });
        let host = Host::serving_on(
            store,
            Project::new()
                .file("project.yaml", file.to_string())
                .file("fonio.toml", "[retention]\nkeep = \"never\"\n"),
        );
        let headers = [("content-type", "application/json")];
        let reply = host.send("POST", "/i/flow", &headers, br#"{"name":"ama"}"#);
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!(reply.json()["data"]["data"]["name"], "ama");
        wait_for("the message to go", || {
            messages(&host).is_empty().then_some(())
        });
        let runs = host.runs();
        assert_eq!((runs.len(), &runs[0]["status"]), (1, &json!("succeeded")));
        let run = host.get(&format!("/api/v1/runs/{}", runs[0]["id"])).json();
        assert_eq!(run["steps"][0]["log"], json!([]));
        assert_eq!(run["steps"][0]["exit_code"], 0);
        assert_eq!(run["output"], Value::Null);
        let again = format!("/api/v1/runs/{}/retry", runs[0]["id"]);
        let refused = host.send("POST", &again, &[], b"");
        assert_eq!(refused.status, 404, "{}", refused.text());
        assert!(refused.text().contains("retention"), "{}", refused.text());
    });
}

#[test]
fn on_a_disk_that_is_nearly_full_messages_are_turned_away_and_what_was_accepted_is_finished() {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let job = format!("post('{}', state => state.data)", far_side.url("/x"));
    let project =
        || Project::with_job("@openfn/language-http", &job).file("fonio.toml", far_side.granted());
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path().to_str().expect("a path");
    let host = Host::started_by(project(), &serve(&["--data", data]));
    host.wait_until_ready();
    host.post(&json!({}));
    wait_for("the step to begin", || {
        (far_side.received().len() == 1).then_some(())
    });
    drop(host);
    gate.open();

    // No disk has so much.
    let nearly_full = serve(&["--data", data, "--disk-reserve", "1000000GiB"]);
    let host = Host::started_by(project(), &nearly_full);
    let runs = wait_for("the run to go on", || {
        let runs = host.runs();
        (runs[0]["status"] == "succeeded").then_some(runs)
    });
    assert_eq!(runs.len(), 1);
    let refused = host.post_inbox("application/json", "{}");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("10"));
    let words = "are kept in reserve for what was accepted before";
    assert!(refused.text().contains(words), "{}", refused.text());
    let ready = host.get("/ready");
    assert_eq!((ready.status, host.get("/health").status), (503, 200));
    assert!(ready.text().contains(words), "{}", ready.text());
    assert_eq!(
        host.said().matches("is nearly full").count(),
        1,
        "{}",
        host.said()
    );
    drop(stop(host));

    let host = Host::started_by(project(), &serve(&["--data", data, "--disk-reserve", "0B"]));
    host.wait_until_ready();
    assert_eq!(host.post_inbox("application/json", "{}").status, 202);
}

#[test]
fn what_came_of_one_person_is_given_out_and_forgotten_by_the_api() {
    Store::each(|store| {
        let host = Host::serving_on(store, project(""));
        for name in ["ama", "kofi", "ama"] {
            host.post(&json!({ "patient": { "name": name }, "pad": "x".repeat(70_000) }));
        }
        host.runs_done();
        let ask = |path: &str, body: &Value| {
            let headers = [("content-type", "application/json")];
            host.send("POST", path, &headers, body.to_string().as_bytes())
        };
        let of_ama = json!({ "where": { "patient.name": "ama" }, "source": "inbox" });
        let exported = ask("/api/v1/messages/export", &of_ama);
        assert_eq!(exported.status, 200, "{}", exported.text());
        let text = exported.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        let line = &lines[0];
        assert_eq!(line["message"]["body"]["patient"]["name"], "ama");
        assert_eq!(line["runs"][0]["steps"][0]["job"], "job");
        let output = line["runs"][0]["output"].to_string();
        assert_eq!(line["states"][output]["data"]["patient"]["name"], "ama");

        let deleted = ask("/api/v1/messages/delete", &of_ama);
        assert_eq!(deleted.json(), json!({ "messages": 2, "runs": 2 }));
        assert_eq!((messages(&host).len(), host.runs().len()), (1, 1));
        if let Store::File = store {
            let bodies = host.project.path(".fonio/bodies");
            let files = std::fs::read_dir(bodies)
                .expect("a folder")
                .flat_map(|part| {
                    std::fs::read_dir(part.expect("an entry").path()).expect("a folder")
                });
            assert_eq!(files.count(), 2, "kofi's message and state");
        }
        assert_eq!(ask("/api/v1/messages/export", &of_ama).text(), "");
        let refused = ask("/api/v1/messages/delete", &json!({}));
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("say `all`"), "{}", refused.text());
        let audit = host.get("/api/v1/audit").json().to_string();
        for words in [
            "where patient.name has a certain value, source inbox",
            "2 messages with 2 runs",
            "\"erase\"",
            "\"export\"",
        ] {
            assert!(audit.contains(words), "{words} in {audit}");
        }
        assert!(!audit.contains("ama"), "{audit}");
    });
}

#[test]
fn a_run_that_has_not_ended_is_cancelled_when_its_message_is_forgotten() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = FarSide::behind(&gate);
        let job = format!("post('{}', state => state.data)", far_side.url("/x"));
        let project =
            Project::with_job("@openfn/language-http", &job).file("fonio.toml", far_side.granted());
        let host = Host::serving_on(store, project);
        host.post(&json!({ "n": 1 }));
        wait_for("the step to begin", || {
            (far_side.received().len() == 1).then_some(())
        });
        let all = json!({ "all": true }).to_string();
        let deleted = host.send("POST", "/api/v1/messages/delete", &[], all.as_bytes());
        assert_eq!(deleted.json(), json!({ "messages": 1, "runs": 1 }));
        gate.open();
        assert!(host.runs().is_empty() && messages(&host).is_empty());
        host.post(&json!({ "n": 2 }));
        assert_eq!(host.runs_done().len(), 1);
    });
}

#[test]
fn the_command_line_gives_out_and_forgets_and_asks_before() {
    let host = Host::serving(project(""));
    for name in ["ama", "kofi"] {
        host.post(&json!({ "name": name }));
    }
    host.runs_done();
    let ask = |host: &Host, command: &str, more: &[&str]| {
        let of_ama = ["messages", command, "--where", "name=ama", "--since", "1h"];
        fonio(host, &[&of_ama, more].concat())
    };
    let of_the_running_host = ask(&host, "export", &[]).expect_code(0);
    let host = stop(host);
    let exported = ask(&host, "export", &[]).expect_code(0);
    assert_eq!(exported.stdout, of_the_running_host.stdout);
    assert_eq!(exported.json()["message"]["body"]["name"], "ama");
    ask(&host, "export", &["-o", "ama.json"]).expect_code(0);
    let file = std::fs::read_to_string(host.project.path("ama.json")).expect("the file");
    assert_eq!(file, exported.stdout);
    ask(&host, "delete", &[])
        .expect_code(2)
        .expect_said("1 message would be deleted");
    fonio(&host, &["messages", "delete", "--until", "1h", "--yes"])
        .expect_code(0)
        .expect_said("0 messages, 0 runs");
    fonio(&host, &["messages", "delete", "--yes"])
        .expect_code(2)
        .expect_said("nothing is said");
    ask(&host, "delete", &["--yes"])
        .expect_code(0)
        .expect_said("1 message, 1 run");
    let left = fonio(&host, &["messages", "export", "--all"]).expect_code(0);
    assert_eq!(left.json()["message"]["body"]["name"], "kofi");
    let audit = fonio(&host, &["audit"]).expect_code(0).stdout;
    assert!(audit.contains("where name has a certain value"), "{audit}");
    assert!(
        audit.contains("begun"),
        "before anything is deleted: {audit}"
    );
    let nothing = tempfile::tempdir().expect("a folder");
    let there = nothing.path().to_str().expect("a name");
    fonio(&host, &["messages", "list", "--data", there])
        .expect_code(1)
        .expect_said("no host has kept anything");
    let mut left = std::fs::read_dir(nothing.path()).expect("a folder");
    assert!(left.next().is_none(), "a slip in a name makes no store");
    fonio(&host, &["runs", "list", "--follow"])
        .expect_code(1)
        .expect_said("no host runs here");
}

/// The numbers of the messages that a host has.
fn numbers(host: &Host) -> Vec<u64> {
    let answer = host.get("/api/v1/messages?limit=500").json();
    let messages = answer["messages"].as_array().expect("a list");
    messages.iter().filter_map(|it| it["id"].as_u64()).collect()
}

#[test]
fn a_backup_under_load_has_what_was_accepted_before_it_and_goes_on_from_there() {
    let host = Host::serving(project(""));
    for n in 0..20 {
        host.post(&json!({ "n": n, "pad": "x".repeat(if n % 2 == 0 { 90_000 } else { 1 }) }));
    }
    let before = numbers(&host);
    let stop_load = Arc::new(AtomicBool::new(false));
    let load = std::thread::spawn({
        let (address, stop) = (host.address(), Arc::clone(&stop_load));
        move || {
            while !stop.load(Ordering::Relaxed) {
                let sent = request(
                    address,
                    "POST",
                    "/inbox",
                    &[("content-type", "application/json")],
                    b"{}",
                );
                assert_eq!(sent.expect("an answer").status, 202);
            }
        }
    });
    let copies = tempfile::tempdir().expect("a folder");
    let path = |name: &str| copies.path().join(name).display().to_string();
    let copied = fonio(&host, &["backup", &path("copy")]);
    stop_load.store(true, Ordering::Relaxed);
    load.join().expect("the load was accepted");
    copied.expect_code(0).expect_said("backed up");
    fonio(&host, &["backup", &path("copy")])
        .expect_code(1)
        .expect_said("nothing is overwritten");

    fonio(&host, &["backup", ".fonio/copy"])
        .expect_code(1)
        .expect_said("is within the data itself");

    fonio(&host, &["restore", &path("copy"), "--data", &path("data")]).expect_code(0);
    fonio(&host, &["restore", &path("copy"), "--data", &path("data")])
        .expect_code(1)
        .expect_said("nothing is overwritten");
    fonio(&host, &["restore", &path("data"), "--data", &path("other")])
        .expect_code(1)
        .expect_said("is no backup");
    let restored = Host::started_by(project(""), &serve(&["--data", &path("data")]));
    restored.wait_until_ready();
    for id in before {
        let up_to = restored.get(&format!("/api/v1/messages?limit=1&before={}", id + 1));
        assert_eq!(
            up_to.json()["messages"][0]["id"],
            id,
            "it was accepted before"
        );
    }
    wait_for("every run to end", || {
        let ended = |run: &Value| run["status"] == "succeeded";
        restored.runs().iter().all(ended).then_some(())
    });
    let first = restored.get("/api/v1/runs/1").json();
    let output = first["output"].clone();
    let state = restored.get(&format!("/api/v1/dataclips/{output}")).json();
    assert_eq!(state["data"]["pad"].as_str().map(str::len), Some(90_000));
    assert_eq!(restored.post_inbox("application/json", "{}").status, 202);
}

#[test]
fn a_store_that_moves_into_postgresql_has_everything_and_goes_on() {
    let host = Host::serving(project("[project]\nid = \"clinic\"\n"));
    for n in 0..10 {
        host.post(&json!({ "n": n, "text": "a\tb\\c\nd", "pad": "x".repeat(n * 10_000) }));
    }
    host.runs_done();
    let database = Database::new();
    let copy = |host: &Host| {
        let data = host.project.path(".fonio").display().to_string();
        let copy = Program::new(["store", "copy", "--from", &data]);
        copy.env("FONIO_STORE", &database.url())
            .run(host.project.dir())
    };
    copy(&host).expect_code(1).expect_said("another host");
    let told = host.feed("", &[]).last_id;
    let shown = |host: &Host| {
        let runs: Vec<Value> = (1..=10)
            .map(|id| host.get(&format!("/api/v1/runs/{id}")).json())
            .collect();
        let state = host.get("/api/v1/dataclips/10").json();
        (host.get("/api/v1/messages").json(), runs, state)
    };
    let before = shown(&host);
    let host = stop(host);
    copy(&host).expect_code(0).expect_said("10 messages");
    copy(&host)
        .expect_code(1)
        .expect_said("a store is copied into one that has nothing");

    let files = |name: &str| std::fs::read(host.project.path(name)).expect("a file");
    let moved = ["project.yaml", "fonio.toml", "jobs/job.js"]
        .iter()
        .fold(Project::new(), |moved, name| moved.file(name, files(name)));
    let program = serve(&[]).env("FONIO_STORE", &database.url());
    let moved = Host::started_by(moved, &program);
    moved.wait_until_ready();
    assert_eq!(shown(&moved), before);
    let mut feed = moved.feed(&format!("?after={told}"), &[]);
    moved.post(&json!({ "n": 11 }));
    let news = feed.until("run.ended");
    assert_eq!(
        (news[0].kind.as_str(), &news[0].data["message"]),
        ("message.accepted", &json!(11)),
        "the journal goes on: {news:#?}"
    );
    let runs = moved.runs_done();
    assert_eq!((runs.len(), numbers(&moved)[0]), (11, 11));
    assert_eq!(metric(&moved, "fonio_store_runs_total"), 11);
}

#[test]
fn a_file_is_made_small_where_no_host_uses_it() {
    let host = Host::serving(project("[retention]\nmessages = \"1s\"\nruns = \"1s\"\n"));
    for _ in 0..20 {
        host.post(&json!({ "pad": "x".repeat(50_000) }));
    }
    wait_for("everything to be forgotten", || {
        (messages(&host).is_empty() && host.runs().is_empty()).then_some(())
    });
    fonio(&host, &["store", "compact"])
        .expect_code(1)
        .expect_said("another host");
    let host = stop(host);
    let file = host.project.path(".fonio/fonio.db");
    let size = |file: &Path| file.metadata().expect("a file").len();
    let before = size(&file);
    fonio(&host, &["store", "compact"])
        .expect_code(0)
        .expect_said("compacted");
    assert!(size(&file) < before, "{} of {before}", size(&file));
}

#[test]
fn a_backup_has_tenants_whatever_they_are_called_and_is_put_back_nowhere_within_itself() {
    let tenants = Project::new();
    let names = ["bodies", "birth-journal", "clinic"];
    for name in names {
        tenants.write(
            &format!("{name}/project.yaml"),
            "jobs: { job: { adaptor: common, trigger: any, expression: 'fn(s => s)' } }\n\
             triggers: { any: { criteria: '{}' } }\ncredentials: {}\n",
        );
    }
    let serve = Program::serving_tenants(&[]);
    let host = Host::started_by(tenants, &serve);
    host.wait_until_ready();
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy");
    let copy = copy.to_str().expect("a name");
    fonio(&host, &["backup", copy]).expect_code(0);
    for name in names {
        let store = std::path::Path::new(copy)
            .join("tenants")
            .join(name)
            .join("fonio.db");
        assert!(store.exists(), "{}", store.display());
    }
    let within = format!("{copy}/again");
    fonio(&host, &["restore", copy, "--data", &within])
        .expect_code(1)
        .expect_said("is within");
}

#[test]
fn a_body_that_is_lost_keeps_nothing_else_from_a_backup_and_an_export() {
    let host = Host::serving(project(""));
    host.run(&json!({ "n": 1, "pad": "x".repeat(90_000) }));
    host.run(&json!({ "n": 2 }));
    let folder = host.project.dir().join(".fonio/bodies");
    let lost = files_below(&folder);
    assert!(!lost.is_empty(), "the large message is in a file");
    for file in &lost {
        std::fs::remove_file(file).expect("it can be deleted");
    }
    let exported = fonio(&host, &["messages", "export", "--all"]).expect_code(0);
    let lines: Vec<Value> = exported
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let said = lines[0]["lost"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("cannot be read"), "{}", lines[0]);
    assert_eq!(lines[0]["runs"][0]["status"], "succeeded");
    assert_eq!(lines[1]["message"]["body"]["n"], 2);

    let copies = tempfile::tempdir().expect("a folder");
    let path = |name: &str| copies.path().join(name).display().to_string();
    let copied = fonio(&host, &["backup", &path("copy")]).expect_code(0);
    let named = lost[0].file_name().expect("a name").to_string_lossy();
    copied.expect_said("backed up").expect_said(&named);
    let put_back = fonio(&host, &["restore", &path("copy"), "--data", &path("data")]);
    put_back.expect_code(0).expect_said(&named);
    let database = copies.path().join("copy/fonio.db");
    let bytes = std::fs::read(&database).expect("the copy");
    for damaged in [&bytes[..0], &bytes[..bytes.len() / 2]] {
        std::fs::write(&database, damaged).expect("a file");
        fonio(&host, &["restore", &path("copy"), "--data", &path("other")])
            .expect_code(1)
            .expect_said("is damaged");
        assert!(!copies.path().join("other").exists());
    }
    let restored = Host::started_by(project(""), &serve(&["--data", &path("data")]));
    restored.wait_until_ready();
    assert_eq!(restored.get("/api/v1/messages/2").json()["body"]["n"], 2);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}
