//! More connections than a host has places for, from those who keep theirs and do nothing with it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use fonio_tests::network::{METADATA, PUBLIC, alone};
use fonio_tests::{Host, Program, Project, request};
use serde_json::json;

/// More than a host has places for.
const CONNECTIONS: usize = 1100;
/// The part of them that one address may have.
const OF_ADDRESS: usize = 256;

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: here\r\n\r\n";
const HALF_A_SIGN_IN: &[u8] = b"POST /api/v1/session HTTP/1.1\r\nhost: here\r\n\
    content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
const HALF_A_MESSAGE: &[u8] = b"POST /inbox HTTP/1.1\r\nhost: here\r\n\
    content-type: application/json\r\ncontent-length: 2\r\n\r\n{";

/// The host has the test's own limit, and both ends of each connection are open files.
fn raise_the_limit_of_files() {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit {
        current: files.maximum,
        ..files
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, most).expect("it may be raised");
}

fn serving() -> Host {
    raise_the_limit_of_files();
    Host::serving(Project::with_job(
        "@openfn/language-common",
        "fn(state => state)",
    ))
}

fn connected(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).expect("a connection");
    let patience = Some(Duration::from_secs(20));
    connection.set_read_timeout(patience).expect("a socket");
    connection
}

/// The status line of a reply, which is read to its end.
fn status(connection: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok());
    connection.read_exact(&mut vec![0; length.expect("a length")])?;
    Ok(head.chars().take("http/1.1 200".len()).collect())
}

fn ask(connection: &mut TcpStream) -> io::Result<String> {
    connection.write_all(HEALTH)?;
    status(connection)
}

/// Nothing comes any more: it was closed, or reset because it had sent more than was read.
fn is_closed(connection: &mut TcpStream) -> bool {
    match connection.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn connections_without_end_that_ask_for_nothing_keep_nobody_out() {
    let host = serving();
    let mut idle = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = connected(host.address());
        // Some have asked for something, some never do.
        if number % 2 == 0 {
            let reply = ask(&mut connection).expect("a reply");
            assert_eq!(reply, "http/1.1 200", "connection {number}");
        }
        idle.push(connection);
    }
    assert_eq!(host.get("/health").status, 200);
    assert_eq!(host.run(&json!({})).status, "succeeded");
    // Those that rested longest made room, and no others.
    assert!(is_closed(&mut idle[0]));
    let last = idle.last_mut().expect("there are some");
    assert_eq!(ask(last).expect("a reply"), "http/1.1 200");
}

#[test]
fn connections_without_end_whose_bodies_do_not_come_keep_nobody_out() {
    let host = serving();
    let mut half = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = connected(host.address());
        let request = if number % 2 == 0 {
            HALF_A_SIGN_IN
        } else {
            HALF_A_MESSAGE
        };
        connection.write_all(request).expect("it is read");
        half.push(connection);
        if number % 100 == 0 {
            assert_eq!(host.get("/health").status, 200, "connection {number}");
        }
    }
    assert_eq!(host.get("/health").status, 200);
    assert_eq!(host.get("/ready").status, 200);
    assert_eq!(host.run(&json!({})).status, "succeeded");
    // Those whose bodies took longest made room, and no others.
    assert!(is_closed(&mut half[0]) && is_closed(&mut half[1]));
    let last = half.last_mut().expect("there are some");
    last.write_all(b"}").expect("it is read");
    assert_eq!(status(last).expect("a reply"), "http/1.1 202");
    assert_eq!(
        host.runs_done().len(),
        2,
        "nothing was begun of what was cut off"
    );
}

#[test]
fn one_address_has_its_share_of_the_places_and_takes_more_from_itself_alone() {
    alone(
        "one_address_has_its_share_of_the_places_and_takes_more_from_itself_alone",
        || {
            raise_the_limit_of_files();
            let project = Project::with_job("@openfn/language-common", "fn(state => state)");
            let serve = Program::new(["serve", ".", "--listen", "0.0.0.0:0"]);
            let host = Host::guarded_by(project, &serve);
            let port = host.address().port();
            // Who connects to an address of this machine comes from that address.
            let from = |address: Ipv4Addr| connected(SocketAddr::from((address, port)));
            let mut modest = from(METADATA);
            assert_eq!(ask(&mut modest).expect("a reply"), "http/1.1 200");
            let mut greedy: Vec<TcpStream> = (0..OF_ADDRESS).map(|_| from(PUBLIC)).collect();
            let mut more = from(PUBLIC);
            assert_eq!(ask(&mut more).expect("a reply"), "http/1.1 200");
            assert!(is_closed(&mut greedy[0]), "it is the oldest of its own");
            assert_eq!(ask(&mut modest).expect("a reply"), "http/1.1 200");
            let second = &mut greedy[1];
            assert_eq!(ask(second).expect("a reply"), "http/1.1 200");
            // A loopback address may be a proxy's, which speaks for many.
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut many: Vec<TcpStream> = (0..OF_ADDRESS + 1).map(|_| connected(local)).collect();
            assert_eq!(ask(&mut many[0]).expect("a reply"), "http/1.1 200");
            let reply = request(local, "GET", "/health", &[], b"").expect("a reply");
            assert_eq!(reply.status, 200);
        },
    );
}
