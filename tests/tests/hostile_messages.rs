//! Messages, files and jobs made to harm, that no limit of a step sees.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use fonio_tests::{Host, Project, wait_for};
use serde_json::json;

fn host() -> Host {
    Host::serving(Project::with_job(
        "@openfn/language-common",
        "fn(state => state)",
    ))
}

#[test]
fn xml_that_its_parser_would_take_too_long_over_is_refused_at_once() {
    let host = host();
    let attributes: String = (0..200_000).map(|n| format!(" a{n}=''")).collect();
    let refused = host.post_inbox("text/xml", format!("<a{attributes}/>"));
    assert!(
        refused
            .problem(400)
            .contains("an element has more attributes than 256")
    );
    let nested: String = (0..6000)
        .map(|n| format!("<a xmlns:b{n}='u{n}'>"))
        .collect();
    let refused = host.post_inbox("text/xml", nested);
    assert!(
        refused
            .problem(400)
            .contains("it declares more namespaces than 256")
    );
    assert_eq!(host.post_inbox("text/xml", "<a/>").status, 202);
}

#[test]
fn a_form_of_fields_without_end_is_refused() {
    let host = host();
    let field = format!("a{}=&", "[]".repeat(31));
    let refused = host.post_inbox("application/x-www-form-urlencoded", field.repeat(140_000));
    assert!(
        refused
            .problem(400)
            .contains("the form has more than 10000 fields")
    );
}

#[test]
fn large_bodies_that_never_come_whole_leave_room_for_those_that_do() {
    let host = host();
    let mut half: Vec<TcpStream> = (0..20).map(|_| half_a_body(&host, 9_900_000)).collect();
    let no_room = wait_for("the room to be taken", || {
        // One that came while an attempt below had its room was turned away.
        half.push(half_a_body(&host, 9_900_000));
        let answer = host.post_inbox("text/plain", vec![b'x'; 9_000_000]);
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(no_room.header("retry-after"), Some("10"));
    assert_eq!(
        host.post_inbox("application/json", "{}").status,
        202,
        "small messages need no room"
    );
    drop(half);
    wait_for("room again", || {
        (host
            .post_inbox("application/json", format!("\"{}\"", "x".repeat(9_000_000)))
            .status
            == 202)
            .then_some(())
    });
}

/// The silence lasts 30 s, so does this test.
#[test]
fn a_body_that_falls_silent_is_given_up() {
    let host = host();
    let mut stream = half_a_body(&host, 100);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains("nothing more of the body came for 30 seconds"),
        "{answer}"
    );
}

/// A body may take a minute, so does this test.
#[test]
fn a_body_that_comes_a_byte_now_and_then_is_given_up() {
    let host = host();
    let mut stream = half_a_body(&host, 1000);
    let mut writing = stream.try_clone().expect("a socket");
    // Until the host closes it, with the answer on its way.
    let dripping = std::thread::spawn(move || {
        while writing.write_all(b" ").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
    });
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains("it may take 60 seconds, and one more for each 8 KiB of it"),
        "{answer}"
    );
    drop(stream);
    drop(host);
    dripping.join().expect("it ends with the connection");
}

fn half_a_body(host: &Host, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(host.address()).expect("the host listens");
    let head = format!(
        "POST /inbox HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).expect("the host reads");
    stream
}

#[test]
fn a_pipe_in_the_place_of_an_adaptor_stops_nothing() {
    let project = Project::with_job("@openfn/language-common", "fn(state => ({ v: 1 }))")
        .file("adaptors/a.txt", "");
    let made = Command::new("mkfifo")
        .arg(project.path("adaptors/pipe.wasm"))
        .status();
    assert!(made.expect("mkfifo is there").success());
    let mut host = Host::serving(project);
    host.wait_for_problem("it is no plain file");
    host.project.write("jobs/job.js", "fn(state => ({ v: 2 }))");
    wait_for("the edit to be live", || {
        (host.run(&json!({})).step().output["v"] == 2).then_some(())
    });
    host.signal(rustix::process::Signal::TERM);
    assert!(host.wait_for_end().success());
}

#[test]
fn an_error_message_without_end_is_cut() {
    let project = Project::new()
        .file(
            "project.yaml",
            "jobs:\n  job: { adaptor: common, trigger: any, expression: \"fn(() => { throw new Error('x'.repeat(15e6)) })\" }\n  \
             after: { adaptor: common, trigger: failed, expression: 'fn(s => ({ length: s.error.message.length }))' }\n\
             triggers: { any: { criteria: '{}' }, failed: { failure: job } }\n",
        );
    let host = Host::serving(project);
    let run = host.run(&json!({}));
    assert_eq!(
        run.step_of("job").error["message"].as_str().map(str::len),
        Some(8192)
    );
    assert_eq!(run.step_of("after").output["length"], 8192);
    assert!(
        run.step_of("job")
            .log
            .iter()
            .all(|line| line.len() < 10_000)
    );
}

#[test]
fn a_job_that_tricks_the_runtime_can_neither_store_its_credential_nor_hand_it_on() {
    let project = Project::new()
        .file(
            "project.yaml",
            "jobs:\n  job: { adaptor: common, trigger: any, credential: up, expression: 'fn(s => ({ toJSON() { return { a: 1, configuration: s.configuration } } }))' }\n  \
             after: { adaptor: common, trigger: ok, credential: down, expression: 'fn(s => ({ token: s.configuration.token, a: s.a }))' }\n\
             triggers: { any: { criteria: '{}' }, ok: { success: job } }\n\
             credentials: { up: { token: theirs }, down: { token: mine } }\n",
        );
    let host = Host::serving(project);
    let run = host.run(&json!({}));
    assert_eq!(run.step_of("job").output, json!({"a": 1}));
    let after = &run.step_of("after").output;
    let token = after["token"].as_str().expect("of the same type");
    assert!(token.starts_with("fonioSealed"), "{after}");
    assert_eq!(after["a"], 1);
}
