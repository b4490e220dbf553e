//! What a job may reach: nothing, but for what is granted by name.

use fonio_tests::{Answer, FarSide, Host, Job, Project};
use serde_json::{Value, json};

/// A job that gets the address.
fn get(url: &str) -> Job {
    Job::new(&format!("get('{url}')")).adaptor("http")
}

/// Checks that it is refused by the sandbox, and that nothing arrived.
#[track_caller]
fn refused(job: &Job, far_side: &FarSide) -> String {
    let said = job.run().expect_failure(3, "was refused");
    assert_eq!(far_side.connections(), 0, "it was reached all the same");
    said
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_that_would_grant_it() {
    let far_side = FarSide::saying(json!({}));
    let said = refused(&get(&far_side.url("/x")), &far_side);
    assert!(
        said.contains("this project grants no network to it"),
        "{said}"
    );
    assert!(
        said.contains("add to fonio.toml") && said.contains("[network]"),
        "{said}"
    );
    assert!(
        said.contains(&format!("allow = [\"{}\"]", far_side.origin())),
        "{said}"
    );
    assert!(said.contains("--> job.js:1:1"), "{said}");
}

#[test]
fn adding_the_proposed_lines_makes_it_work() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let said = refused(&get(&far_side.url("/x")), &far_side);
    let proposed: Vec<&str> = said
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[network]")
        .take(2)
        .collect();
    let state = get(&far_side.url("/x"))
        .settings(&proposed.join("\n"))
        .run()
        .state();
    assert_eq!(state["data"], json!({"ok": true}));
}

#[test]
fn a_refusal_can_be_caught_like_any_error() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!(
        "get('{}').catch((error, state) => ({{ ...state, code: error.code }}))",
        far_side.url("/x")
    );
    let state = Job::new(&expression).adaptor("http").run().state();
    assert_eq!(state["code"], "DENIED");
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn the_credentials_own_system_is_granted_without_further_words() {
    for field in ["baseUrl", "hostUrl", "instanceUrl", "apiUrl", "host"] {
        let far_side = FarSide::saying(json!({}));
        get(&far_side.url("/x"))
            .credential(&json!({field: far_side.origin()}))
            .run()
            .state();
        assert_eq!(far_side.received().len(), 1, "{field}");
    }
}

#[test]
fn a_credential_grants_its_own_system_and_no_other() {
    let (own, other) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    refused(
        &get(&other.url("/x")).credential(&json!({"hostUrl": own.origin()})),
        &other,
    );
}

#[test]
fn another_port_of_a_granted_host_is_refused() {
    let (granted, other) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    refused(&get(&other.url("/x")).settings(&granted.granted()), &other);
}

#[test]
fn another_scheme_on_a_granted_host_and_port_is_refused() {
    let far_side = FarSide::saying(json!({}));
    let https = far_side.origin().replace("http://", "https://");
    refused(
        &get(&format!("{https}/x")).settings(&far_side.granted()),
        &far_side,
    );
}

#[test]
fn an_adaptors_own_grant_is_for_it_alone() {
    let far_side = FarSide::saying(json!({}));
    let grant = |adaptor: &str| {
        format!(
            "[adaptors.{adaptor}]\nnetwork = {{ allow = [\"{}\"] }}\n",
            far_side.origin()
        )
    };
    refused(
        &get(&far_side.url("/x")).settings(&grant("dhis2")),
        &far_side,
    );
    get(&far_side.url("/x"))
        .settings(&grant("http"))
        .run()
        .state();
}

#[test]
fn a_redirect_to_what_is_not_granted_is_not_followed() {
    let forbidden = FarSide::saying(json!({}));
    let to = forbidden.url("/secret");
    let granted = FarSide::answering(move |_| Answer::empty().status(302).header("location", &to));
    let job = get(&granted.url("/x")).settings(&granted.granted());
    assert_ne!(job.run().ended.code, Some(0));
    assert_eq!((granted.received().len(), forbidden.connections()), (1, 0));
}

#[test]
fn the_machine_itself_under_any_other_spelling_is_refused() {
    let far_side = FarSide::saying(json!({}));
    let port = far_side.address().port();
    for host in [
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.2",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "localhost.",
    ] {
        let ended = get(&format!("http://{host}:{port}/x")).run().ended;
        assert!(
            matches!(ended.code, Some(1 | 3)),
            "{host}: {}",
            ended.stderr
        );
        assert_eq!(far_side.connections(), 0, "{host} reached it");
    }
}

