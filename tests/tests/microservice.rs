//! What OpenFn/microservice's own end-to-end tests promise: its project file works here as it is.

use fonio_tests::{Host, Program, Project};
use serde_json::json;

/// In the style of the microservice's sample: expressions folded into the file, criteria as JSON in a string,
/// credentials beside the jobs.
const PROJECT: &str = r#"
jobs:
  job-1:
    expression: >
      alterState(state => {
        state.data.number = state.data.number * 2;
        return state;
      })
    adaptor: '@openfn/language-common'
    trigger: trigger-1
    credential: my-secret-credential
  job-2:
    expression: >
      alterState(state => {
        throw new Error('there is no number ' + state.data.number);
      })
    adaptor: '@openfn/language-common'
    trigger: trigger-2
  recurring-job:
    expression: >
      alterState(state => { console.log('still here'); return state; })
    adaptor: '@openfn/language-common'
    trigger: leap-day
  flow-job:
    expression: >
      alterState(state => {
        state.data.number = state.data.number * 4;
        return state;
      })
    adaptor: '@openfn/language-common'
    trigger: after-j1
  catch-job:
    expression: >
      alterState(state => {
        console.log('caught: ' + state.error.message);
        return { ...state, reported: state.errors['job-2'].message };
      })
    adaptor: '@openfn/language-common'
    trigger: j2-fails
triggers:
  trigger-1:
    criteria: '{"number":2}'
  trigger-2:
    criteria: '{"number":3}'
  leap-day:
    cron: '0 0 29 2 *'
  after-j1:
    success: job-1
  j2-fails:
    failure: job-2
credentials:
  my-secret-credential:
    username: 'user@example.com'
    password: 'shhh'
"#;

fn serving() -> Host {
    Host::serving(Project::new().file("project.yaml", PROJECT))
}

#[test]
fn a_message_that_matches_runs_its_job_which_doubles_the_number() {
    let host = serving();
    let response = host.post_inbox("application/json", r#"{"number":2}"#);
    assert_eq!(response.status, 202);
    assert_eq!(
        response.json(),
        json!({
            "meta": {"message": "Data accepted and processing has begun."},
            "data": ["job-1"],
            "errors": [],
        })
    );
    let runs = host.runs_done();
    let step = runs[0].step_of("job-1");
    assert_eq!((step.status.as_str(), step.exit_code), ("succeeded", 0));
    assert_eq!(step.output["data"], json!({"number": 4}));
}

#[test]
fn a_message_that_matches_nothing_runs_nothing_and_is_still_accepted() {
    let host = serving();
    let response = host.post_inbox("application/json", r#"{"number":99}"#);
    assert_eq!(
        (response.status, &response.json()["data"]),
        (202, &json!([]))
    );
    assert!(host.runs_done().is_empty());
}

#[test]
fn the_cron_job_is_scheduled_for_the_next_minute() {
    let yaml = PROJECT.replace("'0 0 29 2 *'", "'* * * * *'");
    let project = Host::serving(Project::new().file("project.yaml", yaml)).project_as_served();
    let triggers = project["triggers"].as_array().expect("there are triggers");
    let cron = triggers
        .iter()
        .find(|trigger| trigger["name"] == "leap-day")
        .expect("the trigger is there");
    assert_eq!(
        (&cron["type"], &cron["cron"]),
        (&json!("cron"), &json!("* * * * *"))
    );
    let next = cron["next_ms"].as_i64().expect("it has a next time");
    assert_eq!(next % 60_000, 0, "{next} is not at a full minute");
}

#[test]
fn success_starts_the_next_job_with_the_state_of_this_very_run() {
    let host = serving();
    for _ in 0..3 {
        host.post(&json!({"number": 2, "sender": "a"}));
    }
    let runs = host.runs_done();
    assert_eq!(runs.len(), 3);
    for run in runs {
        assert_eq!(run.status, "succeeded");
        assert_eq!(run.step_of("flow-job").output["data"]["number"], 16);
    }
}

#[test]
fn failure_starts_its_job_with_the_error_and_the_state() {
    let host = serving();
    let run = host.run(&json!({"number": 3}));
    let failed = run.step_of("job-2");
    assert_eq!(
        (failed.exit_code, failed.message()),
        (1, "there is no number 3")
    );
    let caught = run.step_of("catch-job");
    assert_eq!(caught.log, ["caught: there is no number 3"]);
    assert_eq!(caught.output["reported"], "there is no number 3");
    assert_eq!(caught.output["data"], json!({"number": 3}));
    assert_eq!(
        run.status, "succeeded",
        "a failure that a job dealt with is none of the run's"
    );
}

#[test]
fn the_credential_is_in_the_initial_state_and_not_in_what_is_kept() {
    let yaml = PROJECT.replace(
        "state.data.number = state.data.number * 2;",
        "state.seen = Object.keys(state.configuration);",
    );
    let host = Host::serving(Project::new().file("project.yaml", yaml));
    let run = host.run(&json!({"number": 2}));
    let step = run.step_of("job-1");
    assert_eq!(step.output["seen"], json!(["username", "password"]));
    assert!(
        step.output.get("configuration").is_none(),
        "{}",
        step.output
    );
}

#[test]
fn the_environment_file_sets_the_port_the_style_and_the_project() {
    use std::net::TcpListener;
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .expect("a port is free")
        .port();
    let project = Project::new()
        .file(".env", format!("HOST_URL=localhost\nPORT={port}\nENDPOINT_STYLE=sync\nPROJECT_DIR=./sample-project\n"))
        .file("sample-project/project.yaml", PROJECT);
    let host = Host::started_by(project, &Program::new(["serve"]));
    host.wait_until_ready();
    assert_eq!(host.address().port(), port);
    let response = host.post_inbox("application/json", r#"{"number":2}"#);
    assert_eq!(response.status, 201, "{}", response.text());
}
