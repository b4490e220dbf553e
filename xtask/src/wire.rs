//! Enough HTTP/1.1 over a plain socket for the demo to talk to the host and to be talked to. Not for other servers: what
//! it does not know, it refuses.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing in the demo is larger, so more means that something is wrong.
const BODY_MAX_BYTES: u64 = 1 << 20;
const HEADERS_MAX: usize = 100;
const LINE_MAX_BYTES: u64 = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// A request or a reply.
pub struct Message {
    /// `POST /inbox HTTP/1.1`, or `HTTP/1.1 202 Accepted`.
    pub start: String,
    pub body: Vec<u8>,
}

impl Message {
    /// The status of a reply.
    pub fn status(&self) -> anyhow::Result<u16> {
        let status = self
            .start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        status.with_context(|| format!("`{}` is no answer in HTTP", self.start))
    }
}

/// Sends one request on a connection of its own.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    content: Option<(&str, &[u8])>,
) -> anyhow::Result<Message> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (kind, body) = content.unwrap_or(("", b""));
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    if content.is_some() {
        head.push_str(&format!(
            "Content-Type: {kind}\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)?;
    read(&mut BufReader::new(stream))?.context("the connection closed without an answer")
}

/// Reads one message; `None` where the other side closed instead of sending another.
pub fn read(from: &mut impl BufRead) -> anyhow::Result<Option<Message>> {
    let start = line(from)?;
    if start.is_empty() {
        return Ok(None);
    }
    let (mut length, mut chunked) = (0, false);
    for _ in 0..HEADERS_MAX {
        let header = line(from)?;
        if header.is_empty() {
            let body = if chunked {
                chunks(from)?
            } else {
                exactly(from, length)?
            };
            return Ok(Some(Message { start, body }));
        }
        let (name, value) = header
            .split_once(':')
            .with_context(|| format!("`{header}` is no header"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    bail!("more than {HEADERS_MAX} headers")
}

fn chunks(from: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?;
        let size = size.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size.trim(), 16)
            .with_context(|| format!("`{size}` is no chunk size"))?;
        let room = BODY_MAX_BYTES.saturating_sub(body.len() as u64);
        if size > room {
            bail!("a body of more than {BODY_MAX_BYTES} bytes");
        }
        body.extend(exactly(from, size)?);
        line(from)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn exactly(from: &mut impl BufRead, length: u64) -> anyhow::Result<Vec<u8>> {
    if length > BODY_MAX_BYTES {
        bail!("a body of {length} bytes, more than {BODY_MAX_BYTES}");
    }
    let mut body = Vec::new();
    from.take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        bail!(
            "the connection closed after {} of {length} bytes",
            body.len()
        );
    }
    Ok(body)
}

fn line(from: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    from.take(LINE_MAX_BYTES).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Option<Message>> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn a_body_with_a_length_and_one_in_chunks_are_read_alike() {
        let sized = parse("POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            .expect("it is whole")
            .expect("it is there");
        let chunked = parse(
            "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        );
        let chunked = chunked.expect("it is whole").expect("it is there");
        assert_eq!(
            (sized.body.as_slice(), chunked.body.as_slice()),
            (&b"hello"[..], &b"hello"[..])
        );
    }

    #[test]
    fn half_a_body_a_huge_one_and_text_that_is_not_http_are_errors() {
        for text in [
            "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel",
            "POST /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
            "POST /x HTTP/1.1\r\nno colon\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
        assert!(parse("").expect("closing is no error").is_none());
    }

    #[test]
    fn the_status_of_a_reply_is_its_second_word() {
        let reply = parse("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            .expect("it is whole")
            .expect("it is there");
        assert_eq!(reply.status().expect("it has one"), 202);
        assert!(
            Message {
                start: "SSH-2.0".to_owned(),
                body: vec![]
            }
            .status()
            .is_err()
        );
    }
}
