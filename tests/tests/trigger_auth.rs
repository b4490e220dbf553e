//! `[triggers.NAME]` in fonio.toml: who may send messages to the inbox and to webhooks.

use fonio_tests::{Ended, Host, Program, Project, Response};
use ring::hmac;

const WEBHOOKS: &str = "
name: clinic
workflows:
  intake:
    name: intake
    jobs: { take: { name: take, adaptor: '@openfn/language-common', body: 'fn(s => s)' } }
    triggers: { webhook: { type: webhook, enabled: true } }
    edges: { a: { source_trigger: webhook, target_job: take, condition_type: always, enabled: true } }
  other:
    name: other
    jobs: { take: { name: take, adaptor: '@openfn/language-common', body: 'fn(s => s)' } }
    triggers: { webhook: { type: webhook, enabled: true } }
    edges: { a: { source_trigger: webhook, target_job: take, condition_type: always, enabled: true } }
";

/// A message goes in by the inbox, and by two webhooks.
fn project(triggers: &str) -> Project {
    Project::new()
        .file("project.yaml", WEBHOOKS)
        .file("fonio.toml", format!("[project]\nid = \"clinic\"\n{triggers}"))
        .file("credentials/lab.json", r#"{ "key": "grain-of-truth" }"#)
        .file("credentials/basic.json", r#"{ "username": "ama", "password": "a:b c" }"#)
        .file("credentials/hook.json", r#"{ "secret": "shared" }"#)
        .file(
            "credentials/long.json",
            r#"{ "secret": "shared", "header": "X-Signature", "algorithm": "sha512", "prefix": "v1," }"#,
        )
}

fn post(host: &Host, target: &str, headers: &[(&str, &str)]) -> Response {
    let headers = [&[("content-type", "application/json")], headers].concat();
    host.send("POST", target, &headers, BODY)
}

const BODY: &[u8] = br#"{"n": 1}"#;

/// How many messages are stored.
fn stored(host: &Host) -> usize {
    let messages = host.get("/api/v1/messages").json()["messages"].clone();
    messages.as_array().expect("a list").len()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(algorithm: hmac::Algorithm, secret: &str, body: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), body).as_ref())
}

#[test]
fn a_key_opens_the_inbox_in_either_header_and_nothing_else_does() {
    let host = Host::serving(project("[triggers.inbox]\nauth = \"api_key:lab\"\n"));
    for wrong in [
        &[][..],
        &[("x-api-key", "grain-of-trut")],
        &[("x-api-key", "")],
        &[("authorization", "Bearer grain-of-truth2")],
        &[("authorization", "Basic grain-of-truth")],
        &[("authorization", "grain-of-truth")],
        &[("cookie", "key=grain-of-truth")],
    ] {
        let refused = post(&host, "/inbox", wrong);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer realm=\"inbox\""),
            "{wrong:?}"
        );
        assert!(refused.problem(401).contains("X-API-Key"), "{wrong:?}");
    }
    assert_eq!(post(&host, "/inbox?key=grain-of-truth", &[]).status, 401);
    assert_eq!(stored(&host), 0, "nothing of a refused message is kept");
    for right in [
        ("x-api-key", "grain-of-truth"),
        ("authorization", "bearer grain-of-truth"),
    ] {
        assert_eq!(post(&host, "/inbox", &[right]).status, 202, "{right:?}");
    }
    assert_eq!(stored(&host), 2);
    let metrics = host.get("/metrics").text();
    assert!(
        metrics.contains("\nfonio_messages_unauthorized_total 8\n"),
        "{metrics}"
    );
}

#[test]
fn a_user_name_and_a_password_open_a_webhook_by_http_basic() {
    let host = Host::serving(project("[triggers.intake]\nauth = \"basic:basic\"\n"));
    let send = |value: &str| post(&host, "/i/intake", &[("authorization", value)]);
    // ama:a:b c; ama:a:b d; ama; and no base64.
    assert_eq!(send("Basic YW1hOmE6YiBj").status, 200);
    for wrong in [
        "Basic YW1hOmE6YiBk",
        "Basic YW1h",
        "Basic ====",
        "Bearer YW1hOmE6YiBj",
        "Basic",
    ] {
        let refused = send(wrong);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Basic realm=\"intake/webhook\"")
        );
        refused.problem(401);
    }
    assert_eq!(
        post(&host, "/i/other", &[]).status,
        200,
        "the other says nothing, on loopback"
    );
    assert_eq!(stored(&host), 2);
}

