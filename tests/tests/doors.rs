//! The API, the console and the metrics are for whoever is known here and has the role; the rest of the promises of
//! docs/access.md are in `sign_in.rs`, `trigger_auth.rs` and `tls.rs`.

use fonio_tests::{Host, Program, Project, wait_for};
use serde_json::{Value, json};

fn project() -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)")
        .file("fonio.toml", "[project]\nid = \"clinic\"\n")
}

#[test]
fn a_fresh_host_is_closed_and_its_first_token_opens_it_and_is_shown_once() {
    let host = Host::guarded(project());
    for path in ["/health", "/ready", "/", "/sign-in.js"] {
        assert_eq!(host.get(path).status, 200, "{path}");
    }
    for path in [
        "/metrics",
        "/api/v1/project",
        "/api/v1/runs",
        "/api/v1/nowhere",
        "/api/v1/session",
    ] {
        let refused = host.get(path);
        assert!(
            refused
                .header("www-authenticate")
                .is_some_and(|how| how.starts_with("Bearer"))
        );
        assert!(refused.problem(401).contains("sign in"), "{path}");
    }
    let token = host.first_token();
    assert_eq!(host.said().matches(&token).count(), 1, "{}", host.said());
    assert!(host.said().contains("fonio user add"), "{}", host.said());
    assert_eq!(host.with_token(&token, "GET", "/api/v1/audit").status, 200);
    let host = host.restarted_after(|| {});
    assert!(!host.said().contains("fonio_"), "{}", host.said());
    assert_eq!(
        host.with_token(&token, "GET", "/api/v1/project").json()["id"],
        "clinic"
    );
}

#[test]
fn the_inbox_of_a_closed_host_on_loopback_takes_messages_as_before() {
    let host = Host::guarded(project());
    host.post(&json!({}));
    assert_eq!(host.get("/i/nowhere").status, 404);
}

#[test]
fn a_first_start_that_fails_makes_no_token_that_nobody_has_seen() {
    let project = project();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("an address").to_string();
    let ended = Program::new(["serve", ".", "--listen", &address]).run(project.dir());
    assert!(!ended.expect_code(1).stderr.contains("fonio_"));
    Host::guarded(project).first_token();
}

#[test]
fn dev_opens_a_loopback_address_says_so_and_is_wrong_use_elsewhere() {
    let host = Host::serving(project());
    assert!(host.said().contains("--dev"), "{}", host.said());
    assert_eq!(host.get("/api/v1/audit").status, 200);
    assert_eq!(host.get("/api/v1/session").json()["dev"], true);
    let elsewhere = Program::new(["serve", ".", "--listen", "0.0.0.0:0", "--dev"]);
    elsewhere
        .run(project().dir())
        .expect_code(2)
        .expect_said("--dev opens everything");
}

#[test]
fn pages_of_other_sites_cannot_use_what_dev_opens() {
    let host = Host::serving(project());
    let rebound = [("host", "evil.example.org")];
    let refused = host.send("GET", "/api/v1/project", &rebound, b"");
    assert!(refused.problem(403).contains("localhost"));
    let elsewhere = [("origin", "https://evil.example.org")];
    host.send("POST", "/api/v1/runs", &elsewhere, b"")
        .problem(403);
}

