//! Signing in by OpenID Connect: from the page to the service and back, who is let in, and what a browser must not be made
//! to do. What the service may do is in `oidc_service.rs`, what an ID token has to be in `oidc_tokens.rs`.

use std::process::Command;

use fonio_tests::authoring::{reachable, run};
use fonio_tests::ministry::{BEGIN, SECRET, ama, host, project, provider};
use fonio_tests::{Host, IdentityProvider, PASSWORD, PUBLIC, Program, Project, wait_for};
use serde_json::{Value, json};

/// Who this cookie is of.
fn session(host: &Host, cookie: &str) -> Value {
    let reply = host.send("GET", "/api/v1/session", &[("cookie", cookie)], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The details of what the audit log has of this kind.
fn audit(project: &Project, what: &str) -> Vec<String> {
    let lines = project.fonio(&["audit", "--json"]).stdout;
    let rows = lines
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let rows = rows.filter(|row| row["what"] == what);
    rows.map(|row| {
        format!(
            "{}: {}",
            row["who"].as_str().unwrap_or_default(),
            row["detail"].as_str().unwrap_or_default()
        )
    })
    .collect()
}

#[test]
fn whom_the_service_knows_signs_in_with_the_role_that_fonio_gave() {
    let provider = provider();
    let host = host(&provider);
    let ways = host.get("/api/v1/session/ways").json();
    assert_eq!(ways["oidc"]["name"], "the Ministry");
    assert_eq!(ways["oidc"]["href"], format!("{PUBLIC}{BEGIN}"));
    assert!(
        provider
            .asked("/.well-known/openid-configuration")
            .is_empty(),
        "nobody has asked yet"
    );
    let away = host.sent_away(BEGIN);
    assert_eq!(
        away.attributes,
        format!("HttpOnly; SameSite=Lax; Path={BEGIN}; Max-Age=600; Secure")
    );
    assert!(
        away.location.contains("&scope=openid+email&"),
        "{}",
        away.location
    );
    let back = host.comes_back(&provider.visited(&away.location), &away.cookie);
    assert_eq!(back.header("location"), Some(format!("{PUBLIC}/").as_str()));
    let cookie = back.session_cookie();
    let set = back.header("set-cookie").expect("a cookie");
    assert!(
        set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800; Secure"),
        "{set}"
    );
    let session = session(&host, &cookie);
    assert_eq!(
        (&session["who"], &session["role"]),
        (&json!("user ama"), &json!("editor"))
    );
    host.send("GET", "/api/v1/audit", &[("cookie", &cookie)], b"")
        .problem(403);
    let by = format!("user ama: by {}, from 127.0.0.1", provider.issuer());
    assert_eq!(audit(&host.project, "sign-in"), [by]);
    let users = host.project.fonio(&["user", "list", "--json"]).json();
    let linked = json!({ "identity": "ama@example.org", "issuer": provider.issuer() });
    assert_eq!(
        (&users[0]["password"], &users[0]["oidc"]),
        (&json!(false), &linked)
    );
    let listed = host.project.fonio(&["user", "list"]).stdout;
    assert!(
        listed.contains(&format!("oidc ama@example.org ({})", provider.issuer())),
        "{listed}"
    );
    for secret in ["hush", "code_verifier"] {
        assert!(!host.said().contains(secret), "{}", host.said());
    }
}

#[test]
fn somebody_whom_no_user_is_known_by_is_told_what_to_run_and_written_down() {
    let provider = provider();
    let host = host(&provider);
    let mut kofi = ama();
    kofi["email"] = "kofi <b>@example.org".into();
    provider.knows(kofi);
    let said = host.sign_in_by(&provider).problem(403);
    assert!(
        said.contains("fonio user add NAME --oidc 'kofi <b>@example.org'"),
        "{said}"
    );
    let refused = wait_for("the row", || audit(&host.project, "sign-in-failed").pop());
    assert!(
        refused.starts_with("somebody: nobody here signs in as kofi"),
        "{refused}"
    );
    let away = host.sent_away(BEGIN);
    let target = provider.visited(&away.location);
    let headers = [
        ("cookie", away.cookie.as_str()),
        ("accept", "text/html,*/*"),
    ];
    let page = host.send(
        "GET",
        target.strip_prefix(PUBLIC).expect("here"),
        &headers,
        b"",
    );
    assert_eq!(
        (page.status, page.header("content-type")),
        (403, Some("text/html; charset=utf-8"))
    );
    let text = page.text();
    assert!(
        text.contains("kofi &lt;b&gt;@example.org") && !text.contains("<b>"),
        "{text}"
    );
    assert!(text.contains(&format!("href=\"{PUBLIC}/\"")), "{text}");
    assert_eq!(page.header("set-cookie"), None);
}

#[test]
fn a_mail_address_counts_only_when_the_service_has_verified_it() {
    let provider = provider();
    let host = host(&provider);
    for verified in [json!(false), json!("true"), json!(1), Value::Null] {
        let mut unverified = ama();
        unverified["email_verified"] = verified;
        provider.knows(unverified);
        let said = host.sign_in_by(&provider).problem(403);
        assert!(
            said.contains("has not verified that ama@example.org"),
            "{said}"
        );
    }
    wait_for("the rows", || {
        (audit(&host.project, "sign-in-failed").len() == 4).then_some(())
    });
    provider.knows(json!({ "sub": "17" }));
    let said = host.sign_in_by(&provider).problem(403);
    assert!(said.contains("does not say the `email`"), "{said}");
}

#[test]
fn an_operator_chooses_the_claim() {
    for (claim, value, scope) in [
        ("sub", "17", "openid"),
        ("preferred_username", "ama", "openid+profile"),
    ] {
        let provider = provider();
        let more = format!("{SECRET}\nclaim = \"{claim}\"");
        let host = Host::by_oidc(project(&provider, &more, &["--oidc", value]), &["."]);
        let away = host.sent_away(BEGIN);
        assert!(
            away.location.contains(&format!("&scope={scope}&")),
            "{}",
            away.location
        );
        provider.knows(json!({ "sub": "17", "preferred_username": "ama", "email": "17" }));
        host.sign_in_by(&provider).session_cookie();
    }
}

#[test]
fn an_address_that_is_given_to_somebody_else_lets_nobody_else_in() {
    let provider = provider();
    let host = host(&provider);
    host.sign_in_by(&provider).session_cookie();
    let mut successor = ama();
    successor["sub"] = "18".into();
    provider.knows(successor);
    let said = host.sign_in_by(&provider).problem(403);
    assert!(
        said.contains("fonio user oidc ama ama@example.org"),
        "{said}"
    );
    host.project
        .fonio(&["user", "oidc", "ama", "ama@example.org"]);
    let cookie = host.sign_in_by(&provider).session_cookie();
    provider.knows(ama());
    host.sign_in_by(&provider).problem(403);
    assert_eq!(session(&host, &cookie)["who"], "user ama");
}

#[test]
fn who_takes_the_name_that_another_is_invited_by_does_not_become_both() {
    let provider = provider();
    let host = host(&provider);
    host.project.fonio(&[
        "user",
        "add",
        "kofi",
        "--role",
        "admin",
        "--oidc",
        "kofi@example.org",
    ]);
    host.sign_in_by(&provider).session_cookie();
    let mut renamed = ama();
    renamed["email"] = "kofi@example.org".into();
    provider.knows(renamed);
    let said = host.sign_in_by(&provider).problem(403);
    assert!(said.contains("his account is that of ama here"), "{said}");
    // The one who was meant comes in all the same.
    provider.knows(json!({ "sub": "18", "email": "kofi@example.org", "email_verified": true }));
    let cookie = host.sign_in_by(&provider).session_cookie();
    assert_eq!(session(&host, &cookie)["who"], "user kofi");
}

#[test]
fn users_are_given_another_service_and_lose_it_with_their_sessions() {
    let provider = provider();
    let host = host(&provider);
    let cookie = host.sign_in_by(&provider).session_cookie();
    let gone = |cookie: &str| {
        host.send("GET", "/api/v1/session", &[("cookie", cookie)], b"")
            .status
            == 401
    };
    host.try_sign_in("ama", PASSWORD).problem(401);
    assert!(!gone(&cookie));
    host.project.fonio(&["user", "oidc", "ama", "--take"]);
    assert!(gone(&cookie));
    host.sign_in_by(&provider).problem(403);
    let passwd = Program::new(["user", "passwd", "ama"]).input(&format!("{PASSWORD}\n"));
    passwd.run(host.project.dir()).expect_code(0);
    host.sign_in("ama");
    host.project
        .fonio(&["user", "oidc", "ama", "ama@example.org"]);
    let cookie = host.sign_in_by(&provider).session_cookie();
    host.sign_in("ama");
    let listed = host.project.fonio(&["user", "list"]).stdout;
    assert!(
        listed.contains("password, oidc ama@example.org"),
        "{listed}"
    );
    let changed = audit(&host.project, "identity-changed");
    assert!(
        changed[0].ends_with(": none") && changed[1].ends_with(": ama@example.org"),
        "{changed:?}"
    );
    let other = Program::new(["user", "add", "kofi", "--oidc", "ama@example.org"]);
    other
        .run(host.project.dir())
        .expect_code(1)
        .expect_said("is how ama signs in");
    host.project.fonio(&["user", "remove", "ama"]);
    assert!(gone(&cookie));
    host.project
        .fonio(&["user", "add", "kofi", "--oidc", "ama@example.org"]);
    let cookie = host.sign_in_by(&provider).session_cookie();
    assert_eq!(session(&host, &cookie)["who"], "user kofi");
}

#[test]
fn what_came_back_once_does_not_come_back_again() {
    let provider = provider();
    let host = host(&provider);
    let away = host.sent_away(BEGIN);
    let target = provider.visited(&away.location);
    let looked = host.send(
        "HEAD",
        target.strip_prefix(PUBLIC).expect("here"),
        &[("cookie", &away.cookie)],
        b"",
    );
    assert_eq!(looked.status, 405, "looking uses nothing up");
    host.comes_back(&target, &away.cookie).session_cookie();
    let asked = provider.asked("/token").len();
    let said = host.comes_back(&target, &away.cookie).problem(400);
    assert!(said.contains("Begin again"), "{said}");
    assert_eq!(
        provider.asked("/token").len(),
        asked,
        "nobody is asked about it"
    );
}

#[test]
fn what_began_in_one_browser_ends_in_no_other() {
    let provider = provider();
    let host = host(&provider);
    let (mine, theirs) = (host.sent_away(BEGIN), host.sent_away(BEGIN));
    let target = provider.visited(&theirs.location);
    for cookie in [mine.cookie.as_str(), "", "fonio_oidc=", "fonio_session=x"] {
        host.comes_back(&target, cookie).problem(400);
    }
    assert!(provider.asked("/token").is_empty());
    host.comes_back(&target, &theirs.cookie).session_cookie();
    host.comes_back(
        &format!("{PUBLIC}{BEGIN}/callback?code=x&state=x"),
        &mine.cookie,
    )
    .problem(400);
    host.comes_back(&format!("{PUBLIC}{BEGIN}/callback"), &mine.cookie)
        .problem(400);
}

#[test]
fn a_code_of_another_sign_in_is_worth_nothing() {
    let provider = provider();
    let host = host(&provider);
    let (mine, theirs) = (host.sent_away(BEGIN), host.sent_away(BEGIN));
    let code = |target: &str| {
        let query = target
            .split_once("code=")
            .map(|(_, rest)| rest.split('&').next());
        query.flatten().expect("a code").to_owned()
    };
    let (target, stolen) = (
        provider.visited(&mine.location),
        provider.visited(&theirs.location),
    );
    let mixed = target.replace(&code(&target), &code(&stolen));
    let said = host.comes_back(&mixed, &mine.cookie).problem(502);
    assert!(
        said.contains("invalid_grant"),
        "the verifier is another: {said}"
    );
    let refused = wait_for("the row", || audit(&host.project, "sign-in-failed").pop());
    assert!(refused.contains("invalid_grant"), "{refused}");
}

#[test]
fn one_comes_back_to_the_tenant_one_came_from_and_nowhere_else() {
    let provider = provider();
    let yaml = "jobs: {}\ntriggers: {}\ncredentials: {}\n";
    let project = Project::new()
        .file("clinic/project.yaml", yaml)
        .file("school/project.yaml", yaml)
        .going_by(&provider, SECRET);
    let add = [
        "user",
        "add",
        "ama",
        "--role",
        "admin",
        "--tenant",
        "clinic",
        "--oidc",
        "ama@example.org",
        "--data",
        ".fonio",
    ];
    project.fonio(&add);
    let host = Host::by_oidc(project, &["--projects", "."]);
    let role = |tenant: &str, cookie: &str| {
        let reply = host.send(
            "GET",
            &format!("/{tenant}/api/v1/session"),
            &[("cookie", cookie)],
            b"",
        );
        reply.json()["role"].clone()
    };
    for (path, page) in [
        (format!("/clinic{BEGIN}"), "/clinic/"),
        (BEGIN.to_owned(), "/"),
    ] {
        let href = host.get(&path.replace("oidc", "ways")).json()["oidc"]["href"].clone();
        assert_eq!(href, format!("{PUBLIC}{path}"));
        let away = host.sent_away(&path);
        let back = host.comes_back(&provider.visited(&away.location), &away.cookie);
        assert_eq!(
            back.header("location"),
            Some(format!("{PUBLIC}{page}").as_str())
        );
        let cookie = back.session_cookie();
        assert_eq!(
            (role("clinic", &cookie), role("school", &cookie)),
            (json!("admin"), Value::Null)
        );
    }
    // Whatever a stranger puts into the address that somebody follows.
    for (path, page) in [
        (
            format!(
                "/clinic{BEGIN}?back=https://evil.example.org&redirect_uri=https://evil.example.org"
            ),
            "/clinic/",
        ),
        (format!("{BEGIN}?next=//evil.example.org"), "/"),
    ] {
        let headers = [
            ("host", "evil.example.org"),
            ("x-forwarded-host", "evil.example.org"),
            ("origin", "https://evil.example.org"),
        ];
        let sent = host.send("GET", &path, &headers, b"");
        let (to, set) = (
            sent.header("location").expect("on"),
            sent.header("set-cookie").expect("a cookie"),
        );
        assert!(!to.contains("evil"), "{to}");
        let target = provider.visited(to) + "&back=https://evil.example.org";
        let back = host.comes_back(&target, set.split(';').next().unwrap_or_default());
        assert_eq!(
            back.header("location"),
            Some(format!("{PUBLIC}{page}").as_str())
        );
    }
    for path in [
        format!("//evil.example.org{BEGIN}"),
        format!("/evil.example.org{BEGIN}"),
        format!("//clinic{BEGIN}"),
    ] {
        assert_eq!(host.get(&path).status, 404, "{path}");
    }
}

#[test]
fn behind_a_path_cookies_are_for_what_is_below_it() {
    let provider = IdentityProvider::sending_back_to(&format!("{PUBLIC}/fonio{BEGIN}/callback"));
    let project = project(&provider, SECRET, &["--oidc", "ama@example.org"]);
    let text = std::fs::read_to_string(project.path("etc/oidc.toml")).expect("a file");
    project.write(
        "etc/oidc.toml",
        text.replace(PUBLIC, &format!("{PUBLIC}/fonio/")),
    );
    let host = Host::by_oidc(project, &["."]);
    let away = host.sent_away(BEGIN);
    assert!(
        away.attributes.contains(&format!("Path=/fonio{BEGIN};")),
        "{}",
        away.attributes
    );
    provider.knows(ama());
    let target = provider.visited(&away.location).replace("/fonio/", "/");
    let back = host.comes_back(&target, &away.cookie);
    assert_eq!(
        back.header("location"),
        Some(format!("{PUBLIC}/fonio/").as_str())
    );
}

#[test]
fn a_file_with_a_slip_is_wrong_use_and_says_where() {
    let provider = provider();
    let project = project(
        &provider,
        "clam = \"email\"",
        &["--oidc", "ama@example.org"],
    );
    let serve = |more: &[&str]| {
        let usual = [
            "serve",
            ".",
            "--listen",
            "127.0.0.1:0",
            "--oidc",
            "etc/oidc.toml",
        ];
        Program::new([&usual, more].concat())
            .run(project.dir())
            .expect_code(2)
    };
    serve(&[])
        .expect_said("etc/oidc.toml:5:1")
        .expect_said("did you mean `claim`?");
    serve(&["--dev"]).expect_said("--dev");
    project.write("etc/oidc.toml", "issuer = \"http://id.example.org\"\n");
    serve(&[])
        .expect_said("etc/oidc.toml:1:")
        .expect_said("not on https")
        .expect_said("there is no `client_id`");
    let without = Host::guarded(Project::with_job(
        "@openfn/language-common",
        "fn(state => state)",
    ));
    assert_eq!(
        without.get("/api/v1/session/ways").json()["oidc"],
        Value::Null
    );
    assert!(
        without
            .get(BEGIN)
            .problem(404)
            .contains("fonio serve --oidc")
    );
}

/// What the form of the page offers; nothing where node is not installed.
fn form(host: &Host) -> Option<Value> {
    let mut node = Command::new("node");
    node.arg("--version");
    if !reachable("the_page_offers_the_service", node) {
        return None;
    }
    let mut node = Command::new("node");
    node.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/page/sign-in.mjs"
    ))
    .arg(format!("http://{}/", host.address()));
    Some(run(node, host.project.dir()).expect_code(0).json())
}

#[test]
fn the_page_offers_the_service_above_the_form_where_there_is_one() {
    let provider = provider();
    let Some(offered) = form(&host(&provider)) else {
        return;
    };
    let link = json!({ "text": "Sign in with the Ministry", "href": format!("{PUBLIC}{BEGIN}") });
    assert_eq!(offered[1], link, "{offered}");
    let without = Host::guarded(Project::with_job(
        "@openfn/language-common",
        "fn(state => state)",
    ));
    let offered = form(&without).expect("node is there");
    assert_eq!(offered[1]["text"], "Name", "{offered}");
}
