//! Sealed credentials: what a job and its adaptor see of a secret, where the host puts it, and that it comes to light
//! nowhere else.

use std::fs;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_tests::{Answer, FarSide, Host, Job, Npm, Package, Program, Project, Received};
use serde_json::{Value, json};

/// With what each encoding has to escape.
const SECRET: &str = "hush/hush+\"quoted\" & more";

fn job(expression: &str, far_side: &FarSide) -> Job {
    Job::new(expression)
        .adaptor("http")
        .credential(&credential(far_side))
}

fn credential(far_side: &FarSide) -> Value {
    json!({"baseUrl": far_side.origin(), "username": "admin", "password": SECRET})
}

fn project(expression: &str, far_side: &FarSide, settings: &str) -> Project {
    let yaml = "jobs:\n  job:\n    expression: jobs/job.js\n    adaptor: \"@openfn/language-http\"\n    \
                credential: far\n    trigger: any\ntriggers:\n  any:\n    criteria: {}\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", expression)
        .file("credentials/far.json", credential(far_side).to_string())
        .file("fonio.toml", settings)
}

/// Every file below `dir` that holds `secret` or its base64.
fn files_with(dir: &Path, secret: &str) -> Vec<String> {
    let needles = [secret.to_owned(), STANDARD.encode(secret)];
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, secret));
            continue;
        }
        // A socket holds nothing.
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        let holds = |needle: &String| {
            bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
        };
        if needles.iter().any(holds) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn the_far_side_gets_the_secret_and_the_job_a_placeholder() {
    let far_side = FarSide::saying(json!({"ok": true}));
    let state = job(
        "get('/x');\nfn(state => ({ seen: state.configuration.password, who: state.configuration.username }));",
        &far_side,
    )
    .run()
    .state();
    let expected = format!("Basic {}", STANDARD.encode(format!("admin:{SECRET}")));
    assert_eq!(
        far_side.only().header("authorization"),
        Some(expected.as_str())
    );
    let seen = state["seen"].as_str().expect("of the same type");
    assert!(seen.starts_with("fonioSealed"), "{seen}");
    assert_eq!(state["who"], "admin");
}

#[test]
fn two_steps_never_have_the_same_placeholder() {
    let far_side = FarSide::saying(json!({}));
    let job = job(
        "fn(state => ({ seen: state.configuration.password }));",
        &far_side,
    );
    assert_ne!(job.run().state(), job.run().state());
}

/// Says everything that it was told, in every way.
fn echo(request: &Received) -> Answer {
    let basic = request.header("authorization").unwrap_or_default();
    let decoded = STANDARD
        .decode(basic.trim_start_matches("Basic "))
        .unwrap_or_default();
    let told = String::from_utf8_lossy(&decoded).into_owned();
    let hex: String = told.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded: String = form_urlencoded(&told);
    let body = json!({"plain": told, "basic": basic, "hex": hex, "url": encoded, "again": STANDARD.encode(format!("x{told}"))});
    Answer::json(&body).header("x-echo", basic)
}

fn form_urlencoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[track_caller]
fn assert_sealed(text: &str) {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let quoted = json!(SECRET).to_string();
    let base64 = STANDARD.encode(format!("admin:{SECRET}"));
    for form in [
        SECRET,
        &quoted[1..quoted.len() - 1],
        &hex,
        &base64[9..30],
        "hush%2Fhush",
        "hush/hush",
    ] {
        assert!(!text.contains(form), "{form} is in {text}");
    }
}

#[test]
fn a_reply_that_says_the_secret_again_is_sealed_again() {
    let far_side = FarSide::answering(echo);
    let expression = "get('/x');\nfn(state => { console.log(JSON.stringify(state)); return { ...state, kept: state.response.headers }; });";
    let finished = job(expression, &far_side).run();
    let said = finished.ended.stderr.clone();
    let state = finished.state().to_string();
    assert!(state.contains("fonioSealed"), "{state}");
    assert_sealed(&state);
    assert_sealed(&said);
    assert!(said.contains("[sealed password]"), "{said}");
}

