//! Webhooks as OpenFn's users have them: an address for each, how it was asked in the state, and its replies.

use fonio_tests::{Answer, FarSide, Gate, Host, Project, Response, wait_for};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A workflow `intake` whose webhook has these keys, and whose one job this expression.
fn project(trigger: &str, expression: &str) -> Project {
    Project::new()
        .file(
            "project.yaml",
            format!(
                "id: clinic\nname: clinic\nschema_version: '4.0'\nworkflows:\n  - id: intake\n    name: Intake\n    start: hook\n    steps:\n      \
                 - {{ id: hook, type: webhook, next: job, {trigger} }}\n      \
                 - {{ id: job, adaptor: common, expression: ./job.js }}\n"
            ),
        )
        .file("job.js", expression)
}

fn post(host: &Host, target: &str, body: &Value) -> Response {
    host.send("POST", target, &[JSON], body.to_string().as_bytes())
}

const AFTER: &str = "enabled: true, webhook_reply: after_completion";

#[test]
fn a_webhook_answers_at_once_with_the_run_that_it_started() {
    let host = Host::serving(project("enabled: true", "fn(s => s)"));
    let reply = post(&host, "/i/intake", &json!({"n": 1}));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"work_order_id": "1", "run_id": "1"}));
    assert_eq!(reply.header("x-meta-run-id"), Some("1"));
    assert_eq!(host.runs_done()[0].state["data"], json!({"n": 1}));
}

#[test]
fn its_run_sees_how_it_was_asked_but_not_what_authenticates_the_sender() {
    let host = Host::serving(project("enabled: true", "fn(s => s)"));
    let headers = [
        JSON,
        ("x-form", "visit"),
        ("authorization", "Bearer T"),
        ("x-api-key", "K"),
        ("cookie", "C"),
    ];
    host.send("POST", "/i/intake?a=1&b=x%20y", &headers, b"{}");
    let request = host.runs_done()[0].state["request"].clone();
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], json!(["i", "intake"]));
    assert_eq!(request["query_params"], json!({"a": "1", "b": "x y"}));
    assert_eq!(request["headers"]["x-form"], "visit");
    for secret in ["authorization", "x-api-key", "cookie"] {
        assert!(request["headers"].get(secret).is_none(), "{request}");
    }
}

#[test]
fn one_that_waits_answers_with_the_final_state() {
    let host = Host::serving(project(
        AFTER,
        "fn(s => ({ data: { doubled: s.data.n * 2 } }))",
    ));
    let reply = post(&host, "/i/intake", &json!({"n": 2}));
    assert_eq!(reply.status, 201);
    assert_eq!(reply.json()["data"], json!({"data": {"doubled": 4}}));
    let meta = &reply.json()["meta"];
    assert_eq!(
        (&meta["run_id"], &meta["state"]),
        (&json!("1"), &json!("success"))
    );
}

#[test]
fn one_whose_run_failed_says_so_with_the_errors() {
    let host = Host::serving(project(
        AFTER,
        "fn(() => { throw new Error('no such clinic') })",
    ));
    let reply = post(&host, "/i/intake", &json!({}));
    assert_eq!(reply.status, 500);
    let body = reply.json();
    assert_eq!(body["data"]["errors"]["job"]["message"], "no such clinic");
    assert_eq!(
        (&body["meta"]["state"], &body["meta"]["failed_step"]),
        (&json!("failed"), &json!("job"))
    );
}

#[test]
fn the_statuses_are_those_that_the_project_gives() {
    let codes =
        format!("{AFTER}, webhook_response_config: {{ success_code: 202, error_code: 422 }}");
    let host = Host::serving(project(
        &codes,
        "fn(s => { if (s.data.bad) throw new Error('x'); return s; })",
    ));
    assert_eq!(post(&host, "/i/intake", &json!({})).status, 202);
    assert_eq!(post(&host, "/i/intake", &json!({"bad": 1})).status, 422);
}

#[test]
fn a_job_can_write_the_answer_itself() {
    let job = "fn(s => ({ ...s, webhookResponse: { status: 418, body: { tea: s.data.n } } }))";
    let host = Host::serving(project(AFTER, job));
    let reply = post(&host, "/i/intake", &json!({"n": 3}));
    assert_eq!((reply.status, reply.json()), (418, json!({"tea": 3})));
}

#[test]
fn a_webhook_can_be_looked_at() {
    let host = Host::serving(project("enabled: true", "fn(s => s)"));
    assert_eq!(host.get("/i/intake").status, 200);
    assert_eq!(host.get("/i/intake/hook").status, 200);
    host.get("/i/other").problem(404);
    assert_eq!(host.send("PUT", "/i/intake", &[], b"").status, 405);
    assert!(host.runs_done().is_empty(), "a look starts nothing");
}

