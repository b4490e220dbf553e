//! What a project without problems does.

use std::net::IpAddr;
use std::time::Duration;

use fonio_project::{AfterCrash, Condition, EndpointStyle, Keep, OpenIn, Project};
use serde_json::{Value, json};

use crate::{Fixture, WORKING};

const FLOW: &str = "\
jobs:
  double:
    expression: fn(state => state)
    adaptor: common
    trigger: two
  any: { expression: fn(s => s), adaptor: common, trigger: all }
  tick: { expression: fn(s => s), adaptor: common, trigger: minute }
  then: { expression: fn(s => s), adaptor: common, trigger: after-double }
  else: { expression: none, adaptor: common, trigger: double-fails }
triggers:
  two: { criteria: '{\"number\": 2}' }
  all: { criteria: '{}' }
  minute: { cron: '* * * * *' }
  after-double: { success: double }
  double-fails: { failure: double }
credentials:
";

/// The jobs that a message starts, by key.
fn started(project: &Project, body: &Value) -> Vec<String> {
    let starts = project.starts_for_message(body);
    let edges = starts.iter().flat_map(|start| &start.edges);
    edges.map(|edge| edge.to.clone()).collect()
}

/// What follows a job, each with its condition.
fn after(project: &Project, key: &str) -> Vec<(String, Condition)> {
    let edges = project.edges_from_job(key).into_iter();
    edges
        .map(|(edge, job)| (job.key.clone(), edge.condition.clone()))
        .collect()
}

#[test]
fn a_message_starts_every_job_whose_criteria_match_in_the_order_of_the_file() {
    let project = Fixture::new(FLOW).project();
    assert_eq!(
        started(&project, &json!({"number": 2, "x": 1})),
        ["double", "any"]
    );
    assert_eq!(started(&project, &json!({"number": 3})), ["any"]);
    assert_eq!(started(&project, &json!([2])), ["any"]);
    let keys: Vec<&str> = project.criteria_keys().into_iter().collect();
    assert_eq!(keys, ["number"]);
}

#[test]
fn a_job_is_followed_by_those_that_wait_for_its_success_or_its_failure() {
    let project = Fixture::new(FLOW).project();
    assert_eq!(
        after(&project, "double"),
        [
            ("then".to_owned(), Condition::OnSuccess),
            ("else".to_owned(), Condition::OnFailure)
        ]
    );
    assert_eq!(after(&project, "then"), []);
}

#[test]
fn jobs_and_triggers_become_a_workflow_for_each_trigger_that_starts_them() {
    let project = Fixture::new(FLOW).project();
    let workflows: Vec<_> = project
        .workflows
        .iter()
        .map(|workflow| {
            let jobs: Vec<&str> = workflow.jobs.iter().map(|job| job.id.as_str()).collect();
            assert_eq!(workflow.after_crash, AfterCrash::Continue);
            assert_eq!(workflow.start.as_deref(), Some(workflow.id.as_str()));
            (workflow.id.as_str(), jobs)
        })
        .collect();
    let expected = [
        ("two", vec!["double", "then", "else"]),
        ("all", vec!["any"]),
        ("minute", vec!["tick"]),
    ];
    assert_eq!(workflows, expected);
    let leaves = project.workflows[0].leaves();
    let leaves: Vec<&str> = leaves.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(leaves, ["then", "else"]);
}

#[test]
fn ticks_come_with_their_schedule_and_what_they_start() {
    let project = Fixture::new(FLOW).project();
    let crons = project.crons();
    let [(workflow, trigger, schedule)] = crons.as_slice() else {
        panic!("one, not {crons:?}");
    };
    assert_eq!(
        (schedule.text(), schedule.next_after(0)),
        ("* * * * *", Some(60_000))
    );
    let edges = workflow.edges_from_trigger(&trigger.id);
    assert_eq!(edges[0].1.key, "tick");
}

#[test]
fn criteria_may_be_a_map_and_names_may_look_like_numbers() {
    let project = Fixture::new(
        "jobs:\n  1: { expression: none, adaptor: common, trigger: 2 }\ntriggers:\n  2: { criteria: { form: intake } }\n",
    )
    .project();
    assert_eq!(started(&project, &json!({"form": "intake"})), ["1"]);
}

#[test]
fn yaml_aliases_and_merges_work() {
    let project = Fixture::new(
        "jobs:\n  a: &a { expression: none, adaptor: common, trigger: t }\n  b: *a\n  c:\n    <<: *a\n    adaptor: http\n\
         triggers:\n  t: { criteria: '{}' }\n",
    )
    .project();
    let adaptors: Vec<_> = project.jobs().map(|job| job.adaptor.short()).collect();
    assert_eq!(adaptors, ["common", "common", "http"]);
}

