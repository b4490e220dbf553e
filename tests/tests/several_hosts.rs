//! Hosts that share a PostgreSQL database: one queue, one cron, and nobody misses a host that is gone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fonio_test_postgres::Database;
use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, wait_for, wait_past_a_lease};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A webhook that answers when its run has ended, and an inbox; both post to the far side.
fn project(far_side: &FarSide) -> Project {
    let url = far_side.url("/records");
    let workflow = |id: &str, reply: &str| {
        json!({ "id": id, "steps": [
            { "id": "hook", "type": "webhook", "webhook_reply": reply, "next": "send" },
            { "id": "send", "adaptor": "@openfn/language-http",
              "expression": format!("post('{url}', state => ({{ n: state.data.n }}))") },
        ]})
    };
    let workflows = [
        workflow("now", "before_start"),
        workflow("later", "after_completion"),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted())
}

/// A host of this project, with a data folder of its own.
fn host(database: &Database, far_side: &FarSide) -> Host {
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
    let host = Host::started_by(
        project(far_side),
        &program.env("FONIO_STORE", &database.url()),
    );
    host.wait_until_ready();
    host
}

fn send(host: &Host, webhook: &str, n: usize) -> fonio_tests::Response {
    let body = json!({ "n": n }).to_string();
    let headers = [("content-type", "application/json")];
    host.send("POST", &format!("/i/{webhook}"), &headers, body.as_bytes())
}

fn counts(database: &Database) -> (i64, i64) {
    let ended = "SELECT count(*) FROM fonio_clinic.runs WHERE status = 2";
    let open = "SELECT count(*) FROM fonio_clinic.runs WHERE status < 2";
    (database.number(ended), database.number(open))
}

/// The numbers that arrived, and how many requests they came in.
fn arrived(far_side: &FarSide) -> (BTreeSet<u64>, usize) {
    let received = far_side.received();
    let numbers = received
        .iter()
        .filter_map(|request| request.json()["n"].as_u64());
    (numbers.collect(), received.len())
}

#[test]
fn two_hosts_run_one_queue_and_each_shows_what_the_other_took() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({ "ok": true })));
    let hosts = [host(&database, &far_side), host(&database, &far_side)];
    for n in 0..40 {
        assert_eq!(send(&hosts[n % 2], "now", n).status, 200);
        let reply = send(&hosts[(n + 1) % 2], "later", 100 + n);
        assert_eq!(reply.status, 201, "{reply:?}");
        assert_eq!(reply.json()["data"]["data"], json!({ "ok": true }));
    }
    wait_past_a_lease("every run to end", || {
        (counts(&database) == (80, 0)).then_some(())
    });
    let (numbers, requests) = arrived(&far_side);
    assert_eq!((numbers.len(), requests), (80, 80), "each ran once");
    for host in &hosts {
        assert_eq!(host.runs().len(), 80);
    }
    let by_host = "SELECT count(*) FROM fonio_clinic.hosts";
    assert_eq!(database.number(by_host), 2);
}

#[test]
fn what_a_killed_host_had_begun_is_taken_over_within_its_lease() {
    let (database, gate) = (Database::new(), Gate::default());
    let first = Arc::new(AtomicUsize::new(0));
    let far_side = FarSide::answering({
        let (gate, first) = (gate.clone(), Arc::clone(&first));
        move |_| {
            if first.fetch_add(1, Ordering::SeqCst) == 0 {
                gate.pass();
            }
            Answer::json(&json!({ "ok": true }))
        }
    });
    let mut lost = host(&database, &far_side);
    assert_eq!(send(&lost, "now", 7).status, 200);
    wait_for("the request of the host that will be lost", || {
        (far_side.received().len() == 1).then_some(())
    });
    let heir = host(&database, &far_side);
    assert_eq!(heir.runs()[0]["status"], "running");
    lost.signal(Signal::KILL);
    lost.wait_for_end();
    wait_past_a_lease("the other host to take over", || {
        (counts(&database) == (1, 0)).then_some(())
    });
    gate.open();
    let run = &heir.runs()[0];
    let run = heir.get(&format!("/api/v1/runs/{}", run["id"])).json();
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["steps"][0]["attempt"], 2, "{run:#}");
    assert!(
        heir.said().contains("took over from a host that is gone"),
        "{}",
        heir.said()
    );
}

#[test]
fn a_step_is_cut_off_whichever_host_its_run_is_ended_on() {
    let (database, gate) = (Database::new(), Gate::default());
    let far_side = FarSide::behind(&gate);
    let busy = host(&database, &far_side);
    assert_eq!(send(&busy, "now", 7).status, 200);
    wait_for("its request", || {
        (far_side.received().len() == 1).then_some(())
    });
    let other = host(&database, &far_side);
    let run = other.runs()[0]["id"].clone();
    let cancel = format!("/api/v1/runs/{run}/cancel");
    let cancelled = other.send("POST", &cancel, &[], b"").json();
    assert_eq!(cancelled, json!({ "cancelled": true }));
    // The far side has not answered yet, and a step has 60 s for it.
    wait_for("the host to have no step any more", || {
        let metrics = busy.get("/metrics").text();
        metrics.contains("fonio_steps_in_flight 0\n").then_some(())
    });
    gate.open();
    assert_eq!(counts(&database).1, 0);
    assert_eq!(other.runs()[0]["status"], "cancelled");
}

