//! Clocks, as a person sees them: in which time zone they go, and when they tick next.

use fonio_tests::{Host, Program, Project};
use serde_json::json;

fn project(settings: &str) -> Project {
    let steps = json!([
        { "id": "morning", "type": "cron", "enabled": true, "cron_expression": "30 6 * * *", "next": "job" },
        { "id": "job", "adaptor": "@openfn/language-common", "expression": "fn(state => state)" },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic",
        "workflows": [{ "id": "w", "name": "w", "start": "morning", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", settings)
}

fn check(settings: &str) -> fonio_tests::Ended {
    Program::new(["check", "."]).run(project(settings).dir())
}

#[test]
fn a_clock_in_a_time_zone_says_when_it_ticks_next() {
    let settings = "[triggers.morning]\ntime_zone = \"africa/nairobi\"\n";
    let ended = check(settings).expect_code(0);
    assert!(
        ended
            .stdout
            .contains("w/morning: 30 6 * * * in Africa/Nairobi, next 20"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(" 06:30 +03:00"), "{}", ended.stdout);
    let host = Host::serving(project(settings));
    let shown = host.project_as_served();
    let clock = &shown["triggers"][0];
    assert_eq!(clock["time_zone"], "Africa/Nairobi");
    const DAY: i64 = 24 * 3600 * 1000;
    // 06:30 there is 03:30 UTC.
    let next = clock["next_ms"].as_i64().expect("a time");
    assert_eq!(next % DAY, (3 * 60 + 30) * 60 * 1000);
}

#[test]
fn what_is_wrong_about_a_clock_is_said_with_the_nearest_name() {
    for (settings, said) in [
        (
            "time_zone = \"Africa/Nairoby\"\n",
            "did you mean `Africa/Nairobi`?",
        ),
        (
            "time_zone = \"nowhere at all\"\n",
            "a name of the IANA's database",
        ),
        ("jitter = \"2d\"\n", "`jitter` cannot be 2d"),
        ("catch_up = \"some\"\n", "`catch_up` cannot be `some`"),
    ] {
        let settings = format!("[triggers.\"w/morning\"]\n{settings}");
        check(&settings).expect_code(1).expect_said(said);
    }
    let other = "[triggers.mourning]\njitter = \"5m\"\n";
    check(other)
        .expect_code(1)
        .expect_said("there is no clock `mourning`");
}