#[test]
fn the_id_is_the_one_of_fonio_toml_then_of_the_file_then_of_the_folder() {
    let fixture = Fixture::new(&format!("name: My Clinic\n{WORKING}"));
    assert_eq!(fixture.project().id, "my-clinic");
    let fixture = fixture.with(
        "project.yaml",
        format!("name: My Clinic\nid: c-1\n{WORKING}"),
    );
    assert_eq!(fixture.project().id, "c-1");
    let fixture = fixture.with("fonio.toml", "[project]\nid = \"clinic\"\n");
    assert_eq!(fixture.project().id, "clinic");
    let folder = tempfile::Builder::new()
        .prefix("Clinic X")
        .tempdir()
        .expect("a folder");
    std::fs::write(folder.path().join("project.yaml"), WORKING).expect("a file");
    let project = fonio_project::load(folder.path(), &|_| None)
        .project
        .expect("a project");
    assert!(project.id.starts_with("clinic-x"), "{}", project.id);
}

#[test]
fn the_process_wins_over_dot_env_and_both_over_the_defaults() {
    let environment = Fixture::new(WORKING).project().environment;
    assert_eq!(
        (
            environment.port,
            environment.endpoint_style,
            environment.host_url
        ),
        (4001, EndpointStyle::Async, None)
    );
    let fixture = Fixture::new(WORKING)
        .with(
            ".env",
            "export PORT=5001\nENDPOINT_STYLE=sync\nHOST_URL='localhost' # x\nPROJECT_DIR=./p\n",
        )
        .with_variable("PORT", "6001");
    let environment = fixture.project().environment;
    assert_eq!(
        (environment.port, environment.endpoint_style),
        (6001, EndpointStyle::Sync)
    );
    assert_eq!(environment.host_url.as_deref(), Some("localhost"));
    assert_eq!(environment.project_dir, Some("./p".into()));
}

#[test]
fn every_key_of_fonio_toml_is_read() {
    let project = Fixture::new(WORKING)
        .with("credentials/c.json", "{}")
        .with(
            "fonio.toml",
            "[network]\nallow = [\"https://a.example.org\"]\n\
             [adaptors.http]\nnetwork = { allow = [\"https://b.example.org\"] }\n\
             [credentials.c]\nhosts = [\"https://*.c.org\"]\nopen_in = [\"headers\", \"path\", \"body:/password\", \"query:token\"]\nreveal = true\nplain = [\"orgUnit\"]\n\
             [limits]\nmemory = \"32MiB\"\ncpu_time = \"1s\"\nwall_time = \"10m\"\noutput = \"1KiB\"\nlog = \"2MiB\"\nrequests = 5\nresponse = \"8MiB\"\n\
             [retry]\nattempts = 3\nbackoff = \"1s\"\nmax_backoff = \"1h\"\n\
             [retention]\nmessages = \"7d\"\nruns = \"24h\"\nlogs = \"1h\"\nkeep = \"failure\"\n",
        )
        .load()
        .project
        .expect("a project");
    let (settings, job) = (&project.settings, &project.workflows[0].jobs[0]);
    let limits = project.limits_for(job);
    assert_eq!(
        (limits.memory_bytes, limits.output_bytes, limits.log_bytes),
        (32 << 20, 1024, 2 << 20)
    );
    assert_eq!((limits.requests, limits.response_bytes), (5, 8 << 20));
    assert_eq!(
        (limits.cpu_time, limits.wall_time),
        (Duration::from_secs(1), Duration::from_secs(600))
    );
    let retry = settings.retry.expect("a table");
    assert_eq!(
        (retry.attempts, retry.backoff, retry.max_backoff),
        (3, Duration::from_secs(1), Duration::from_secs(3600))
    );
    let day = Duration::from_secs(86_400);
    assert_eq!(
        (
            settings.retention.messages,
            settings.retention.runs,
            settings.retention.keep
        ),
        (7 * day, day, Keep::Failure)
    );
    assert_eq!(
        (settings.retention.dataclips, settings.retention.logs),
        (None, Some(Duration::from_secs(3600)))
    );
    let credential = &project.credentials["c"];
    assert!(credential.reveal);
    assert_eq!(credential.plain, ["orgUnit"]);
    assert_eq!(
        credential.open_in,
        Some(vec![
            OpenIn::Headers,
            OpenIn::Path,
            OpenIn::Body("/password".into()),
            OpenIn::Query("token".into())
        ])
    );
    assert_eq!(credential.origins[0].to_string(), "https://*.c.org");
}

