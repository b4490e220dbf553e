//! `/api/v1/events`: what happens, as it happens.

use fonio_test_postgres::Database;
use fonio_tests::{Feed, Host, Program, Project};
use rustix::process::Signal;
use serde_json::json;

fn project() -> Project {
    let yaml = "jobs:\n  good: { adaptor: '@openfn/language-common', trigger: any }\n  \
                after: { adaptor: '@openfn/language-common', trigger: then }\n\
                triggers:\n  any: { criteria: '{}' }\n  then: { success: good }\n";
    Project::new()
        .file("project.yaml", yaml)
        .file(
            "jobs/good.js",
            "events.publish('intake.accepted', { secret: 'of the payload' });",
        )
        .file(
            "jobs/after.js",
            "fn(state => { if (state.data.fail) throw new Error('no'); return state; });",
        )
}

fn kinds(feed: &mut Feed, last: &str) -> Vec<String> {
    feed.until(last).into_iter().map(|sent| sent.kind).collect()
}

#[test]
fn a_message_is_followed_from_its_arrival_to_the_end_of_its_run() {
    let host = Host::serving(project());
    let mut feed = host.feed("", &[]);
    assert!(feed.status.contains("200"), "{}", feed.status);
    host.post(&json!({ "fail": true }));
    let sent = feed.until("run.ended");
    let told: Vec<&str> = sent.iter().map(|sent| sent.kind.as_str()).collect();
    assert_eq!(
        told,
        [
            "message.accepted",
            "run.begun",
            "step.ended",
            "event.published",
            "step.ended",
            "run.ended"
        ]
    );
    assert_eq!(sent[0].data["source"], "inbox");
    assert_eq!(sent[1].data["workflow"], "any");
    assert_eq!(
        (&sent[2].data["job"], &sent[2].data["status"]),
        (&json!("good"), &json!("succeeded"))
    );
    assert_eq!(
        (&sent[3].data["name"], &sent[3].data["runs"]),
        (&json!("intake.accepted"), &json!(0))
    );
    assert_eq!(
        (&sent[4].data["exit_code"], &sent[4].data["attempt"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(sent[5].data["status"], "failed");
    assert_eq!(sent[5].data["id"].to_string(), feed.last_id);
    for one in &sent {
        assert!(!one.data.to_string().contains("payload"), "{one:?}");
    }
}

#[test]
fn a_reader_that_was_cut_off_goes_on_where_it_was_also_after_a_restart() {
    let host = Host::serving(project());
    let mut feed = host.feed("", &[]);
    host.post(&json!({}));
    feed.until("run.begun");
    let last = feed.last_id.clone();
    drop(feed);
    host.runs_done();
    let host = host.killed_and_restarted();
    let rest = ["step.ended", "event.published", "step.ended", "run.ended"];
    let mut feed = host.feed("", &[("last-event-id", &last)]);
    assert_eq!(kinds(&mut feed, "run.ended"), rest);
    let mut feed = host.feed(&format!("?after={last}"), &[]);
    assert_eq!(kinds(&mut feed, "run.ended"), rest);
}

#[test]
fn only_what_is_asked_for_is_sent() {
    let host = Host::serving(project());
    let mut feed = host.feed("?after=0&kind=run.ended&workflow=any", &[]);
    host.post(&json!({}));
    host.post(&json!({}));
    assert_eq!(kinds(&mut feed, "run.ended"), ["run.ended"]);
    assert_eq!(kinds(&mut feed, "run.ended"), ["run.ended"]);
    let second = host.runs()[0]["id"].clone();
    let mut feed = host.feed(&format!("?after=0&run={second}"), &[]);
    let sent = feed.until("run.ended");
    assert_eq!(sent.len(), 5, "{sent:#?}");
    assert!(sent.iter().all(|sent| sent.data["run"] == second));
    let said = host.get("/api/v1/events?kind=run.exploded").problem(400);
    assert!(said.contains("message.accepted, run.begun"), "{said}");
    host.get("/api/v1/events?after=yesterday").problem(400);
}

#[test]
fn what_is_no_longer_there_is_told_as_a_gap() {
    let host = Host::serving(project());
    let mut feed = host.feed("?after=1000000", &[]);
    let sent = feed.hear().expect("a gap");
    assert_eq!(sent.kind, "gap");
    assert_eq!(
        (&sent.data["after"], &sent.data["to"]),
        (&json!(1_000_000), &json!(0))
    );
    host.post(&json!({}));
    assert_eq!(
        kinds(&mut feed, "run.begun"),
        ["message.accepted", "run.begun"]
    );
}

#[test]
fn a_reload_is_told() {
    let host = Host::serving(project());
    let mut feed = host.feed("", &[]);
    host.project.write("jobs/good.js", "fn(state => state)");
    let sent = feed.until("project.reloaded");
    assert_eq!(sent[0].data["errors"], 0);
}

#[test]
fn a_feed_is_for_those_who_may_look_and_ends_with_the_host() {
    let mut host = Host::guarded(project());
    assert!(host.feed("", &[]).status.contains("401"));
    let token = format!("Bearer {}", host.first_token());
    let mut feed = host.feed("", &[("authorization", &token)]);
    assert!(feed.status.contains("200"), "{}", feed.status);
    host.signal(Signal::TERM);
    assert!(feed.hear().is_none(), "nothing happened");
    assert!(host.wait_for_end().success(), "{}", host.said());
}

#[test]
fn the_65th_reader_is_asked_to_come_later() {
    let host = Host::serving(project());
    let feeds: Vec<Feed> = (0..64).map(|_| host.feed("", &[])).collect();
    let said = host.get("/api/v1/events").problem(503);
    assert!(said.contains("64 already follow"), "{said}");
    drop(feeds);
    fonio_tests::wait_for("a place to be free", || {
        let feed = host.feed("", &[]);
        feed.status.contains("200").then_some(())
    });
}

#[test]
fn hosts_of_one_database_tell_the_same_and_either_goes_on_where_the_other_was() {
    let database = Database::new();
    let host = || {
        let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
        let host = Host::started_by(
            project().file("fonio.toml", "[project]\nid = \"clinic\"\n"),
            &program.env("FONIO_STORE", &database.url()),
        );
        host.wait_until_ready();
        host
    };
    let hosts = [host(), host()];
    let mut feeds = [
        hosts[0].feed("?after=0", &[]),
        hosts[1].feed("?after=0", &[]),
    ];
    for n in 0..20 {
        hosts[n % 2].post(&json!({}));
    }
    let mut told = [Vec::new(), Vec::new()];
    for (feed, told) in feeds.iter_mut().zip(&mut told) {
        for _ in 0..20 {
            told.extend(feed.until("run.ended").into_iter().map(|sent| sent.data));
        }
    }
    assert_eq!(told[0], told[1], "both are of one journal");
    let numbers: Vec<i64> = told[0]
        .iter()
        .filter_map(|data| data["id"].as_i64())
        .collect();
    assert_eq!(
        numbers,
        (1..=120).collect::<Vec<i64>>(),
        "six of each message, and none is missed"
    );
    let half = told[0][59]["id"].to_string();
    let mut rest = hosts[1].feed("", &[("last-event-id", &half)]);
    assert_eq!(rest.hear().expect("there is more").data, told[0][60]);
}
