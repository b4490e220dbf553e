//! Which runs go first, which one after another, which later, and until when.

use fonio_test_postgres::Database;
use fonio_tests::{Answer, FarSide, Gate, Host, Program, Project, Store, wait_for};
use serde_json::{Value, json};

/// A far side that answers everybody once the gate is open, and until then only patient 2.
fn gated(gate: &Gate) -> FarSide {
    let gate = gate.clone();
    FarSide::answering(move |request| {
        if request.json()["patient"]["id"] != 2 {
            gate.pass();
        }
        Answer::json(&json!({}))
    })
}

/// A webhook and an inbox whose runs post what they got to the far side.
fn project(far_side: &FarSide, settings: &str) -> Project {
    let post = format!("post('{}', state => state.data)", far_side.url("/records"));
    let workflow = |id: &str, trigger: Value| {
        json!({ "id": id, "steps": [
            trigger,
            { "id": "send", "adaptor": "@openfn/language-http", "expression": post },
        ]})
    };
    let workflows = [
        workflow(
            "w",
            json!({ "id": "hook", "type": "webhook", "next": "send" }),
        ),
        workflow(
            "now",
            json!({ "id": "hook", "type": "webhook", "webhook_reply": "after_completion", "next": "send" }),
        ),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted() + settings)
}

fn send_with(host: &Host, path: &str, header: (&str, &str), body: &Value) -> fonio_tests::Response {
    let headers = [("content-type", "application/json"), header];
    host.send("POST", path, &headers, body.to_string().as_bytes())
}

/// Sends to the workflow `w`; its run.
fn send(host: &Host, body: &Value) -> String {
    let reply = send_with(host, "/i/w", ("accept", "*/*"), body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["run_id"].as_str().expect("a run").to_owned()
}

fn run(host: &Host, id: &str) -> Value {
    host.get(&format!("/api/v1/runs/{id}")).json()
}

fn wait_for_requests(far_side: &FarSide, many: usize) {
    wait_for("the requests", || {
        (far_side.received().len() >= many).then_some(())
    });
}

/// The numbers that arrived, in their order.
fn arrived(far_side: &FarSide) -> Vec<u64> {
    let received = far_side.received();
    let numbers = received.iter().map(|request| request.json()["n"].as_u64());
    numbers.map(|number| number.expect("a number")).collect()
}

fn one_after_another(host: &Host, gate: &Gate, far_side: &FarSide) {
    let runs: Vec<String> = (0..5).map(|n| send(host, &json!({ "n": n }))).collect();
    wait_for_requests(far_side, 1);
    let held = run(host, &runs[1]);
    assert_eq!(
        (&held["status"], &held["held"]),
        (&json!("queued"), &json!("concurrency"))
    );
    assert_eq!(held["steps"][0]["status"], "held", "{held:#}");
    let metrics = host.get("/metrics").text();
    assert!(metrics.contains("fonio_steps_held 4\n"), "{metrics}");
    assert!(metrics.contains("fonio_steps_queued 4\n"), "{metrics}");
    assert_eq!(far_side.received().len(), 1);
    gate.open();
    wait_for_requests(far_side, 5);
    assert_eq!(arrived(far_side), [0, 1, 2, 3, 4]);
    assert_eq!(host.runs_done().len(), 5);
}

#[test]
fn a_workflow_of_one_run_at_a_time_keeps_the_order_of_its_messages() {
    let gate = Gate::default();
    let far_side = gated(&gate);
    let host = Host::serving(project(&far_side, "[workflows.w]\nconcurrency = 1\n"));
    one_after_another(&host, &gate, &far_side);
}

#[test]
fn hosts_that_share_a_database_keep_one_order() {
    let (database, gate) = (Database::new(), Gate::default());
    let far_side = gated(&gate);
    let serve = || {
        let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
        let project = project(&far_side, "[workflows.w]\nconcurrency = 1\n");
        let host = Host::started_by(project, &program.env("FONIO_STORE", &database.url()));
        host.wait_until_ready();
        host
    };
    let hosts = [serve(), serve()];
    for n in 0..20 {
        send(&hosts[n % 2], &json!({ "n": n }));
    }
    wait_for_requests(&far_side, 1);
    gate.open();
    wait_for_requests(&far_side, 20);
    assert_eq!(arrived(&far_side), (0..20).collect::<Vec<_>>());
    assert_eq!(hosts[0].runs_done().len(), 20);
}

#[test]
fn runs_about_one_patient_go_one_after_another_and_others_beside_them() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = gated(&gate);
        let settings = "[workflows.w]\nordering_key = \"patient.id\"\n";
        let host = Host::serving_on(store, project(&far_side, settings));
        let patient = |n: u64, id: u64| {
            send(
                &host,
                &json!({ "n": n, "patient": { "id": id, "name": "x" } }),
            )
        };
        patient(0, 1);
        let second = patient(1, 1);
        patient(2, 2);
        patient(3, 2);
        wait_for_requests(&far_side, 3);
        assert_eq!(run(&host, &second)["held"], "ordering_key");
        let mut beside = arrived(&far_side);
        beside.retain(|n| *n > 1);
        assert_eq!(beside, [2, 3]);
        gate.open();
        wait_for_requests(&far_side, 4);
        assert_eq!(
            arrived(&far_side)[3],
            1,
            "the second of patient 1 came last"
        );
        assert_eq!(host.runs_done().len(), 4);
    });
}

