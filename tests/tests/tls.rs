//! TLS on the listener itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use fonio_tests::{Authority, Host, Identity, Program, Project, TlsClient, wait_for};
use rustix::process::Signal;
use serde_json::Value;

fn project(identity: &Identity) -> Project {
    Project::with_job("@openfn/language-common", "fn(state => state)")
        .file("tls/cert.pem", &identity.certificate)
        .file("tls/key.pem", &identity.key)
}

const SERVE: [&str; 8] = [
    "serve",
    ".",
    "--listen",
    "127.0.0.1:0",
    "--tls-cert",
    "tls/cert.pem",
    "--tls-key",
    "tls/key.pem",
];

fn serving(project: Project, more: &[&str]) -> Host {
    Host::guarded_by(project, &Program::new([&SERVE, more].concat()))
}

/// The status of a GET.
fn get(host: &Host, client: &TlsClient, path: &str) -> Option<u16> {
    let reply = client.request(host.address(), "GET", path, &[], b"");
    reply.ok().map(|reply| reply.status)
}

#[test]
fn everything_is_served_by_tls_and_browsers_are_told_to_keep_to_it() {
    let authority = Authority::new();
    let host = serving(project(&authority.sign("127.0.0.1")), &[]);
    let client = TlsClient::trusting(&authority, None);
    let page = client
        .request(host.address(), "GET", "/", &[], b"")
        .expect("a reply");
    assert_eq!(
        page.header("strict-transport-security"),
        Some("max-age=31536000")
    );
    let token = host.first_token();
    assert!(
        host.said()
            .contains(&format!("https://{}/", host.address())),
        "{}",
        host.said()
    );
    let body = format!("{{\"token\": \"{token}\"}}");
    let json = [("content-type", "application/json")];
    let signed_in = client.request(
        host.address(),
        "POST",
        "/api/v1/session",
        &json,
        body.as_bytes(),
    );
    let signed_in = signed_in.expect("a reply");
    assert!(
        signed_in
            .header("set-cookie")
            .is_some_and(|set| set.ends_with("; Secure"))
    );
    let stranger = TlsClient::trusting(&Authority::new(), None);
    assert_eq!(
        get(&host, &stranger, "/"),
        None,
        "whoever does not trust the authority does not talk"
    );
}

#[test]
fn plain_http_on_the_port_is_told_what_it_speaks() {
    let authority = Authority::new();
    let host = serving(project(&authority.sign("127.0.0.1")), &[]);
    let said = host.get("/api/v1/project").problem(400);
    assert!(said.contains("HTTPS"), "{said}");
    let mut nonsense = TcpStream::connect(host.address()).expect("it accepts");
    nonsense
        .write_all(b"\x16\x03\x01\0\x05nonsense")
        .expect("it reads");
    nonsense.read_to_end(&mut Vec::new()).expect("it closes");
    let client = TlsClient::trusting(&authority, None);
    assert_eq!(get(&host, &client, "/health"), Some(200));
}

#[test]
fn a_new_certificate_serves_without_a_restart_and_a_broken_one_leaves_the_old() {
    let [first, second] = [Authority::new(), Authority::new()];
    let host = serving(project(&first.sign("127.0.0.1")), &[]);
    let [trusts_first, trusts_second] = [&first, &second].map(|one| TlsClient::trusting(one, None));
    assert_eq!(get(&host, &trusts_first, "/health"), Some(200));
    let next = second.sign("127.0.0.1");
    host.project.replace("tls/cert.pem", &next.certificate);
    wait_for("the complaint", || {
        host.said().contains("keeps serving").then_some(())
    });
    assert_eq!(
        get(&host, &trusts_first, "/health"),
        Some(200),
        "the new certificate and the old key are no pair"
    );
    host.project.replace("tls/key.pem", &next.key);
    host.signal(Signal::HUP);
    wait_for("the new one", || get(&host, &trusts_second, "/health"));
    assert_eq!(get(&host, &trusts_first, "/health"), None);
    host.project.delete("tls/key.pem");
    wait_for("the other complaint", || {
        host.said().contains("key.pem cannot be read").then_some(())
    });
    assert_eq!(get(&host, &trusts_second, "/health"), Some(200));
}

#[test]
fn a_trigger_that_wants_a_certificate_takes_one_of_the_authority_and_no_other() {
    let [servers, clients, others] = [Authority::new(), Authority::new(), Authority::new()];
    let project = project(&servers.sign("127.0.0.1"))
        .file("tls/clients.pem", &clients.certificate)
        .file("fonio.toml", "[triggers.inbox]\nauth = \"mtls\"\n");
    let host = serving(project, &["--tls-client-ca", "tls/clients.pem", "--dev"]);
    let send = |identity: Option<&Identity>| {
        let client = TlsClient::trusting(&servers, identity);
        let json = [("content-type", "application/json")];
        let reply = client.request(host.address(), "POST", "/inbox", &json, b"{}");
        reply.ok().map(|reply| reply.status)
    };
    assert_eq!(send(Some(&clients.sign("clinic"))), Some(202));
    assert_eq!(send(None), Some(401));
    assert_eq!(
        send(Some(&others.sign("clinic"))),
        None,
        "the handshake ends there"
    );
    let client = TlsClient::trusting(&servers, None);
    let messages = client
        .request(host.address(), "GET", "/api/v1/messages", &[], b"")
        .expect("a reply");
    assert_eq!(
        messages.json()["messages"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn certificates_that_cannot_be_used_are_reported_at_the_start() {
    let [one, other] = [
        Authority::new().sign("127.0.0.1"),
        Authority::new().sign("127.0.0.1"),
    ];
    let mixed = Identity {
        certificate: one.certificate.clone(),
        key: other.key,
    };
    let said = |project: Project, arguments: &[&str], code: i32| {
        Program::new(arguments)
            .run(project.dir())
            .expect_code(code)
            .stderr
    };
    assert!(said(project(&mixed), &SERVE, 1).contains("cannot be used"));
    let swapped = Identity {
        certificate: one.key.clone(),
        key: one.certificate.clone(),
    };
    assert!(said(project(&swapped), &SERVE, 1).contains("holds no"));
    let missing = project(&one);
    missing.delete("tls/key.pem");
    assert!(said(missing, &SERVE, 1).contains("key.pem cannot be read"));
    assert!(said(project(&one), &SERVE[..6], 2).contains("--tls-key"));
}

#[test]
fn a_token_opens_the_api_by_tls() {
    let authority = Authority::new();
    let project = project(&authority.sign("127.0.0.1"));
    let token = project.token("ci", &[]);
    let host = serving(project, &[]);
    let client = TlsClient::trusting(&authority, None);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let shown = wait_for("the project", || {
        let reply = client.request(host.address(), "GET", "/api/v1/project", &headers, b"");
        let shown: Value = reply.ok()?.json();
        shown["ready"].as_bool()?.then_some(shown)
    });
    assert_eq!(shown["jobs"][0]["name"], "job");
}
