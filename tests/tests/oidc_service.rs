//! The service that a host goes by, as it may be: down, elsewhere, slow to tell, wrong, or of a kind of its own.

use fonio_tests::ministry::{BEGIN, SECRET, ama, host, project, provider};
use fonio_tests::{Answer, Authority, FarSide, Host, PUBLIC, wait_for};
use serde_json::json;

#[test]
fn a_service_that_is_down_keeps_neither_the_host_from_starting_nor_anybody_from_a_password() {
    let provider = provider();
    provider.is_down(true);
    let host = host(&provider);
    host.project.user("kofi", &[]);
    let said = host.get(BEGIN).problem(502);
    assert!(
        said.contains("answers 503") && said.contains("sign in with a password"),
        "{said}"
    );
    for _ in 0..9 {
        host.get(BEGIN).problem(502);
    }
    host.sign_in("kofi");
    provider.is_down(false);
    let cookie = wait_for("the service to be asked again", || {
        (host.get(BEGIN).status == 303).then(|| host.sign_in_by(&provider).session_cookie())
    });
    let reply = host.send("GET", "/api/v1/session", &[("cookie", &cookie)], b"");
    assert_eq!(reply.json()["who"], "user ama");
    let failed = provider.asked("/.well-known/openid-configuration").len() - 1;
    assert!(failed < 10, "each asked anew: {failed}");
    let said = host.said();
    let lines = said.matches("nobody can sign in by the service").count();
    assert_eq!(lines, failed, "strangers fill the log: {said}");
}

#[test]
fn a_service_that_is_not_there_is_said_to_be_and_not_asked_by_each() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let issuer = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let provider = provider();
    let project = project(&provider, SECRET, &["--oidc", "ama@example.org"]);
    let file = format!("issuer = \"{issuer}\"\nclient_id = \"fonio\"\npublic_url = \"{PUBLIC}\"\n");
    let host = Host::by_oidc(project.file("etc/oidc.toml", file), &["."]);
    let said = host.get(BEGIN).problem(502);
    assert!(
        said.contains(&format!(
            "{issuer}/.well-known/openid-configuration: no connection"
        )),
        "{said}"
    );
}

