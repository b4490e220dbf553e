//! Any bytes, sent to a server that runs: they get an answer or a close, no answer blames the server, and it goes on.
//!
//! Up to a line `====`, bytes go out in one piece; after it, the next piece.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fonio_tests::{Host, Project};

use crate::Target;

/// A server that has said nothing for so long hangs: its own limits are 30 s at most.
const SILENCE: Duration = Duration::from_secs(60);
/// Whether it still serves is asked so often.
const ASK_EVERY: u64 = 64;
const PIECES_MAX: usize = 8;
const CUT: &str = "\n====\n";

/// The target.
pub const TARGET: Target = Target {
    name: "wire",
    run,
    seeds,
    words: &[
        "\r\n",
        "\r\n\r\n",
        "\n====\n",
        "GET ",
        "POST ",
        "OPTIONS * ",
        "CONNECT ",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "Host: x\r\n",
        "Content-Length: ",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Content-Type: application/json\r\n",
        "Content-Type: multipart/form-data; boundary=\"\"\r\n",
        "Authorization: Basic Og==\r\n",
        "Authorization: Bearer x\r\n",
        "Cookie: ",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "/inbox",
        "/i/hook",
        "/i/%2e%2e/%00",
        "/api/v1/",
        "/api/v1/runs?limit=",
        "/api/v1/dataclips/",
        "/../../etc/passwd",
        "%ff",
        "?",
        "#",
    ],
    short: 2500,
};

fn seeds() -> Vec<Vec<u8>> {
    const SEEDS: &[&str] = &[
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/v1/runs?limit=5&after=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/v1/dataclips/1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /inbox HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "POST /inbox HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\n====\n\r\n4;x=y\r\n\":1}\r\n0\r\nTrailer: x\r\n\r\n",
        "POST /i/hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n\n====\na[b]=1&c",
        "POST /i/hook?a=1&a=%ff HTTP/1.1\r\nHost: x\r\nX-Odd: \u{e9}\r\nContent-Type: text/xml\r\nContent-Length: 8\r\n\r\n<a>1</a>",
        "GET /i/hook HTTP/1.0\r\n\r\n",
        "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nCookie: fonio=x; a=b\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n{\"name\":\"a\",\"password\":\"wrong\"}",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ];
    SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

const PROJECT: &str = r"schema_version: '4.0'
name: wire
workflows:
  - id: hook
    steps:
      - id: t
        type: webhook
        next: { job: true }
      - { id: job, adaptor: common, expression: 'fn(s => s)' }
";

thread_local! {
    /// Of the thread, because what belongs to the process is never dropped: the host would outlive the test.
    static HOST: Host = Host::serving(Project::new().file("project.yaml", PROJECT));
}

fn run(bytes: &[u8]) {
    HOST.with(|host| send(host, bytes));
}

fn send(host: &Host, bytes: &[u8]) {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let answer = exchange(host, bytes);
    judge(&answer);
    if SENT
        .fetch_add(1, Ordering::Relaxed)
        .is_multiple_of(ASK_EVERY)
    {
        assert_eq!(host.get("/health").status, 200, "{}", host.said());
    }
}

/// All that came back until the server closed.
fn exchange(host: &Host, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host.address()).expect("the server still listens");
    stream
        .set_read_timeout(Some(SILENCE))
        .and_then(|()| stream.set_write_timeout(Some(SILENCE)))
        .and_then(|()| stream.set_nodelay(true))
        .expect("limits on waiting");
    let pieces = split(bytes);
    // It may have closed already: that is an answer.
    let sent = pieces
        .iter()
        .take(PIECES_MAX)
        .try_for_each(|piece| stream.write_all(piece));
    let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!(
                "neither an answer nor a close within {} s",
                SILENCE.as_secs()
            )
        }
        // A reset is a close, too.
        Ok(_) | Err(_) => answer,
    }
}

fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let cut = CUT.as_bytes();
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(cut.len()).position(|window| window == cut) {
        pieces.push(&rest[..at]);
        rest = &rest[at + cut.len()..];
    }
    pieces.push(rest);
    pieces
}

/// The first answer is one, and 503 (no room, come later) is the only thing the server may blame on itself.
fn judge(answer: &[u8]) {
    if answer.is_empty() {
        return;
    }
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or(answer);
    let line = String::from_utf8_lossy(line);
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status: Option<u16> = status.and_then(|rest| rest.get(..3)?.parse().ok());
    let fine = matches!(status, Some(100..=499 | 503));
    assert!(fine, "the answer begins {line:?}");
}