#[test]
fn messages_of_the_inbox_are_ordered_by_a_field_too() {
    let gate = Gate::default();
    let far_side = gated(&gate);
    let job = format!("post('{}', state => state.data)", far_side.url("/x"));
    let settings = far_side.granted() + "[workflows.any]\nordering_key = \"/patient/id\"\n";
    let project = Project::with_job("@openfn/language-http", &job).file("fonio.toml", settings);
    let host = Host::serving(project);
    for (n, id) in [(0, 1), (1, 1), (2, 2)] {
        host.post(&json!({ "before": [1, 2], "n": n, "patient": { "id": id } }));
    }
    wait_for_requests(&far_side, 2);
    let held: Vec<Value> = host.runs().iter().map(|run| run["held"].clone()).collect();
    assert_eq!(held, [json!(null), json!("ordering_key"), json!(null)]);
    gate.open();
    assert_eq!(host.runs_done().len(), 3);
    assert_eq!(arrived(&far_side)[2], 1);
}

#[test]
fn what_is_held_outlives_the_host_and_moves_on_by_changed_settings() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = gated(&gate);
        let host = Host::serving_on(
            store,
            project(&far_side, "[workflows.w]\nconcurrency = 1\n"),
        );
        for n in 0..4 {
            send(&host, &json!({ "n": n }));
        }
        wait_for_requests(&far_side, 1);
        let host = host.killed_and_restarted();
        // The one that ran when the host was killed runs again.
        wait_for_requests(&far_side, 2);
        assert_eq!(arrived(&far_side), [0, 0]);
        let three = far_side.granted() + "[workflows.w]\nconcurrency = 3\n";
        host.project.replace("fonio.toml", three);
        wait_for_requests(&far_side, 4);
        let mut now = arrived(&far_side);
        now.sort_unstable();
        assert_eq!(now, [0, 0, 1, 2]);
        gate.open();
        assert_eq!(host.runs_done().len(), 4);
    });
}

#[test]
fn a_message_is_put_off_by_its_sender() {
    Store::each(|store| {
        let gate = Gate::default();
        gate.open();
        let far_side = gated(&gate);
        let host = Host::serving_on(
            store,
            project(&far_side, "[workflows.now]\ndelay = \"200ms\"\n"),
        );
        let late = send_with(&host, "/i/w", ("fonio-delay", "366d"), &json!({ "n": 0 }));
        let late = run(&host, late.json()["run_id"].as_str().expect("a run"));
        assert_eq!(
            (&late["status"], &late["steps"][0]["status"]),
            (&json!("queued"), &json!("waiting"))
        );
        let days = (late["due_ms"].as_i64().zip(late["created_ms"].as_i64()))
            .map(|(due, created)| (due - created) / 86_400_000);
        assert_eq!(days, Some(366));
        for header in [
            ("fonio-delay", "50ms"),
            ("fonio-not-before", "1999-12-31T23:59:59+01:00"),
        ] {
            let reply = send_with(&host, "/i/w", header, &json!({ "n": 1 }));
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let by_setting = host.send(
            "POST",
            "/i/now",
            &[("content-type", "application/json")],
            b"{\"n\":2}",
        );
        assert_eq!(by_setting.status, 201, "{}", by_setting.text());
        wait_for_requests(&far_side, 3);
        let runs = host.runs();
        let put_off = runs.iter().filter(|run| run["due_ms"].is_i64()).count();
        assert_eq!(put_off, 3, "all but the one of the past");
        for (path, header, words) in [
            (
                "/i/w",
                ("fonio-delay", "soon"),
                "takes a time such as 90s, 10m, 24h or 7d",
            ),
            ("/i/w", ("fonio-delay", "367d"), "by 366d at most"),
            (
                "/i/w",
                ("fonio-not-before", "tomorrow"),
                "takes a time such as 2026-03-02T06:00:00Z",
            ),
            (
                "/i/w",
                ("fonio-not-before", "2999-01-01T00:00:00Z"),
                "by 366d at most",
            ),
            (
                "/i/now",
                ("fonio-delay", "1m"),
                "this reply waits for the runs of the message",
            ),
            (
                "/inbox",
                ("fonio-delay", "soon"),
                "takes a time such as 90s, 10m, 24h or 7d",
            ),
        ] {
            let said = send_with(&host, path, header, &json!({})).problem(400);
            assert!(
                said.contains(words) && said.contains("nothing of this message was kept"),
                "{said}"
            );
        }
    });
}

#[test]
fn a_run_that_has_not_ended_by_its_deadline_is_ended_and_the_next_has_its_place() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = gated(&gate);
        let settings = "[workflows.w]\nconcurrency = 1\ndeadline = \"1s\"\n";
        let host = Host::serving_on(store, project(&far_side, settings));
        let ids = [0, 1].map(|n| send(&host, &json!({ "n": n })));
        wait_for_requests(&far_side, 1);
        let mut ended = host.runs_done();
        for run in &ended {
            assert_eq!((run.status.as_str(), run.steps.len()), ("failed", 1));
        }
        let begun = ended.remove(0);
        assert_eq!(begun.step().error["name"], "DeadlineError", "{begun:#?}");
        begun.step().expect_failure(
            3,
            "did not end within the 1s that `deadline` in [workflows.w] gives it",
        );
        for run in [&begun, &ended[0]] {
            let said = run.step().error["message"].as_str().expect("a sentence");
            assert!(said.starts_with("the run, accepted at 20"), "{said}");
        }
        for id in &ids {
            assert!(run(&host, id)["deadline_ms"].is_i64());
        }
        // A patient whom the far side answers.
        let quick = send(&host, &json!({ "n": 2, "patient": { "id": 2 } }));
        wait_for("a run that ends in time", || {
            (run(&host, &quick)["status"] == "succeeded").then_some(())
        });
        assert!(host.said().contains("DeadlineError"), "{}", host.said());
    });
}

