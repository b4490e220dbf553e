//! Events: what the steps of one workflow tell the others of their project.

use fonio_tests::{Host, Job, Program, Project, Run, Store, guest};
use serde_json::{Value, json};

/// A workflow with a webhook, and one with a trigger for `event`; each has one job.
fn project(event: &str, first: &str, second: &str) -> Project {
    let step = |expression: &str| json!({ "id": "job", "adaptor": "@openfn/language-common", "expression": expression });
    let trigger = json!({ "id": "heard", "type": "event", "event": event, "next": "job" });
    let hook = json!({ "id": "hook", "type": "webhook", "next": "job" });
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [
        { "id": "intake", "steps": [hook, step(first)] },
        { "id": "follow", "steps": [trigger, step(second)] },
    ]});
    Project::new().file("project.yaml", file.to_string())
}

fn posted(host: &Host, message: &Value) -> Vec<Run> {
    let headers = [("content-type", "application/json")];
    host.send(
        "POST",
        "/i/intake",
        &headers,
        message.to_string().as_bytes(),
    );
    host.runs_done()
}

const KEEPS: &str = "fn(state => state)";

#[test]
fn an_event_starts_what_waits_for_it_with_its_data() {
    Store::each(|store| {
        let first = "events.publish('intake.accepted', state => ({ id: state.data.id }));\nevents.publish('intake.other', 1);";
        let host = Host::serving_on(store, project("intake.accepted", first, KEEPS));
        let runs = posted(&host, &json!({ "id": 7 }));
        assert_eq!(runs.len(), 2, "{runs:#?}");
        assert_eq!(
            runs[0].state["data"]["id"], 7,
            "the job's own state goes on"
        );
        assert_eq!(
            runs[0].step().log,
            ["publishes intake.accepted", "publishes intake.other"]
        );
        let state = &runs[1].state;
        assert_eq!(state["data"], json!({ "id": 7 }));
        let event = &state["event"];
        assert_eq!(event["name"], "intake.accepted");
        assert_eq!(
            (&event["workflow"], &event["run"]),
            (&json!("intake"), &json!(1))
        );
        assert!(
            event["id"].is_string() && event["at_ms"].is_i64(),
            "{event}"
        );
        let messages = host.get("/api/v1/messages").json();
        assert_eq!(messages["messages"][0]["source"], "event intake.accepted");
        assert_eq!(
            messages["messages"].as_array().map(Vec::len),
            Some(2),
            "one that nobody waits for is not stored"
        );
        let triggers = &host.project_as_served()["triggers"];
        assert_eq!(
            (&triggers[1]["type"], &triggers[1]["event"]),
            (&json!("event"), &json!("intake.accepted"))
        );
    });
}

#[test]
fn a_step_that_fails_publishes_nothing_and_one_that_is_tried_again_publishes_once() {
    let first = "events.publish('intake.accepted', 1);\nfn(() => { throw new Error('no'); });";
    let host = Host::serving(project("*", first, KEEPS).file(
        "fonio.toml",
        "[retry]\nattempts = 2\nbackoff = \"10ms\"\non = \"any\"\n",
    ));
    let runs = posted(&host, &json!({}));
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!(runs[0].status, "failed");
    // The second attempt finds what the first one left.
    let first = "collections.get('seen', 'a');\nevents.publish('intake.accepted', 1);\ncollections.set('seen', 'a', { yes: true });\n\
                 fn(state => { if (!state.data.yes) throw new Error('no'); return state; });";
    let project = project("*", first, KEEPS)
        .file("fonio.toml", "[retry]\nbackoff = \"10ms\"\non = \"any\"\n");
    let file = std::fs::read_to_string(project.dir().join("project.yaml")).expect("it is there");
    let mut file: Value = serde_json::from_str(&file).expect("it is JSON");
    file["collections"] = json!(["seen"]);
    let host = Host::serving(project.file("project.yaml", file.to_string()));
    let runs = posted(&host, &json!({}));
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!(runs[0].status, "succeeded");
}

