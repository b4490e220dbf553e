//! Signing in at the console: passwords, sessions, what a browser must not be made to do, and the log of it all.

use fonio_tests::{Browser, Host, PASSWORD, Program, Project, wait_for};
use serde_json::{Value, json};

fn host() -> Host {
    let project = Project::with_job("@openfn/language-common", "fn(state => state)")
        .file("fonio.toml", "[project]\nid = \"clinic\"\n");
    project.user("ama", &["--role", "editor", "--tenant", "clinic"]);
    Host::guarded(project)
}

/// Sends a change with a session's cookie and whatever else.
fn change(host: &Host, browser: &Browser, headers: &[(&str, &str)]) -> u16 {
    let cookie = [("cookie", browser.cookie.as_str())];
    let headers = [&cookie, headers].concat();
    host.send("POST", "/api/v1/runs/99", &headers, b"").status
}

/// What a row of the audit log says, without when and where from.
fn audit(project: &Project) -> Vec<String> {
    let lines = project.fonio(&["audit", "--json"]).stdout;
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let [who, what, subject] =
            ["who", "what", "subject"].map(|key| row[key].as_str().unwrap_or_default().to_owned());
        let who = who.split(", uid").next().unwrap_or_default().to_owned();
        format!("{who}: {what} {subject}").trim_end().to_owned()
    };
    lines.lines().map(row).collect()
}

#[test]
fn a_user_signs_in_reads_and_changes_what_the_role_allows_and_signs_out() {
    let host = host();
    assert!(
        !host.said().contains("fonio_"),
        "somebody can get in already"
    );
    let browser = host.sign_in("ama");
    let cookie = [("cookie", browser.cookie.as_str())];
    let session = host.send("GET", "/api/v1/session", &cookie, b"").json();
    assert_eq!(
        (&session["who"], &session["role"]),
        (&json!("user ama"), &json!("editor"))
    );
    assert_eq!(session["csrf"], browser.csrf.as_str());
    assert_eq!(host.send("GET", "/api/v1/runs", &cookie, b"").status, 200);
    host.send("GET", "/api/v1/audit", &cookie, b"").problem(403);
    let origin = format!("http://{}", host.address());
    let meant = [
        ("x-fonio-csrf", browser.csrf.as_str()),
        ("origin", origin.as_str()),
    ];
    assert_eq!(
        change(&host, &browser, &meant),
        404,
        "it is let through to where nothing is"
    );
    let out = host.send(
        "DELETE",
        "/api/v1/session",
        &[&cookie[..], &meant[..]].concat(),
        b"",
    );
    assert!(
        out.header("set-cookie")
            .is_some_and(|set| set.starts_with("fonio_session=;") && set.contains("Max-Age=0"))
    );
    assert_eq!(out.status, 200, "{}", out.text());
    host.send("GET", "/api/v1/runs", &cookie, b"").problem(401);
    let done = audit(&host.project);
    assert_eq!(done[0], "command line: user-added ama");
    assert!(done.contains(&"user ama: sign-in".to_owned()), "{done:?}");
    assert!(done.contains(&"user ama: sign-out".to_owned()), "{done:?}");
}

#[test]
fn the_cookie_is_for_this_host_alone_and_for_no_script() {
    let host = host();
    let set = |headers: &[(&str, &str)]| {
        let body = json!({ "name": "ama", "password": PASSWORD }).to_string();
        let headers = [&[("content-type", "application/json")], headers].concat();
        let reply = host.send("POST", "/api/v1/session", &headers, body.as_bytes());
        reply.header("set-cookie").expect("a cookie").to_owned()
    };
    let cookie = set(&[]);
    let (value, rest) = cookie.split_once("; ").expect("a value");
    assert_eq!(value.len(), "fonio_session=".len() + 43, "256 bits");
    assert_eq!(rest, "HttpOnly; SameSite=Strict; Path=/; Max-Age=604800");
    let forged = set(&[("x-forwarded-proto", "https")]);
    assert!(
        !forged.contains("Secure"),
        "nobody said that there is a proxy: {forged}"
    );
}

#[test]
fn behind_a_proxy_what_it_says_counts_and_triggers_without_auth_are_closed() {
    let project = Project::with_job("@openfn/language-common", "fn(state => state)");
    project.user("ama", &[]);
    let serve = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--behind-proxy"]);
    let host = Host::guarded_by(project, &serve);
    host.wait_until_ready();
    let body = json!({ "name": "ama", "password": PASSWORD }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
    ];
    let reply = host.send("POST", "/api/v1/session", &headers, body.as_bytes());
    assert!(
        reply
            .header("set-cookie")
            .is_some_and(|set| set.ends_with("; Secure"))
    );
    let log = host.project.fonio(&["audit"]).stdout;
    assert!(log.contains("from 198.51.100.7"), "{log}");
    host.post_inbox("application/json", "{}").problem(401);
}

