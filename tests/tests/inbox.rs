//! What the inbox takes, what it answers, and that what it has answered is never lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fonio_tests::{Answer, FarSide, Gate, Host, Project, request, wait_for};
use serde_json::{Value, json};

/// A project whose only job takes every message and passes it on.
fn serving(files: &[(&str, &str)]) -> Host {
    let mut project = Project::with_job("@openfn/language-common", "fn(state => state)");
    for (name, contents) in files {
        project = project.file(name, contents);
    }
    Host::serving(project)
}

/// What the job finds in `state.data` after this body.
fn received(content_type: &str, body: impl AsRef<[u8]>) -> Value {
    let host = serving(&[]);
    let response = host.post_inbox(content_type, body);
    assert_eq!(response.status, 202, "{}", response.text());
    host.runs_done()[0].step().output["data"].clone()
}

/// A job that fails for odd numbers.
const ODD_FAILS: &str = "fn(state => { console.log(`got ${state.data.n}`); if (state.data.n % 2) throw new Error('odd'); return state; })";

const SYNC_PROJECT: &str = "
jobs:
  job: { adaptor: '@openfn/language-common', trigger: numbers }
  always: { adaptor: '@openfn/language-common', trigger: numbers, expression: 'fn(state => state)' }
triggers:
  numbers: { criteria: '{\"kind\":\"number\"}' }
credentials: {}
";

fn serving_in_sync() -> Host {
    let project = Project::new()
        .file("project.yaml", SYNC_PROJECT)
        .file("jobs/job.js", ODD_FAILS);
    Host::serving(project.file(".env", "ENDPOINT_STYLE=sync\n"))
}

#[test]
fn an_accepted_message_is_answered_with_202_and_the_names_of_its_jobs() {
    let response = serving(&[]).post_inbox("application/json", "{}");
    assert_eq!(
        (response.status, response.header("content-type")),
        (202, Some("application/json"))
    );
    let expected = json!({"meta": {"message": "Data accepted and processing has begun."}, "data": ["job"], "errors": []});
    assert_eq!(response.json(), expected);
}