#[test]
fn a_signature_of_the_very_bytes_of_the_body_opens_a_webhook() {
    let host = Host::serving(project(
        "[triggers.intake]\nauth = \"hmac:hook\"\n[triggers.\"other/webhook\"]\nauth = \"hmac:long\"\n",
    ));
    let github =
        |signature: &str| post(&host, "/i/intake", &[("x-hub-signature-256", signature)]).status;
    let good = sign(hmac::HMAC_SHA256, "shared", BODY);
    assert_eq!(github(&format!("sha256={good}")), 200);
    assert_eq!(github(&format!("sha256={}", good.to_uppercase())), 200);
    for wrong in [
        good.clone(),
        format!("sha1={good}"),
        "sha256=".to_owned(),
        format!("sha256={}", &good[..62]),
        format!("sha256={good}00"),
        format!("sha256={}", "ä".repeat(32)),
        format!("sha256={}", sign(hmac::HMAC_SHA256, "shared", b"{\"n\":1}")),
        format!("sha256={}", sign(hmac::HMAC_SHA256, "other", BODY)),
        format!("sha256={}", sign(hmac::HMAC_SHA512, "shared", BODY)),
    ] {
        assert_eq!(github(&wrong), 401, "{wrong}");
    }
    post(&host, "/i/intake", &[]).problem(401);
    let long = sign(hmac::HMAC_SHA512, "shared", BODY);
    let own = |name: &str, value: &str| post(&host, "/i/other", &[(name, value)]).status;
    assert_eq!(own("x-signature", &format!("v1,{long}")), 200);
    assert_eq!(own("x-signature", &long), 401);
    assert_eq!(own("x-hub-signature-256", &format!("sha256={good}")), 401);
    assert_eq!(stored(&host), 3);
}

#[test]
fn a_signature_in_base64_is_one_too() {
    let host = Host::serving(project("[triggers.intake]\nauth = \"hmac:hook\"\n"));
    let bytes = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"shared"), BODY);
    let good = format!("sha256={}", fonio_tests::base64(bytes.as_ref()));
    assert_eq!(
        post(&host, "/i/intake", &[("x-hub-signature-256", &good)]).status,
        200
    );
}

#[test]
fn any_one_of_several_ways_suffices() {
    let host = Host::serving(project(
        "[triggers.inbox]\nauth = [\"hmac:hook\", \"api_key:lab\", \"basic:basic\"]\n",
    ));
    let send = |headers: &[(&str, &str)]| post(&host, "/inbox", headers).status;
    let signature = format!("sha256={}", sign(hmac::HMAC_SHA256, "shared", BODY));
    assert_eq!(send(&[("x-api-key", "grain-of-truth")]), 202);
    assert_eq!(send(&[("authorization", "Basic YW1hOmE6YiBj")]), 202);
    assert_eq!(send(&[("x-hub-signature-256", &signature)]), 202);
    assert_eq!(
        send(&[
            ("x-hub-signature-256", "sha256=00"),
            ("x-api-key", "grain-of-truth")
        ]),
        202
    );
    assert_eq!(
        send(&[("x-hub-signature-256", "sha256=00"), ("x-api-key", "wrong")]),
        401
    );
    let refused = post(&host, "/inbox", &[]);
    let challenge = refused.header("www-authenticate").expect("a challenge");
    for scheme in ["HMAC", "Bearer", "Basic"] {
        assert!(challenge.contains(scheme), "{challenge}");
    }
}

#[test]
fn a_token_of_the_host_for_sending_opens_a_trigger_and_no_session_does() {
    let project = project("[triggers.inbox]\nauth = \"token\"\n");
    let token = |name: &str, options: &[&str]| project.token(name, options);
    let send = token("send", &["--scope", "send", "--tenant", "clinic"]);
    let elsewhere = token("elsewhere", &["--scope", "send", "--tenant", "other"]);
    let reads = token("reads", &["--role", "admin", "--scope", "read,write"]);
    project.user("ama", &["--role", "admin"]);
    let host = Host::guarded(project);
    let status = |token: &str| {
        post(
            &host,
            "/inbox",
            &[("authorization", &format!("Bearer {token}"))],
        )
        .status
    };
    assert_eq!(status(&send), 202);
    assert_eq!(
        (status(&elsewhere), status(&reads), status("fonio_x")),
        (401, 401, 401)
    );
    let browser = host.sign_in("ama");
    assert_eq!(
        post(&host, "/inbox", &[("cookie", &browser.cookie)]).status,
        401
    );
    host.project.fonio(&["token", "revoke", "send"]);
    assert_eq!(status(&send), 401);
}

#[test]
fn where_others_reach_the_host_a_trigger_is_closed_until_the_project_says() {
    let everywhere = Program::new(["serve", ".", "--listen", "0.0.0.0:0"]);
    let host = Host::guarded_by(project("[triggers.other]\nauth = \"none\"\n"), &everywhere);
    host.wait_until_ready();
    for closed in ["/inbox", "/i/intake"] {
        let refused = post(&host, closed, &[]);
        assert!(refused.header("www-authenticate").is_some());
        let said = refused.problem(401);
        assert!(
            said.contains("[triggers.") && said.contains("fonio.toml"),
            "{said}"
        );
    }
    assert_eq!(post(&host, "/i/other", &[]).status, 200);
    let said = host.said();
    assert!(
        said.contains("closed inbox, intake/webhook: nobody"),
        "{said}"
    );
    let unknown = post(&host, "/i/nowhere", &[]);
    assert!(
        unknown
            .problem(404)
            .starts_with("the project has no webhook nowhere;")
    );
}