#[test]
fn what_a_service_answers_is_bounded_and_no_redirect_of_it_is_followed() {
    let elsewhere = FarSide::saying(json!({}));
    let to = elsewhere.url("/");
    for (answer, words) in [
        (
            Answer::empty().status(302).header("location", &to),
            "answers 302",
        ),
        (
            Answer::new("application/json", " ".repeat(1 << 21)),
            "longer than 1048576 bytes",
        ),
        (
            Answer::new("text/html", "<html>"),
            "another answer than it should",
        ),
        (
            Answer::json(&json!({
                "issuer": "http://127.0.0.1", "authorization_endpoint": "https://a", "token_endpoint": "https://a", "jwks_uri": "https://a",
            })),
            "the very same",
        ),
    ] {
        let far_side = FarSide::answering(move |_| answer.clone());
        let file = format!(
            "issuer = \"{}\"\nclient_id = \"fonio\"\npublic_url = \"{PUBLIC}\"\n",
            far_side.origin()
        );
        let provider = provider();
        let project = project(&provider, SECRET, &["--oidc", "ama@example.org"]);
        let host = Host::by_oidc(project.file("etc/oidc.toml", file), &["."]);
        let said = host.get(BEGIN).problem(502);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_service_names_nothing_that_is_not_on_https() {
    for address in [
        "http://id.example.org/keys",
        "ftp://127.0.0.1/keys",
        "http://127.0.0.1@id.example.org/keys",
    ] {
        let provider = provider();
        provider.describes(json!({ "jwks_uri": address }));
        let said = host(&provider).get(BEGIN).problem(502);
        assert!(said.contains(&format!("names {address}")), "{said}");
    }
}

#[test]
fn a_service_that_says_no_is_quoted_and_one_that_another_speaks_for_is_not_heard() {
    let provider = provider();
    let host = host(&provider);
    let state = |location: &str| {
        let (_, rest) = location.split_once("state=").expect("a state");
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    let away = host.sent_away(BEGIN);
    let callback = format!("{PUBLIC}{BEGIN}/callback?state={}", state(&away.location));
    let said = host
        .comes_back(&format!("{callback}&error=access_denied"), &away.cookie)
        .problem(403);
    assert!(said.contains("says no: access_denied"), "{said}");
    let away = host.sent_away(BEGIN);
    let target = provider.visited(&away.location) + "&iss=https://evil.example.org";
    let said = host.comes_back(&target, &away.cookie).problem(403);
    assert!(said.contains("another issuer"), "{said}");
    assert!(provider.asked("/token").is_empty());
}

#[test]
fn the_client_shows_its_secret_as_the_service_wants_it_or_has_none() {
    for (more, methods, shown) in [
        (SECRET, json!(["client_secret_basic"]), (true, false)),
        (SECRET, json!(["client_secret_post"]), (false, true)),
        ("", json!(["client_secret_basic"]), (false, false)),
    ] {
        let provider = provider();
        provider.describes(json!({ "token_endpoint_auth_methods_supported": methods }));
        let host = Host::by_oidc(
            project(&provider, more, &["--oidc", "ama@example.org"]),
            &["."],
        );
        host.sign_in_by(&provider).session_cookie();
        let asked = provider.asked("/token").remove(0);
        let in_body = asked.text().contains("client_secret=client%2Bhush%2F17");
        assert_eq!((asked.header("authorization").is_some(), in_body), shown);
    }
}

#[test]
fn what_an_id_token_leaves_out_is_asked_for_and_is_of_the_same_account() {
    let provider = provider();
    provider.describes(json!({ "userinfo_endpoint": format!("{}/userinfo", provider.issuer()) }));
    let host = host(&provider);
    provider.knows(json!({ "sub": "17", "told": { "sub": "18", "email": "ama@example.org", "email_verified": true } }));
    let said = host.sign_in_by(&provider).problem(403);
    assert!(said.contains("does not say the `email`"), "{said}");
    provider.knows(json!({ "sub": "17", "told": ama() }));
    host.sign_in_by(&provider).session_cookie();
    assert_eq!(provider.asked("/userinfo").len(), 2);
}

#[test]
fn a_service_by_tls_is_the_one_that_the_named_authority_vouches_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let provider = provider();
    let issuer = provider.behind_tls(&authority.sign("127.0.0.1"));
    let project = project(&provider, "ca = \"ca.pem\"", &["--oidc", "ama@example.org"])
        .file("etc/ca.pem", &other.certificate);
    let host = Host::by_oidc(project, &["."]);
    let said = host.get(BEGIN).problem(502);
    assert!(
        said.contains(&issuer) && said.contains("certificate"),
        "{said}"
    );
    let folder = host.project.path("etc/ca.pem");
    let host =
        host.restarted_after(|| std::fs::write(folder, &authority.certificate).expect("a file"));
    assert!(host.sent_away(BEGIN).location.starts_with(&issuer));
}

#[test]
fn a_service_whose_name_ends_in_a_slash_is_found_and_known_by_all_of_it() {
    let provider = provider();
    let named = format!("{}/", provider.issuer());
    provider.describes(json!({ "issuer": named }));
    let project = project(&provider, SECRET, &["--oidc", "ama@example.org"]);
    let file = std::fs::read_to_string(project.path("etc/oidc.toml")).expect("a file");
    let host = Host::by_oidc(project, &["."]);
    let said = host.get(BEGIN).problem(502);
    assert!(said.contains(&format!("calls it `{named}`")), "{said}");
    host.project
        .write("etc/oidc.toml", file.replace(&provider.issuer(), &named));
    let host = host.restarted_after(|| ());
    host.sign_in_by(&provider).problem(403);
    let mut ama = ama();
    ama["iss"] = named.into();
    provider.knows(ama);
    host.sign_in_by(&provider).session_cookie();
}
