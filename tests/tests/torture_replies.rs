//! Servers that lie, down to the byte, beside a neighbour. docs/security/torture.md lists every behaviour and its test.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use fonio_tests::{Answer, Attack, Authority, FarSide, Impostor, SECRET, Step, TIGHT};
use serde_json::json;

/// A second for what never ends by itself.
fn short() -> String {
    TIGHT.replace("wall_time = \"30s\"", "wall_time = \"1s\"") + "response = \"1MiB\"\n"
}

#[track_caller]
fn get(url: &str, settings: &str) -> Step {
    Attack::by_job("http", &format!("get('{url}')"))
        .settings(settings)
        .survived()
}

#[track_caller]
fn asked(far_side: &FarSide) -> Step {
    get(&far_side.url("/x"), &(far_side.granted() + &short()))
}

/// Asks a far side that answers with these bytes and then says nothing more.
#[track_caller]
fn answered(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Step {
    asked(&FarSide::misbehaving(move |stream: &mut TcpStream| {
        stream.write_all(bytes.as_ref())?;
        io::copy(stream, &mut io::sink()).map(drop)
    }))
}

/// Asks a far side that begins so and then repeats this without end.
#[track_caller]
fn answered_without_end(
    start: &'static str,
    again: impl AsRef<[u8]> + Send + Sync + 'static,
) -> Step {
    let far_side = FarSide::misbehaving(move |stream: &mut TcpStream| {
        stream.write_all(start.as_bytes())?;
        loop {
            stream.write_all(again.as_ref())?;
        }
    });
    asked(&far_side)
}

/// Takes connections and never says a word.
fn silent_listener() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || stream.read_to_end(&mut Vec::new()));
        }
    });
    address
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn as_gzip(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    [head.as_bytes(), bytes].concat()
}

const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn two_lengths_in_one_reply_are_an_error() {
    answered("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 50\r\n\r\nhello")
        .expect_failure(1, "not valid HTTP");
}

#[test]
fn a_length_that_is_no_number_is_an_error() {
    for length in ["-5", "+5", "5, 50", "0x5", "99999999999999999999"] {
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello");
        answered(reply).expect_failure(1, "not valid HTTP");
    }
}

#[test]
fn a_length_beside_chunks_is_read_as_chunks_and_nothing_after_them() {
    let step = answered(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 500\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother",
    );
    assert_eq!(step.output["data"], "hello", "{}", step.error);
}

