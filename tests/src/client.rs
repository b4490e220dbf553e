//! A client that sends exactly what it is told.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::content::{self, Headers};

/// Far above anything that answers at all.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A reply, whole.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// What it says beside the body.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        content::text(&self.body)
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        content::json(&self.body)
    }

    /// The `detail` of a problem, after checking that this is one with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        body["detail"]
            .as_str()
            .expect("a problem says why")
            .to_owned()
    }
}

/// Sends one request on a connection of its own and reads the reply.
///
/// # Errors
/// When there is no connection, or no reply on it.
pub fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    exchange(connect(address)?, address, method, target, headers, body)
}

/// A connection that does not wait for ever.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// The same on a connection that is there, and is closed afterwards.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    // A server may answer, and stop reading, before it has read all of a body it refuses.
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    let mut bytes = Vec::new();
    match (stream.read_to_end(&mut bytes), sent) {
        (Err(error), _) | (_, Err(error)) if bytes.is_empty() => return Err(error),
        _ => {}
    }
    parse(&bytes).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("no reply: {}", String::from_utf8_lossy(&bytes)),
        )
    })
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = Headers::default();
    for line in lines {
        headers.read(line);
    }
    Some(Response {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    })
}

/// Bytes in base64, as headers have them.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let padded = group.iter().chain(&[0, 0]).take(3);
        let number = padded.fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
        let letter = |at: usize| {
            let letter = LETTERS[(number >> (18 - 6 * at)) & 63];
            if at <= group.len() {
                char::from(letter)
            } else {
                '='
            }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
