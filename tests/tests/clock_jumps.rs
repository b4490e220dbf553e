//! A system's clock that is set forward by days and back by hours under a host at work: every accepted message has one run,
//! nothing runs twice, nothing that waits is given up or forgotten, and clocks tick once.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use fonio_test_postgres::Database;
use fonio_tests::{Accounts, Answer, FakeClock, FarSide, Gate, Host, Program, Project, wait_for};
use rusqlite::OpenFlags;
use serde_json::{Value, json};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// 2026-03-02 06:10:00 UTC.
const TEN_PAST_SIX: i64 = 1_772_431_800;

/// Three workflows that post what they get to the far side: by and by, within an hour, and again where it does not answer.
fn project(far_side: &FarSide) -> Project {
    let post = format!(
        "post('{}', state => ({{ n: state.data.n }}))",
        far_side.url("/records")
    );
    let workflow = |id: &str| {
        json!({ "id": id, "steps": [
            { "id": "hook", "type": "webhook", "next": "send" },
            { "id": "send", "adaptor": "@openfn/language-http", "expression": post },
        ]})
    };
    let workflows = ["plain", "soon", "again"].map(workflow);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    let settings = "[workflows.soon]\ndeadline = \"1h\"\n[workflows.again]\nretry = { attempts = 3, backoff = \"1h\", max_backoff = \"2h\" }\n";
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

fn serving(project: Project, clock: &FakeClock, store: Option<&Database>) -> Host {
    let program = clock.of(Program::new([
        "serve",
        ".",
        "--listen",
        "127.0.0.1:0",
        "--dev",
    ]));
    let program = match store {
        Some(database) => program.env("FONIO_STORE", &database.url()),
        None => program,
    };
    let host = Host::guarded_by(project, &program);
    host.wait_until_ready();
    host
}

/// Sends a message to a workflow, put off by so long; its run.
fn send(host: &Host, workflow: &str, n: u64, delay: &str) -> String {
    let headers = [("content-type", "application/json"), ("fonio-delay", delay)];
    let body = json!({ "n": n }).to_string();
    let reply = host.send("POST", &format!("/i/{workflow}"), &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["run_id"].as_str().expect("a run").to_owned()
}

fn run(host: &Host, id: &str) -> Value {
    host.get(&format!("/api/v1/runs/{id}")).json()
}

fn wait_until(host: &Host, id: &str, status: &str) {
    wait_for(&format!("run {id} to be {status}"), || {
        (run(host, id)["status"] == status).then_some(())
    });
}

/// How often the host has noticed that its clock jumped.
fn jumps(host: &Host) -> usize {
    host.said().matches("clock has jumped").count()
}

/// The clock jumps, and the host notices: what it is to do soon has it look at the time.
fn jump(host: &Host, clock: &FakeClock, by_seconds: i64, n: u64) {
    let before = jumps(host);
    clock.jump(by_seconds);
    send(host, "plain", n, "1ms");
    wait_for("the host to notice", || {
        (jumps(host) > before).then_some(())
    });
}

/// Holds request 0 until the gate opens, and does not answer the first of request 1 and of request 2.
fn far_side(gate: &Gate) -> FarSide {
    let (gate, refused) = (gate.clone(), [(); 2].map(|()| AtomicBool::new(false)));
    FarSide::answering(move |request| {
        let answer = Answer::json(&json!({ "ok": true }));
        match request.json()["n"].as_u64() {
            Some(0) => {
                gate.pass();
                answer
            }
            Some(n @ (1 | 2)) if !refused[n as usize - 1].swap(true, Ordering::SeqCst) => {
                answer.status(503)
            }
            _ => answer,
        }
    })
}

fn nothing_is_lost(store: Option<&Database>) {
    let gate = Gate::default();
    let far_side = far_side(&gate);
    let project = project(&far_side);
    let clock = FakeClock::at(&project, TEN_PAST_SIX);
    let host = serving(project, &clock, store);
    let held = send(&host, "soon", 0, "1ms");
    let retried = send(&host, "again", 1, "1ms");
    let later = send(&host, "soon", 3, "2h");
    wait_for("both requests", || {
        (far_side.received().len() == 2).then_some(())
    });

    jump(&host, &clock, 3 * DAY, 10);
    wait_until(&host, &later, "succeeded");
    wait_until(&host, &retried, "succeeded");
    assert_eq!(
        run(&host, &held)["status"],
        "running",
        "its deadline jumped along"
    );

    let retried = send(&host, "again", 2, "1ms");
    let later = send(&host, "soon", 4, "1h");
    wait_for("its first attempt", || {
        (run(&host, &retried)["steps"][0]["status"] == "waiting").then_some(())
    });
    jump(&host, &clock, -5 * HOUR, 11);
    wait_until(&host, &retried, "succeeded");
    assert_eq!(run(&host, &held)["status"], "running");
    assert_eq!(
        run(&host, &later)["steps"][0]["status"],
        "waiting",
        "its time has not come"
    );

    // The host goes on by the time that it finds.
    let host = host.killed_and_restarted();
    assert_eq!(run(&host, &later)["status"], "queued");
    jump(&host, &clock, 7 * HOUR, 12);
    wait_until(&host, &later, "succeeded");
    gate.open();

    let accepted: BTreeSet<u64> = [0, 1, 2, 3, 4, 10, 11, 12].into();
    let sent = accepted.len() as u64;
    let accounts = Accounts::of(&host, &far_side, &accepted, sent);
    assert_eq!(accounts.ended("succeeded"), accepted.len());
    // Two that were not answered, and the one that was held when the host was killed.
    assert_eq!(accounts.repeated, 3);
    let list = Program::new([
        "runs",
        "list",
        "--url",
        &format!("http://{}", host.address()),
    ]);
    let list = list.run(host.project.dir()).expect_code(0).stdout;
    assert!(!list.contains(" -"), "no time is negative:\n{list}");
}

#[test]
fn what_is_accepted_runs_once_however_the_clock_jumps() {
    nothing_is_lost(None);
}

#[test]
fn the_same_in_postgres() {
    nothing_is_lost(Some(&Database::new()));
}

fn ticking(id: &str, cron: &str) -> Value {
    json!({ "id": id, "steps": [
        { "id": "tick", "type": "cron", "enabled": true, "cron_expression": cron, "next": "job" },
        { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => state)" },
    ]})
}

fn of(workflows: &[Value]) -> String {
    json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows })
        .to_string()
}