#[test]
fn a_change_of_the_file_counts_at_once() {
    let host = Host::serving(project(""));
    assert_eq!(post(&host, "/i/intake", &[]).status, 200);
    host.project.write(
        "fonio.toml",
        "[project]\nid = \"clinic\"\n[triggers.webhook]\nauth = \"api_key:lab\"\n",
    );
    fonio_tests::wait_for("the door to close", || {
        (post(&host, "/i/intake", &[]).status == 401).then_some(())
    });
    assert_eq!(
        post(&host, "/i/other", &[]).status,
        401,
        "its trigger is called so, too"
    );
    assert_eq!(post(&host, "/inbox", &[]).status, 202);
    host.project
        .write("credentials/lab.json", r#"{ "key": "rotated" }"#);
    fonio_tests::wait_for("the new key", || {
        (post(&host, "/i/intake", &[("x-api-key", "rotated")]).status == 200).then_some(())
    });
    assert_eq!(
        post(&host, "/i/intake", &[("x-api-key", "grain-of-truth")]).status,
        401
    );
}

#[test]
fn what_senders_show_is_not_written_anywhere() {
    let host = Host::serving(project(
        "[triggers.intake]\nauth = [\"api_key:lab\", \"basic:basic\"]\n[triggers.other]\nauth = \"hmac:hook\"\n",
    ));
    let statuses = [
        post(&host, "/i/intake", &[("x-api-key", "grain-of-truth")]).status,
        post(
            &host,
            "/i/intake",
            &[("authorization", "Bearer grain-of-truth")],
        )
        .status,
        post(
            &host,
            "/i/intake",
            &[("authorization", "Basic YW1hOmE6YiBj")],
        )
        .status,
        post(&host, "/i/intake", &[("x-api-key", "grain-of-doubt")]).status,
        post(
            &host,
            "/i/other",
            &[(
                "x-hub-signature-256",
                &format!("sha256={}", sign(hmac::HMAC_SHA256, "shared", BODY)),
            )],
        )
        .status,
    ];
    assert_eq!(statuses, [200, 200, 200, 401, 200]);
    host.runs_done();
    let mut written = fonio_tests::authoring::contents(&host.project.path(".fonio"));
    written.push(host.said().into_bytes());
    for secret in ["grain-of", "YW1hOmE6YiBj", "a:b c", "\"shared\""] {
        for text in &written {
            let found = text
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "{secret} was written");
        }
    }
}

fn check(triggers: &str, format: &str) -> Ended {
    Program::new(["check", ".", "--format", format]).run(project(triggers).dir())
}

#[test]
fn check_shows_who_may_send_messages_and_warns_where_anybody_may() {
    let said = check("", "text").expect_code(0);
    assert!(said.stdout.contains("0 warnings"), "{}", said.stdout);
    assert!(
        said.stdout
            .contains("on a loopback address whoever reaches it, elsewhere nobody"),
        "{}",
        said.stdout
    );
    let triggers = "[triggers.inbox]\nauth = \"none\"\n[triggers.intake]\nauth = [\"api_key:lab\", \"mtls\"]\n";
    let said = check(triggers, "json").expect_code(0).json();
    let warning = &said["problems"][0];
    assert_eq!(
        (&warning["severity"], &warning["line"]),
        (&"warning".into(), &4.into()),
        "{said}"
    );
    assert!(
        warning["message"]
            .as_str()
            .is_some_and(|message| message.contains("anybody"))
    );
    assert_eq!(said["doors"][0]["auth"], serde_json::json!(["none"]));
    assert_eq!(said["doors"][1]["name"], "intake/webhook");
    assert_eq!(
        said["doors"][1]["auth"],
        serde_json::json!(["api_key:lab", "mtls"])
    );
    assert_eq!(said["doors"][2]["auth"], serde_json::json!([]));
}

#[test]
fn a_slip_that_would_leave_a_door_open_or_shut_is_an_error_with_its_place() {
    for (triggers, words) in [
        (
            "[triggers.intak]\nauth = \"none\"\n",
            "there is no webhook `intak`",
        ),
        ("[triggers.intake]\n", "has no `auth`"),
        ("[triggers.intake]\nauth = []\n", "would let nobody in"),
        (
            "[triggers.intake]\nauth = \"password\"\n",
            "`password` is no way",
        ),
        (
            "[triggers.intake]\nauth = \"api_key\"\n",
            "`api_key` names no credential",
        ),
        (
            "[triggers.intake]\nauth = \"api_key:absent\"\n",
            "no such credential",
        ),
        (
            "[triggers.intake]\nauth = \"basic:lab\"\n",
            "it has no `username`",
        ),
        (
            "[triggers.intake]\nauth = \"hmac:lab\"\n",
            "it has no `secret`",
        ),
        (
            "[triggers.intake]\nauth = [\"none\", \"api_key:lab\"]\n",
            "\"none\" among others",
        ),
        (
            "[triggers.intake]\nauth = \"none\"\nsecret = \"x\"\n",
            "there is no key `secret`",
        ),
    ] {
        let ended = check(triggers, "text").expect_code(1);
        assert!(
            ended.stderr.contains(words),
            "`{words}` is not in:\n{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("fonio.toml:"), "{}", ended.stderr);
    }
}
