//! Requests that an adaptor puts together by hand, around the care of the SDK, beside a neighbour.
//! docs/security/torture.md lists every behaviour and its test.

use fonio_tests::{Attack, FarSide, Host, SECRET, Step, TIGHT};
use serde_json::{Value, json};

/// A guest that asks for what it is told, and a far side that is granted to it.
struct Asking {
    far_side: FarSide,
    host: Host,
}

impl Asking {
    fn start() -> Asking {
        let far_side = FarSide::saying(json!({}));
        let host = Attack::by_guest("asks_by_hand")
            .settings(&(far_side.granted() + TIGHT))
            .served();
        Asking { far_side, host }
    }

    /// `AUTHORITY PATH NAME=VALUE…`; `HERE` is the far side's authority.
    #[track_caller]
    fn ask(&self, request: &str) -> Step {
        let request = request.replace("HERE", &self.far_side.address().to_string());
        self.host.survives(&json!(request))
    }

    /// It fails with these words, and nothing arrives.
    #[track_caller]
    fn never_leaves(&self, request: &str, exit_code: i64, words: &str) {
        self.ask(request).expect_failure(exit_code, words);
        assert_eq!(self.far_side.connections(), 0, "{request} arrived");
    }
}

/// A guest that is given the far side's authority.
#[track_caller]
fn attack_on(far_side: &FarSide, name: &str) -> Step {
    Attack::by_guest(name)
        .settings(&(far_side.granted() + TIGHT))
        .survived_with(&json!(far_side.address().to_string()))
}

#[test]
fn an_ordinary_request_by_hand_arrives() {
    let asking = Asking::start();
    let step = asking.ask("HERE /x a=b");
    assert_eq!(step.output["data"], 200, "{}", step.error);
    let received = asking.far_side.only();
    assert_eq!(
        (received.target.as_str(), received.header("a")),
        ("/x", Some("b"))
    );
}

#[test]
fn a_user_name_in_the_authority_never_leaves() {
    let asking = Asking::start();
    for authority in ["HERE@127.0.0.1:1", "user:pass@HERE", "@HERE"] {
        asking.never_leaves(&format!("{authority} /x"), 3, "user name or password");
    }
}

#[test]
fn a_whole_address_in_the_place_of_a_path_never_leaves_for_it() {
    let (asking, other) = (Asking::start(), FarSide::saying(json!({})));
    for path in [other.url("/x"), format!("//{}/x", other.address())] {
        asking.ask(&format!("HERE {path}"));
    }
    assert_eq!(other.connections(), 0);
    for received in asking.far_side.received() {
        assert!(received.target.starts_with('/'), "{}", received.target);
        let here = asking.far_side.address().to_string();
        assert_eq!(received.header("host"), Some(here.as_str()));
    }
}

#[test]
fn an_authority_with_more_in_it_than_a_host_never_leaves() {
    let asking = Asking::start();
    for authority in [
        "HERE/x",
        "HERE?x",
        "HERE#x",
        "HERE\r\nx:y",
        "HERE\tx",
        "",
        ":80",
        "[::1",
        "::1",
    ] {
        let step = asking.ask(&format!("{authority} /x"));
        assert_ne!(step.exit_code, 0, "{authority}");
        assert_eq!(asking.far_side.connections(), 0, "{authority} arrived");
    }
}

#[test]
fn a_line_end_in_a_path_never_leaves() {
    let asking = Asking::start();
    for path in ["/x\r\nevil:1", "/x\nevil:1", "/x\u{0}"] {
        asking.never_leaves(&format!("HERE {path}"), 1, "no such address");
    }
}

#[test]
fn no_path_at_all_never_leaves() {
    Asking::start().never_leaves("HERE ", 1, "HttpProtocolError");
}