#[test]
fn a_project_of_jobs_and_triggers_has_event_triggers_too_and_may_do_it_again() {
    let yaml = "jobs:\n  tell: { adaptor: '@openfn/language-common', trigger: any }\n  hear: { adaptor: '@openfn/language-common', trigger: told }\n\
                triggers:\n  any: { criteria: '{\"to\":\"tell\"}' }\n  told: { event: 'intake.*' }\n";
    let project = Project::new()
        .file("project.yaml", yaml)
        .file("jobs/tell.js", "events.publish('intake.late/1');")
        .file("jobs/hear.js", KEEPS);
    let host = Host::serving(project);
    host.post(&json!({ "to": "tell" }));
    let runs = host.runs_done();
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!(runs[1].state["data"], json!({ "to": "tell" }));
    let id = host.runs()[0]["id"].clone();
    let again = host.send("POST", &format!("/api/v1/runs/{id}/retry"), &[], b"");
    assert_eq!(again.status, 201, "{}", again.text());
    let runs = host.runs_done();
    assert_eq!(runs[2].state, runs[1].state, "of the same event");
}

#[test]
fn events_that_go_in_a_circle_come_to_an_end() {
    let again = "events.publish('round.again', state => ({ n: (state.data.n ?? 0) + 1 }));";
    let host = Host::serving(project("round.*", again, again));
    let runs = posted(&host, &json!({}));
    assert_eq!(runs.len(), 33, "one, and a chain of 32");
    let last = runs.last().expect("there is one");
    assert_eq!(last.step().error["kind"], "limit");
    last.step()
        .expect_failure(3, "a chain of more than 32 events");
    assert!(last.step().message().contains("round.again, round.again"));
}

#[test]
fn what_jobs_may_publish_is_granted_by_name() {
    let toml = "[project]\nevents = [\"intake.*\"]\n";
    let job = |name: &str| format!("events.publish('{name}', 1)");
    Job::new(&job("intake.x")).settings(toml).run().state();
    let said = Job::new(&job("other"))
        .settings(toml)
        .run()
        .expect_failure(3, "not granted to publish other");
    assert!(
        said.contains("events = [\"intake.*\", \"other\"]"),
        "{said}"
    );
    Job::new(&job("a b"))
        .run()
        .expect_failure(1, "`a b` is no name of an event");
    let wrong = project("intake.*.late", "fn(s => s)", KEEPS)
        .file("fonio.toml", "[project]\nevents = [\"*x\"]\n");
    Program::new(["check", "."])
        .run(wrong.dir())
        .expect_code(1)
        .expect_said("`intake.*.late` is no name of an event")
        .expect_said("`*x` is no name of an event");
}

/// A workflow of one job with this adaptor.
fn of_adaptor(adaptor: &str, expression: &str, wasm: &str) -> Project {
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "job" },
        { "id": "job", "adaptor": adaptor, "expression": expression },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "intake", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file(&format!("adaptors/{adaptor}.wasm"), guest(wasm))
}

#[test]
fn an_adaptor_publishes_only_where_it_says_so_and_the_project_grants_it() {
    let project = of_adaptor(
        "crier",
        "attack('2 intake.x 1')",
        "publishes_what_it_is_told",
    );
    Program::new(["check", "."])
        .run(project.dir())
        .expect_code(1)
        .expect_said("it wants log, events; it has log; it lacks events (it imports `fonio:events/events@1.0.0`)")
        .expect_said("events = [\"intake.*\"]");
    project.write("fonio.toml", "[adaptors.crier]\nevents = [\"intake.*\"]\n");
    let ended = Program::new(["check", "."])
        .run(project.dir())
        .expect_code(0);
    assert!(
        ended.stdout.contains("events        intake.*\n"),
        "{ended:?}"
    );
    let host = Host::serving(project);
    let mut feed = host.feed("?after=0", &[]);
    assert_eq!(posted(&host, &json!({}))[0].state["data"], 2);
    let published = feed.until("run.ended");
    let names = published
        .iter()
        .filter(|sent| sent.kind == "event.published");
    assert_eq!(
        names
            .map(|sent| sent.data["name"].as_str())
            .collect::<Vec<_>>(),
        [Some("intake.x"); 2]
    );
    let silent = of_adaptor("thief", "attack()", "publishes_unasked")
        .file("fonio.toml", "[adaptors.thief]\nevents = [\"*\"]\n");
    let found = posted(&Host::serving(silent), &json!({}))[0].state["data"].to_string();
    assert!(found.contains("has to say that it wants events"), "{found}");
}