#[test]
fn a_host_that_stops_in_order_leaves_nothing_behind() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({})));
    let mut host = host(&database, &far_side);
    assert_eq!(send(&host, "later", 1).status, 201);
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    assert_eq!(
        database.number("SELECT count(*) FROM fonio_clinic.hosts"),
        0
    );
    assert_eq!(counts(&database), (1, 0));
}

#[test]
fn a_database_that_restarts_under_load_costs_no_accepted_message() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({})));
    let hosts = [host(&database, &far_side), host(&database, &far_side)];
    let accepted = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for (at, host) in hosts.iter().enumerate() {
            let accepted = &accepted;
            scope.spawn(move || {
                for n in 0..150 {
                    let n = at * 1000 + n;
                    let reply = send(host, "now", n);
                    match reply.status {
                        200 => drop(accepted.lock().expect("no panic").insert(n as u64)),
                        503 => assert!(reply.header("retry-after").is_some(), "{reply:?}"),
                        other => panic!("{other}: {reply:?}"),
                    }
                }
            });
        }
        for _ in 0..8 {
            let seen = far_side.received().len();
            database.cut_off();
            wait_for("work to go on", || {
                (far_side.received().len() > seen + 5).then_some(())
            });
        }
    });
    wait_past_a_lease("every run to end", || {
        (counts(&database).1 == 0).then_some(())
    });
    let accepted = accepted.into_inner().expect("no panic");
    let (numbers, _) = arrived(&far_side);
    let lost: Vec<_> = accepted.difference(&numbers).collect();
    assert!(lost.is_empty(), "accepted and never run: {lost:?}");
    assert!(
        accepted.len() > 200,
        "most came through: {}",
        accepted.len()
    );
}

#[test]
fn a_host_without_its_database_refuses_and_goes_on_when_it_is_back() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({})));
    let host = host(&database, &far_side);
    assert_eq!(send(&host, "later", 1).status, 201);
    database.let_in(false);
    database.cut_off();
    let refused = send(&host, "now", 2);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    assert!(
        refused.text().contains("cannot be reached"),
        "{}",
        refused.text()
    );
    wait_for("the host to say so", || {
        host.said()
            .contains("the database is out of reach")
            .then_some(())
    });
    database.let_in(true);
    wait_for("messages to be taken again", || {
        (send(&host, "later", 3).status == 201).then_some(())
    });
    let (numbers, _) = arrived(&far_side);
    assert!(numbers.contains(&3) && !numbers.contains(&2), "{numbers:?}");
}

#[test]
fn a_store_that_cannot_be_opened_is_told_without_its_password() {
    let project = project(&FarSide::saying(json!({})));
    let serve = |store: &str| {
        let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--store", store]);
        program.run(project.dir())
    };
    let nobody = serve("postgres://ama:hush-hush@127.0.0.1:1/fonio").expect_code(1);
    assert!(
        nobody.stderr.contains("cannot be reached"),
        "{}",
        nobody.stderr
    );
    assert!(!nobody.stderr.contains("hush"), "{}", nobody.stderr);
    serve("mysql://ama:hush-hush@db/fonio")
        .expect_code(2)
        .expect_said("postgres://USER:PASSWORD@HOST/DATABASE")
        .expect_unsaid("hush");
    project.write("project.yaml", "jobs: [");
    serve("postgres://127.0.0.1:1/fonio")
        .expect_code(10)
        .expect_said("is not known until its files are right");
}

#[test]
fn tenants_have_a_schema_each() {
    let database = Database::new();
    let tenant = |answer: &str| {
        let job = format!("fn(() => ({{ data: '{answer}' }}))");
        let steps = json!([
            { "id": "hook", "type": "webhook", "webhook_reply": "after_completion", "next": "job" },
            { "id": "job", "adaptor": "@openfn/language-common", "expression": job },
        ]);
        json!({ "schema_version": "4.0", "id": "same", "name": "same", "workflows": [{ "id": "w", "steps": steps }] })
    };
    let projects = Project::new()
        .file("clinic/project.yaml", tenant("of clinic").to_string())
        .file("school/project.yaml", tenant("of school").to_string());
    let program = Program::serving_tenants(&[]);
    let host = Host::started_by(projects, &program.env("FONIO_STORE", &database.url()));
    for name in ["clinic", "school"] {
        let path = format!("/{name}/i/w");
        let reply = wait_for("the tenant to be served", || {
            let reply = host.send(
                "POST",
                &path,
                &[("content-type", "application/json")],
                b"{}",
            );
            (reply.status == 201).then_some(reply)
        });
        assert_eq!(
            reply.json()["data"]["data"],
            Value::from(format!("of {name}"))
        );
        let runs = format!("SELECT count(*) FROM fonio_{name}.runs");
        assert_eq!(database.number(&runs), 1);
    }
}

#[test]
fn a_command_reads_the_database_where_no_host_runs_and_what_it_begins_is_run_by_the_next() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({})));
    let mut first = host(&database, &far_side);
    assert_eq!(send(&first, "later", 1).status, 201);
    first.signal(Signal::TERM);
    assert!(first.wait_for_end().success());
    let retry = Program::new(["runs", "retry", "1", "--from", "start"]);
    let retry = retry.env("FONIO_STORE", &database.url());
    let begun = retry.run(first.project.dir()).expect_code(0);
    begun.expect_said("no host runs on this data");
    let next = host(&database, &far_side);
    let follow = Program::new(["runs", "show", "2", "--follow", "--json"]);
    let ended = follow.run(next.project.dir()).expect_code(0).json();
    assert_eq!(ended["retry_of"], 1);
    assert_eq!(far_side.received().len(), 2);
}