#[test]
fn a_line_end_or_a_null_in_a_header_never_leaves() {
    let asking = Asking::start();
    for header in [
        "a=b\r\nevil:1",
        "a=b\nevil:1",
        "a\r\nevil=1",
        "a=\u{0}",
        "a\u{0}=b",
        "a:b=c",
    ] {
        asking.never_leaves(
            &format!("HERE /x {header}"),
            1,
            "the host takes no header a",
        );
    }
}

#[test]
fn headers_of_the_connection_are_the_hosts_alone() {
    let asking = Asking::start();
    for header in [
        "connection=close,x",
        "Keep-Alive=1",
        "proxy-authenticate=x",
        "proxy-authorization=x",
        "proxy-connection=close",
        "te=trailers",
        "trailer=x",
        "Transfer-Encoding=chunked",
        "upgrade=h2c",
        "http2-settings=x",
        "HOST=evil.example",
    ] {
        let name = header.split('=').next().expect("a name");
        let words = format!("the host takes no header {name}");
        asking.never_leaves(&format!("HERE /x {header}"), 1, &words);
    }
}

#[test]
fn lengths_that_are_none_never_leave() {
    let asking = Asking::start();
    for length in ["-1", "+5", "5,5", "0x5", "99999999999999999999999", "5"] {
        let step = asking.ask(&format!("HERE /x content-length={length}"));
        assert_ne!(step.exit_code, 0, "{length}: {step:?}");
        assert!(asking.far_side.received().is_empty(), "{length} arrived");
    }
}