#[test]
fn a_packed_reply_is_unpacked_before_it_is_looked_through() {
    let far_side = FarSide::answering(|request| {
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let body = json!({"echo": SECRET, "long": "x".repeat(100_000)}).to_string();
        packed.write_all(body.as_bytes()).expect("in memory");
        Answer::new("application/json", packed.finish().expect("in memory"))
            .header("content-encoding", "gzip")
    });
    let expression = "get('/x', { headers: { 'accept-encoding': 'br' } });\nfn(state => ({ data: state.data }));";
    let state = job(expression, &far_side).run().state();
    assert_eq!(state["data"]["long"].as_str().map(str::len), Some(100_000));
    assert!(
        state["data"]["echo"]
            .as_str()
            .is_some_and(|echo| echo.starts_with("fonioSealed"))
    );
}

#[test]
fn a_reply_packed_in_another_way_is_refused() {
    let far_side = FarSide::answering(|_| {
        Answer::new("application/json", "anything").header("content-encoding", "br")
    });
    job("get('/x');", &far_side)
        .run()
        .expect_failure(1, "only gzip was asked for");
}

#[test]
fn a_packed_reply_that_grows_without_end_meets_the_limit() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        packed.write_all(&[0; 64 << 10]).expect("in memory");
    }
    let bomb = packed.finish().expect("in memory");
    let far_side = FarSide::answering(move |_| {
        Answer::new("application/json", bomb.clone()).header("content-encoding", "gzip")
    });
    job("get('/x');", &far_side)
        .run()
        .expect_failure(3, "the limit `response` is 16MiB");
}

#[test]
fn toward_another_host_a_placeholder_stays_one_and_the_log_says_so() {
    let (far_side, other) = (
        FarSide::saying(json!({})),
        FarSide::saying(json!({"ok": true})),
    );
    let expression = format!(
        "post('{}', {{ stolen: $.configuration.password }}, {{ headers: {{ 'x-token': $.configuration.password }} }});",
        other.url("/steal")
    );
    let settings = format!(
        "[network]\nallow = [\"{}\"]\n[credentials.far]\nhosts = [\"{}\"]\n",
        other.origin(),
        far_side.origin()
    );
    // Without a baseUrl: with one the adaptor itself would ask no other system.
    let credential = json!({"username": "admin", "password": SECRET}).to_string();
    let project =
        project(&expression, &far_side, &settings).file("credentials/far.json", credential);
    let host = Host::serving(project);
    let run = host.run(&json!({}));
    let step = run.step();
    assert_eq!(step.status, "succeeded", "{step:?}");
    let got = other.only();
    let told = got.header("x-token").expect("a header").to_owned();
    assert!(told.starts_with("fonioSealed"), "{told}");
    assert_eq!(got.json()["stolen"], json!(told));
    let basic = got.header("authorization").map(|basic| {
        let decoded = STANDARD.decode(basic.trim_start_matches("Basic "));
        String::from_utf8_lossy(&decoded.unwrap_or_default()).into_owned()
    });
    assert!(basic.is_none_or(|basic| basic.starts_with("admin:fonioSealed")));
    let log = format!("{step:?}");
    assert!(
        log.contains("the credential `far` belongs to") && log.contains("hosts = ["),
        "{log}"
    );
}

#[test]
fn a_secret_in_a_record_is_refused_with_the_line_that_would_allow_it() {
    let far_side = FarSide::saying(json!({}));
    job(
        "post('/records', { note: $.configuration.password });",
        &far_side,
    )
    .run()
    .expect_failure(3, "open_in = [\"headers\", \"body:/note\"]");
    job(
        "get('/records', { query: { token: $.configuration.password } });",
        &far_side,
    )
    .run()
    .expect_failure(3, "open_in = [\"headers\", \"query:token\"]");
    job(
        "get('/x', { headers: { cookie: $.configuration.password } });",
        &far_side,
    )
    .run()
    .expect_failure(3, "where a secret never belongs");
    assert!(far_side.received().is_empty());
}

#[test]
fn a_place_that_the_project_names_is_opened() {
    let far_side = FarSide::saying(json!({}));
    let settings =
        "[credentials.far]\nopen_in = [\"headers\", \"body:/login/password\", \"query:token\"]\n";
    let expression = "post('/login', { login: { password: $.configuration.password } }, { query: { token: $.configuration.password } });";
    let host = Host::serving(project(expression, &far_side, settings));
    let run = host.run(&json!({}));
    assert_eq!(run.step().status, "succeeded", "{:?}", run.step());
    let got = far_side.only();
    assert_eq!(got.json(), json!({"login": {"password": SECRET}}));
    assert_eq!(
        got.target,
        "/login?token=hush%2Fhush%2B%22quoted%22%20%26%20more"
    );
}

