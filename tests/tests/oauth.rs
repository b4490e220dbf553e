//! OAuth 2 by the host: where tokens come from, what a job sees of them, and what becomes of those that end.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_tests::{Answer, FarSide, Gate, Host, Job, Program, Project, evil, wait_for};
use serde_json::{Value, json};

const CLIENT_SECRET: &str = "client+hush/1";
const REFRESH: &str = "refresh-hush-0";
const GET: &str =
    "get('/x');\nfn(state => ({ data: state.data, seen: state.configuration.access_token }));";

/// A token endpoint: token after token, each for `seconds`.
fn endpoint(seconds: u32) -> FarSide {
    let count = AtomicUsize::new(0);
    FarSide::answering(move |_| {
        let number = 1 + count.fetch_add(1, Ordering::SeqCst);
        Answer::json(
            &json!({"access_token": format!("token-hush-{number}"), "token_type": "Bearer", "expires_in": seconds}),
        )
    })
}

/// Each secret that any of these tests uses begins so, or is `CLIENT_SECRET`.
fn says_a_secret(text: &str) -> bool {
    ["token-hush", "refresh-hush", "client+hush", "client%2Bhush"]
        .iter()
        .any(|secret| text.contains(secret))
}

fn client(far_side: &FarSide) -> Value {
    json!({"baseUrl": far_side.origin(), "client_id": "us", "client_secret": CLIENT_SECRET})
}

fn refreshing(far_side: &FarSide) -> Value {
    let mut credential = client(far_side);
    credential["refresh_token"] = REFRESH.into();
    credential
}

fn project(credential: &Value, oauth: &str) -> Project {
    let yaml = "jobs:\n  job:\n    expression: jobs/job.js\n    adaptor: \"@openfn/language-http\"\n    \
                credential: far\n    trigger: any\ntriggers:\n  any:\n    criteria: {}\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", GET)
        .file("credentials/far.json", credential.to_string())
        .file(
            "fonio.toml",
            format!("[credentials.far]\noauth = {{ {oauth} }}\n"),
        )
}

fn token_url(endpoint: &FarSide) -> String {
    format!("token_url = \"{}\"", endpoint.url("/oauth/token"))
}

/// Everything the host wrote: its data, its log, its pages.
#[track_caller]
fn assert_nothing_kept(host: &Host) {
    assert!(!says_a_secret(&host.said()), "{}", host.said());
    for page in [
        "/metrics",
        "/api/v1/project",
        "/api/v1/runs",
        "/api/v1/audit",
    ] {
        let text = host.get(page).text();
        assert!(!says_a_secret(&text), "{page}: {text}");
    }
    assert_no_file_says(&host.project.path(".fonio"));
}

#[track_caller]
fn assert_no_file_says(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_file_says(&path);
            continue;
        }
        // A socket holds nothing.
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!says_a_secret(&text), "{}", path.display());
    }
}

/// What each request at the far side had for `Authorization`.
fn tokens_at(far_side: &FarSide) -> Vec<String> {
    let received = far_side.received();
    let header = |request: &fonio_tests::Received| {
        request
            .header("authorization")
            .unwrap_or_default()
            .to_owned()
    };
    received.iter().map(header).collect()
}

#[test]
fn the_host_gets_a_token_and_the_job_a_placeholder() {
    let endpoint = endpoint(3600);
    let far_side = FarSide::answering(|request| {
        Answer::json(&json!({"echo": request.header("authorization")}))
    });
    let oauth =
        token_url(&endpoint) + ", scope = \"read write\", parameters = { audience = \"x\" }";
    let expression =
        "get('/x');\nfn(state => ({ echo: state.data.echo, seen: state.configuration }));";
    let project = project(&client(&far_side), &oauth).file("jobs/job.js", expression);
    let host = Host::serving(project);
    let run = host.run(&json!({}));
    let state = &run.step().output;
    let seen = &state["seen"];
    let keys: Vec<&String> = seen.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "baseUrl",
            "client_id",
            "access_token",
            "expires_at",
            "token_type"
        ]
    );
    let placeholder = seen["access_token"].as_str().expect("of the same type");
    assert!(placeholder.starts_with("fonioSealed"), "{placeholder}");
    assert_eq!(seen["token_type"], "Bearer");
    assert_eq!(state["echo"], format!("Bearer {placeholder}"));
    assert_eq!(tokens_at(&far_side), ["Bearer token-hush-1"]);
    let asked = endpoint.only();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/oauth/token")
    );
    assert_eq!(
        asked.text(),
        "grant_type=client_credentials&scope=read+write&audience=x"
    );
    let basic = STANDARD.encode("us:client%2Bhush%2F1");
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Basic {basic}").as_str())
    );
    assert_nothing_kept(&host);
}