#[test]
fn bytes_after_a_reply_answer_no_later_request() {
    let far_side = FarSide::misbehaving(|stream: &mut TcpStream| {
        let one = |body: &str| {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        stream.write_all((one("asked for") + &one("smuggled")).as_bytes())?;
        io::copy(stream, &mut io::sink()).map(drop)
    });
    let get = format!("get('{}');\n", far_side.url("/x"));
    let step = Attack::by_job("http", &get.repeat(3))
        .settings(&(far_side.granted() + TIGHT))
        .survived();
    assert_eq!(step.output["data"], "asked for", "{}", step.error);
    assert!(
        !step.output.to_string().contains("smuggled"),
        "{}",
        step.output
    );
    assert_eq!(
        far_side.connections(),
        3,
        "what says more than it was asked is not kept"
    );
}

#[test]
fn a_status_that_is_no_number_is_an_error() {
    for status in ["2OO", "20", "2000", "-200"] {
        answered(format!("HTTP/1.1 {status} OK\r\ncontent-length: 0\r\n\r\n"))
            .expect_failure(1, "GET");
    }
}

#[test]
fn a_status_of_999_is_an_answer_like_any() {
    answered("HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n").expect_failure(1, "999");
}

#[test]
fn another_version_of_the_protocol_is_an_error() {
    for line in [
        "HTTP/2 200 OK",
        "HTTP/0.9 200 OK",
        "ICY 200 OK",
        "200 OK",
        "PRI * HTTP/2.0\r\n\r\nSM",
    ] {
        answered(format!("{line}\r\n\r\n")).expect_failure(1, "not valid HTTP");
    }
}

#[test]
fn interim_answers_without_end_meet_the_limit_of_the_step() {
    answered_without_end("", "HTTP/1.1 100 Continue\r\n\r\n")
        .expect_failure(3, "the limit `wall_time` is 1s");
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_an_error() {
    answered("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n")
        .expect_failure(1, "not valid HTTP");
}

#[test]
fn a_chunk_of_more_bytes_than_a_number_holds_is_an_error() {
    answered(format!("{CHUNKED}ffffffffffffffff1\r\nx")).expect_failure(1, "GET");
}

#[test]
fn a_chunk_whose_extension_has_no_end_is_an_error() {
    answered_without_end(CHUNKED, "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").expect_failure(1, "GET");
}

#[test]
fn trailers_without_end_are_an_error() {
    answered_without_end(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
    )
    .expect_failure(1, "GET");
}

#[test]
fn one_header_without_end_is_an_error() {
    answered_without_end(
        "HTTP/1.1 200 OK\r\nx: ",
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
    )
    .expect_failure(1, "GET");
}

#[test]
fn a_thousand_headers_are_an_error() {
    let headers: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
    answered(format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n"
    ))
    .expect_failure(1, "not valid HTTP");
}

#[test]
fn a_null_in_a_header_is_an_error() {
    answered("HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n")
        .expect_failure(1, "not valid HTTP");
}

#[test]
fn a_head_that_comes_a_byte_at_a_time_meets_the_limit_of_the_step() {
    let far_side = FarSide::misbehaving(|stream: &mut TcpStream| {
        for byte in "HTTP/1.1 200 OK\r\nx: "
            .bytes()
            .chain(std::iter::repeat(b'y'))
        {
            stream.write_all(&[byte])?;
            // The pace is the attack; nothing is waited for.
            thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(())
    });
    asked(&far_side).expect_failure(3, "the limit `wall_time` is 1s");
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let address = silent_listener();
    let settings = format!("[network]\nallow = [\"https://{address}\"]\n{}", short());
    get(&format!("https://{address}/x"), &settings)
        .expect_failure(3, "the limit `wall_time` is 1s");
}

#[test]
fn a_handshake_that_is_answered_with_noise_is_an_error() {
    let noisy = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = noisy.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in noisy.incoming().flatten() {
            let _ = stream.write_all(&[0x16, 0x03, 0x03, 0xff, 0xff, 2, 0, 0, 0]);
            let _ = stream.write_all(&[0; 1 << 16]);
        }
    });
    let settings = format!("[network]\nallow = [\"https://{address}\"]\n{}", short());
    get(&format!("https://{address}/x"), &settings).expect_failure(1, "no TLS connection");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_an_error() {
    let impostor = Impostor::showing(&Authority::new().sign("127.0.0.1"));
    let origin = format!("https://{}", impostor.address());
    let settings = format!("[network]\nallow = [\"{origin}\"]\n{}", short());
    get(&format!("{origin}/x"), &settings).expect_failure(1, "no TLS connection");
    assert_eq!(impostor.read(), b"", "nothing was said to it");
}

#[test]
fn a_connection_that_is_reset_at_once_is_an_error() {
    let far_side = FarSide::misbehaving(|stream: &mut TcpStream| {
        // Unread bytes at its end make a close a reset.
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhel")
    });
    let expression = format!(
        "post('{}', {{ body: () => 'x'.repeat(500000) }})",
        far_side.url("/x")
    );
    let step = Attack::by_job("http", &expression)
        .settings(&(far_side.granted() + TIGHT))
        .survived();
    step.expect_failure(1, "POST");
}

#[test]
fn a_redirect_out_of_the_web_or_to_the_metadata_is_not_followed() {
    for to in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "javascript:1",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://2852039166/",
        "//169.254.169.254/",
        "\\\\169.254.169.254\\",
        "http:///",
        "",
    ] {
        let far_side =
            FarSide::answering(move |_| Answer::empty().status(302).header("location", to));
        let step = get(
            &far_side.url("/x"),
            &(far_side.granted() + "[limits]\nrequests = 5\n"),
        );
        assert!(matches!(step.exit_code, 1 | 3), "{to}: {step:?}");
        let received = far_side.received();
        assert!(
            received.iter().all(|one| one.target.starts_with('/')),
            "{to}: {received:?}"
        );
        assert!(!step.output["data"].to_string().contains("root:"), "{to}");
    }
}

#[test]
fn requests_in_their_thousands_at_once_are_counted_and_come_to_their_limit() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!(
        "fn(state => Promise.all(Array.from({{ length: 10000 }}, () => get('{}')(state))))",
        far_side.url("/x")
    );
    let settings = far_side.granted() + TIGHT + "requests = 20\n";
    let step = Attack::by_job("http", &expression)
        .settings(&settings)
        .survived();
    assert!(matches!(step.exit_code, 1 | 3), "{step:?}");
    assert!(far_side.received().len() <= 20);
    assert!(far_side.connections() <= 20);
}

#[test]
fn as_many_requests_as_are_granted_are_served_to_the_last() {
    let far_side = FarSide::saying(json!({}));
    let expression = format!(
        "fn(state => ({{ ...state, list: Array.from({{ length: 3000 }}, (_, n) => n) }}));\neach('$.list[*]', get('{}'));\nfn(() => ({{ done: true }}));",
        far_side.url("/x")
    );
    let limits = "[limits]\nmemory = \"64MiB\"\ncpu_time = \"20s\"\nrequests = 3000\nlog = \"1KiB\"\noutput = \"1MiB\"\n";
    let step = Attack::by_job("http", &expression)
        .settings(&(far_side.granted() + limits))
        .survived();
    assert_eq!(step.output["done"], true, "{}", step.error);
    assert_eq!(far_side.received().len(), 3000);
}