#[test]
fn a_change_that_a_page_of_another_site_makes_the_browser_send_is_refused() {
    let host = host();
    let (browser, other) = (host.sign_in("ama"), host.sign_in("ama"));
    let own = format!("http://{}", host.address());
    let csrf = ("x-fonio-csrf", browser.csrf.as_str());
    for wrong in [
        &[][..],
        &[("origin", own.as_str())],
        &[csrf],
        &[csrf, ("origin", "http://evil.example.org")],
        &[csrf, ("origin", "null")],
        &[csrf, ("sec-fetch-site", "cross-site")],
        &[
            csrf,
            ("origin", own.as_str()),
            ("sec-fetch-site", "same-site"),
        ],
        &[
            ("x-fonio-csrf", other.csrf.as_str()),
            ("origin", own.as_str()),
        ],
        &[("x-fonio-csrf", ""), ("origin", own.as_str())],
    ] {
        assert_eq!(change(&host, &browser, wrong), 403, "{wrong:?}");
    }
    assert_eq!(
        change(&host, &browser, &[csrf, ("sec-fetch-site", "same-origin")]),
        404
    );
    let body = json!({ "name": "ama", "password": PASSWORD }).to_string();
    let sign_in = |headers: &[(&str, &str)]| {
        host.send("POST", "/api/v1/session", headers, body.as_bytes())
            .status
    };
    let json_ = ("content-type", "application/json");
    assert_eq!(
        sign_in(&[json_, ("origin", "http://evil.example.org")]),
        403
    );
    assert_eq!(
        sign_in(&[("content-type", "text/plain")]),
        415,
        "a form of another site can send that"
    );
    assert_eq!(sign_in(&[json_, ("origin", own.as_str())]), 201);
}

#[test]
fn a_token_signs_in_and_its_session_ends_with_it() {
    let host = host();
    let token = host.project.token("ci", &["--role", "viewer"]);
    let body = json!({ "token": token }).to_string();
    let json_ = [("content-type", "application/json")];
    let reply = host.send("POST", "/api/v1/session", &json_, body.as_bytes());
    assert_eq!(reply.status, 201, "{}", reply.text());
    let cookie = reply
        .header("set-cookie")
        .and_then(|set| set.split(';').next())
        .expect("a cookie");
    assert_eq!(
        host.send("GET", "/api/v1/runs", &[("cookie", cookie)], b"")
            .status,
        200
    );
    host.project.fonio(&["token", "revoke", "ci"]);
    host.project.token("ci", &["--role", "admin"]);
    host.send("GET", "/api/v1/runs", &[("cookie", cookie)], b"")
        .problem(401);
    host.send("POST", "/api/v1/session", &json_, body.as_bytes())
        .problem(401);
}

#[test]
fn a_new_password_another_role_or_a_removal_count_at_once() {
    let host = host();
    let browser = host.sign_in("ama");
    let status = |path: &str| {
        host.send("GET", path, &[("cookie", browser.cookie.as_str())], b"")
            .status
    };
    let audit = |wanted: u16| assert_eq!(status("/api/v1/audit"), wanted);
    audit(403);
    host.project.fonio(&[
        "user", "role", "ama", "--role", "admin", "--tenant", "clinic",
    ]);
    audit(200);
    host.project.fonio(&[
        "user", "role", "ama", "--role", "admin", "--tenant", "other",
    ]);
    host.project
        .fonio(&["user", "role", "ama", "--take", "--tenant", "clinic"]);
    audit(403);
    let last = Program::new(["user", "role", "ama", "--take", "--tenant", "other"]);
    last.run(host.project.dir())
        .expect_code(1)
        .expect_said("only role");
    let passwd = Program::new(["user", "passwd", "ama"]).input("another grain of fonio\n");
    passwd.run(host.project.dir()).expect_code(0);
    audit(401);
    host.try_sign_in("ama", PASSWORD).problem(401);
    assert_eq!(
        host.try_sign_in("ama", "another grain of fonio").status,
        201
    );
    host.project.fonio(&["user", "remove", "ama"]);
    host.try_sign_in("ama", "another grain of fonio")
        .problem(401);
    let list = host.project.fonio(&["user", "list", "--json"]).json();
    assert_eq!(list, json!([]));
}

#[test]
fn names_and_passwords_that_cannot_be_are_refused_with_the_reason() {
    let project = Project::with_job("@openfn/language-common", "fn(state => state)");
    let add = |name: &str, password: &str| {
        let add = Program::new(["user", "add", name]).input(password);
        add.run(project.dir())
            .expect_code(if password.is_empty() { 2 } else { 1 })
            .stderr
    };
    assert!(add("ama", "too short\n").contains("shorter than 10"));
    assert!(add("a b", "long enough for one\n").contains("cannot be a name"));
    assert!(add("ama", "").contains("no password"));
    project.user("ama", &[]);
    assert!(add("ama", "long enough for one\n").contains("there is a user `ama` already"));
    let wrong = Program::new(["user", "add", "kofi", "--role", "king"]);
    wrong
        .run(project.dir())
        .expect_code(2)
        .expect_said("viewer, editor or admin");
    let nowhere = Program::new(["user", "list", "--data", "nowhere"]);
    nowhere
        .run(project.dir())
        .expect_code(1)
        .expect_said("--data");
    assert!(!project.path("nowhere").exists(), "a look makes nothing");
}