#[test]
fn a_wildcard_for_every_name_is_no_grant_for_the_machine_itself() {
    let far_side = FarSide::saying(json!({}));
    let port = far_side.address().port();
    // A public name that somebody points at 127.0.0.1 looks like this one: a name, granted by a wildcard.
    let settings = format!("[network]\nallow = [\"http://*.localhost:{port}\"]\n");
    let ended = get(&format!("http://a.localhost:{port}/x"))
        .settings(&settings)
        .run()
        .ended;
    assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn a_loopback_name_is_granted_by_being_named() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let origin = format!("http://localhost:{}", far_side.address().port());
    let state = get(&format!("{origin}/x"))
        .settings(&format!("[network]\nallow = [\"{origin}\"]\n"))
        .run()
        .state();
    assert_eq!(state["data"], json!({"ok": true}));
}

#[test]
fn a_network_is_granted_by_its_prefix() {
    let far_side = FarSide::saying(json!({}));
    let port = far_side.address().port();
    get(&far_side.url("/x"))
        .settings(&format!(
            "[network]\nallow = [\"http://127.0.0.0/8:{port}\"]\n"
        ))
        .run()
        .state();
    assert_eq!(far_side.received().len(), 1);
}

#[test]
fn an_address_with_a_user_name_in_it_never_leaves() {
    let far_side = FarSide::saying(json!({}));
    let url = far_side.url("/x").replace("http://", "http://user:pass@");
    let ended = get(&url).settings(&far_side.granted()).run().ended;
    assert!(matches!(ended.code, Some(1 | 3)), "{}", ended.stderr);
    assert_eq!(far_side.connections(), 0);
    let disguised = format!(
        "http://{}@127.0.0.1:{}/x",
        far_side.address(),
        far_side.address().port() ^ 1
    );
    let ended = get(&disguised).settings(&far_side.granted()).run().ended;
    assert!(matches!(ended.code, Some(1 | 3)), "{}", ended.stderr);
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn requests_beyond_the_limit_are_refused_with_its_value() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!("each('$.list[*]', get('{}'))", far_side.url("/x"));
    let settings = far_side.granted() + "[limits]\nrequests = 3\n";
    let list: Vec<Value> = (0..10).map(Value::from).collect();
    let job = Job::new(&expression)
        .adaptor("http")
        .state(&json!({ "list": list }))
        .settings(&settings);
    job.run().expect_failure(3, "the limit `requests` is 3");
    assert_eq!(far_side.received().len(), 3);
}

#[test]
fn a_job_that_swallows_refusals_still_sends_no_more_than_its_limit() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!(
        "each('$.list[*]', get('{}').catch((error, state) => state))",
        far_side.url("/x")
    );
    let settings = far_side.granted() + "[limits]\nrequests = 3\n";
    let list: Vec<Value> = (0..50).map(Value::from).collect();
    Job::new(&expression)
        .adaptor("http")
        .state(&json!({ "list": list }))
        .settings(&settings)
        .run();
    assert_eq!(far_side.received().len(), 3);
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let (far_side, proxy) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    get(&far_side.url("/x"))
        .settings(&far_side.granted())
        .env("http_proxy", &proxy.origin())
        .env("HTTP_PROXY", &proxy.origin())
        .env("ALL_PROXY", &proxy.origin())
        .run()
        .state();
    assert_eq!((far_side.received().len(), proxy.connections()), (1, 0));
}

#[test]
fn a_served_job_is_refused_and_its_sender_and_operator_see_why() {
    let far_side = FarSide::saying(json!({}));
    let job = format!("post('{}', state => state.data)", far_side.url("/x"));
    let host = Host::serving(Project::with_job("@openfn/language-http", &job));
    let run = host.run(&json!({"a": 1}));
    run.step()
        .expect_failure(3, "this project grants no network to it");
    assert_eq!(run.step().error["kind"], "denied");
    let log = run.step().log.join("\n");
    assert!(
        log.contains("jobs/job.js:1:1") && log.contains(&far_side.origin()),
        "{log}"
    );
    assert_eq!(far_side.connections(), 0);
}