#[test]
fn a_token_serves_until_it_ends_and_over_a_reload() {
    let (endpoint, far_side) = (endpoint(3600), FarSide::saying(json!({})));
    let host = Host::serving(project(&client(&far_side), &token_url(&endpoint)));
    host.run(&json!({}));
    let reloads = || host.get("/metrics").text();
    let before = reloads();
    host.project
        .replace("jobs/job.js", format!("{GET}\nfn(state => state);"));
    wait_for("the reload", || {
        (figure(&reloads()) > figure(&before)).then_some(())
    });
    host.run(&json!({}));
    assert_eq!(
        tokens_at(&far_side),
        ["Bearer token-hush-1", "Bearer token-hush-1"]
    );
    assert_eq!(endpoint.received().len(), 1);
}

fn figure(metrics: &str) -> u64 {
    let line = metrics
        .lines()
        .find(|line| line.starts_with("fonio_reloads_total"));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("no reloads are counted in {metrics}"))
}

#[test]
fn a_token_that_ends_at_once_is_asked_for_at_each_step() {
    let (endpoint, far_side) = (endpoint(0), FarSide::saying(json!({})));
    let host = Host::serving(project(&client(&far_side), &token_url(&endpoint)));
    host.run(&json!({}));
    host.run(&json!({}));
    assert_eq!(
        tokens_at(&far_side),
        ["Bearer token-hush-1", "Bearer token-hush-2"]
    );
}

#[test]
fn a_new_refresh_token_is_kept_encrypted_and_used_after_a_restart() {
    let far_side = FarSide::saying(json!({}));
    let endpoint = FarSide::answering(|request| {
        let said = request.text();
        let number = said
            .split("refresh-hush-")
            .nth(1)
            .and_then(|rest| rest.split('&').next());
        let number: u32 = number
            .and_then(|number| number.parse().ok())
            .expect("one of ours");
        Answer::json(&json!({
            "access_token": format!("token-hush-{number}"), "expires_in": 0, "refresh_token": format!("refresh-hush-{}", number + 1),
        }))
    });
    let host = Host::serving(project(&refreshing(&far_side), &token_url(&endpoint)));
    host.run(&json!({}));
    host.run(&json!({}));
    assert_nothing_kept(&host);
    let host = host.restarted_after(|| ());
    host.run(&json!({}));
    let asked: Vec<String> = endpoint
        .received()
        .iter()
        .map(|asked| asked.text())
        .collect();
    assert_eq!(
        asked,
        [0, 1, 2]
            .map(|number| format!("grant_type=refresh_token&refresh_token=refresh-hush-{number}"))
    );
    assert_nothing_kept(&host);
    // Whoever agrees anew is heard: what was kept belongs to the credential as it was.
    let host = host.restarted_after(|| ());
    let mut credential = refreshing(&far_side);
    credential["refresh_token"] = "refresh-hush-70".into();
    let before = figure(&host.get("/metrics").text());
    host.project
        .replace("credentials/far.json", credential.to_string());
    wait_for("the reload", || {
        (figure(&host.get("/metrics").text()) > before).then_some(())
    });
    host.run(&json!({}));
    let last = endpoint.received().pop().expect("it was asked");
    assert!(
        last.text().ends_with("refresh_token=refresh-hush-70"),
        "{}",
        last.text()
    );
}

fn seconds_from_now(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs() + seconds
}

fn from_openfn(far_side: &FarSide, expires_at: impl Into<Value>) -> Value {
    let mut credential = refreshing(far_side);
    credential["access_token"] = "token-hush-old".into();
    credential["token_type"] = "Bearer".into();
    credential["expires_at"] = expires_at.into();
    credential
}

#[test]
fn a_token_that_openfn_got_is_used_while_it_counts() {
    let (endpoint, far_side) = (endpoint(3600), FarSide::saying(json!({})));
    let credential = from_openfn(&far_side, seconds_from_now(3000));
    let host = Host::serving(project(&credential, &token_url(&endpoint)));
    host.run(&json!({}));
    assert_eq!(tokens_at(&far_side), ["Bearer token-hush-old"]);
    assert!(endpoint.received().is_empty());
    drop(host);
    let credential = from_openfn(&far_side, "1600000000");
    let host = Host::serving(project(&credential, &token_url(&endpoint)));
    host.run(&json!({}));
    assert_eq!(tokens_at(&far_side)[1], "Bearer token-hush-1");
}