/// What each caller gets from each route, in the order of [`CALLERS`].
const ROUTES: &[(&str, &str, [u16; 8])] = &[
    // nobody, unknown, viewer, editor, admin, viewer elsewhere, sends, expired
    ("GET", "/health", [200; 8]),
    ("GET", "/ready", [200; 8]),
    ("GET", "/", [200; 8]),
    ("GET", "/sign-in.js", [200; 8]),
    ("GET", "/nowhere", [404; 8]),
    ("GET", "/metrics", [401, 401, 200, 200, 200, 403, 403, 401]),
    (
        "GET",
        "/api/v1/session",
        [401, 401, 200, 200, 200, 200, 200, 401],
    ),
    ("GET", "/api/v1/session/ways", [200; 8]),
    ("GET", "/api/v1/session/oidc", [404; 8]),
    ("GET", "/api/v1/session/oidc/callback", [404; 8]),
    ("GET", "/api/v1/session/nowhere", [404; 8]),
    ("POST", "/api/v1/session/ways", [405; 8]),
    (
        "GET",
        "/api/v1/sessions",
        [401, 401, 404, 404, 404, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/project",
        [401, 401, 200, 200, 200, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/runs",
        [401, 401, 200, 200, 200, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/runs/99",
        [401, 401, 404, 404, 404, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/messages",
        [401, 401, 200, 200, 200, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/dataclips/99",
        [401, 401, 404, 404, 404, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/nowhere",
        [401, 401, 404, 404, 404, 403, 403, 401],
    ),
    (
        "GET",
        "/api/v1/audit",
        [401, 401, 403, 403, 200, 403, 403, 401],
    ),
    (
        "HEAD",
        "/api/v1/audit",
        [401, 401, 403, 403, 200, 403, 403, 401],
    ),
    (
        "POST",
        "/api/v1/runs/99",
        [401, 401, 403, 404, 404, 403, 403, 401],
    ),
    (
        "POST",
        "/api/v1/messages/export",
        [401, 401, 403, 403, 400, 403, 403, 401],
    ),
    (
        "POST",
        "/api/v1/messages/delete",
        [401, 401, 403, 403, 400, 403, 403, 401],
    ),
    (
        "DELETE",
        "/api/v1/nowhere",
        [401, 401, 403, 404, 404, 403, 403, 401],
    ),
    (
        "POST",
        "/api/v1/audit",
        [401, 401, 403, 403, 404, 403, 403, 401],
    ),
    (
        "OPTIONS",
        "/api/v1/project",
        [401, 401, 403, 404, 404, 403, 403, 401],
    ),
];

#[test]
fn every_route_is_open_to_the_roles_it_says_and_to_nobody_else() {
    let host = Host::guarded(project());
    let token = |name: &str, options: &[&str]| Some(host.project.token(name, options));
    let callers = [
        None,
        Some("fonio_unknown".to_owned()),
        token(
            "viewer",
            &[
                "--role",
                "viewer",
                "--tenant",
                "clinic",
                "--scope",
                "read,write",
            ],
        ),
        token("editor", &["--role", "editor", "--tenant", "clinic"]),
        token("admin", &["--role", "admin", "--tenant", "clinic"]),
        token("elsewhere", &["--role", "admin", "--tenant", "other"]),
        token("sends", &["--role", "admin", "--scope", "send"]),
        token("expired", &["--role", "admin", "--expires", "0s"]),
    ];
    for (method, path, wanted) in ROUTES {
        for (caller, status) in callers.iter().zip(wanted) {
            let reply = match caller {
                Some(token) => host.with_token(token, method, path),
                None => host.send(method, path, &[], b""),
            };
            assert_eq!(
                reply.status,
                *status,
                "{method} {path} with {caller:?}: {}",
                reply.text()
            );
        }
    }
}

#[test]
fn a_token_that_only_reads_changes_nothing_whatever_its_role() {
    let host = Host::guarded(project());
    let token = host
        .project
        .token("reads", &["--role", "admin", "--scope", "read"]);
    assert_eq!(host.with_token(&token, "GET", "/api/v1/audit").status, 200);
    let refused = host.with_token(&token, "POST", "/api/v1/runs/99");
    assert!(refused.problem(403).contains("scope `write`"));
}

#[test]
fn a_token_counts_from_when_it_is_made_until_it_is_revoked_while_the_host_runs() {
    let host = Host::guarded(project());
    let token = host
        .project
        .token("ci", &["--role", "viewer", "--expires", "90d"]);
    assert!(token.starts_with("fonio_") && token.len() == 49, "{token}");
    assert_eq!(host.with_token(&token, "GET", "/api/v1/runs").status, 200);
    let again = Program::new(["token", "new", "ci"]).run(host.project.dir());
    again
        .expect_code(1)
        .expect_said("there is a token `ci` already");
    let list = host.project.fonio(&["token", "list", "--json"]).json();
    let ci = list
        .as_array()
        .expect("a list")
        .iter()
        .find(|token| token["name"] == "ci");
    let ci = ci.expect("it is listed");
    let lifetime = ci["expires_ms"].as_i64().zip(ci["created_ms"].as_i64());
    assert_eq!(
        lifetime.map(|(end, start)| end - start),
        Some(90 * 24 * 3_600_000)
    );
    assert_eq!(
        (&ci["role"], &ci["tenant"], &ci["scopes"]),
        (&json!("viewer"), &json!("*"), &json!(["read"]))
    );
    host.project.fonio(&["token", "revoke", "ci"]);
    host.with_token(&token, "GET", "/api/v1/runs").problem(401);
    let again = Program::new(["token", "revoke", "ci"]).run(host.project.dir());
    again.expect_code(1).expect_said("there is no token `ci`");
}

#[test]
fn every_reply_tells_browsers_what_not_to_do_with_it() {
    let host = Host::guarded(project());
    for path in [
        "/",
        "/sign-in.js",
        "/health",
        "/metrics",
        "/api/v1/project",
        "/nowhere",
        "/inbox",
        "/i/x",
    ] {
        let reply = host.get(path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(
            reply.header("strict-transport-security"),
            None,
            "it does not speak TLS"
        );
        let kept = reply.header("cache-control");
        assert_eq!(
            kept == Some("no-store"),
            path.starts_with("/api") || path == "/metrics",
            "{path}"
        );
    }
}

#[test]
fn every_inline_script_and_style_of_the_page_is_let_run_by_its_hash() {
    let page = Host::guarded(project()).get("/");
    let policy = page
        .header("content-security-policy")
        .expect("a policy")
        .to_owned();
    let text = page.text();
    for (open, close, count) in [("<script", "</script>", 2), ("<style", "</style>", 1)] {
        assert_eq!(text.matches(open).count(), count, "{open}");
        let inline = format!("{open}>");
        let inline = text.split(&inline).skip(1);
        let inline = inline.filter_map(|part| part.split_once(close));
        for (inner, _) in inline {
            let digest = ring::digest::digest(&ring::digest::SHA256, inner.as_bytes());
            let hash = format!("'sha256-{}'", fonio_tests::base64(digest.as_ref()));
            assert!(policy.contains(&hash), "{hash} is not in {policy}");
        }
    }
    assert!(
        !text.contains(" style=") && !text.contains(" onclick="),
        "such would not work"
    );
}

#[test]
fn what_is_refused_is_counted_and_written_down_without_the_token() {
    let host = Host::guarded(project());
    let viewer = host.project.token("viewer", &["--role", "viewer"]);
    host.with_token("fonio_thisisnotone", "GET", "/api/v1/runs")
        .problem(401);
    host.get("/api/v1/runs").problem(401);
    host.with_token(&viewer, "POST", "/api/v1/runs/1")
        .problem(403);
    let metrics = host.with_token(&viewer, "GET", "/metrics").text();
    assert!(
        metrics.contains("\nfonio_requests_denied_total 3\n"),
        "{metrics}"
    );
    let refused = wait_for("both rows", || {
        let rows = audit(&host.project);
        let refused: Vec<Value> = rows
            .into_iter()
            .filter(|row| row["what"] == "refused")
            .collect();
        (refused.len() == 2).then_some(refused)
    });
    let who: Vec<&Value> = refused.iter().map(|row| &row["who"]).collect();
    assert!(
        who.contains(&&json!("somebody")) && who.contains(&&json!("token viewer")),
        "{who:?}"
    );
    let row = refused
        .iter()
        .find(|row| row["who"] == "token viewer")
        .expect("it is there");
    assert_eq!(
        (&row["subject"], &row["tenant"]),
        (&json!("POST /api/v1/runs/1"), &json!("clinic"))
    );
    let text = json!(refused).to_string();
    assert!(
        !text.contains("fonio_") && !text.contains("thisisnotone"),
        "{text}"
    );
}

#[test]
fn an_admin_of_one_project_sees_what_was_done_in_it_and_no_more() {
    let host = Host::guarded(project());
    let here = host
        .project
        .token("here", &["--role", "admin", "--tenant", "clinic"]);
    host.project
        .token("there", &["--role", "admin", "--tenant", "other"]);
    let seen = |token: &str| -> Vec<Value> {
        let rows = host.with_token(token, "GET", "/api/v1/audit").json()["audit"].clone();
        let made = rows.as_array().expect("rows").clone();
        let made = made.into_iter().filter(|row| row["what"] == "token-made");
        made.map(|row| row["subject"].clone()).collect()
    };
    assert_eq!(seen(&here), [json!("here")]);
    assert_eq!(
        seen(&host.first_token()),
        [json!("there"), json!("here"), json!("first")]
    );
}

#[test]
fn grants_are_in_the_audit_log_and_again_whenever_they_change() {
    let host = Host::guarded(project());
    let grants = |project: &Project| -> Vec<String> {
        let rows = audit(project)
            .into_iter()
            .filter(|row| row["what"] == "grants");
        rows.map(|row| row["detail"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    wait_for("the first", || {
        (grants(&host.project).len() == 1).then_some(())
    });
    let allow = "[project]\nid = \"clinic\"\n[network]\nallow = [\"https://api.example.org\"]\n";
    let host = host.restarted_after(|| {});
    assert_eq!(grants(&host.project).len(), 1, "nothing has changed");
    let files = host.project.path("");
    let host = host.restarted_after(|| {
        std::fs::write(files.join("fonio.toml"), allow).expect("it is written")
    });
    let now = wait_for("the second", || grants(&host.project).get(1).cloned());
    assert!(
        now.contains("job job may reach https://api.example.org"),
        "{now}"
    );
    let closed = format!("{allow}[triggers.inbox]\nauth = \"token\"\n");
    host.project.write("fonio.toml", closed);
    let now = wait_for("the third", || grants(&host.project).get(2).cloned());
    assert!(now.contains("trigger inbox takes token"), "{now}");
}

/// `fonio audit --json`, the oldest first.
fn audit(project: &Project) -> Vec<Value> {
    let lines = project.fonio(&["audit", "--json"]).stdout;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

#[test]
fn a_host_whose_users_are_all_viewers_says_that_nobody_is_admin() {
    let project = project();
    project.user("ama", &["--role", "viewer"]);
    let host = Host::guarded(project);
    let said = host.said();
    assert!(said.contains("nobody here has the role admin"), "{said}");
    host.project
        .fonio(&["user", "role", "ama", "--role", "admin"]);
    let host = host.restarted_after(|| {});
    assert!(!host.said().contains("nobody here"), "{}", host.said());
}

#[test]
fn where_there_is_no_host_nobody_is_added() {
    let nowhere = Project::new();
    for arguments in [["user", "add", "ama"], ["token", "new", "ama"]] {
        Program::new(arguments)
            .input("a grain of fonio\n")
            .run(nowhere.dir())
            .expect_code(2)
            .expect_said("--data DIR");
    }
    assert!(!nowhere.path(".fonio").exists());
}