#[test]
fn steps_of_a_higher_priority_go_first() {
    let wait =
        "fn(state => { const end = Date.now() + 3; while (Date.now() < end); return state; })";
    let workflow = |id: &str, expression: &str| {
        json!({ "id": id, "steps": [
            { "id": "hook", "type": "webhook", "next": "job" },
            { "id": "job", "adaptor": "@openfn/language-common", "expression": expression },
        ]})
    };
    let workflows = [
        workflow(
            "block",
            "fn(() => new Promise(() => setTimeout(() => {}, 1e8)))",
        ),
        workflow("low", wait),
        workflow("plain", wait),
        workflow("high", wait),
    ];
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": workflows });
    let project = Project::new()
        .file("clinic/project.yaml", file.to_string())
        .file("clinic/fonio.toml", "[limits]\nwall_time = \"1d\"\n[workflows.low]\npriority = \"low\"\n[workflows.high]\npriority = \"high\"\n")
        .file("tenants.toml", "[tenants.clinic.quota]\nruns_at_once = 1\n");
    let program = Program::serving_tenants(&["--dev"]);
    let host = Host::guarded_by(project, &program);
    host.wait_until_ready();
    wait_for("the tenant", || {
        (host.get("/clinic/ready").status == 200).then_some(())
    });
    let send = |workflow: &str| {
        let path = format!("/clinic/i/{workflow}");
        let reply = host.send(
            "POST",
            &path,
            &[("content-type", "application/json")],
            b"{}",
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["run_id"].as_str().expect("a run").to_owned()
    };
    let run = |id: &str| host.get(&format!("/clinic/api/v1/runs/{id}")).json();
    let block = send("block");
    wait_for("the place to be taken", || {
        (run(&block)["status"] == "running").then_some(())
    });
    let sent = ["low", "plain", "high", "low", "plain", "high"];
    let ids = sent.map(send);
    let cancel = format!("/clinic/api/v1/runs/{block}/cancel");
    assert_eq!(host.send("POST", &cancel, &[], b"").status, 200);
    let mut began: Vec<(i64, &str)> = ids
        .iter()
        .zip(sent)
        .map(|(id, workflow)| {
            let ended = wait_for("the run to end", || {
                Some(run(id)).filter(|run| run["status"] == "succeeded")
            });
            (
                ended["steps"][0]["started_ms"].as_i64().expect("a time"),
                workflow,
            )
        })
        .collect();
    began.sort_unstable();
    let order: Vec<&str> = began.into_iter().map(|(_, workflow)| workflow).collect();
    assert_eq!(order, ["high", "high", "plain", "plain", "low", "low"]);
}

#[test]
fn settings_that_make_no_sense_are_told_with_what_would() {
    let far_side = FarSide::saying(json!({}));
    for (setting, message, help) in [
        (
            "concurrency = 0",
            "`concurrency` should be a whole number",
            "from 1, which keeps the order in which messages come, to 10000",
        ),
        (
            "concurrency = 10001",
            "`concurrency` should be a whole number",
            "to 10000",
        ),
        (
            "ordering_key = \"a..b\"",
            "`ordering_key` does not name a field",
            "\"patient.id\"",
        ),
        (
            "priority = \"urgent\"",
            "`priority` cannot be `urgent`",
            "one of high, normal and low",
        ),
        (
            "delay = \"367d\"",
            "`delay` cannot be more than 366d",
            "fonio.toml",
        ),
        (
            "deadline = \"1ms\"",
            "`deadline` cannot be less than 1s",
            "fonio.toml",
        ),
        (
            "dedline = \"1m\"",
            "there is no key `dedline` in [workflows.w]",
            "deadline",
        ),
    ] {
        let project = project(&far_side, &format!("[workflows.w]\n{setting}\n"));
        Program::new(["check", "."])
            .run(project.dir())
            .expect_code(1)
            .expect_said(message)
            .expect_said(help);
    }
}
