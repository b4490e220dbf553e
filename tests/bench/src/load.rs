//! The load: keep-alive connections that send one prepared request again and again.
//!
//! Written against the socket, because the client shares the machine with the server it measures: on two cores every
//! microsecond the client needs is one that the server does not get. One thread drives all connections; it was never
//! slower than two, which hand tasks to one another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A reply head larger than this is no reply of ours.
const HEAD_MAX_BYTES: usize = 16 << 10;

/// What to send where, and the status that counts.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    request: Arc<[u8]>,
    counted: u16,
}

impl Target {
    /// `POST path` with a JSON body; replies of status `counted` count.
    pub fn post(address: SocketAddr, path: &str, body: &str, counted: u16) -> Target {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Target {
            address,
            request: request.into_bytes().into(),
            counted,
        }
    }

    /// `GET path`; replies of status 200 count.
    pub fn get(address: SocketAddr, path: &str) -> Target {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        Target {
            address,
            request: request.into_bytes().into(),
            counted: 200,
        }
    }
}

/// A reply, read whole.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What a stretch of load did.
pub struct Outcome {
    /// Replies of the status that counts.
    pub counted: u64,
    /// Other replies, for example 503.
    pub refused: u64,
    /// Every request that was answered, in the warm-up too.
    pub answered: u64,
    pub elapsed: Duration,
    /// Of every counted reply, in microseconds.
    pub latencies_us: Vec<f64>,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.counted as f64 / self.elapsed.as_secs_f64()
    }
}

/// Loads `target` over `connections` for `time`, after a warm-up on the same connections.
pub fn for_time(
    target: &Target,
    connections: usize,
    warm_up: Duration,
    time: Duration,
) -> anyhow::Result<Outcome> {
    on_one_thread(async {
        let start = Instant::now() + warm_up;
        let end = start + time;
        let mut outcome = gather(connections, |_| timed(target.clone(), start, end)).await?;
        outcome.elapsed = time;
        Ok(outcome)
    })
}

/// Sends exactly `requests` over `connections`.
pub fn for_count(target: &Target, connections: usize, requests: usize) -> anyhow::Result<Outcome> {
    on_one_thread(async {
        let start = Instant::now();
        let share =
            |index: usize| requests / connections + usize::from(index < requests % connections);
        let mut outcome =
            gather(connections, |index| counted(target.clone(), share(index))).await?;
        outcome.elapsed = start.elapsed();
        Ok(outcome)
    })
}

/// One request on a connection of its own.
pub fn once(target: &Target) -> anyhow::Result<Reply> {
    on_one_thread(async {
        Connection::open(target)
            .await?
            .exchange(&target.request)
            .await
    })
}

fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// What one connection did.
#[derive(Default)]
struct Tally {
    answered: u64,
    refused: u64,
    latencies_us: Vec<f64>,
}

async fn gather<F>(connections: usize, start: impl Fn(usize) -> F) -> anyhow::Result<Outcome>
where
    F: Future<Output = anyhow::Result<Tally>> + Send + 'static,
{
    let mut tasks: JoinSet<_> = (0..connections).map(start).collect();
    let mut outcome = Outcome {
        counted: 0,
        refused: 0,
        answered: 0,
        elapsed: Duration::ZERO,
        latencies_us: Vec::new(),
    };
    while let Some(tally) = tasks.join_next().await {
        let tally = tally.context("a connection's task broke down")??;
        outcome.counted += tally.latencies_us.len() as u64;
        outcome.refused += tally.refused;
        outcome.answered += tally.answered;
        outcome.latencies_us.extend(tally.latencies_us);
    }
    Ok(outcome)
}

/// Counts what is asked after `start` and answered before `end`.
async fn timed(target: Target, start: Instant, end: Instant) -> anyhow::Result<Tally> {
    let mut connection = Connection::open(&target).await?;
    let mut tally = Tally::default();
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(tally);
        }
        let reply = connection.exchange(&target.request).await?;
        let answered = Instant::now();
        tally.answered += 1;
        if asked >= start && answered < end {
            tally.add(&reply, &target, answered - asked);
        }
    }
}

async fn counted(target: Target, requests: usize) -> anyhow::Result<Tally> {
    let mut connection = Connection::open(&target).await?;
    let mut tally = Tally::default();
    for _ in 0..requests {
        let asked = Instant::now();
        let reply = connection.exchange(&target.request).await?;
        tally.answered += 1;
        tally.add(&reply, &target, asked.elapsed());
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, reply: &Reply, target: &Target, took: Duration) {
        if reply.status == target.counted {
            self.latencies_us.push(took.as_secs_f64() * 1e6);
        } else {
            self.refused += 1;
        }
    }
}

struct Connection {
    stream: TcpStream,
    read: BytesMut,
}

impl Connection {
    async fn open(target: &Target) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(target.address)
            .await
            .with_context(|| format!("no connection to {}", target.address))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            read: BytesMut::with_capacity(4096),
        })
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Reply> {
        self.stream.write_all(request).await?;
        let head = loop {
            self.fill().await?;
            if let Some(head) = Head::parse(&self.read)? {
                break head;
            }
            if self.read.len() > HEAD_MAX_BYTES {
                bail!("a reply's head has more than {HEAD_MAX_BYTES} bytes");
            }
        };
        while self.read.len() < head.bytes + head.body_bytes {
            self.fill().await?;
        }
        self.read.advance(head.bytes);
        let body = self.read.split_to(head.body_bytes).to_vec();
        Ok(Reply {
            status: head.status,
            body,
        })
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the server closed a connection in the middle of a reply");
        }
        Ok(())
    }
}

/// What of a reply's head matters here.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Its own length, the empty line included.
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` until it is there whole.
    fn parse(read: &[u8]) -> anyhow::Result<Option<Head>> {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&read[..end]).context("a reply's head is not text")?;
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .context("a reply has no status")?;
        let fields = text
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let Some(body_bytes) = lengths
            .next()
            .and_then(|(_, length)| length.trim().parse().ok())
        else {
            bail!("a reply of status {status} does not state the length of its body");
        };
        Ok(Some(Head {
            status,
            bytes: end + 4,
            body_bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_its_status_and_lengths_once_it_is_whole() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        for short in 0..text.len() - 5 {
            assert_eq!(
                Head::parse(&text[..short]).expect("a part is no error"),
                None
            );
        }
        let head = Head::parse(text).expect("it is a reply");
        assert_eq!(
            head,
            Some(Head {
                status: 202,
                bytes: 44,
                body_bytes: 5
            })
        );
    }

    #[test]
    fn a_reply_without_a_length_is_an_error_and_not_a_wait_for_ever() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