/// Has the host look at its clocks: a new one, after all others, is remembered at the first look. `remembered` counts those
/// of a name.
fn look_at_clocks(host: &Host, witness: &str, remembered: impl Fn(&str) -> i64) {
    let file = fs::read(host.project.path("project.yaml")).expect("its file");
    let mut file: Value = serde_json::from_slice(&file).expect("JSON");
    let workflows = file["workflows"].as_array_mut().expect("a list");
    workflows.push(ticking(witness, "0 0 29 2 *"));
    host.project.replace("project.yaml", file.to_string());
    wait_for("the host to look at its clocks", || {
        (remembered(&format!("{witness}/tick")) == 1).then_some(())
    });
}

/// How many clocks of this name the host's file has.
fn in_file(host: &Host, clock: &str) -> i64 {
    let file = host.project.path(".fonio/fonio.db");
    let store = rusqlite::Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let store = store.expect("the host's file");
    let count = "SELECT count(*) FROM clocks WHERE clock = ?1 AND tick_ms IS NOT NULL";
    let count = store.query_row(count, [clock], |row| row.get(0));
    count.expect("the table of clocks")
}

#[test]
fn a_clock_ticks_once_however_the_systems_clock_jumps() {
    for (catch_up, ticks) in [("one", [1, 1, 2]), ("none", [0, 0, 0])] {
        let settings = format!("[triggers.tick]\ncatch_up = \"{catch_up}\"\n");
        let project = Project::new()
            .file("project.yaml", of(&[ticking("w", "0 * * * *")]))
            .file("fonio.toml", settings);
        let clock = FakeClock::at(&project, TEN_PAST_SIX);
        let host = serving(project, &clock, None);
        look_at_clocks(&host, "z", |name| in_file(&host, name));
        for (by, ticks) in [3 * DAY, -5 * HOUR, 2 * HOUR].into_iter().zip(ticks) {
            clock.jump(by);
            let witness = format!("z{by}");
            look_at_clocks(&host, &witness, |name| in_file(&host, name));
            assert_eq!(host.runs_done().len(), ticks, "{catch_up}, by {by} s");
        }
        let host = host.killed_and_restarted();
        look_at_clocks(&host, "zz", |name| in_file(&host, name));
        assert_eq!(host.runs_done().len(), ticks[2], "{catch_up}");
    }
}

/// Half a year from now, so that no test meets it.
fn in_half_a_year(database: &Database) -> String {
    let month = "SELECT CAST(extract(month FROM now() + interval '6 months') AS BIGINT)";
    format!("0 0 1 {} *", database.number(month))
}

#[test]
fn of_hosts_that_share_a_database_one_whose_clock_jumps_ticks_nothing_and_is_not_taken_for_dead() {
    let (database, gate) = (Database::new(), Gate::default());
    let far_side = FarSide::behind(&gate);
    let cron = in_half_a_year(&database);
    let url = far_side.url("/records");
    let hook = json!({ "id": "plain", "steps": [
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http", "expression": format!("post('{url}', state => state.data)") },
    ]});
    let file = of(&[hook, ticking("w", &cron)]);
    let project = || {
        let project = Project::new().file("project.yaml", &file);
        project.file("fonio.toml", far_side.granted())
    };
    let (jumping, steady) = (project(), project());
    let (clock, right) = (FakeClock::right(&jumping), FakeClock::right(&steady));
    let jumping = serving(jumping, &clock, Some(&database));
    send(&jumping, "plain", 0, "1ms");
    wait_for("its request", || {
        (far_side.received().len() == 1).then_some(())
    });
    let steady = serving(steady, &right, Some(&database));
    let leases = |which: &str| {
        let ends = format!("extract(epoch FROM {which}(alive_until)) * 1000");
        database.number(&format!(
            "SELECT CAST({ends} AS BIGINT) FROM fonio_clinic.hosts"
        ))
    };
    let in_database = |name: &str| {
        database.number(&format!(
            "SELECT count(*) FROM fonio_clinic.clocks WHERE clock = '{name}' AND tick_ms IS NOT NULL"
        ))
    };
    for by in [200 * DAY, -201 * DAY] {
        let before = leases("max");
        jump(&jumping, &clock, by, 1);
        let witness = format!("z{by}");
        look_at_clocks(&jumping, &witness, in_database);
        wait_for("both hosts to renew their leases", || {
            (leases("min") > before).then_some(())
        });
    }
    gate.open();
    let runs = Accounts::of_runs(&jumping);
    assert_eq!(runs.len(), 3, "nothing has ticked: {runs:#?}");
    assert_eq!(far_side.received().len(), 3, "nothing ran twice");
    assert_eq!(
        database.number("SELECT count(*) FROM fonio_clinic.hosts"),
        2
    );
    for host in [&jumping, &steady] {
        let said = host.said();
        assert!(!said.contains("took over"), "{said}");
    }
}