#[test]
fn after_five_wrong_passwords_the_next_waits_also_after_a_restart_and_for_names_that_are_not_there()
{
    let host = host();
    let wrong = |host: &Host, name: &str| host.try_sign_in(name, "not the password").status;
    for name in ["ama", "nobody"] {
        let statuses: Vec<u16> = (0..8).map(|_| wrong(&host, name)).collect();
        assert_eq!(statuses[..5], [401; 5], "{name}");
        assert!(statuses.contains(&429), "{name}: {statuses:?}");
    }
    // Far enough into the doubling that a restart does not outlast it.
    let locked = wait_for("a wait of at least 7 s", || {
        let reply = host.try_sign_in("ama", "not the password");
        let wait = reply
            .header("retry-after")
            .and_then(|wait| wait.parse::<u64>().ok());
        (wait? >= 7).then_some(reply)
    });
    assert!(locked.problem(429).contains("too many wrong tries"));
    let host = host.restarted_after(|| {});
    let right = host.try_sign_in("ama", PASSWORD);
    assert!(right.header("retry-after").is_some());
    right.problem(429);
    let done = audit(&host.project);
    for row in [
        "somebody: sign-in-failed user ama",
        "somebody: sign-in-locked user ama",
        "somebody: sign-in-failed no user",
    ] {
        assert!(
            done.iter().any(|done| done == row),
            "{row} is not in {done:#?}"
        );
    }
}

#[test]
fn a_wrong_password_and_a_name_that_is_not_there_are_told_in_the_same_words() {
    let host = host();
    let said = |name: &str, password: &str| {
        let reply = host.try_sign_in(name, password);
        let mut names: Vec<String> = reply.headers.names().map(str::to_owned).collect();
        names.sort();
        (reply.status, reply.text(), names)
    };
    let wrong = said("ama", "not the password");
    assert_eq!(wrong.0, 401);
    for name in ["nobody", "a b", &"x".repeat(2000), ""] {
        assert_eq!(said(name, "not the password"), wrong, "{name}");
    }
    assert_eq!(said("ama", &"x".repeat(5000)), wrong);
    let malformed = host.send(
        "POST",
        "/api/v1/session",
        &[("content-type", "application/json")],
        b"{\"name\": \"ama\"}",
    );
    assert!(malformed.problem(400).contains("password"));
}

#[test]
fn many_at_once_are_each_counted() {
    let host = host();
    let address = host.address();
    let body = json!({ "name": "ama", "password": "not the password" }).to_string();
    let tries: Vec<_> = (0..24)
        .map(|_| {
            let body = body.clone();
            std::thread::spawn(move || {
                let headers = [("content-type", "application/json")];
                let reply = fonio_tests::request(
                    address,
                    "POST",
                    "/api/v1/session",
                    &headers,
                    body.as_bytes(),
                );
                reply.expect("it answers").status
            })
        })
        .collect();
    let statuses: Vec<u16> = tries
        .into_iter()
        .map(|one| one.join().expect("it ends"))
        .collect();
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    // Each further one takes longer to be let near than all of these together take, but for the first waits of a second.
    assert!((1..=8).contains(&looked_at), "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| matches!(status, 401 | 429 | 503)),
        "{statuses:?}"
    );
}

#[test]
fn no_secret_is_in_anything_that_the_host_wrote() {
    let host = host();
    let token = host.project.token("ci", &["--role", "admin"]);
    let browser = host.sign_in("ama");
    host.try_sign_in("oops my password 123", "typed into the wrong field")
        .problem(401);
    host.with_token(&token, "GET", "/api/v1/audit");
    host.with_token("fonio_almost_a_token", "GET", "/api/v1/audit")
        .problem(401);
    let session = browser
        .cookie
        .trim_start_matches("fonio_session=")
        .to_owned();
    let secrets = [
        token.as_str(),
        &token["fonio_".len()..],
        PASSWORD,
        &session,
        &browser.csrf,
        "oops my password",
        "wrong field",
        "almost_a_token",
    ];
    let told = host.said() + &host.project.fonio(&["audit"]).stdout;
    let mut files = fonio_tests::authoring::contents(&host.project.path(".fonio"));
    assert!(
        files.len() >= 2,
        "the store, and the file of users and tokens"
    );
    files.push(told.into_bytes());
    for secret in secrets {
        for file in &files {
            let found = file
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "{secret} was written");
        }
    }
}
