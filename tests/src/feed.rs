//! A client of the feed of events, as a browser is one.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::Host;
use crate::client::connect;

/// An open feed.
#[derive(Debug)]
pub struct Feed {
    lines: BufReader<TcpStream>,
    /// The first line of the reply, such as `HTTP/1.1 200 OK`.
    pub status: String,
    /// As a browser keeps it: the last one that was sent, also where nothing came with it.
    pub last_id: String,
}

/// What came.
#[derive(Debug)]
pub struct Sent {
    /// As in `event:`.
    pub kind: String,
    /// As in `data:`.
    pub data: Value,
}

impl Host {
    /// Follows what happens from now on, or as the address or headers say.
    #[track_caller]
    pub fn feed(&self, query: &str, headers: &[(&str, &str)]) -> Feed {
        let mut stream = connect(self.address()).expect("the host listens");
        let mut head = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nhost: {}\r\n",
            self.address()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream
            .write_all(format!("{head}\r\n").as_bytes())
            .expect("the host reads");
        let mut feed = Feed {
            lines: BufReader::new(stream),
            status: String::new(),
            last_id: String::new(),
        };
        feed.status = feed.line().expect("the host answers");
        // The feed has begun when its first id is there.
        if feed.status.contains(" 200 ") {
            while feed.last_id.is_empty() {
                feed.line().expect("the feed begins");
            }
        }
        feed
    }
}

impl Feed {
    /// The next event; nothing when the feed has ended.
    pub fn hear(&mut self) -> Option<Sent> {
        let mut kind = String::new();
        loop {
            let line = self.line()?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut kind);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(data).expect("data is JSON");
                return Some(Sent { kind, data });
            }
        }
    }

    /// The events up to the first of this kind, with it.
    #[track_caller]
    pub fn until(&mut self, kind: &str) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let next = self.hear();
            sent.push(
                next.unwrap_or_else(|| panic!("the feed ended before {kind}, after {sent:#?}")),
            );
            if sent.last().is_some_and(|last| last.kind == kind) {
                return sent;
            }
        }
    }

    /// A line, without its end. Those that say how long a chunk is begin with nothing that counts here.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if let Some(id) = line.strip_prefix("id: ") {
            id.clone_into(&mut self.last_id);
        }
        (read > 0).then(|| line.to_owned())
    }
}