#[test]
fn a_proxy_of_the_hosts_environment_sees_nothing_of_a_served_job() {
    let (far_side, proxy) = (FarSide::saying(json!({})), FarSide::saying(json!({})));
    let mut attack = Attack::by_job("http", &format!("get('{}')", far_side.url("/x")))
        .settings(&(far_side.granted() + TIGHT));
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        attack = attack.env(name, &proxy.origin());
    }
    assert_eq!(attack.survived().exit_code, 0);
    assert_eq!((far_side.received().len(), proxy.connections()), (1, 0));
}

#[test]
fn a_reply_packed_twice_is_refused() {
    let twice = packed(&packed(&[b'x'; 1000]));
    answered(as_gzip("gzip, gzip", &twice)).expect_failure(1, "only gzip was asked for");
}

#[test]
fn a_reply_that_only_says_it_is_packed_is_an_error() {
    answered(as_gzip(
        "gzip",
        b"this is no gzip at all, whatever its header says",
    ))
    .expect_failure(1, "packed by gzip, and is not");
}

#[test]
fn a_packed_reply_that_is_cut_is_an_error() {
    let whole = packed(&[b'x'; 100_000]);
    answered(as_gzip("gzip", &whole[..whole.len() / 2]))
        .expect_failure(1, "packed by gzip, and is not");
}

#[test]
fn a_packed_reply_of_a_thousandfold_meets_the_limit() {
    let bomb = packed(&vec![0; 64 << 20]);
    answered(as_gzip("gzip", &bomb)).expect_failure(3, "the limit `response` is 1MiB");
}

#[test]
fn packed_nothing_without_end_meets_the_limit() {
    // Each member is whole and empty, so that what is unpacked never grows.
    let nothing = packed(b"").repeat(1_000);
    let chunk = [
        format!("{:x}\r\n", nothing.len()).as_bytes(),
        &nothing,
        b"\r\n",
    ]
    .concat();
    answered_without_end(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n",
        chunk,
    )
    .expect_failure(3, "the limit `response` is 1MiB");
}

#[test]
fn replies_are_limited_in_sum_over_all_requests() {
    let far_side = FarSide::answering(|_| Answer::new("text/plain", vec![b'x'; 400_000]));
    let expression = format!(
        "fn(state => ({{ ...state, list: [1, 2, 3, 4] }}));\neach('$.list[*]', get('{}'))",
        far_side.url("/x")
    );
    let settings = far_side.granted() + TIGHT + "received = \"1MiB\"\n";
    let step = Attack::by_job("http", &expression)
        .settings(&settings)
        .survived();
    step.expect_failure(3, "the limit `received` is 1MiB");
    assert_eq!(far_side.received().len(), 3, "the third exceeds it");
}

#[test]
fn a_secret_that_comes_back_in_pieces_is_sealed_again() {
    let far_side = FarSide::misbehaving(|stream: &mut TcpStream| {
        stream.write_all(CHUNKED.as_bytes())?;
        for byte in SECRET.bytes() {
            write!(stream, "1\r\n{}\r\n", char::from(byte))?;
            stream.flush()?;
        }
        stream.write_all(b"0\r\n\r\n")
    });
    let credential = json!({ "baseUrl": far_side.origin(), "hush": SECRET });
    let expression = "get('/x', { headers: { 'x-token': $.configuration.hush } })";
    let step = Attack::by_job("http", expression)
        .credential(&credential)
        .survived();
    assert_eq!(step.exit_code, 0, "{}", step.error);
    let data = step.output["data"].to_string();
    assert!(!data.contains("9f3c"), "{data}");
    assert_eq!(far_side.only().header("x-token"), Some(SECRET));
}

#[test]
fn json_that_nests_a_hundred_thousand_times_fails_its_step() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let far_side = FarSide::answering(move |_| Answer::new("application/json", deep.clone()));
    let step = asked(&far_side);
    assert!(matches!(step.exit_code, 1 | 3), "{step:?}");
}

#[test]
fn json_that_names_the_prototype_changes_nothing() {
    let far_side = FarSide::answering(|_| {
        Answer::new(
            "application/json",
            r#"{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}"#,
        )
    });
    let expression = format!(
        "get('{}');\nfn(() => ({{ polluted: ({{}}).polluted ?? 'no' }}));",
        far_side.url("/x")
    );
    let step = Attack::by_job("http", &expression)
        .settings(&(far_side.granted() + TIGHT))
        .survived();
    assert_eq!(step.output["polluted"], "no", "{}", step.error);
}