#[test]
fn what_is_refused_is_refused_with_the_reason_and_not_kept() {
    let host = Host::serving(project("enabled: true", "fn(s => s)"));
    let send = |target: &str, kind: &str, body: &[u8]| {
        host.send("POST", target, &[("content-type", kind)], body)
    };
    assert!(
        send("/i/nope", "application/json", b"{}")
            .problem(404)
            .contains("no webhook nope")
    );
    assert!(
        send("/i/intake", "application/json", b"{")
            .problem(400)
            .contains("not valid JSON")
    );
    assert!(
        send("/i/intake", "image/png", b"x")
            .problem(415)
            .contains("image/png")
    );
    let large = vec![b' '; (10 << 20) + 1];
    send("/i/intake", "application/json", &large).problem(413);
    assert!(host.runs_done().is_empty());
    let off = Host::serving(project("enabled: false", "fn(s => s)"));
    assert!(
        post(&off, "/i/intake", &json!({}))
            .problem(403)
            .contains("disabled")
    );
    off.get("/i/intake").problem(403);
}

#[test]
fn a_webhook_keeps_the_address_that_it_had_in_openfn() {
    let uuid = "7c0d5a0e-6f0e-4a3c-9d0f-0c9c8f1b2a3d";
    let host = Host::serving(project(
        &format!("enabled: true, openfn: {{ uuid: {uuid} }}"),
        "fn(s => s)",
    ));
    let address = format!("/i/{uuid}");
    assert_eq!(post(&host, &address, &json!({})).status, 200);
    assert_eq!(host.project_as_served()["triggers"][0]["path"], *address);
    let told = format!("POST http://{}{address}", host.address());
    wait_for("the start to tell of it", || {
        host.said().contains(&told).then_some(())
    });
}

#[test]
fn an_address_that_is_shown_is_one_that_exists() {
    let yaml = "id: clinic\nname: clinic\nschema_version: '4.0'\nworkflows:\n  - id: 'visites été'\n    name: V\n    start: in\n    \
                steps:\n      - { id: in, type: webhook, enabled: true, next: job }\n      - { id: job, adaptor: common, expression: none }\n";
    let host = Host::serving(Project::new().file("project.yaml", yaml));
    let served = host.project_as_served();
    let address = served["triggers"][0]["path"].as_str().expect("an address");
    assert_eq!(host.get(address).status, 200, "{served}");
}

#[test]
fn whoever_asks_for_a_webhook_that_is_not_there_is_told_where_they_are_shown_and_of_none() {
    let host = Host::serving(project("enabled: true", "fn(s => s)"));
    for said in [host.get("/i/nope"), post(&host, "/i/nope", &json!({}))] {
        let said = said.problem(404);
        assert!(said.contains("the page at /"), "{said}");
        assert!(!said.contains("intake"), "{said}");
    }
}

#[test]
fn an_answer_that_waits_gives_up_before_its_run_does() {
    let slow = "fn(s => new Promise(done => setTimeout(() => done(s), 32000)))";
    let host = Host::serving(project(AFTER, slow));
    let said = post(&host, "/i/intake", &json!({})).problem(504);
    assert!(
        said.contains("run 1 goes on") && said.contains("do not send it again"),
        "{said}"
    );
    assert_eq!(host.runs_done()[0].status, "succeeded");
}

#[test]
fn a_final_state_that_nests_very_deeply_is_answered_all_the_same() {
    let deep = "fn(s => { let o = 1; for (let i = 0; i < 300; i += 1) o = [o]; return { o }; })";
    let host = Host::serving(project(AFTER, deep));
    let reply = post(&host, "/i/intake", &json!({}));
    assert_eq!(reply.status, 201);
    assert!(reply.text().contains(&"[".repeat(300)), "{}", reply.text());
}

#[test]
fn those_that_wait_for_their_runs_leave_room_for_those_that_do_not() {
    let gate = Gate::default();
    let far_side = FarSide::answering({
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Answer::json(&json!({}))
        }
    });
    let waits = project(AFTER, &format!("get('{}')", far_side.url("/")))
        .file("fonio.toml", far_side.granted());
    let yaml = std::fs::read_to_string(waits.path("project.yaml")).expect("it is there");
    waits.write(
        "project.yaml",
        yaml.replace("adaptor: common", "adaptor: http"),
    );
    let host = Host::serving(waits);
    let ask = || {
        let mut stream = std::net::TcpStream::connect(host.address()).expect("the host listens");
        let request = "POST /i/intake HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("the host reads");
        stream
    };
    let mut waiting: Vec<_> = (0..512).map(|_| ask()).collect();
    let refused = wait_for("no place to be left", || {
        let probe = ask();
        probe
            .set_read_timeout(Some(std::time::Duration::from_millis(300)))
            .expect("a timeout");
        let mut first = [0; 12];
        let answered = std::io::Read::read_exact(&mut &probe, &mut first).is_ok();
        if !answered {
            waiting.push(probe);
            return None;
        }
        Some(String::from_utf8_lossy(&first).into_owned())
    });
    assert_eq!(refused, "HTTP/1.1 503");
    assert_eq!(host.get("/health").status, 200);
    gate.open();
    wait_for("a place again", || {
        (post(&host, "/i/intake", &json!({})).status == 201).then_some(())
    });
}