#[test]
fn an_adaptors_own_list_stands_in_place_of_the_projects() {
    let fixture =
        Fixture::new(WORKING).with("fonio.toml", "[network]\nallow = [\"https://a.org\"]\n");
    let project = fixture.project();
    let grants = project.grants_for(&project.workflows[0].jobs[0]);
    assert!(grants.permits("https", "a.org", 443) && !grants.permits("https", "b.org", 443));

    for name in ["http", "\"@openfn/language-http\""] {
        let toml = format!(
            "[network]\nallow = [\"https://a.org\"]\n[adaptors.{name}]\nnetwork = {{ allow = [\"https://b.org\"] }}\n"
        );
        let project = Fixture::new(WORKING).with("fonio.toml", toml).project();
        let grants = project.grants_for(&project.workflows[0].jobs[0]);
        assert!(!grants.permits("https", "a.org", 443) && grants.permits("https", "b.org", 443));
        assert!(
            grants
                .line_to_allow("https", "c.org", 443)
                .contains("allow = [\"https://b.org\", \"https://c.org\"]")
        );
    }
}

#[test]
fn a_credential_grants_its_own_system_to_the_jobs_that_have_it() {
    let project = Fixture::new(
        "jobs:\n  with: { expression: none, adaptor: http, trigger: t, credential: dhis2 }\n  \
         without: { expression: none, adaptor: http, trigger: t }\n\
         triggers: { t: { criteria: '{}' } }\n\
         credentials: { dhis2: { baseUrl: 'http://127.0.0.1:8080/api', apiUrl: 'https://x.org/v1' } }\n",
    )
    .project();
    let grants = project.grants_for(&project.workflows[0].jobs[0]);
    let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
    assert!(grants.permits_address("http", "127.0.0.1", loopback, 8080));
    assert!(grants.permits("https", "x.org", 443));
    assert!(
        !project
            .grants_for(&project.workflows[0].jobs[1])
            .permits("https", "x.org", 443)
    );
    assert!(
        !grants
            .line_to_allow("https", "y.org", 443)
            .contains("x.org"),
        "what the credential grants needs no line"
    );
}

#[test]
fn values_of_a_credential_keep_the_kind_that_yaml_1_2_gives_them() {
    let project = Fixture::new(&format!("{WORKING}credentials: {{ c: {{ a: yes, b: true, c: 12, d: 1.5, e: '12', f: ~, g: [on], h: 2020-01-01 }} }}\n")).project();
    let expected = json!({"a": "yes", "b": true, "c": 12, "d": 1.5, "e": "12", "f": null, "g": ["on"], "h": "2020-01-01"});
    assert_eq!(
        serde_json::Value::Object((*project.credentials["c"].body).clone()),
        expected
    );
}

#[test]
fn the_most_steps_of_a_run_are_counted_along_the_paths_that_one_run_can_take() {
    let steps = |edges: &str| {
        let text = format!(
            "schema_version: '4.0'\nid: p\nworkflows:\n  - id: w\n    steps:\n      - {{ id: hook, type: webhook, enabled: true, next: {{ a: true }} }}\n{edges}"
        );
        Fixture::new(&text).project().workflows[0].steps_at_most()
    };
    let rest = "      - { id: b, expression: none, next: { d: true } }\n      - { id: c, expression: none, next: { d: true } }\n      - { id: d, expression: none }\n";
    for (next, most) in [
        ("{ b: true, c: true }", 5),
        ("{ b: true, c: state.x }", 5),
        ("{ b: on_job_success, c: on_job_failure }", 3),
        ("{ b: on_job_success, c: on_job_failure, d: always }", 4),
        ("{ b: true, c: { condition: always, disabled: true } }", 3),
        ("{ b: true, c: never }", 3),
    ] {
        let edges = format!("      - {{ id: a, expression: none, next: {next} }}\n{rest}");
        assert_eq!(steps(&edges), most, "{next}");
    }
}

#[test]
fn counting_the_steps_of_a_cycle_which_is_an_error_comes_to_an_end() {
    let fixture = Fixture::new(
        "schema_version: '4.0'\nid: p\nworkflows:\n  - id: w\n    steps:\n      - { id: a, expression: none, next: b }\n      - { id: b, expression: none, next: a }\n",
    );
    let project = fixture.load().project.expect("a project");
    assert_eq!(project.workflows[0].steps_at_most(), 0);
}