#[test]
fn what_a_file_wants_to_publish_is_shown_before_anyone_trusts_it() {
    let project = Project::new().file("crier.wasm", guest("publishes_what_it_is_told"));
    let said = Program::new(["adaptor", "inspect", "crier.wasm"])
        .run(project.dir())
        .expect_code(0)
        .stdout;
    for words in [
        "wants       log, events",
        "  events\n    fonio:events/events@1.0.0\n",
    ] {
        assert!(said.contains(words), "{words} is not in:\n{said}");
    }
}

#[test]
fn a_secret_in_an_event_is_sealed_again_even_where_it_is_revealed() {
    let yaml = "jobs:\n  tell: { adaptor: '@openfn/language-common', trigger: any, credential: far }\n  hear: { adaptor: '@openfn/language-common', trigger: told }\n\
                triggers:\n  any: { criteria: '{\"to\":\"tell\"}' }\n  told: { event: '*' }\n";
    let host = |job: &str| {
        let project = Project::new()
            .file("project.yaml", yaml)
            .file("jobs/tell.js", job)
            .file("jobs/hear.js", KEEPS)
            .file(
                "credentials/far.json",
                json!({ "password": "hush-hush-hush" }).to_string(),
            )
            .file("fonio.toml", "[credentials.far]\nreveal = true\n");
        let host = Host::serving(project);
        host.post(&json!({ "to": "tell" }));
        host
    };
    let runs =
        host("events.publish('leak', state => ({ it: `is ${state.configuration.password}` }));")
            .runs_done();
    assert_eq!(runs[1].state["data"]["it"], "is [sealed password]");
    let runs = host("events.publish(state => state.configuration.password, 1);").runs_done();
    assert_eq!(runs.len(), 1, "{runs:#?}");
    runs[0]
        .step()
        .expect_failure(1, "the name of an event holds a secret");
}

#[test]
fn what_runs_published_of_a_person_is_given_out_and_forgotten_with_the_message() {
    Store::each(|store| {
        let publishes =
            "events.publish('seen', state => ({ card: state.data.name, pad: 'x'.repeat(70000) }))";
        let host = Host::serving_on(
            store,
            project("seen", publishes, "fn(state => ({ of: state.data.card }))"),
        );
        posted(&host, &json!({ "name": "ama" }));
        assert_eq!(posted(&host, &json!({ "name": "kofi" })).len(), 4);
        let ask = |path: &str| {
            let of_ama = json!({ "where": { "name": "ama" } }).to_string();
            let headers = [("content-type", "application/json")];
            host.send("POST", path, &headers, of_ama.as_bytes())
        };
        let line = ask("/api/v1/messages/export").json();
        let event = &line["events"][0];
        assert_eq!(event["message"]["source"], "event seen");
        assert_eq!(event["message"]["body"]["card"], "ama");
        let output = event["runs"][0]["output"].to_string();
        assert_eq!(event["states"][output]["of"], "ama");

        let deleted = ask("/api/v1/messages/delete");
        assert_eq!(deleted.json(), json!({ "messages": 2, "runs": 2 }));
        let left = host.get("/api/v1/messages").json();
        let sources: Vec<&Value> = left["messages"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| &message["source"])
            .collect();
        assert_eq!(sources.len(), 2, "kofi's: {left}");
        assert_eq!(sources[0], "event seen");
        assert_eq!(host.runs().len(), 2);
    });
}