#[test]
fn a_token_that_ends_soon_is_used_while_the_next_is_on_its_way() {
    let far_side = FarSide::saying(json!({}));
    let gate = Gate::default();
    let closed = gate.clone();
    let endpoint = FarSide::answering(move |_| {
        closed.pass();
        Answer::json(&json!({"access_token": "token-hush-new", "expires_in": 3600}))
    });
    let credential = from_openfn(&far_side, seconds_from_now(120));
    let host = Host::serving(project(&credential, &token_url(&endpoint)));
    // While nothing comes from the endpoint, two steps run to their ends; it was asked once.
    host.run(&json!({}));
    wait_for("the endpoint to be asked", || {
        (!endpoint.received().is_empty()).then_some(())
    });
    host.run(&json!({}));
    assert_eq!(endpoint.received().len(), 1);
    gate.open();
    wait_for("the new token", || {
        host.run(&json!({}));
        (tokens_at(&far_side).last()? == "Bearer token-hush-new").then_some(())
    });
    assert_eq!(
        tokens_at(&far_side)[..2],
        ["Bearer token-hush-old", "Bearer token-hush-old"]
    );
    assert_eq!(endpoint.received().len(), 1);
}

#[test]
fn many_steps_that_need_a_token_ask_for_it_once() {
    let far_side = FarSide::saying(json!({}));
    let gate = Gate::default();
    let closed = gate.clone();
    let endpoint = FarSide::answering(move |_| {
        closed.pass();
        Answer::json(&json!({"access_token": "token-hush-1", "expires_in": 3600}))
    });
    let host = Host::serving(project(&client(&far_side), &token_url(&endpoint)));
    for number in 0..6 {
        host.post(&json!({ "number": number }));
    }
    wait_for("all steps to be started", || {
        let running = |run: &Value| run["status"] == "running";
        host.runs().iter().all(running).then_some(())
    });
    gate.open();
    let runs = host.runs_done();
    assert_eq!(runs.len(), 6);
    assert!(
        runs.iter().all(|run| run.status == "succeeded"),
        "{runs:#?}"
    );
    assert_eq!(endpoint.received().len(), 1);
}

#[test]
fn a_token_that_its_system_does_not_take_is_dropped() {
    let endpoint = endpoint(3600);
    let far_side = FarSide::answering(|request| match request.header("authorization") {
        Some("Bearer token-hush-1") => Answer::empty().status(401),
        _ => Answer::json(&json!({})),
    });
    let host = Host::serving(project(&client(&far_side), &token_url(&endpoint)));
    assert_eq!(host.run(&json!({})).status, "failed");
    assert_eq!(host.run(&json!({})).status, "succeeded");
    assert_eq!(host.run(&json!({})).status, "succeeded");
    assert_eq!(endpoint.received().len(), 2);
}

#[test]
fn a_401_to_a_request_without_the_token_drops_nothing() {
    let endpoint = endpoint(3600);
    let far_side = FarSide::answering(|_| Answer::empty().status(401));
    let credential = client(&far_side);
    let project = project(&credential, &token_url(&endpoint)).file(
        "jobs/job.js",
        "get('/x', { headers: { authorization: 'none' }, errors: { 401: false } });",
    );
    let host = Host::serving(project);
    host.run(&json!({}));
    host.run(&json!({}));
    assert_eq!(tokens_at(&far_side), ["none", "none"]);
    assert_eq!(endpoint.received().len(), 1);
}

#[test]
fn a_refused_token_is_told_without_the_secret_before_the_job_runs() {
    let far_side = FarSide::saying(json!({}));
    let endpoint = FarSide::answering(|request| {
        let said = format!("we do not know {}", request.text());
        Answer::json(&json!({"error": "invalid_grant", "error_description": said})).status(400)
    });
    let host = Host::serving(project(&refreshing(&far_side), &token_url(&endpoint)));
    let run = host.run(&json!({}));
    let said = format!(
        "there is no access token for the credential `far`: {} answered 400: invalid_grant (we do not know grant_type=refresh_token",
        endpoint.url("/oauth/token")
    );
    run.step().expect_failure(1, &said);
    assert!(
        run.step().message().contains("[sealed refresh_token]"),
        "{:?}",
        run.step()
    );
    assert_eq!(run.step().error["name"], "CredentialError");
    assert_eq!(run.step().error["code"], "invalid_grant");
    assert!(far_side.received().is_empty());
    assert_nothing_kept(&host);
}