#[test]
fn a_path_of_a_megabyte_never_leaves() {
    let far_side = FarSide::saying(json!({}));
    attack_on(&far_side, "asks_for_a_path_of_a_megabyte").expect_failure(1, "no such address");
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn a_file_by_the_scheme_of_a_request_is_refused() {
    let far_side = FarSide::saying(json!({}));
    attack_on(&far_side, "asks_for_a_file").expect_failure(1, "HttpProtocolError");
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn a_tunnel_is_refused() {
    let far_side = FarSide::saying(json!({}));
    let step = attack_on(&far_side, "asks_for_a_tunnel");
    assert_ne!(step.exit_code, 0, "{step:?}");
    assert_eq!(far_side.connections(), 0);
}

#[test]
fn a_body_longer_than_was_announced_is_no_second_request() {
    let far_side = FarSide::saying(json!({}));
    let step = attack_on(&far_side, "sends_more_than_it_announces");
    assert_ne!(step.exit_code, 0, "{step:?}");
    assert!(far_side.received().iter().all(|one| one.body.len() <= 5));
}

#[test]
fn two_lengths_of_one_body_never_leave() {
    let far_side = FarSide::saying(json!({}));
    let step = attack_on(&far_side, "announces_two_lengths");
    assert_ne!(step.exit_code, 0, "{step:?}");
    assert!(far_side.received().is_empty(), "{:?}", far_side.received());
}

#[test]
fn trailers_that_only_a_head_may_have_never_leave() {
    let far_side = FarSide::saying(json!({}));
    let step = attack_on(&far_side, "sends_forbidden_trailers");
    step.expect_failure(1, "the host takes no header host");
}

#[test]
fn no_time_at_all_and_all_the_time_there_is_are_both_survived() {
    let far_side = FarSide::saying(json!({}));
    let step = attack_on(&far_side, "asks_with_impossible_timeouts");
    assert_eq!(step.exit_code, 0, "{}", step.error);
    let answers = step.output["data"].to_string();
    assert!(answers.contains("Ok(200)"), "{answers}");
}

/// A body without end meets its limit: looked through for placeholders as a whole, or passed on piece by piece.
#[track_caller]
fn body_without_end(credential: &Value) {
    let far_side = FarSide::saying(json!({}));
    let limits = TIGHT.replace("300ms", "5s") + "sent = \"1MiB\"\n";
    let step = Attack::by_guest("sends_a_body_without_end")
        .credential(credential)
        .settings(&(far_side.granted() + &limits))
        .survived_with(&json!(far_side.address().to_string()));
    step.expect_failure(3, "the limit `sent` is 1MiB");
    assert!(far_side.received().is_empty(), "it never came whole");
}

#[test]
fn a_body_without_end_meets_its_limit_where_secrets_are_looked_for() {
    body_without_end(&json!({ "hush": SECRET }));
}

#[test]
fn a_body_without_end_meets_its_limit_where_there_are_no_secrets() {
    body_without_end(&json!({}));
}

#[test]
fn bodies_are_limited_in_sum_over_all_requests() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!(
        "const body = 'x'.repeat(400000);\neach('$.list[*]', post('{}', {{ body: () => body }}))",
        far_side.url("/x")
    );
    let expression = format!("fn(state => ({{ ...state, list: [1, 2, 3, 4] }}));\n{expression}");
    let settings = far_side.granted() + TIGHT + "sent = \"1MiB\"\n";
    let step = Attack::by_job("http", &expression)
        .settings(&settings)
        .survived();
    step.expect_failure(3, "the limit `sent` is 1MiB");
    assert_eq!(far_side.received().len(), 2, "the third would exceed it");
}

#[test]
fn connections_are_not_shared_between_jobs() {
    let far_side = FarSide::saying(json!({}));
    let get = format!("get('{}')", far_side.url("/x"));
    let yaml = "jobs:\n  one: { adaptor: '@openfn/language-http', trigger: any }\n  \
                two: { adaptor: '@openfn/language-http', trigger: any }\ntriggers:\n  any: { criteria: '{}' }\n";
    let project = fonio_tests::Project::new()
        .file("project.yaml", yaml)
        .file("jobs/one.js", &get)
        .file("jobs/two.js", &get)
        .file("fonio.toml", far_side.granted());
    let host = Host::serving(project);
    for _ in 0..3 {
        host.post(&json!({}));
        let runs = host.runs_done();
        assert!(
            runs.iter().all(|run| run.status == "succeeded"),
            "{runs:#?}"
        );
    }
    assert_eq!(far_side.received().len(), 6);
    assert_eq!(far_side.connections(), 2, "one for each job, kept open");
}

#[test]
fn every_spelling_of_a_private_address_is_refused() {
    let far_side = FarSide::saying(json!({}));
    // A wildcard grants every name below it, and no private address behind one.
    let host = Attack::by_guest("asks_by_hand")
        .settings(&format!(
            "[network]\nallow = [\"http://*.example\"]\n{TIGHT}"
        ))
        .served();
    for name in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.254.169.254.",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[::1]",
        "[::]",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "LOCALHOST",
        "LocalHost.",
        "localhost.localdomain",
        "ⓛocalhost",
        "127。0。0。1",
        "１２７.0.0.1",
    ] {
        let step = host.survives(&json!(format!("{name}:{} /x", far_side.address().port())));
        assert!(matches!(step.exit_code, 1 | 3), "{name}: {step:?}");
        assert!(
            step.message().contains("was refused") || step.message().contains("no such address"),
            "{name}: {}",
            step.message()
        );
        assert_eq!(far_side.connections(), 0, "{name} arrived");
    }
}

/// Granted by a network around every address, so that nothing but the address itself is judged.
#[test]
fn every_spelling_of_an_address_is_the_address_where_a_network_is_granted() {
    let far_side = FarSide::saying(json!({}));
    let port = far_side.address().port();
    let host = Attack::by_guest("asks_by_hand")
        .settings(&format!("[network]\nallow = [\"http://10.0.0.0/8:{port}\", \"http://*.localhost:{port}\"]\n{TIGHT}"))
        .served();
    for name in [
        "127.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "[::ffff:127.0.0.1]",
        "a.localhost",
        "A.LOCALHOST",
        "a.localhost.",
    ] {
        let step = host.survives(&json!(format!("{name}:{port} /x")));
        assert_ne!(step.exit_code, 0, "{name}: {step:?}");
        assert_eq!(far_side.connections(), 0, "{name} arrived");
    }
}
