//! The page at `/`, run on a host as a browser runs it. Where node is not installed these tests say so and pass.

use std::process::Command;

use fonio_tests::authoring::{reachable, run};
use fonio_tests::{Host, Project};
use serde_json::Value;

/// What the page shows before its first answer, and after it: the text of its parts by their ids.
struct Page {
    before: Value,
    after: Value,
}

impl Page {
    fn of(test: &str, host: &Host) -> Option<Page> {
        let mut node = Command::new("node");
        node.arg("--version");
        if !reachable(test, node) {
            return None;
        }
        let browser = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/browser.mjs");
        let mut node = Command::new("node");
        node.arg(browser)
            .arg(format!("http://{}/", host.address()))
            .env("TZ", "Asia/Kolkata");
        let mut seen = run(node, host.project.dir()).expect_code(0).json();
        Some(Page {
            before: seen["before"].take(),
            after: seen["after"].take(),
        })
    }
}

/// A workflow for each trigger, which are flow maps in YAML without `id`, and one job.
fn project(triggers: &[&str]) -> Project {
    let workflows: String = (1..)
        .zip(triggers)
        .map(|(n, trigger)| {
            format!(
                "  - id: flow-{n}\n    name: Flow {n}\n    start: start\n    steps:\n      - {{ id: start, next: job, {trigger} }}\n      \
                 - {{ id: job, adaptor: common, expression: none }}\n"
            )
        })
        .collect();
    Project::new().file(
        "project.yaml",
        format!("id: clinic\nname: clinic\nschema_version: '4.0'\nworkflows:\n{workflows}"),
    )
}

const WEBHOOK: &str = "type: webhook, enabled: true";

#[test]
fn before_the_first_answer_every_part_says_that_it_is_loading() {
    let host = Host::serving(project(&[WEBHOOK]));
    let Some(page) = Page::of("before_the_first_answer", &host) else {
        return;
    };
    for part in ["project", "jobs", "runs", "messages"] {
        assert_eq!(page.before[part], "loading…", "{part}");
        let after = page.after[part].as_str().expect("a text");
        assert!(!after.contains("loading"), "{part}: {after}");
    }
    assert_eq!(page.after["project"], "clinic");
}

#[test]
fn where_there_are_no_runs_it_says_at_which_addresses_they_start() {
    let uuid = "7c0d5a0e-6f0e-4a3c-9d0f-0c9c8f1b2a3d";
    let known = format!("{WEBHOOK}, openfn: {{ uuid: {uuid} }}");
    for (triggers, words) in [
        (
            vec![WEBHOOK],
            "none yet: a POST to /i/flow-1/start starts one".to_owned(),
        ),
        (
            vec![
                known.as_str(),
                "type: cron, enabled: true, cron_expression: '0 6 * * *'",
            ],
            format!("none yet: a POST to /i/{uuid}, or a clock starts one"),
        ),
        (
            vec![WEBHOOK; 4],
            "a POST to /i/flow-1/start, /i/flow-2/start, /i/flow-3/start, … starts one".to_owned(),
        ),
        (
            vec!["type: webhook, enabled: false"],
            "none yet, and no trigger is enabled that would start one".to_owned(),
        ),
    ] {
        let host = Host::serving(project(&triggers));
        let Some(page) = Page::of("where_there_are_no_runs", &host) else {
            return;
        };
        let runs = page.after["runs"].as_str().expect("a text");
        assert!(runs.contains(&words), "{words}: {runs}");
    }
    let host = Host::serving(Project::with_job("common", "fn(s => s)"));
    if let Some(page) = Page::of("where_there_are_no_runs", &host) {
        let runs = page.after["runs"].as_str().expect("a text");
        assert!(
            runs.contains("none yet: a message at /inbox that matches a trigger starts one"),
            "{runs}"
        );
    }
}

#[test]
fn the_next_tick_of_a_clock_is_shown_with_the_zone_of_the_reader() {
    let daily = "type: cron, enabled: true, cron_expression: '0 6 * * *'";
    let host = Host::serving(project(&[daily]));
    let Some(page) = Page::of("the_next_tick_of_a_clock", &host) else {
        return;
    };
    let jobs = page.after["jobs"].as_str().expect("a text");
    assert!(jobs.contains("0 6 * * * (UTC), next "), "{jobs}");
    // Six in the morning UTC is half past eleven there.
    assert!(jobs.contains("11:30:00"), "{jobs}");
    assert!(jobs.contains("GMT+5:30") || jobs.contains("IST"), "{jobs}");
}