#[test]
fn an_endpoint_that_leads_elsewhere_lies_or_is_not_there_gives_no_token() {
    let far_side = FarSide::saying(json!({}));
    let elsewhere = FarSide::saying(json!({"access_token": "token-hush-stolen"}));
    let to = elsewhere.url("/token");
    let gone = FarSide::misbehaving(|_| Ok(()));
    for (endpoint, words) in [
        (
            FarSide::answering(move |_| Answer::empty().status(307).header("location", &to)),
            "answered 307, and redirects are not followed",
        ),
        (
            FarSide::answering(|_| Answer::new("application/json", vec![b' '; 100_000])),
            "its reply is longer than 65536 bytes",
        ),
        (
            FarSide::saying(json!({"token": "token-hush"})),
            "its reply has no `access_token`",
        ),
        (
            FarSide::answering(|_| Answer::new("text/html", "<p>")),
            "its reply is not a JSON object",
        ),
        (gone, "its reply cannot be read"),
    ] {
        let credential = client(&far_side);
        let settings = format!(
            "[credentials.credential]\noauth = {{ {} }}\n",
            token_url(&endpoint)
        );
        let said = Job::new(GET)
            .adaptor("http")
            .credential(&credential)
            .settings(&settings)
            .run()
            .expect_failure(1, words);
        assert!(!says_a_secret(&said), "{said}");
    }
    assert!(far_side.received().is_empty() && elsewhere.received().is_empty());
}

#[test]
fn an_endpoint_that_sends_without_end_is_left() {
    let far_side = FarSide::saying(json!({}));
    let endpoint = FarSide::misbehaving(evil::sends_a_gigabyte_in_chunks);
    let settings = format!(
        "[credentials.credential]\noauth = {{ {} }}\n",
        token_url(&endpoint)
    );
    Job::new(GET)
        .adaptor("http")
        .credential(&client(&far_side))
        .settings(&settings)
        .run()
        .expect_failure(1, "its reply is longer than 65536 bytes");
}

#[test]
fn a_credential_for_one_run_gets_its_token_too_and_its_refresh_token_is_kept() {
    let far_side = FarSide::saying(json!({}));
    let endpoint = FarSide::answering(|_| {
        Answer::json(
            &json!({"access_token": "token-hush-1", "expires_in": 3600, "refresh_token": "refresh-hush-1"}),
        )
    });
    let project = Project::new()
        .file("job.js", GET)
        .file("far.json", refreshing(&far_side).to_string())
        .file(
            "fonio.toml",
            format!(
                "[credentials.far]\noauth = {{ {}, client_auth = \"body\" }}\n",
                token_url(&endpoint)
            ),
        );
    for number in [0, 1] {
        let run = Program::new(["run", "job.js", "-a", "http", "-c", "far.json"]);
        let ended = run.run(project.dir()).expect_code(0);
        let seen = ended.json()["seen"].as_str().map(str::to_owned);
        assert!(
            seen.is_some_and(|seen| seen.starts_with("fonioSealed")),
            "{ended:?}"
        );
        assert_eq!(
            endpoint.received()[number].text(),
            format!(
                "grant_type=refresh_token&refresh_token=refresh-hush-{number}&client_id=us&client_secret=client%2Bhush%2F1"
            )
        );
    }
    assert_eq!(
        tokens_at(&far_side),
        ["Bearer token-hush-1", "Bearer token-hush-1"]
    );
    assert_no_file_says(&project.path(".fonio"));
}

#[test]
fn check_says_what_is_wrong_with_oauth() {
    let credential = json!({"baseUrl": "https://far.example.org", "client_id": "us"});
    let checked = |oauth: &str| Program::new(["check", "."]).run(project(&credential, oauth).dir());
    let url = "token_url = \"https://login.example.org/token\"";
    let lacking = checked(url);
    assert!(
        format!("{lacking:?}").contains(
            "no access token can be got for the credential `far`: it has no client_secret"
        ),
        "{lacking:?}"
    );
    for (oauth, words) in [
        (
            "scope = \"x\"".to_owned(),
            "`oauth` does not say where tokens come from",
        ),
        (
            "token_url = \"login.example.org\"".to_owned(),
            "is not the address of a token endpoint",
        ),
        (
            "token_url = \"https://me:pw@login.example.org\"".to_owned(),
            "is not the address of a token endpoint",
        ),
        (
            "token_url = \"ftp://login.example.org\"".to_owned(),
            "is not the address of a token endpoint",
        ),
        (
            format!("{url}, client_secret = \"x\""),
            "`client_secret` is a secret, and this file is none",
        ),
        (
            format!("{url}, grant = \"password\""),
            "`password` is no grant that the host knows",
        ),
        (
            format!("{url}, client_auth = \"jwt\""),
            "is no place for the client's id and secret",
        ),
        (
            format!("{url}, parameters = {{ scope = \"x\" }}"),
            "the host writes the parameter `scope` itself",
        ),
        (format!("{url}, skope = \"x\""), "there is no key `skope`"),
    ] {
        let ended = checked(&oauth);
        assert!(format!("{ended:?}").contains(words), "{oauth}: {ended:?}");
        assert_ne!(ended.code, Some(0), "{oauth}");
    }
    let unencrypted = checked("token_url = \"http://login.example.org/token\"");
    assert!(
        format!("{unencrypted:?}").contains("unencrypted"),
        "{unencrypted:?}"
    );
}