#[test]
fn a_placeholder_that_is_handed_on_opens_nothing() {
    let far_side = FarSide::saying(json!({}));
    let first = job(
        "fn(state => ({ stash: state.configuration.password }));",
        &far_side,
    )
    .run()
    .state();
    job("get('/x', { headers: { 'x-token': $.stash } });", &far_side)
        .state(&first)
        .run()
        .expect_failure(3, "a sealed value that this step was not given");
    assert!(far_side.received().is_empty());
}

#[test]
fn what_is_revealed_may_be_used_anywhere_and_still_is_not_shown() {
    let far_side = FarSide::saying(json!({}));
    let settings = "[credentials.far]\nreveal = true\n";
    let expression = "fn(state => { console.log('it is', state.configuration.password); return { ...state, kept: state.configuration.password }; });\n\
                      post('/sign', state => ({ signed: `${state.configuration.password}!` }));";
    let host = Host::serving(project(expression, &far_side, settings));
    let run = host.run(&json!({}));
    assert_eq!(run.step().status, "succeeded", "{:?}", run.step());
    assert_eq!(far_side.only().json()["signed"], format!("{SECRET}!"));
    let shown = format!("{:?}", run.step());
    assert!(shown.contains("it is [sealed password]"), "{shown}");
    assert_sealed(&host.said());
    assert_eq!(
        files_with(&host.project.path(".fonio"), SECRET),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_that_the_host_keeps_has_the_secret_in_it() {
    let far_side = FarSide::answering(echo);
    let expression = "get('/x');\nfn(state => { console.log(state); state.all = JSON.stringify(state); throw new Error(`failed with ${JSON.stringify(state)}`); });";
    let host = Host::serving(project(expression, &far_side, ""));
    let run = host.run(&json!({"a": 1}));
    assert_eq!(run.step().status, "failed");
    let pages = ["/", "/metrics", "/api/v1/project", "/api/v1/runs"];
    for page in pages {
        assert_sealed(&host.get(page).text());
    }
    assert_sealed(&format!("{run:?}"));
    assert_sealed(&host.said());
    assert_eq!(
        files_with(&host.project.path(".fonio"), SECRET),
        Vec::<String>::new()
    );
}

#[test]
fn an_unmodified_package_signs_in_with_what_it_never_sees() {
    let Some(npm) = Npm::for_test("sealing") else {
        return;
    };
    const SOURCE: &str = r#"
        export const whoami = () => async state => {
            const { baseUrl, username, password } = state.configuration;
            const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
            const reply = await fetch(`${baseUrl}/me`, { headers: { authorization } });
            return { ...state, seen: password, data: await reply.json() };
        };
    "#;
    let far_side = FarSide::answering(echo);
    let state = Job::new("whoami();")
        .adaptor_file(&Package::new(SOURCE).imported(&npm))
        .credential(&credential(&far_side))
        .run()
        .state();
    let expected = format!("Basic {}", STANDARD.encode(format!("admin:{SECRET}")));
    assert_eq!(
        far_side.only().header("authorization"),
        Some(expected.as_str())
    );
    assert_sealed(&state.to_string());
}

#[test]
fn a_credential_in_a_jobs_own_state_is_sealed_too() {
    let far_side = FarSide::saying(json!({}));
    let workflow = json!({
        "schema_version": "4.0", "id": "p", "name": "p",
        "workflows": [{"id": "w", "name": "w", "start": "s", "steps": [{
            "id": "s", "adaptor": "http", "expression": "get('/x', { headers: { 'x-token': $.configuration.token } });\nfn(state => ({ seen: state.configuration.token }));",
            "state": {"configuration": {"baseUrl": far_side.origin(), "token": SECRET}},
        }]}],
    });
    let settings = format!("[network]\nallow = [\"{}\"]\n", far_side.origin());
    let project = Project::new()
        .file("project.yaml", workflow.to_string())
        .file("fonio.toml", settings);
    let ended = Program::new(["run", "w", "--project", "."]).run(project.dir());
    assert_eq!(far_side.only().header("x-token"), Some(SECRET), "{ended:?}");
    assert!(ended.stdout.contains("fonioSealed"), "{ended:?}");
}