#[test]
fn in_sync_style_the_answer_is_201_when_every_job_passed() {
    let response = serving_in_sync().post_inbox("application/json", r#"{"kind":"number","n":2}"#);
    assert_eq!(response.status, 201, "{}", response.text());
    let body = response.json();
    assert_eq!(
        (&body["success"], &body["match_count"]),
        (&json!(true), &json!(2))
    );
    let jobs = body["jobs"].as_array().expect("there are jobs");
    assert!(jobs.iter().all(|job| job["exit_code"] == 0), "{body}");
    assert!(
        jobs.iter().any(|job| job["log"] == json!(["got 2"])),
        "{body}"
    );
}

#[test]
fn in_sync_style_the_answer_is_206_when_a_job_failed() {
    let response = serving_in_sync().post_inbox("application/json", r#"{"kind":"number","n":3}"#);
    assert_eq!(response.status, 206, "{}", response.text());
    let body = response.json();
    assert_eq!(
        (&body["success"], &body["match_count"]),
        (&json!(false), &json!(2))
    );
    let failed = body["jobs"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|job| job["exit_code"] == 1)
        .expect("one failed");
    assert!(
        failed["log"].to_string().contains("odd"),
        "the sender sees why: {failed}"
    );
}

#[test]
fn in_sync_style_the_answer_is_200_when_nothing_matched() {
    let response = serving_in_sync().post_inbox("application/json", r#"{"kind":"letter"}"#);
    assert_eq!(
        (response.status, response.json()),
        (200, json!({"jobs": [], "success": true, "match_count": 0}))
    );
}

#[test]
fn a_form_arrives_as_its_fields() {
    let data = received(
        "application/x-www-form-urlencoded",
        "name=Ama+K&visit[date]=2026-03-01&signs[]=a&signs[]=b",
    );
    assert_eq!(
        data,
        json!({"name": "Ama K", "visit": {"date": "2026-03-01"}, "signs": ["a", "b"]})
    );
}

#[test]
fn an_openrosa_submission_arrives_parsed_with_its_attachments_named() {
    let body = "--B\r\nContent-Disposition: form-data; name=\"xml_submission_file\"; filename=\"form.xml\"\r\n\
        Content-Type: text/xml\r\n\r\n<stock id=\"s1\"><item><code>A</code></item><item><code>B</code></item></stock>\r\n\
        --B\r\nContent-Disposition: form-data; name=\"photo.jpg\"; filename=\"photo.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\n12345\r\n--B--\r\n";
    let data = received("multipart/form-data; boundary=B", body);
    assert_eq!(
        (&data["_root"], &data["_form"]),
        (&json!("stock"), &json!("s1"))
    );
    assert_eq!(data["stock"]["item"], json!([{"code": "A"}, {"code": "B"}]));
    assert_eq!(
        data["photo.jpg"],
        json!({"filename": "photo.jpg", "content_type": "image/jpeg", "size": 5})
    );
}

#[test]
fn xml_arrives_as_text_and_parsed() {
    let text = "<h:visit xmlns:h=\"urn:x\" id=\"v\"><age>4</age></h:visit>";
    let data = received("text/xml; charset=utf-8", text);
    assert_eq!(
        (&data["_xml"], &data["visit"]),
        (&json!(text), &json!({"@id": "v", "age": "4"}))
    );
}

#[test]
fn an_array_arrives_under_json() {
    assert_eq!(
        received("application/json", "[1, [2], {}]"),
        json!({"_json": [1, [2], {}]})
    );
}

#[test]
fn a_body_without_a_content_type_is_taken_for_json() {
    let host = serving(&[]);
    assert_eq!(host.send("POST", "/inbox", &[], br#"{"a":1}"#).status, 202);
    assert_eq!(host.runs_done()[0].step().output["data"], json!({"a": 1}));
}

#[test]
fn a_body_that_is_not_valid_is_refused_with_400_and_the_place() {
    let host = serving(&[]);
    let why = host
        .post_inbox("application/json", "{\"a\":\n1,}")
        .problem(400);
    assert!(
        why.contains("not valid JSON") && why.contains("line 2"),
        "{why}"
    );
    let why = host.post_inbox("text/xml", "<a><b></a>").problem(400);
    assert!(why.contains("not valid XML"), "{why}");
    let why = host
        .post_inbox("text/xml", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>")
        .problem(400);
    assert!(why.contains("not valid XML"), "{why}");
    let why = host
        .post_inbox("multipart/form-data; boundary=B", "--B\r\nno end")
        .problem(400);
    assert!(why.contains("multipart"), "{why}");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let why = host.post_inbox("application/json", deep).problem(400);
    assert!(why.contains("not valid JSON"), "{why}");
    assert!(host.runs_done().is_empty());
}

#[test]
fn a_body_over_ten_mebibytes_is_refused_with_413_and_one_of_exactly_that_is_taken() {
    const LIMIT: usize = 10 << 20;
    let host = serving(&[]);
    let why = host
        .post_inbox("application/json", format!("\"{}\"", "x".repeat(LIMIT - 1)))
        .problem(413);
    assert!(why.contains("10 MiB"), "{why}");
    let fits = host.post_inbox("application/json", format!("\"{}\"", "x".repeat(LIMIT - 2)));
    assert_eq!(fits.status, 202, "{}", fits.text());
}

#[test]
fn a_type_that_is_no_message_is_refused_with_415_and_what_is_taken() {
    let why = serving(&[]).post_inbox("image/png", "x").problem(415);
    assert!(
        why.contains("image/png") && why.contains("application/json"),
        "{why}"
    );
}

#[test]
fn anything_but_a_post_is_refused_with_405_and_the_method_to_use() {
    let host = serving(&[]);
    for method in ["GET", "PUT", "DELETE"] {
        let response = host.send(method, "/inbox", &[], b"");
        assert_eq!(response.header("allow"), Some("POST"));
        assert!(response.problem(405).contains("POST"));
    }
}

#[test]
fn what_is_acknowledged_survives_a_power_cut_in_the_same_moment() {
    let host = serving(&[]);
    for n in 0..20 {
        host.post(&json!({ "n": n }));
    }
    let host = host.killed_and_restarted();
    let mut numbers: Vec<i64> = host
        .runs_done()
        .iter()
        .filter_map(|run| run.step().output["data"]["n"].as_i64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

#[test]
fn of_a_burst_that_a_power_cut_interrupts_every_acknowledged_message_is_there() {
    let host = serving(&[]);
    let (address, acknowledged) = (host.address(), Arc::new(AtomicUsize::new(0)));
    let send = |sender: usize| {
        let acknowledged = Arc::clone(&acknowledged);
        // Bounded, so that the list of runs holds them all; ends when the host does.
        let numbers = (sender * 100)..(sender * 100 + 100);
        thread::spawn(move || -> Vec<usize> {
            let post = |n: &usize| {
                let body = json!({ "n": n }).to_string();
                let sent = request(address, "POST", "/inbox", &[], body.as_bytes());
                let taken = sent.is_ok_and(|response| response.status == 202);
                acknowledged.fetch_add(usize::from(taken), Ordering::Relaxed);
                taken
            };
            numbers.take_while(post).collect()
        })
    };
    let senders: Vec<_> = (0..4).map(send).collect();
    wait_for("the burst to be under way", || {
        (acknowledged.load(Ordering::Relaxed) >= 40).then_some(())
    });
    let host = host.killed_and_restarted();
    let kept: BTreeSet<usize> = host
        .runs_done()
        .iter()
        .filter_map(|run| usize::try_from(run.step().output["data"]["n"].as_u64()?).ok())
        .collect();
    let sent = senders
        .into_iter()
        .flat_map(|sender| sender.join().expect("a sender ends"));
    let lost: Vec<usize> = sent.filter(|n| !kept.contains(n)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[test]
fn a_step_that_ran_when_the_power_was_cut_runs_again() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let far_side = FarSide::answering(move |_| {
        at_gate.pass();
        Answer::json(&json!({"id": 7}))
    });
    let job = format!("post('{}', state => state.data)", far_side.url("/records"));
    let project =
        Project::with_job("@openfn/language-http", &job).file("fonio.toml", far_side.granted());
    let host = Host::serving(project);
    host.post(&json!({"patient": 1}));
    host.post(&json!({"patient": 2}));
    wait_for("the steps to have sent their requests", || {
        (far_side.received().len() == 2).then_some(())
    });
    let host = host.killed_and_restarted();
    gate.open();
    let runs = host.runs_done();
    assert_eq!(
        runs.iter()
            .map(|run| run.status.as_str())
            .collect::<Vec<_>>(),
        ["succeeded", "succeeded"]
    );
    assert!(
        runs.iter().all(|run| run.step().output["data"]["id"] == 7),
        "{runs:#?}"
    );
    assert_eq!(
        far_side.received().len(),
        4,
        "each was sent once before the cut and once after it"
    );
}

#[test]
fn runs_are_listed_in_the_order_in_which_their_messages_came() {
    let host = serving(&[]);
    for n in 0..50 {
        host.post(&json!({ "n": n }));
    }
    let numbers: Vec<i64> = host
        .runs_done()
        .iter()
        .filter_map(|run| run.step().output["data"]["n"].as_i64())
        .collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}
