//! What a token endpoint says beside the token: it may repeat what it was sent, or gave, and nobody is told that.

use std::sync::atomic::{AtomicUsize, Ordering};

use fonio_tests::{Answer, FarSide, Host, Job, Project};
use serde_json::{Value, json};

const CLIENT_SECRET: &str = "client-hush-1";
const REFRESH: &str = "refresh-hush-0";

fn credential(far_side: &FarSide) -> Value {
    json!({"baseUrl": far_side.origin(), "client_id": "us", "client_secret": CLIENT_SECRET, "refresh_token": REFRESH})
}

fn settings(name: &str, endpoint: &FarSide) -> String {
    let url = endpoint.url("/oauth/token");
    format!("[credentials.{name}]\noauth = {{ token_url = \"{url}\" }}\n")
}

/// What a job sees of its credential when the endpoint says this of the token, in letters that no filter knows.
fn seen(token_type: &str, scope: &str) -> (Value, String) {
    let far_side = FarSide::saying(json!({}));
    let endpoint = FarSide::saying(json!({
        "access_token": "token-hush-1", "refresh_token": "next-hush-1", "expires_in": 3600,
        "token_type": token_type, "scope": scope,
    }));
    let expression = "fn(state => ({ spelled: JSON.stringify(state.configuration).split('').join('_'), seen: state.configuration }));";
    let mut state = Job::new(expression)
        .adaptor("http")
        .credential(&credential(&far_side))
        .settings(&settings("credential", &endpoint))
        .run()
        .state();
    let spelled = state["spelled"].as_str().expect("a text").replace('_', "");
    (state["seen"].take(), spelled)
}

#[test]
fn a_job_is_told_the_scope_and_the_type_of_its_token() {
    let (seen, _) = seen("Bearer", "read:all write");
    assert_eq!(seen["token_type"], "Bearer");
    assert_eq!(seen["scope"], "read:all write");
}

#[test]
fn a_scope_or_a_type_with_a_secret_in_it_is_told_to_no_job() {
    for (token_type, scope) in [
        ("tt client-hush-1", "sc client-hush-1 refresh-hush-0"),
        ("next-hush-1", "token-hush-1"),
        ("refresh-hush-0", "r bmV4dC1odXNoLTE"),
        ("next-hush-1", "client-hu sh-1"),
        ("tokenhush\n", "r\u{202e}"),
    ] {
        let (seen, spelled) = seen(token_type, scope);
        assert_eq!(seen.get("token_type"), None, "{seen}");
        assert_eq!(seen.get("scope"), None, "{seen}");
        assert!(
            !spelled.contains("hush") && !spelled.contains("bmV4"),
            "{spelled}"
        );
    }
}

/// More than there are tokens for which steps are looked through.
const GRANTED: usize = 7;

#[test]
fn a_refusal_repeats_no_secret_that_the_credential_ever_had() {
    let far_side = FarSide::saying(json!({}));
    let count = AtomicUsize::new(0);
    let endpoint = FarSide::answering(move |request| {
        let number = 1 + count.fetch_add(1, Ordering::SeqCst);
        if number <= GRANTED {
            return Answer::json(&json!({
                "access_token": format!("token-hush-{number}"), "expires_in": 0, "refresh_token": format!("refresh-hush-{number}"),
            }));
        }
        let said = format!(
            "{} client-hush-1 refresh-hush-0 refresh-hush-1 refresh-hush-2 token-hush-1 token-hush-2",
            request.text()
        );
        Answer::json(&json!({"error": "invalid_grant", "error_description": said})).status(400)
    });
    let yaml = "jobs:\n  job:\n    expression: fn(state => state);\n    adaptor: \"@openfn/language-http\"\n    \
                credential: far\n    trigger: any\ntriggers:\n  any:\n    criteria: {}\n";
    let project = Project::new()
        .file("project.yaml", yaml)
        .file("credentials/far.json", credential(&far_side).to_string())
        .file("fonio.toml", settings("far", &endpoint));
    let host = Host::serving(project);
    for _ in 0..GRANTED {
        host.run(&json!({}));
    }
    let run = host.run(&json!({}));
    run.step().expect_failure(1, "400: invalid_grant");
    let said = run.step().message().to_owned() + &host.said() + &host.get("/api/v1/runs").text();
    assert!(!said.contains("hush"), "{said}");
    let sealed = run.step().message().matches("[sealed access_token]");
    assert_eq!(sealed.count(), 2, "{said}");
    assert!(
        said.contains("[sealed refresh_token] [sealed refresh_token] [sealed refresh_token]"),
        "{said}"
    );
}
